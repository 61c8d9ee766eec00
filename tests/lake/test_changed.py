"""How many rows of a table came or went, by what its builds said when they changed it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.changes import hide, restore
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location


def test_builds_tell_how_many_rows_they_changed(tmp_path: Path) -> None:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))

    def ids(*chosen: int, text: str = "a", **more: list[str]) -> pa.Table:
        return pa.table({"id": list(chosen), "text": [text] * len(chosen), **more})

    def changed(rows: pa.Table, change: Callable[..., None], **options: object) -> int | None:
        before = lake.snapshot()
        commit = Commit(lake, "t", run="r", actor="tester", accept_schema=True)
        change(commit, "t", lake.stage(rows.to_batches(), rows.schema, stem=f"t{before}"), **options)
        commit.publish()
        return lake.rows_changed("t", after=before, until=lake.snapshot())

    key = {"key": ("id",)}
    assert changed(ids(1, 2, 3), Commit.replace) is None  # another table
    first = lake.snapshot()
    assert changed(ids(4, 5), Commit.append) == 2
    assert changed(ids(1, 2, 6), Commit.upsert, **key) == 1  # two are as they were
    assert changed(ids(1, 2, text="b"), Commit.upsert, **key) == 2
    assert changed(ids(2, 9).select(["id"]), Commit.delete_keys, **key) == 1
    assert changed(ids(4, 7, text="c"), Commit.replace_where, where="id > 3") == 5  # three go, two come
    assert changed(ids(1, text="b"), Commit.upsert, **key) == 0
    assert lake.rows_changed("t", after=first, until=lake.snapshot()) == 2 + 1 + 2 + 1 + 5
    before = lake.snapshot()
    hide(lake, entity="id", value="7", why="asked", run="h", actor="tester")
    assert lake.rows_changed("t", after=before, until=lake.versions()["t"]) is None
    assert lake.rows_changed("t", after=lake.snapshot(), until=lake.snapshot()) == 0
    assert changed(ids(8, more=["new"]), Commit.append) is None  # a column came: each row has it
    restore(lake, "t", to=first, run="r", actor="tester")
    assert lake.rows_changed("t", after=lake.snapshot() - 1, until=lake.snapshot()) is None
    lake.close()
