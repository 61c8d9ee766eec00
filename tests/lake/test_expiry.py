"""What leaves the lake by its retention, what stays, and what is still known of what left."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import LakeError, SnapshotExpired
from pumphouse.lake.changes import hide
from pumphouse.lake.expiry import Expiry, Pin, expire, pinned_by_changes, to_expire
from pumphouse.lake.lake import LEFT_BEHIND_S, Lake, Location
from pumphouse.lake.upkeep import remove_files

from .conftest import Desk

LATER = datetime.now(UTC) + timedelta(days=40)
MONTH = timedelta(days=30)


def old(desk: Desk, *more: Pin) -> Expiry:
    return to_expire(desk.lake, retention=MONTH, now=LATER, pinned=more)


def test_old_snapshots_leave_with_their_files_and_the_newest_and_pinned_ones_stay(desk: Desk) -> None:
    first, second, third, fourth = (desk.replaced(f"SELECT {number} AS id") for number in range(4))
    last = desk.replaced("SELECT 1 AS id", table="other")
    found = old(desk, Pin(snapshot=second, why="somebody"))
    assert set(found.snapshots) == {0, first, third, fourth}
    assert [(one.snapshot, one.why) for one in found.kept] == [(second, ("somebody",))]
    assert found.files == 2
    assert found.kept[0].bytes > 0
    files = set((desk.lake.folder / "data" / "main" / "orders").iterdir())
    expire(desk.lake, lambda: found)
    assert remove_files(desk.lake).files == 0  # somebody may have begun to read them
    gone = remove_files(desk.lake, now=datetime.now(UTC) + timedelta(seconds=LEFT_BEHIND_S + 60))
    assert (gone.files, gone.bytes) == (found.files, found.bytes)
    assert set((desk.lake.folder / "data" / "main" / "orders").iterdir()) == files - set(gone.unused)
    assert desk.rows("FROM orders", "orders", snapshot=second) == [(1,)]
    assert desk.rows("FROM orders", "orders", snapshot=last) == desk.rows("FROM orders", "orders") == [(3,)]
    assert old(desk).snapshots == (second,)


def test_an_expired_snapshot_says_so(desk: Desk, tmp_path: Path) -> None:
    first = desk.replaced("SELECT 1 AS id")
    last = desk.replaced("SELECT 2 AS id")
    began = desk.lake.scan("orders", snapshot=first)
    expire(desk.lake, lambda: old(desk))
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    words = (
        f"snapshot {first} of {moment} is not kept any more: it left the lake by the declared retention."
        f" The nearest that is kept is {last} of {moment}"
    )
    other = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))
    for lake in (other, desk.lake):  # whoever read it before hears it too
        with pytest.raises(SnapshotExpired, match=words):
            lake.scan("orders", snapshot=first)
    with pytest.raises(SnapshotExpired, match=f"snapshot {first} left the lake before its rows were read"):
        desk.lake.engine.read(Query(text="FROM orders", inputs={"orders": began})).read_all()
    other.close()


def test_who_built_what_and_who_is_hidden_is_known_after_expiry(desk: Desk, tmp_path: Path) -> None:
    desk.replaced("SELECT unnest([7, 8]) AS customer_id")
    hide(desk.lake, entity="customer_id", value=7, why="asked", run="r", actor="me")
    hide(desk.lake, entity="customer_id", value=9, why="asked", run="r", actor="me")
    for number in range(3):
        desk.replaced(f"SELECT unnest([7, 8]) AS customer_id, {number} AS n")
    history, versions = desk.lake.history("orders"), desk.lake.versions()
    expiry = old(desk)
    assert expiry.snapshots
    expire(desk.lake, lambda: expiry)
    # As after being killed between the copy and the expiry: what was copied is there twice.
    desk.lake.catalogue("INSERT INTO {meta}.pumphouse_expired SELECT * FROM {meta}.pumphouse_expired LIMIT 1")
    other = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))
    assert other.history("orders") == history
    assert other.versions() == versions
    assert set(other.changes("orders")).isdisjoint(expiry.snapshots)
    assert Desk(other).rows("SELECT customer_id FROM orders", "orders") == [(8,)]
    other.close()


def test_a_retention_shorter_than_a_reader_may_take_is_refused(desk: Desk) -> None:
    with pytest.raises(LakeError, match="too short for who is reading now"):
        to_expire(desk.lake, retention=timedelta(hours=3), now=LATER, pinned=[])


def test_files_that_no_catalogue_names_go_once_no_build_can_want_them(desk: Desk) -> None:
    desk.replaced("SELECT 1 AS id")
    fresh = desk.lake.folder / "data" / "main" / "orders" / "fresh_part_0.parquet"
    stale = fresh.with_name("stale_part_0.parquet")
    for path in (fresh, stale):
        path.write_bytes(b"rows")
    os.utime(stale, (time.time() - LEFT_BEHIND_S - 60,) * 2)
    assert remove_files(desk.lake).orphans == (stale,)
    assert fresh.exists()
    assert not stale.exists()
    assert desk.rows("FROM orders", "orders") == [(1,)]


def test_a_table_that_is_kept_longer_keeps_the_snapshots_in_which_it_changed(desk: Desk) -> None:
    first, second = desk.replaced("SELECT 1 AS id"), desk.replaced("SELECT 2 AS id")
    other = [desk.replaced(f"SELECT {number} AS id", table="other") for number in range(2)]
    third = desk.replaced("SELECT 3 AS id")

    def pinned(keep: timedelta, *, now: datetime = LATER) -> list[int]:
        return [one.snapshot for one in pinned_by_changes(desk.lake, "orders", keep=keep, now=now)]

    assert pinned(timedelta(days=365)) == [first, second, third]
    assert pinned(MONTH) == [third]  # as it was at the beginning of the month
    assert pinned(timedelta(days=365), now=LATER + timedelta(days=400)) == [third]
    longer = pinned_by_changes(desk.lake, "orders", keep=timedelta(days=365), now=LATER)
    expire(desk.lake, lambda: old(desk, *longer))
    assert desk.rows("FROM orders", "orders", snapshot=first) == [(1,)]
    with pytest.raises(SnapshotExpired, match="not kept any more"):
        Lake(desk.lake.location, engine=DuckDB(threads=1)).scan("other", snapshot=other[0])


@pytest.mark.parametrize("seed", range(3))
def test_bytes_are_those_of_files_that_are_in_no_other_snapshot_that_stays(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(8):
        desk.replaced(f"SELECT {number} AS id", table=chance.choice("ab"))
    somebody = [Pin(snapshot=chance.randrange(1, 9), why="somebody") for _ in range(3)]
    found = to_expire(desk.lake, retention=MONTH, now=LATER, pinned=somebody)
    files = desk.lake.catalogue(
        "SELECT begin_snapshot, coalesce(end_snapshot, 99), file_size_bytes FROM {meta}.ducklake_data_file"
    )

    def in_any(stay: set[int]) -> set[tuple[int, ...]]:
        return {file for file in files if any(file[0] <= one < file[1] for one in stay)}

    stay = {*range(9)} - set(found.snapshots)
    assert (found.files, found.bytes) == (len(files) - len(in_any(stay)), sum(f[2] for f in {*files} - in_any(stay)))
    for one in found.kept:
        assert one.bytes == sum(file[2] for file in in_any(stay) - in_any(stay - {one.snapshot}))
