"""A file that has not changed is not parsed again, and a bad cache does no harm."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pumphouse.errors import ProjectFaults
from pumphouse.graph.assets import CACHE_FILE, Graph, load

FILES = {
    "gather.py": "import pumphouse as ph\nraw = ph.files('raw/*.csv')\n",
    "orders.sql": "SELECT id FROM raw",
    "page.md": "<!-- pumphouse -->\n# Page\n\n```sql\nSELECT * FROM orders\n```\n",
}


def settle(folder: Path) -> None:
    """Waits until the cache trusts the files' time stamps."""
    newest = max(path.stat().st_ctime for path in folder.rglob("*"))
    time.sleep(max(0.0, newest + 2.1 - time.time()))


def assets(graph: Graph) -> dict[str, str]:
    return {name: asset.fingerprint for name, asset in graph.assets.items()}


def test_unchanged_files_are_neither_parsed_nor_opened(write) -> None:
    folder = write(FILES)
    first = load(folder)
    assert (first.loading.files, first.loading.parsed) == (3, 3)
    settle(folder)
    second = load(folder)  # notes that the files have settled
    assert second.loading.parsed == 0
    third = load(folder)
    assert (third.loading.parsed, third.loading.read) == (0, 0)
    assert assets(third) == assets(first)
    assert third.assets["orders"].spec == first.assets["orders"].spec


def test_one_changed_file_is_parsed_alone(write) -> None:
    folder = write(FILES)
    load(folder)
    changed = load(write({"orders.sql": "SELECT id, 1 AS one FROM raw"}))
    assert changed.loading.parsed == 1


def test_change_of_equal_length_within_the_clocks_tick_is_seen(write) -> None:
    folder = write(FILES)
    before = load(folder)
    path = folder / "orders.sql"
    status = path.stat()
    path.write_text("SELECT no FROM raw")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert load(folder).assets["orders"].fingerprint != before.assets["orders"].fingerprint


def test_touched_file_is_not_parsed_again(write) -> None:
    folder = write(FILES)
    load(folder)
    (folder / "orders.sql").touch()
    assert load(folder).loading.parsed == 0


def test_faults_are_found_again_from_the_cache(write) -> None:
    folder = write({**FILES, "bad.sql": "SELECT now() AS n FROM orders x y"})
    told = []
    for _ in range(2):
        with pytest.raises(ProjectFaults) as raised:
            load(folder)
        told.append(str(raised.value))
    assert told[0] == told[1]
    assert "2 faults" in told[0]


@pytest.mark.parametrize("content", [b"", b"not msgpack at all", b"\x81\xa7made_by\xa10", b"\xff" * 1000])
def test_broken_cache_counts_as_empty(write, content: bytes) -> None:
    folder = write(FILES)
    before = load(folder)
    (folder / CACHE_FILE).write_bytes(content)
    after = load(folder)
    assert after.loading.parsed == 3
    assert assets(after) == assets(before)
    assert load(folder).loading.parsed == 0


def test_folder_that_nobody_may_write_loads(write, tmp_path: Path) -> None:
    folder = write(FILES)
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where a folder would have to be")
    graph = load(folder, cache=blocker / "graph.msgpack")
    assert assets(graph) == assets(load(folder, cache=blocker / "graph.msgpack"))
    assert blocker.read_text().startswith("a file")


def test_cache_is_kept_out_of_version_control(write) -> None:
    folder = write(FILES)
    load(folder)
    assert (folder / CACHE_FILE).parent.joinpath(".gitignore").read_text() == "*\n"
