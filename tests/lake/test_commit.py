"""One build is one snapshot: all of it or nothing, keys hold, schemas change only as a person wants."""

from __future__ import annotations

import os
import threading
import time
import uuid
from pathlib import Path

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Written
from pumphouse.errors import CheckFailed, KeyConflict, LakeError, SchemaChange
from pumphouse.lake.builds import QUARANTINE_SCHEMA, Counts
from pumphouse.lake.checks import CheckOfTable
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import LEFT_BEHIND_S, Lake, Location

from .conftest import Desk


def test_a_build_is_one_snapshot_with_rows_quarantine_cursor_and_artefact(desk: Desk) -> None:
    commit = desk.commit(fingerprint="abc", inputs={"raw": 3})
    commit.replace("orders", desk.written("SELECT 1 AS id"))
    refused = desk.written(
        "SELECT '1' AS row_id, 'phone' AS \"column\", 'x' AS original, 'e164' AS step, '1' AS step_version,"
        " 'too short' AS reason, 'run-1' AS run"
    )
    commit.quarantine("orders", refused)
    commit.cursor("2024-01-01")
    commit.artefact("page.html", desk.lake.blobs.put(b"<p>"), {"rows": 1})
    before = desk.lake.snapshot()
    build = commit.publish(Counts(rows_in=2, rows_out=1, withheld=1))
    assert build is not None
    assert desk.lake.snapshot() == build.snapshot == before + 1
    assert build.writes == ("orders", "orders__quarantine", "pumphouse.artefacts")
    assert desk.lake.builds()["orders"] == build
    assert (build.fingerprint, build.inputs, build.cursor) == ("abc", {"raw": 3}, "2024-01-01")
    assert desk.rows('SELECT "column", reason FROM orders__quarantine', "orders__quarantine") == [
        ("phone", "too short")
    ]
    assert [artefact.detail for artefact in desk.lake.artefacts("orders")] == [{"rows": 1}]


def test_a_failed_build_leaves_the_lake_as_it_was(desk: Desk) -> None:
    first = desk.replaced("SELECT 1 AS id")
    commit = desk.commit()
    commit.append("orders", desk.written("SELECT 2 AS id"))
    commit.append("other", desk.written("SELECT NULL::INTEGER AS id"), key=("id",))
    with pytest.raises(KeyConflict, match=r"has rows without its key \(id\): id is null in 1"):
        commit.publish()
    assert desk.lake.snapshot() == first
    assert desk.rows("SELECT id FROM orders", "orders") == [(1,)]
    assert desk.lake.tables() == ("orders",)


def test_a_key_that_comes_twice_is_refused_with_an_example(desk: Desk) -> None:
    with pytest.raises(KeyConflict, match="1 rows too many for its key: id = 7 comes 2 times"):
        desk.replaced("SELECT unnest([7, 7, 8]) AS id", key=("id",))


def test_upsert_replaces_adds_and_counts_what_it_merged(desk: Desk) -> None:
    desk.replaced("SELECT range AS id, 'old' AS v FROM range(3)", key=("id",))
    commit = desk.commit()
    new = "SELECT * FROM (VALUES (1::BIGINT, 'new'), (9, 'first'), (9, 'last')) t(id, v)"
    commit.upsert("orders", desk.written(new), key=("id",))
    build = commit.publish(Counts(rows_in=3, rows_out=2))
    assert build is not None
    assert build.counts.merged == 1
    assert desk.rows("SELECT * FROM orders ORDER BY id", "orders") == [(0, "old"), (1, "new"), (2, "old"), (9, "last")]


def test_the_first_upsert_into_a_table_keeps_its_files(desk: Desk) -> None:
    rows = desk.written("SELECT range AS id, 'new' AS v FROM range(3)")
    commit = desk.commit()
    commit.upsert("orders", rows, key=("id",))
    assert commit.publish() is not None
    files = desk.lake.scan("orders", files=True).files or ()
    assert [file.path for file in files] == [str(file) for file in rows.files]
    empty = desk.commit()
    empty.upsert("orders", desk.written("SELECT range AS id, 'new' AS v FROM range(0)"), key=("id",))
    assert empty.publish() is None


def test_upsert_of_equal_rows_changes_nothing(desk: Desk) -> None:
    before = desk.replaced("SELECT 1 AS id, NULL::VARCHAR AS v, TIMESTAMPTZ '2024-01-01' AS _loaded_at", key=("id",))
    commit = desk.commit()
    same = "SELECT 1 AS id, NULL::VARCHAR AS v, TIMESTAMPTZ '2025-01-01' AS _loaded_at"
    commit.upsert("orders", desk.written(same), key=("id",))
    assert commit.publish() is None
    assert desk.lake.snapshot() == before


def test_the_key_holds_under_writers_at_once(tmp_path: Path) -> None:
    """Two lakes open on one folder, as two processes have it, insert the same keys at once."""
    lakes = [Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1)) for _ in range(2)]
    faults: list[BaseException] = []

    def write(lake: Lake) -> None:
        desk = Desk(lake)
        try:
            for number in range(6):
                commit = Commit(lake, "orders", run="r", actor="a")
                commit.upsert("orders", desk.written(f"SELECT range AS id, {number} AS v FROM range(5)"), key=("id",))
                commit.publish()
        except BaseException as error:  # noqa: BLE001  # seen by the test's own thread, below
            faults.append(error)

    threads = [threading.Thread(target=write, args=(lake,)) for lake in lakes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert Desk(lakes[0]).rows("SELECT count(*), count(DISTINCT id) FROM orders", "orders") == [(5, 5)]
    for lake in lakes:
        lake.close()


def test_a_slice_is_replaced_and_the_rest_stands(desk: Desk) -> None:
    desk.replaced(
        "SELECT d::DATE AS day, 1 AS n FROM generate_series(DATE '2024-01-01', DATE '2024-01-03', INTERVAL 1 DAY) t(d)"
    )
    commit = desk.commit()
    commit.replace_where(
        "orders", desk.written("SELECT DATE '2024-01-02' AS day, 5 AS n"), where="day = DATE '2024-01-02'"
    )
    commit.publish()
    assert desk.rows("SELECT n FROM orders ORDER BY day", "orders") == [(1,), (5,), (1,)]


def test_uuids_are_added_to_whatever_way_a_table_is_built(desk: Desk) -> None:
    text = "SELECT i AS n, gen_random_uuid() AS id, [gen_random_uuid()] AS ids FROM range(3) t(i)"
    ways = {
        "append": lambda commit: commit.append("append", desk.written(text)),
        "upsert": lambda commit: commit.upsert("upsert", desk.written(text), key=("n",)),
        "slice": lambda commit: commit.replace_where("slice", desk.written(text), where="n < 3", key=("n",)),
        "replace": lambda commit: commit.replace("replace", desk.written(text)),
    }
    for table, change in ways.items():
        for _ in range(2):
            commit = desk.commit(table)
            change(commit)
            commit.publish()
        assert desk.rows(f"SELECT DISTINCT typeof(id), typeof(ids) FROM {table}", table) == [("UUID", "UUID[]")]
        assert desk.rows(f"SELECT count(*) FROM {table}", table) == [(6 if table == "append" else 3,)]
    later = desk.commit("append")
    later.append("append", desk.written("SELECT 9 AS n, '' || uuid() AS id, NULL::UUID[] AS ids, uuid() AS u"))
    later.publish()
    assert desk.rows("SELECT DISTINCT typeof(id), typeof(u) FROM append", "append") == [("UUID", "UUID")]


def test_uuids_that_arrow_hands_over_are_the_same_column_at_the_next_build(desk: Desk) -> None:
    rows = pa.table({"n": [1, 2], "id": pa.array([uuid.uuid4().bytes, None], pa.uuid())})
    for number, way in enumerate(("replace", "replace", "append", "append")):
        commit = desk.commit("t")
        getattr(commit, way)("t", desk.lake.stage(rows.to_batches(), rows.schema, stem=f"t{number}"))
        commit.publish()
    assert desk.rows("SELECT typeof(id), count(DISTINCT id), count(*) FROM t GROUP BY 1", "t") == [("UUID", 1, 6)]


def test_a_new_column_is_added_and_a_wider_type_widens(desk: Desk) -> None:
    desk.replaced("SELECT 1::INTEGER AS id")
    commit = desk.commit()
    commit.append("orders", desk.written("SELECT 3000000000::BIGINT AS id, 'x' AS note"))
    commit.publish()
    assert desk.rows("SELECT * FROM orders ORDER BY id", "orders") == [(1, None), (3_000_000_000, "x")]


def test_narrower_rows_are_widened_to_the_table(desk: Desk) -> None:
    desk.replaced("SELECT 3000000000::BIGINT AS id")
    commit = desk.commit()
    commit.append("orders", desk.written("SELECT 1::INTEGER AS id"))
    commit.publish()
    assert str(desk.lake.schema("orders").field("id").type) == "int64"
    assert desk.rows("SELECT sum(id)::BIGINT FROM orders", "orders") == [(3_000_000_001,)]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1::INTEGER AS id, 'a' AS name", "'id' was int64 and would be int32"),
        ("SELECT 1::BIGINT AS id", "'name' would be gone"),
        ("SELECT 1::BIGINT AS id, 'a' AS title", r"'name' would be gone \(renamed to 'title'\?\)"),
    ],
)
def test_a_narrowed_or_renamed_column_stops_with_the_choice(desk: Desk, sql: str, said: str) -> None:
    desk.replaced("SELECT 1::BIGINT AS id, 'a' AS name")
    with pytest.raises(SchemaChange, match=said) as caught:
        desk.replaced(sql)
    assert "--accept-schema" in (caught.value.mend or "")
    commit = desk.commit(accept_schema=True)
    commit.replace("orders", desk.written(sql))
    assert commit.publish() is not None


def test_an_appended_rename_stops_too(desk: Desk) -> None:
    desk.replaced("SELECT 1 AS id, 'a' AS name")
    commit = desk.commit()
    commit.append("orders", desk.written("SELECT 2 AS id, 'b' AS title"))
    with pytest.raises(SchemaChange, match="renamed to 'title'"):
        commit.publish()


def test_a_check_of_severity_error_keeps_the_version_before_and_the_rows(desk: Desk) -> None:
    before = desk.replaced("SELECT 1 AS amount")
    commit = desk.commit()
    commit.replace("orders", desk.written("SELECT unnest([5, -1, NULL]) AS amount"))
    commit.check(CheckOfTable(name="no_negative", table="orders", condition="amount >= 0", severity="error"))
    with pytest.raises(CheckFailed, match="check 'no_negative' found 1 row"):
        commit.publish()
    assert desk.rows("SELECT amount FROM orders", "orders") == [(1,)]
    assert desk.lake.version("orders") == before
    assert desk.rows("FROM orders__failed", "orders__failed") == [("no_negative", -1)]


def test_a_check_of_severity_warn_reports(desk: Desk) -> None:
    commit = desk.commit()
    commit.replace("orders", desk.written("SELECT -1 AS amount"))
    commit.check(CheckOfTable(name="no_negative", table="orders", condition="amount >= 0", severity="warn"))
    build = commit.publish()
    assert build is not None
    assert "no_negative" in build.detail["warnings"][0]
    assert desk.rows("FROM orders__failed", "orders__failed") == [("no_negative", -1)]


def test_a_cursor_alone_is_a_snapshot_and_again_is_nothing(desk: Desk) -> None:
    for expected in (True, False):
        commit = desk.commit()
        commit.cursor(5)
        assert (commit.publish() is not None) is expected
    assert desk.lake.builds()["orders"].cursor == 5


def test_an_empty_table_has_a_schema(desk: Desk) -> None:
    desk.replaced("SELECT 1 AS id, 'a' AS name WHERE FALSE")
    assert desk.lake.schema("orders").names == ["id", "name"]
    assert desk.rows("SELECT * FROM orders", "orders") == []


def test_quarantine_has_its_columns_from_the_first_build(desk: Desk) -> None:
    commit = desk.commit()
    commit.quarantine("orders", desk.lake.stage([], QUARANTINE_SCHEMA, stem="none"))
    commit.publish()
    assert desk.lake.schema("orders__quarantine").names == QUARANTINE_SCHEMA.names


def test_a_lake_that_is_open_for_reading_refuses_to_commit(desk: Desk) -> None:
    desk.replaced("SELECT 1 AS id")
    reading = Lake(desk.lake.location, engine=DuckDB(threads=1), writable=False)
    with pytest.raises(LakeError, match="open for reading only"):
        Commit(reading, "orders", run="r", actor="a")
    reading.close()


def test_a_new_column_without_a_row_is_a_change(desk: Desk) -> None:
    desk.replaced("SELECT 1 AS id")
    commit = desk.commit()
    commit.append("orders", desk.written("SELECT 1 AS id, 'x' AS note WHERE FALSE"))
    assert commit.publish() is not None
    assert desk.rows("SELECT * FROM orders", "orders") == [(1, None)]


def test_the_last_of_many_files_wins_an_upsert_whatever_its_columns_are_called(desk: Desk) -> None:
    parts = [desk.written(f"SELECT 1 AS id, {number} AS filename, 0 AS file_row_number") for number in range(12)]
    files = tuple(part.files[0] for part in parts)
    commit = desk.commit()
    commit.upsert("orders", Written(files=files, rows=12, schema=parts[0].schema), key=("id",))
    build = commit.publish()
    assert build is not None
    assert build.counts.merged == 11
    assert desk.rows("SELECT filename FROM orders", "orders") == [(11,)]


def _files(desk: Desk) -> set[str]:
    return {file.name for file in (desk.lake.folder / "data").rglob("*") if file.is_file()}


def test_files_that_no_snapshot_names_are_removed(desk: Desk) -> None:
    """Where rows were merged, copied into a wider table or found to be there, and where nothing was committed."""
    desk.replaced("SELECT range AS id, 'old' AS v FROM range(3)", key=("id",))
    first = _files(desk)
    commit = desk.commit()
    commit.upsert("orders", desk.written("SELECT range AS id, 'old' AS v FROM range(3)"), key=("id",))
    commit.delete_keys("orders", desk.written("SELECT 9::BIGINT AS id"), key=("id",))
    assert commit.publish() is None
    assert _files(desk) == first
    commit = desk.commit()
    commit.append("orders", desk.written("SELECT 1::BIGINT AS id, 'new' AS v"), key=("id",))
    with pytest.raises(KeyConflict):
        commit.publish()
    assert _files(desk) == first
    commit = desk.commit()
    commit.append("orders", desk.written("SELECT 7::INTEGER AS id, 'new' AS v"), key=("id",))
    assert commit.publish() is not None
    named = desk.lake.engine.execute("SELECT path FROM __ducklake_metadata_lake.ducklake_data_file")
    assert _files(desk) == {Path(path).name for (path,) in named}
    assert list(desk.lake.staging().iterdir()) == []


def test_what_a_killed_build_left_is_swept_once_it_is_old(desk: Desk) -> None:
    left, fresh = desk.written("SELECT 1 AS id").files[0], desk.written("SELECT 2 AS id").files[0]
    old = time.time() - LEFT_BEHIND_S - 1
    os.utime(left.parent, (old, old))
    desk.lake.sweep()
    assert (left.exists(), fresh.exists()) == (False, True)


def test_upsert_adds_a_column_and_empties_one_that_does_not_come(desk: Desk) -> None:
    desk.replaced("SELECT 1::BIGINT AS id, 'a' AS v, 'x' AS gone", key=("id",))
    commit = desk.commit(accept_schema=True)
    commit.upsert("orders", desk.written("SELECT unnest([1, 2])::INTEGER AS id, 'a' AS v, 5 AS n"), key=("id",))
    assert commit.publish() is not None
    assert desk.rows("SELECT id, v, gone, n FROM orders ORDER BY id", "orders") == [
        (1, "a", None, 5),
        (2, "a", None, 5),
    ]


def test_upsert_by_several_columns_changes_only_rows_that_differ(desk: Desk) -> None:
    sql = "SELECT range % 3 AS a, range // 3 AS b, NULL::VARCHAR AS v, now() AS _loaded_at FROM range(9)"
    desk.replaced(sql, key=("a", "b"))
    kept = "SELECT a, b, _loaded_at FROM orders WHERE v IS NULL ORDER BY ALL"
    before = desk.rows(kept, "orders")
    commit = desk.commit()
    commit.upsert(
        "orders", desk.written(sql.replace("NULL::VARCHAR", "CASE range WHEN 4 THEN 'new' END")), key=("a", "b")
    )
    assert commit.publish() is not None
    assert desk.rows("SELECT a, b FROM orders WHERE v = 'new'", "orders") == [(1, 1)]
    assert desk.rows(kept, "orders") == [row for row in before if row[:2] != (1, 1)]
    commit = desk.commit()
    commit.upsert(
        "orders",
        desk.written("SELECT NULL::BIGINT AS a, 1::BIGINT AS b, 'x' AS v, now() AS _loaded_at"),
        key=("a", "b"),
    )
    with pytest.raises(KeyConflict, match="without its key"):
        commit.publish()


@pytest.mark.parametrize("rows", ["[3, 1, 2]", "[1, 2, 3]"])
def test_a_key_holds_in_any_order_of_rows(desk: Desk, rows: str) -> None:
    desk.replaced(f"SELECT unnest({rows}) AS id, 1 AS part", key=("id", "part"))
    with pytest.raises(KeyConflict, match=r"id = 2, part = 1 comes 2 times"):
        desk.replaced(f"SELECT unnest({rows} || [2]) AS id, 1 AS part", key=("id", "part"))
