from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import current, folder_of
from pumphouse.indexes.searching import search
from pumphouse.indexes.views import view


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word for it is Linux's")
def test_of_an_index_that_is_open_only_the_pages_asked_for_are_read(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    asset = desk.index()
    build(asset, desk.context())
    manifest, _ = current(desk.lake, asset.name)
    assert manifest is not None
    folder = folder_of(desk.lake, asset.name, manifest.newest)
    opened = view(desk.lake, asset.name, snapshot=None)
    flags, is_ours = [], False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            is_ours = str(folder) in line
        elif is_ours and line.startswith("VmFlags:"):
            flags.append(line.split()[1:])
    assert flags
    assert all("rr" in one for one in flags)  # random reads
    assert opened.index.searcher().num_docs == 4
    assert search(desk.lake, asset, "broken").total == 2
