"""Merges in the order of a layout: every snapshot has the same rows with the same ids, in files where few are read."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.declare.layouts import TableLayout, layout_of
from pumphouse.engines import parquet
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal
from pumphouse.errors import LakeError
from pumphouse.lake import merging, upkeep
from pumphouse.lake.lake import CATALOGUE_FILE, Lake
from pumphouse.lake.merging import merges, write
from pumphouse.lake.places import places_of
from pumphouse.lake.rowids import differing
from pumphouse.lake.rows import rows_of
from pumphouse.lake.upkeep import merge_files, no_commit, rewrite_deletes

from .conftest import Desk
from .test_upkeep import KINDS, Story, either  # noqa: F401  (a fixture)

LAYOUTS = [
    {"sort_by": "b"},
    {"sort_by": ["a", "id"], "partition_by": "b", "bloom_filters": "id"},
    {"bloom_filters": "id"},
    {"sort_by": "c"},  # a column that comes later
]


def laid(given: dict[str, Any]) -> dict[str, TableLayout]:
    layout = layout_of(given)
    assert layout is not None
    return {"t": layout}


@pytest.mark.parametrize("given", LAYOUTS, ids="-".join)
@pytest.mark.parametrize("seed", range(2))
def test_every_snapshot_is_the_same_after_merges_in_order(desk: Desk, seed: int, given: dict[str, Any]) -> None:
    story = Story(desk, seed + 20)
    story.commit("append")
    steps = [
        lambda lake: merge_files(lake, layouts=laid(given)),
        lambda lake: merge_files(lake, layouts=laid(given)),
        lambda lake: rewrite_deletes(lake, deleted_share=0.0),
        merge_files,
    ]
    for _ in range(7):
        story.commit(story.random.choice(KINDS))
        if story.random.random() < 0.6:
            story.random.choice(steps)(desk.lake)
    merge_files(desk.lake, layouts=laid(given))
    story.holds()
    newest = max(story.snapshots)
    for at, ids in story.ids.items():
        found = differing(desk.lake, "t", one=at, other=newest)
        if found is not None:
            assert set(ids.values()) ^ set(story.ids[newest].values()) <= set(found.ids.to_pylist())


def test_either_catalogue_takes_files_of_ours(either: Desk) -> None:  # noqa: F811
    story = Story(either, 7)
    for kind in ("append", "upsert", "append", "wider", "lowest", "append"):
        story.commit(kind)
        merge_files(either.lake, layouts=laid(LAYOUTS[1]))
    merge_files(either.lake, layouts=laid(LAYOUTS[1]))  # rows that came now, with those of their partition
    story.holds()
    assert merges(either.lake, "t", laid(LAYOUTS[1])["t"]) == []


def staged(lake: Lake, rows: pa.Table) -> Any:
    return lake.stage(rows.to_batches(), rows.schema, stem=f"t_{uuid.uuid4().hex}")


def filled(desk: Desk, *, commits: int = 6, rows: int = 300) -> None:
    """A table that gets rows in any order of all its columns, and some of them anew."""
    chance = random.Random(5)
    for number in range(commits):
        ids = range(number * rows - (20 if number else 0), (number + 1) * rows)
        table = pa.table(
            {
                "id": [f"{chance.getrandbits(64):016x}" if one >= number * rows else f"old {one}" for one in ids],
                "n": [chance.randrange(1000) for _ in ids],
                "day": pa.array([19_000 + chance.randrange(800) for _ in ids], pa.int32()).cast(pa.date32()),
                "tags": [["a", None, str(one)] for one in ids],
                "who": [{"name": f"x{one}", "old": None} for one in ids],
                "share": [chance.random() if one % 7 else None for one in ids],
                "none": pa.nulls(len(ids), pa.int32()),
            }
        )
        commit = desk.commit("t")
        commit.upsert("t", staged(desk.lake, table), key=("id",))
        commit.publish()


def test_rows_that_another_program_deleted_in_the_catalogue_stay_deleted(desk: Desk) -> None:
    filled(desk)
    count = f"SELECT count(*) FROM {desk.lake.name_of('t')}"
    before = desk.lake.engine.execute(count)[0][0]
    other = DuckDB(threads=1)
    other.load("ducklake")
    other.load("sqlite_scanner")
    other.execute(f"ATTACH 'ducklake:sqlite:{desk.lake.folder / CATALOGUE_FILE}' AS other (DATA_INLINING_ROW_LIMIT 50)")
    other.execute("DELETE FROM other.t WHERE id = 'old 290'")
    other.close()
    assert merges(desk.lake, "t", laid({"sort_by": "n"})["t"]) is None
    merge_files(desk.lake, layouts=laid({"sort_by": "n"}))
    assert desk.lake.engine.execute(count) == [(before - 1,)]


def files(desk: Desk) -> list[Path]:
    return [
        Path(file) for (file,) in desk.lake.engine.execute("SELECT data_file FROM ducklake_list_files('lake', 't')")
    ]


def all_rows(desk: Desk, snapshot: int | None = None) -> list[tuple[Any, ...]]:
    at = desk.lake.snapshot() if snapshot is None else snapshot
    return desk.lake.engine.fork().execute(
        f"SELECT rowid, snapshot_id, * FROM lake.main.t AT (VERSION => {at}) ORDER BY rowid"
    )


def test_merged_files_are_in_order_and_have_what_ducklake_knows_of_files(desk: Desk, tmp_path: Path) -> None:
    filled(desk)
    before = {at: all_rows(desk, at) for at in range(1, desk.lake.snapshot() + 1)}
    merge_files(desk.lake, layouts=laid({"sort_by": "n", "bloom_filters": "id"}))
    assert {at: all_rows(desk, at) for at in before} == before
    (file,) = files(desk)
    table = pq.read_table(file)
    assert table["n"].to_pylist() == sorted(table["n"].to_pylist())
    ours = desk.lake.catalogue(KNOWN)
    merge_files(desk.lake)  # DuckLake has nothing to merge
    desk.lake.catalogue("DELETE FROM {meta}.ducklake_file_column_stats")
    again = desk.commit("t")
    again.replace("t", desk.written("SELECT * FROM lake.main.t"))
    again.publish()
    theirs = desk.lake.catalogue(KNOWN)
    names = {"1": "id", "2": "n", "3": "day"}
    assert [row for row in ours if str(row[0]) in names] == [row for row in theirs if str(row[0]) in names]
    assert all(least is None for column, _, _, least, _ in ours if str(column) not in names)


KNOWN = (
    "SELECT column_id, value_count, null_count, min_value, max_value FROM {meta}.ducklake_file_column_stats"
    " WHERE data_file_id = (SELECT max(data_file_id) FROM {meta}.ducklake_data_file) ORDER BY column_id"
)


def test_rows_are_found_by_what_is_known_of_files_after_a_merge(desk: Desk) -> None:
    filled(desk)
    questions = [
        f"SELECT count(*), min(id) FROM lake.main.t AT (VERSION => {at}) WHERE {condition}"
        for at in (2, 4, 6)
        for condition in (
            "n < 10", "n > 990", "n = 500", "day >= '2024-01-01'", "id = 'old 310'", "none IS NULL", "none = 3",
            "share IS NULL", "share > 0.9", "who.name = 'x7'", "list_contains(tags, '7')", "who.old IS NULL",
        )
    ]  # fmt: skip
    before = [desk.lake.engine.fork().execute(question) for question in questions]
    merge_files(desk.lake, layouts=laid({"sort_by": "n", "partition_by": "month(day)"}))
    assert len(files(desk)) > 20
    assert [desk.lake.engine.fork().execute(question) for question in questions] == before


def test_partitions_have_files_of_their_own_and_are_merged_each_for_itself(desk: Desk) -> None:
    layouts = laid({"sort_by": "n", "partition_by": "year(day)"})
    filled(desk, commits=2)
    merge_files(desk.lake, layouts=layouts)
    first = files(desk)
    assert sorted(years(file) for file in first) == [[2022], [2023], [2024]]
    filled(desk, commits=3)
    merge_files(desk.lake, layouts=layouts)
    merge_files(desk.lake, layouts=layouts)
    assert sorted(years(file) for file in files(desk)) == [[2022], [2023], [2024]]
    assert merges(desk.lake, "t", layouts["t"]) == []


def years(file: Path) -> list[int]:
    return sorted({day.year for day in pq.read_table(file)["day"].to_pylist()})


def test_more_partitions_than_there_may_be_stay_together(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "PARTITIONS_MAX", 2)
    filled(desk, commits=2)
    before = all_rows(desk)
    merge_files(desk.lake, layouts=laid({"partition_by": "month(day)"}))
    assert len(files(desk)) == 3
    assert all_rows(desk) == before


def test_a_large_file_is_not_written_anew_for_a_few_rows(desk: Desk) -> None:
    layouts = laid({"sort_by": "n"})
    filled(desk, commits=1, rows=20_000)
    merge_files(desk.lake, layouts=layouts)
    (large,) = files(desk)
    for number in range(3):
        commit = desk.commit("t")
        commit.append("t", desk.written(f"SELECT * REPLACE (id || '{number}' AS id) FROM lake.main.t LIMIT 5"))
        commit.publish()
    merge_files(desk.lake, layouts=layouts)
    assert len(files(desk)) == 2
    assert large in files(desk)


def test_a_changed_layout_brings_files_into_the_new_order(desk: Desk) -> None:
    filled(desk)
    before = all_rows(desk)
    for column in ("n", "day"):
        merge_files(desk.lake, layouts=laid({"sort_by": column}))
        (file,) = files(desk)
        values = pq.read_table(file)[column].to_pylist()
        assert values == sorted(values)
        snapshot = desk.lake.snapshot()
        merge_files(desk.lake, layouts=laid({"sort_by": column}))
        assert desk.lake.snapshot() == snapshot
    assert all_rows(desk) == before


def test_rows_that_are_deleted_while_files_are_written_stay_deleted(desk: Desk) -> None:
    filled(desk)
    layout = laid({"sort_by": "n"})["t"]
    (merge,) = merges(desk.lake, "t", layout) or []
    new = write(desk.lake, merge)
    gone = desk.lake.engine.fork().execute("SELECT id FROM lake.main.t LIMIT 1")[0][0]
    commit = desk.commit("t")
    commit.delete_keys("t", staged(desk.lake, pa.table({"id": [gone]})), key=("id",))
    commit.publish()
    before = all_rows(desk)
    with no_commit(desk.lake, "merging"):
        assert upkeep.swap(desk.lake, merge.table_id, [([file.id for file in merge.files], new)]) == [False]
    assert all_rows(desk) == before
    merge_files(desk.lake, layouts={"t": layout})
    assert all_rows(desk) == before


def test_a_file_that_is_gone_before_it_stands_for_others_changes_nothing(desk: Desk) -> None:
    filled(desk)
    (merge,) = merges(desk.lake, "t", laid({"sort_by": "n"})["t"]) or []
    new = write(desk.lake, merge)
    new[0].path.unlink()
    before, snapshot = all_rows(desk), desk.lake.snapshot()
    with no_commit(desk.lake, "merging"), pytest.raises(LakeError, match="could not be put in the place of others"):
        upkeep.swap(desk.lake, merge.table_id, [([file.id for file in merge.files], new)])
    assert (all_rows(desk), desk.lake.snapshot()) == (before, snapshot)


def test_tables_that_arrow_can_not_keep_are_merged_by_ducklake(desk: Desk) -> None:
    for _ in range(3):
        commit = desk.commit("t")
        commit.append("t", desk.written("SELECT [gen_random_uuid()] AS id FROM range(5)"))
        commit.publish()
    before = all_rows(desk)
    assert merges(desk.lake, "t", laid({"sort_by": "id"})["t"]) is None
    merge_files(desk.lake, layouts=laid({"sort_by": "id"}))
    assert len(files(desk)) == 1
    assert all_rows(desk) == before


def test_uuids_are_merged_in_order_and_stay_what_they_are(desk: Desk) -> None:
    for part in range(3):
        commit = desk.commit("t")
        rows = f"SELECT i % 2 AS part, if(i = 4, NULL, gen_random_uuid()) AS id, {part} AS n FROM range(5) t(i)"
        commit.append("t", desk.written(rows))
        commit.publish()
    handed = pa.table({"part": pa.array([0], pa.int64()), "id": pa.array([b"\xff" * 16], pa.uuid()), "n": [9]})
    commit = desk.commit("t", layout=laid({"sort_by": "id"})["t"])
    commit.append("t", staged(desk.lake, handed.cast(pa.schema([*list(handed.schema)[:2], ("n", pa.int32())]))))
    commit.publish()
    before = all_rows(desk)
    merge_files(desk.lake, layouts=laid({"sort_by": "id", "partition_by": "part", "bloom_filters": "id"}))
    assert all_rows(desk) == before
    for file in files(desk):
        ids = desk.lake.engine.execute(f"SELECT id FROM read_parquet({literal(str(file))}) WHERE id IS NOT NULL")
        assert ids == sorted(ids)
    assert desk.rows("SELECT typeof(id), count(*), max(n) FROM t GROUP BY 1", "t") == [("UUID", 16, 9)]


def test_columns_may_be_called_as_anything_is_that_a_merge_asks_for(desk: Desk) -> None:
    names = ("path", "First", "since", "known", "filename")
    for number in range(3):
        commit = desk.commit("t")
        columns = ", ".join(f"'{name} {number}' AS {name}" for name in names)
        commit.append("t", desk.written(f"SELECT {number} AS id, {columns}"), key=("id",))
        commit.publish()
    before = all_rows(desk)
    merge_files(desk.lake, layouts=laid({"bloom_filters": "id"}))
    assert len(files(desk)) == 1
    assert all_rows(desk) == before


def test_intervals_that_somebody_else_stored_are_merged_by_ducklake(desk: Desk) -> None:
    engine = desk.lake.engine.fork()
    engine.execute("CREATE TABLE lake.main.t AS SELECT 0 AS id, INTERVAL 3 MONTH AS every")
    engine.execute("INSERT INTO lake.main.t VALUES (1, INTERVAL 5 DAY), (2, NULL)")
    before = all_rows(desk)
    merge_files(desk.lake, layouts=laid({"sort_by": "id"}))
    assert len(files(desk)) == 1
    assert all_rows(desk) == before


def test_rows_are_found_by_their_ids_in_merged_files(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 100)
    filled(desk)
    merge_files(desk.lake, layouts=laid({"sort_by": "n"}))
    at = desk.lake.snapshot()
    ids = [row[0] for row in all_rows(desk)][::37]
    assert places_of(desk.lake, "t", ids, at=at) is not None
    found = rows_of(desk.lake, "t", ids, snapshot=at)
    assert {one: row["id"] for one, row in found.items()} == {row[0]: row[2] for row in all_rows(desk) if row[0] in ids}


def test_killed_after_files_are_written_the_lake_is_as_it_was_and_they_are_removed_a_day_later(desk: Desk) -> None:
    filled(desk)
    before = all_rows(desk)
    layout = laid({"sort_by": "n"})
    (merge,) = merges(desk.lake, "t", layout["t"]) or []
    (new,) = write(desk.lake, merge)
    assert all_rows(desk) == before
    merge_files(desk.lake, layouts=layout)
    assert all_rows(desk) == before
    late = datetime.now(UTC) + timedelta(days=2)
    assert new.path in upkeep.remove_files(desk.lake, now=late).orphans
    assert all_rows(desk) == before
    assert sorted(new.path.parent.glob("*.parquet")) == files(desk)
