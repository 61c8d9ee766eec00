"""What an index keeps in its folder: who may add to it, what is taken away, what it needs of the lake."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import LakeBusy
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import current, home, needed, scratch, swap
from pumphouse.indexes.searching import search
from pumphouse.lake.lake import Lake, Location

LIVES = """
import sys
from dataclasses import replace
from pathlib import Path
from pumphouse.indexes.manifest import scratch
with scratch(Path(sys.argv[1]), "work") as made:
    print(made.name, flush=True)
    sys.stdin.read()
"""


def test_the_snapshots_are_told_from_which_the_next_runs_start(desk: Any, tickets: pa.Table) -> None:
    assert needed(desk.lake) == {}
    desk.table(tickets)
    build(desk.index(), desk.context())
    read = desk.table(tickets.slice(1))
    build(desk.index(), desk.context(run="run-2"))
    assert needed(desk.lake) == {"tickets_search": (read,)}
    (home(desk.lake, "tickets_search") / "manifest.json").write_bytes(b"?")
    assert needed(desk.lake) == {}


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_makes_is_not(tmp_path: Path) -> None:
    living = subprocess.Popen(
        [sys.executable, "-c", LIVES, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    dead = subprocess.Popen(
        [sys.executable, "-c", LIVES, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert living.stdout
        assert dead.stdout
        alive, left = living.stdout.readline().strip(), dead.stdout.readline().strip()
        dead.kill()
        dead.communicate()
        (tmp_path / ".view-older").mkdir()  # as one that died before it was locked
        assert (tmp_path / left).is_dir()
        with scratch(tmp_path, "view") as made:
            assert sorted(one.name for one in tmp_path.iterdir()) == sorted([".lock", alive, made.name])
        assert not made.exists()
    finally:
        living.communicate()
    assert [one.name for one in tmp_path.iterdir()] == [".lock"]


def test_of_two_runs_at_once_one_is_told_and_leaves_nothing(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    desk.table(tickets.slice(1))
    first = desk.context(run="run-2")
    between: list[str] = []

    def meanwhile(rows: int) -> None:
        if not between:
            between.append("once")
            build(desk.index(), desk.context(run="run-3"))

    with pytest.raises(LakeBusy, match="another run has built 'tickets_search' meanwhile"):
        build(desk.index(), replace(first, progress=meanwhile))
    manifest, _ = current(desk.lake, "tickets_search")
    assert manifest is not None
    folder = home(desk.lake, "tickets_search")
    assert sorted(one.name for one in (folder / "states").iterdir()) == sorted(one.folder for one in manifest.states)
    assert not list(folder.glob(".work-*"))
    assert search(desk.lake, desk.index(), "refund").scanned == 0


def test_a_state_is_seen_only_when_it_is_swapped_in(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    manifest, digest = current(desk.lake, "tickets_search")
    assert manifest is not None
    stray = home(desk.lake, "tickets_search") / "states" / "7-left"
    stray.mkdir()
    with pytest.raises(LakeBusy):
        swap(desk.lake, manifest, before="another")
    assert stray.is_dir()
    swap(desk.lake, msgspec.structs.replace(manifest, fingerprint="code-2"), before=digest)
    assert not stray.exists()


def test_readers_go_on_while_runs_swap_states_and_remove_them(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    found: list[tuple[int, int]] = []
    ended = threading.Event()

    def reads() -> None:
        while not ended.is_set():
            one = search(desk.lake, desk.index(), "refund")
            found.append((one.total, one.scanned))

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(reads) for _ in range(2)]
        for number in range(3):
            build(desk.index(), desk.context(run=f"full-{number}", mode="full"))
        ended.set()
        for reader in readers:
            reader.result()
    assert set(found) == {(2, 0)}


def test_machines_that_share_a_catalogue_and_a_folder_share_the_index(
    desk: Any, tickets: pa.Table, postgres: str, tmp_path: Path
) -> None:
    desk.lake.close()
    location = Location(folder=tmp_path / "shared", catalogue=postgres)
    desk.lake = Lake(location, engine=DuckDB(threads=1))
    desk.engine = desk.lake.engine
    read = desk.table(tickets)
    build(desk.index(), desk.context())
    other = Lake(location, engine=DuckDB(threads=1))
    assert search(other, desk.index(), "refund").total == 2
    assert needed(other) == {"tickets_search": (read,)}
    desk.table(tickets.slice(1))
    here = desk.context(run="run-2", lake=other, engine=other.engine.fork(), snapshot=other.snapshot())
    assert build(desk.index(), here).snapshot is not None
    found = search(desk.lake, desk.index(), "refund")
    assert (found.total, found.scanned) == (1, 0)
    assert search(desk.lake, desk.index(), "refund", snapshot=read).total == 2
    other.close()
