"""What the files tell of rows that came and went, against all rows of both snapshots."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.lake import CATALOGUE_FILE, Lake, Location
from pumphouse.lake.moved import straight
from pumphouse.lake.rowids import Differing, differing
from pumphouse.lake.upkeep import merge_files, rewrite_deletes

from .conftest import Desk
from .test_upkeep import Story

KINDS = ("append", "append", "upsert", "upsert", "delete", "lowest", "slice", "column", "wider")


def rows_at(desk: Desk, at: int) -> dict[int, tuple[Any, ...]]:
    """The rows of a snapshot by their ids, the snapshot in which each came first."""
    scan = desk.lake.scan("t", snapshot=at, row_ids=True)
    return by_id(desk, scan.relation)


def by_id(desk: Desk, relation: str) -> dict[int, tuple[Any, ...]]:
    rows = desk.lake.engine.fork().execute(
        f"SELECT _rowid, _row_since, * EXCLUDE (_rowid, _row_since) FROM ({relation})"
    )
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: row[1:] for row in rows}


def checked(desk: Desk, low: int, high: int) -> Differing:
    found = differing(desk.lake, "t", one=low, other=high)
    assert found is not None
    ids = set(found.ids.to_pylist())
    before, after = rows_at(desk, low), rows_at(desk, high)
    came = {row for row, (since, *_) in after.items() if since > low}
    differ = before.keys() ^ after.keys()
    if not found.is_rewritten:  # it gives rows that are the same other versions
        differ |= {row for row in before.keys() & after.keys() if before[row][0] != after[row][0]}
    assert differ <= ids
    assert found.is_rewritten or ids & after.keys() <= came  # else they would leave an index, and not come back
    assert found.has_come or not came
    if found.files:
        scan = desk.lake.scan("t", snapshot=high, row_ids=True)
        assert by_id(desk, straight(desk.lake, scan, found.files).relation) == {row: after[row] for row in came}
    return found


@pytest.mark.parametrize("seed", range(2))
def test_rows_that_differ_are_those_that_files_tell(desk: Desk, seed: int) -> None:
    story = Story(desk, seed + 40)
    story.commit("append")
    for _ in range(7):
        story.commit(story.random.choice(KINDS))
    found = [checked(desk, *pair) for pair in combinations(story.snapshots, 2)]
    assert sum(one.files is not None for one in found) > 5
    merge_files(desk.lake)
    rewrite_deletes(desk.lake, deleted_share=0.0)
    story.commit("upsert")
    for at in list(story.snapshots)[::3]:
        checked(desk, at, desk.lake.snapshot())


def test_files_that_were_merged_later_are_not_taken_for_those_of_one_snapshot(desk: Desk) -> None:
    story = Story(desk, 1)
    for kind in ("append", "append", "append", "append"):
        story.commit(kind)
    first, second, *_, last = story.snapshots
    merge_files(desk.lake)
    assert checked(desk, first, second).files is None
    assert checked(desk, second, last).files is None
    story.commit("append")
    assert checked(desk, last + 1, desk.lake.snapshot()).files is not None


def test_rows_that_another_program_keeps_in_the_catalogue_are_told(desk: Desk) -> None:
    story = Story(desk, 2)
    story.commit("append")
    story.commit("append")
    first = desk.lake.snapshot()
    other = DuckDB(threads=1)
    for extension in ("ducklake", "sqlite_scanner"):
        other.load(extension)
    other.execute(f"ATTACH 'ducklake:sqlite:{desk.lake.folder / CATALOGUE_FILE}' AS other (DATA_INLINING_ROW_LIMIT 50)")
    for statement in ("INSERT INTO other.t (id, a, b) VALUES (1000, 5, 'b')", "DELETE FROM other.t WHERE id = 0"):
        other.execute(statement)
        found = checked(desk, first, desk.lake.snapshot())
        assert found.files is None
    assert len(found.ids) == 2
    other.close()


@pytest.mark.parametrize(("column", "is_read"), [("file_row_number", False), ("filename", True), ("path", True)])
def test_columns_may_have_the_names_that_reading_files_uses(desk: Desk, column: str, is_read: bool) -> None:
    for ids in ([1, 2], [3]):
        commit = desk.commit("t")
        rows = pa.table({column: ids, "first": ["x" for _ in ids], "since": ids})
        commit.append("t", desk.lake.stage(rows.to_batches(), rows.schema, stem=f"t_{ids[0]}"), key=(column,))
        commit.publish()
    found = checked(desk, 1, 2)
    assert found.ids.to_pylist() == [2]
    assert (found.files is not None) is is_read


def test_a_folder_whose_name_could_stand_for_others(tmp_path: Path) -> None:
    lake = Lake(Location(folder=tmp_path / "a[b]*"), engine=DuckDB(threads=1))
    try:
        desk = Desk(lake)
        for ids in ([1, 2], [3]):
            commit = desk.commit("t")
            rows = pa.table({"id": ids})
            commit.append("t", lake.stage(rows.to_batches(), rows.schema, stem=f"t_{ids[0]}"), key=("id",))
            commit.publish()
        assert checked(desk, 1, 2).files is None
    finally:
        lake.close()
