"""Whatever upkeep does to files, every snapshot that is kept has the same rows, however they are asked for."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.statistics import forget
from pumphouse.lake.upkeep import keep_row_ids, merge_files, rewrite_deletes

from .conftest import Desk

KEY = ("id",)
KINDS = ("append", "append", "upsert", "upsert", "delete", "lowest", "slice", "replace", "column", "wider")


class Story:
    """A table whose rows come, change and go by chance, with a plain DuckDB that remembers each snapshot."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.lake, self.random = desk, desk.lake, random.Random(seed)
        self.plain = duckdb.connect()
        self.snapshots: dict[int, list[str]] = {}
        self.ids: dict[int, dict[int, int]] = {}
        """The row id of each key, at each snapshot."""
        self.next, self.wide, self.late = 0, False, False

    def rows(self, ids: list[int]) -> pa.Table:
        def some(values: list[Any]) -> list[Any]:
            return [None if self.random.random() < 0.15 else self.random.choice(values) for _ in ids]

        columns = {
            "id": pa.array(ids, pa.int64()),
            "a": pa.array(
                some([-300, 2, 5, 70, 9_000_000_000 if self.wide else 7]), pa.int64() if self.wide else pa.int32()
            ),
            "b": pa.array(some(["a", "b", "bb", "zzz"]), pa.string()),
        }
        if self.late:
            columns["c"] = pa.array([self.random.random() for _ in ids], pa.float64())
        return pa.table(columns)

    def commit(self, kind: str) -> None:
        commit = self.desk.commit("t", accept_schema=True)
        there = self.there() if self.lake.has("t") else []
        fresh = list(range(self.next, self.next + self.random.randrange(1, 15)))
        self.next = fresh[-1] + 1
        changed = self.random.sample(there, min(len(there), self.random.randrange(1, 8)))
        self.wide, self.late = self.wide or kind == "wider", self.late or kind == "column"
        match kind:
            case "append" | "wider" | "column":
                commit.append("t", self.staged(self.rows(fresh)), key=KEY)
            case "upsert":
                commit.upsert("t", self.staged(self.rows([*fresh[:2], *changed])), key=KEY)
            case "delete" | "lowest":
                gone = changed if kind == "delete" else there[: len(there) // 2 + 1]
                commit.delete_keys("t", self.staged(pa.table({"id": pa.array(gone, pa.int64())})), key=KEY)
            case "slice":
                commit.replace_where("t", self.staged(self.rows(fresh)), where=f"id <= {(there or [0])[0] + 3}")
            case "replace":
                commit.replace("t", self.staged(self.rows([*fresh, *changed])), key=KEY)
        commit.publish()
        self.remember()

    def there(self) -> list[int]:
        return [row[0] for row in self.desk.rows("SELECT id FROM t ORDER BY id", "t")]

    def staged(self, rows: pa.Table) -> Any:
        return self.lake.stage(rows.to_batches(), rows.schema, stem=f"t_{uuid.uuid4().hex}")

    def remember(self) -> None:
        """What the newest snapshot holds: read without a filter or order, by which alone a read goes wrong."""
        at = self.lake.snapshot()
        rows = self.lake.engine.fork().connection.execute(f"SELECT * FROM {self.place(at)}").to_arrow_table()
        self.plain.register("arriving", rows)
        self.plain.execute(f"CREATE OR REPLACE TABLE t{at} AS FROM arriving")
        self.snapshots[at] = rows.schema.names
        self.ids[at] = dict(self.lake.engine.fork().execute(f"SELECT id, rowid FROM {self.place(at)}"))

    def place(self, at: int) -> str:
        return f"{self.lake.name_of('t')} AT (VERSION => {at})"

    def holds(self, lake: Lake | None = None) -> None:
        """Every snapshot answers as the plain DuckDB does."""
        engine = (lake or self.lake).engine.fork()
        for at, columns in self.snapshots.items():
            for question in questions(columns):
                asked = engine.execute(question.format(t=self.place(at)))
                assert (at, question, asked) == (
                    at,
                    question,
                    self.plain.execute(question.format(t=f"t{at}")).fetchall(),
                )
            assert dict(engine.execute(f"SELECT id, rowid FROM {self.place(at)}")) == self.ids[at]


def questions(columns: list[str]) -> list[str]:
    found = ["SELECT * FROM {t} ORDER BY ALL"]
    for column in columns:
        value = "'b'" if column == "b" else "5"
        conditions = [f"{column} {sign} {value}" for sign in ("<", "=", ">")]
        conditions += [f"{column} IS NULL", f"{column} IS NOT NULL"]
        counts = ", ".join(f"(SELECT count(*) FROM {{t}} WHERE {condition})" for condition in conditions)
        found += [
            f"SELECT {counts}, (SELECT count({column}) FROM {{t}})",
            f"SELECT {column}, count(*), min({column}) FROM {{t}} GROUP BY 1 ORDER BY {column} DESC NULLS LAST",
        ]
    return found


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path, desk: Desk) -> Any:
    """A lake whose catalogue is a file, and one whose catalogue is a PostgreSQL."""
    if request.param == "sqlite":
        yield desk
        return
    url = request.getfixturevalue("stoppable_postgres").url
    lake = Lake(Location(folder=tmp_path / "shared", catalogue=url), engine=DuckDB(threads=1))
    yield Desk(lake)
    lake.close()


@pytest.mark.parametrize("seed", range(2))
def test_every_snapshot_is_the_same_after_upkeep(desk: Desk, seed: int) -> None:
    story = Story(desk, seed)
    story.commit("append")
    for _ in range(6):
        story.commit(story.random.choice(KINDS))
        if story.random.random() < 0.4:
            story.random.choice([merge_files, lambda lake: rewrite_deletes(lake, deleted_share=0.0)])(desk.lake)
    story.holds()


def test_either_catalogue_keeps_rows_and_their_ids_through_updates_merges_and_rewrites(either: Desk) -> None:
    story = Story(either, 7)
    for kind in ("append", "upsert", "wider", "lowest"):
        story.commit(kind)
    merge_files(either.lake)
    story.commit("delete")
    rewrite_deletes(either.lake, deleted_share=0.0)
    story.commit("append")
    story.holds()
    assert _files(either.lake)[1] == 0


def test_a_rewrite_makes_no_row_of_an_earlier_snapshot_disappear(desk: Desk) -> None:
    # As DuckLake does it, a count of rows before is 0 afterwards, and the largest ids are off by 256.
    desk.replaced("SELECT range AS id FROM range(20)", table="t")
    commit = desk.commit("t")
    commit.delete_keys("t", desk.written("SELECT range AS id FROM range(3)"), key=KEY)
    commit.publish()
    rewrite_deletes(desk.lake, deleted_share=0.0)
    assert desk.rows("SELECT count(*) FROM t WHERE id < 3", "t", snapshot=1) == [(3,)]
    assert desk.rows("SELECT id FROM t ORDER BY id", "t", snapshot=1) == [(number,) for number in range(20)]
    assert desk.rows("SELECT min(id), max(id), count(*) FROM t", "t") == [(3, 19, 17)]


def test_a_snapshot_from_before_a_column_was_made_wider_can_be_filtered(desk: Desk) -> None:
    desk.replaced("SELECT CAST(range AS INTEGER) AS a FROM range(20)", table="t")
    commit = desk.commit("t")
    commit.append("t", desk.written("SELECT 5000000000 AS a"))
    commit.publish()
    for condition, count in {"a > 5": 14, "a = 5": 1, "a IS NULL": 0, "a IS NOT NULL": 20}.items():
        assert desk.rows(f"SELECT count(*) FROM t WHERE {condition}", "t", snapshot=1) == [(count,)]
    empty = desk.commit("t")
    empty.append("t", desk.written("SELECT CAST(1 AS DECIMAL(30, 2)) AS a LIMIT 0"))
    empty.publish()
    assert desk.rows("SELECT count(*) FROM t WHERE a > 5", "t") == [(15,)]
    assert desk.rows("SELECT count(*) FROM t WHERE a > 5", "t", snapshot=1) == [(14,)]


def test_killed_between_any_two_parts_of_a_step_the_lake_is_whole(desk: Desk, tmp_path: Path) -> None:
    story = Story(desk, 3)
    for kind in ("append", "upsert", "lowest"):
        story.commit(kind)
    for part in (lambda: keep_row_ids(desk.lake, "t"), lambda: forget(desk.lake, "t")):
        part()
        other = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))  # as the next process finds it
        story.holds(other)
        other.close()
    story.commit("upsert")
    merge_files(desk.lake)
    story.holds()


def test_a_reader_and_a_writer_go_on_beside_upkeep(desk: Desk) -> None:
    story = Story(desk, 5)
    story.commit("append")

    def keep_up() -> None:
        for _ in range(2):
            merge_files(desk.lake)
            rewrite_deletes(desk.lake, deleted_share=0.0)

    with ThreadPoolExecutor(1) as beside:
        going = beside.submit(keep_up)
        for _ in range(4):
            story.commit(story.random.choice(("append", "upsert", "delete")))
        going.result()
    story.holds()


def _files(lake: Lake) -> tuple[int, int]:
    """How many files the newest snapshot has, and how many of them have deleted rows."""
    rows = lake.engine.fork().execute(
        "SELECT count(*), count(delete_file) FROM ducklake_list_files(?, 't')", [lake.alias]
    )
    return rows[0][0], rows[0][1]
