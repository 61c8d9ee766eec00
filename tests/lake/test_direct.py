"""A table's files are read in its place only where that gives the same rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.direct import direct
from pumphouse.lake.lake import Lake, Location


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))
    yield lake
    lake.close()


def put(lake: Lake, how: str, rows: Any, **options: Any) -> None:
    table = rows if isinstance(rows, pa.Table) else pa.table(rows)
    commit = Commit(lake, "orders", run="run-1", actor="ada", accept_schema=True)
    staged = lake.stage(table.to_batches(), table.schema, stem=f"orders_{uuid.uuid4().hex}")
    getattr(commit, how)("orders", staged, **options)
    assert commit.publish() is not None


def is_direct(lake: Lake) -> bool:
    """Whether the newest files are read; the rows are the table's at every snapshot."""
    found = False
    for at in (*lake.changes("orders"), lake.snapshot()):
        scan = lake.scan("orders", snapshot=at)
        other = direct(lake, scan)
        found = other.relation != scan.relation
        rows = [lake.engine.fork().execute(f"{one.relation} ORDER BY ALL") for one in (scan, other)]
        assert rows[0] == rows[1]
    return found


def test_files_are_read_of_a_table_that_was_replaced_or_appended_to(lake: Lake) -> None:
    put(lake, "replace", {"id": [1, 2], "name": ["a", None], "at": pa.array([1, 2], pa.timestamp("us", tz="UTC"))})
    assert is_direct(lake)
    put(lake, "append", {"id": [3], "name": ["c"], "at": pa.array([3], pa.timestamp("us", tz="UTC"))})
    assert is_direct(lake)
    put(lake, "replace", {"id": [9], "name": ["z"], "at": pa.array([9], pa.timestamp("us", tz="UTC"))})
    assert is_direct(lake)


def test_how_wide_rows_are_is_known_whether_files_are_read_or_not(lake: Lake) -> None:
    put(lake, "append", {"id": [1, 2], "text": [uuid.uuid4().hex * 1_000, "b"]})
    for most in (16, 0):
        scan = direct(lake, lake.scan("orders", snapshot=lake.snapshot()), files_max=most)
        assert 0 < scan.row_bytes < 40_000
    put(lake, "replace", pa.table({"id": pa.array([], pa.int64())}))
    assert direct(lake, lake.scan("orders", snapshot=lake.snapshot())).row_bytes == 0


def test_files_are_not_read_where_rows_were_deleted_from_them(lake: Lake) -> None:
    put(lake, "append", {"id": [1, 2, 3], "name": ["a", "b", "c"]})
    put(lake, "upsert", {"id": [2], "name": ["B"]}, key=("id",))
    assert not is_direct(lake)


def test_files_are_not_read_where_they_lack_a_column(lake: Lake) -> None:
    put(lake, "append", {"id": [1]})
    put(lake, "append", {"id": [2], "name": ["b"]})
    assert not is_direct(lake)
    put(lake, "replace", {"id": [3], "name": ["c"]})
    assert is_direct(lake)


def test_files_are_not_read_where_a_column_was_made_wider(lake: Lake) -> None:
    put(lake, "append", {"id": pa.array([1], pa.int32())})
    put(lake, "append", {"id": pa.array([2**40], pa.int64())})
    assert not is_direct(lake)


def test_a_column_that_came_back_is_another(lake: Lake) -> None:
    put(lake, "append", {"id": [1], "name": ["old"]})
    lake.engine.execute("ALTER TABLE lake.main.orders DROP COLUMN name")
    lake.engine.execute("ALTER TABLE lake.main.orders ADD COLUMN name VARCHAR")
    assert not is_direct(lake)
    assert lake.engine.fork().execute(direct(lake, lake.scan("orders")).relation) == [(1, None)]


def test_whoever_is_hidden_is_hidden_here_too(lake: Lake) -> None:
    put(lake, "append", {"customer_id": ["a", "b"]})
    hide(lake, entity="customer_id", value="a", why="asked", run="run-2", actor="ada")
    assert is_direct(lake)
    assert lake.engine.fork().execute(direct(lake, lake.scan("orders")).relation) == [("b",)]


def test_many_files_are_left_to_the_catalogue(lake: Lake) -> None:
    for number in range(3):
        put(lake, "append", {"id": [number]})
    scan = lake.scan("orders")
    assert direct(lake, scan, files_max=3).relation != scan.relation
    assert direct(lake, scan, files_max=2).relation == scan.relation


def test_merged_files_with_rows_of_later_snapshots_are_left_to_the_catalogue(lake: Lake) -> None:
    for number in range(4):
        put(lake, "append", {"id": [number]})
    lake.engine.execute("CALL ducklake_merge_adjacent_files('lake')")
    is_direct(lake)
