from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import LakeError
from pumphouse.lake.lake import Lake, Location

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "said"),
    [(4096, r"the disk of .* is full.* Free some space"), (10**9, r"is damaged, or is none.* put a copy")],
)
def test_a_catalogue_that_can_not_be_opened_says_whether_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, said: str
) -> None:
    engine = DuckDB(threads=1)
    Lake(Location(folder=tmp_path), engine=engine).close()
    (tmp_path / "metadata.sqlite").write_bytes(b"no database" * 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - free, free))
    with pytest.raises(LakeError, match=said):
        Lake(Location(folder=tmp_path), engine=DuckDB(threads=1))
