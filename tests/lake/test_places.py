"""Rows read from their places against a scan of all rows, while rows change, columns come and files are merged."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.builds import Counts
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.places import places_of
from pumphouse.lake.rows import rows_of
from pumphouse.lake.upkeep import merge_files

KEY = ("n",)


class Table:
    def __init__(self, folder: Path) -> None:
        self.engine = DuckDB(threads=2)
        self.lake = Lake(Location(folder=folder / "lake"), engine=self.engine)
        self.commits = 0

    def commit(self, kind: str, numbers: list[int], *, columns: tuple[str, ...] = ("text", "tags")) -> int:
        self.commits += 1
        rows = pa.table(
            {
                "n": pa.array(numbers, pa.int64()),
                "text": [f"row {number} of commit {self.commits}" for number in numbers],
                "tags": [["a", str(number)] for number in numbers],
                "later": [self.commits for _ in numbers],
            }
        ).select(["n", *(columns if kind != "delete" else ())])
        commit = Commit(self.lake, "notes", run="load", actor="tester", accept_schema=True)
        staged = self.lake.stage(rows.to_batches(), rows.schema, stem=f"notes_{self.commits}")
        change = {"append": commit.append, "upsert": commit.upsert, "delete": commit.delete_keys}[kind]
        change("notes", staged, key=KEY)
        commit.publish(Counts())
        return self.lake.snapshot()

    def all_rows(self, snapshot: int) -> dict[int, dict]:
        scan = self.lake.scan("notes", snapshot=snapshot, row_ids=True)
        query = f"SELECT * EXCLUDE (_row_since) FROM ({scan.relation})"
        rows = self.engine.connection.execute(query).to_arrow_table().to_pylist()
        return {row.pop("_rowid"): row for row in rows}

    def some_rows(self, ids: list[int], snapshot: int) -> dict[int, dict]:
        self.lake.newest()
        return rows_of(self.lake, "notes", ids, snapshot=snapshot)

    def is_by_place(self, ids: list[int], snapshot: int) -> bool:
        return places_of(self.lake, "notes", ids, at=snapshot) is not None


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    table = Table(tmp_path)
    yield table
    table.lake.close()


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_as_a_scan_has_them_at_every_snapshot(table: Table, seed: int) -> None:
    chosen = random.Random(seed)
    snapshots = [table.commit("append", list(range(20)))]
    by_place = 0
    for step in range(1, 10):
        kind = chosen.choice(["append", "upsert", "upsert", "delete", "merge"])
        if kind == "merge":
            merge_files(table.lake)
        else:
            numbers = range(100 * step, 100 * step + 10) if kind == "append" else range(20)
            snapshots.append(table.commit(kind, chosen.sample(numbers, 5)))
        for snapshot in {snapshots[-1], chosen.choice(snapshots)}:
            expected = table.all_rows(snapshot)
            ids = chosen.sample(sorted(expected), min(6, len(expected)))
            assert table.some_rows(ids, snapshot) == {row: expected[row] for row in ids}
            by_place += table.is_by_place(ids, snapshot)
    assert by_place > 5


def test_a_column_that_came_later_is_asked_of_the_lake(table: Table) -> None:
    before = table.commit("append", [1, 2])
    after = table.commit("upsert", [2, 3], columns=("text", "tags", "later"))
    assert table.is_by_place([0], before)
    assert not table.is_by_place([0], after)
    assert table.some_rows([0, 1], after) == {row: table.all_rows(after)[row] for row in (0, 1)}


def test_a_person_who_is_hidden_is_in_no_place(table: Table) -> None:
    snapshot = table.commit("append", [1, 2])
    hide(table.lake, entity="n", value=2, why="asked for it", run="run-1", actor="tester")
    assert list(table.some_rows([0, 1], snapshot)) == [0]


def test_files_that_were_merged_and_removed_are_looked_for_anew(table: Table) -> None:
    table.commit("append", [1, 2])
    snapshot = table.commit("append", [3])
    expected = table.all_rows(snapshot)
    assert table.some_rows([0, 2], snapshot) == {row: expected[row] for row in (0, 2)}
    merge_files(table.lake)
    table.engine.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    assert table.some_rows([0, 2], snapshot) == {row: expected[row] for row in (0, 2)}
    assert table.is_by_place([0, 2], snapshot)


def test_values_are_those_of_a_scan_whatever_their_types_and_the_zone(tmp_path: Path) -> None:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1, zone="Europe/Berlin"))
    moment = dt.datetime(2026, 3, 29, 0, 59, 59, 123456, tzinfo=dt.UTC)
    rows = pa.table(
        {
            "n": pa.array([1, 2, None], pa.int64()),
            "moment": pa.array([moment, None, moment.replace(hour=1, year=1900)], pa.timestamp("us", tz="UTC")),
            "local": pa.array([moment.replace(tzinfo=None), None, None], pa.timestamp("us")),
            "day": pa.array([moment.date(), None, None], pa.date32()),
            "money": pa.array([Decimal("1.50"), None, Decimal("-3")], pa.decimal128(9, 2)),
            "raw": pa.array([b"\0", b"", None], pa.binary()),
            "times": pa.array([[moment], [], None], pa.list_(pa.timestamp("us", tz="UTC"))),
            "pair": pa.array(
                [{"a": 1, "b": moment}, None, None], pa.struct([("a", pa.int64()), ("b", pa.timestamp("us"))])
            ),
        }
    )
    for columns in (rows.column_names, rows.column_names[:6]):  # some are read from pages alone, some are not
        commit = Commit(lake, "notes", run="load", actor="tester", accept_schema=True)
        some = rows.select(columns)
        commit.replace("notes", lake.stage(some.to_batches(), some.schema, stem=f"notes_{len(columns)}"))
        commit.publish(Counts())
        scan = lake.scan("notes", snapshot=lake.newest(), row_ids=True)
        expected = lake.engine.connection.execute(f"SELECT * EXCLUDE (_row_since) FROM ({scan.relation})")
        there = {row.pop("_rowid"): row for row in expected.to_arrow_table().to_pylist()}
        found = rows_of(lake, "notes", [0, 1, 2], snapshot=lake.snapshot())
        assert repr(dict(sorted(found.items()))) == repr(dict(sorted(there.items())))
    lake.close()
