"""A lake keeps every snapshot, hides who asked to be hidden, and says what it can't do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import LakeError, LakeTooNew, UnknownName
from pumphouse.lake.builds import place_of
from pumphouse.lake.changes import hide, restore
from pumphouse.lake.lake import Lake, Location

from .conftest import Desk


def test_every_snapshot_reads_the_same_later_and_after_files_are_merged(desk: Desk) -> None:
    snapshots = []
    for number in range(5):
        commit = desk.commit()
        commit.append("orders", desk.written(f"SELECT {number} AS id, 'v' AS v"))
        if number == 3:
            commit.upsert("orders", desk.written("SELECT 0 AS id, 'changed' AS v"), key=("id",))
        build = commit.publish()
        assert build is not None
        snapshots.append(build.snapshot)
    then = [desk.rows("SELECT * FROM orders ORDER BY ALL", "orders", snapshot=at) for at in snapshots]
    assert [len(rows) for rows in then] == [1, 2, 3, 4, 5]
    desk.lake.engine.execute("CALL ducklake_merge_adjacent_files('lake')")
    desk.replaced("SELECT 99 AS id, 'new' AS v")
    assert [desk.rows("SELECT * FROM orders ORDER BY ALL", "orders", snapshot=at) for at in snapshots] == then


def test_an_unknown_table_gets_the_nearest_name(desk: Desk) -> None:
    desk.replaced("SELECT 1 AS id")
    with pytest.raises(UnknownName, match="Did you mean 'orders'"):
        desk.lake.scan("order")


def test_restore_is_a_change_that_keeps_history(desk: Desk) -> None:
    first = desk.replaced("SELECT 1 AS id")
    second = desk.replaced("SELECT 2 AS id")
    build = restore(desk.lake, "orders", to=first, run="r", actor="me")
    assert build.snapshot == second + 1
    assert desk.rows("SELECT id FROM orders", "orders") == [(1,)]
    assert desk.rows("SELECT id FROM orders", "orders", snapshot=second) == [(2,)]
    assert build.detail == {"restored": first}


def test_restore_to_before_the_table_names_its_versions(desk: Desk) -> None:
    first = desk.replaced("SELECT 1 AS id")
    with pytest.raises(UnknownName, match=f"did not exist at snapshot 0. It was built at {first}"):
        restore(desk.lake, "orders", to=0, run="r", actor="me")


def test_a_tombstone_hides_a_person_from_every_snapshot_and_counts_as_a_change(desk: Desk) -> None:
    old = desk.replaced("SELECT unnest([7, 8]) AS customer_id, 'a' AS v")
    desk.replaced("SELECT unnest([7, 8, NULL]) AS customer_id, 'b' AS v")
    desk.replaced("SELECT 7 AS other", table="unrelated")
    unrelated = desk.lake.version("unrelated")
    build = hide(desk.lake, entity="customer_id", value=7, why="asked for it", run="r", actor="me")
    assert desk.rows("SELECT customer_id FROM orders ORDER BY ALL", "orders") == [(8,), (None,)]
    assert desk.rows("SELECT customer_id FROM orders", "orders", snapshot=old) == [(8,)]
    assert desk.lake.version("orders") == build.snapshot
    assert desk.lake.version("unrelated") == unrelated
    assert desk.lake.scan("orders").hidden == (("customer_id", ("7",)),)
    assert desk.lake.count("orders") == 2


def test_a_person_is_hidden_however_the_column_and_the_number_are_written(desk: Desk) -> None:
    kinds = {"BIGINT": "7", "DOUBLE": "7.0", "DECIMAL(9,2)": "7.00", "VARCHAR": "7", "INTEGER": "007", "FLOAT": " 7"}
    for number, (kind, value) in enumerate(kinds.items()):
        table = f"t{number}"
        desk.replaced(f"SELECT CAST(unnest([7, 8]) AS {kind}) AS Person_ID{number}, 'x' AS v", table=table)
        hide(desk.lake, entity=f"person_id{number}", value=value, why="asked", run="r", actor="me")
        assert [int(row[0]) for row in desk.rows(f"SELECT person_id{number} FROM {table}", table)] == [8], kind
        assert desk.lake.hidden_at(table) > 0
        assert all(float(value) == 7 for value in desk.lake.scan(table).hidden[0][1])
    hide(desk.lake, entity="person_id0", value="7.5", why="asked", run="r", actor="me")
    hide(desk.lake, entity="person_id0", value="nobody", why="asked", run="r", actor="me")
    assert desk.rows("SELECT person_id0 FROM t0", "t0") == [(8,)]


@pytest.mark.parametrize("lost", ["metadata.sqlite", "state.sqlite"])
def test_a_lake_that_has_lost_a_part_is_not_begun_anew(desk: Desk, tmp_path: Path, lost: str) -> None:
    desk.replaced("SELECT 1 AS id")
    desk.lake.close()
    (tmp_path / "lake" / lost).unlink()
    with pytest.raises(LakeError, match=f"has lost its {lost}. Restore it from a backup"):
        Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))
    assert not (tmp_path / "lake" / lost).exists()


def test_a_snapshot_that_never_was_is_refused(desk: Desk) -> None:
    desk.replaced("SELECT 1 AS id")
    for snapshot in (-1, 99):
        with pytest.raises(UnknownName, match=f"there is no snapshot {snapshot}. The newest is 1"):
            desk.lake.scan("orders", snapshot=snapshot)


def test_what_was_made_from_a_person_who_is_hidden_since_is_not_restored(desk: Desk) -> None:
    desk.replaced("SELECT unnest([7, 8]) AS customer_id")
    commit = desk.commit("renamed", inputs={"orders": desk.lake.version("orders")})
    commit.replace("renamed", desk.written("SELECT unnest([7, 8]) AS cust"))
    made = commit.publish()
    assert made is not None
    hide(desk.lake, entity="customer_id", value=7, why="asked", run="r", actor="me")
    desk.replaced("SELECT 8 AS cust", table="renamed")
    with pytest.raises(LakeError, match="from rows of 'orders' whose person was hidden since"):
        restore(desk.lake, "renamed", to=made.snapshot, run="r", actor="me")
    desk.replaced("SELECT 9 AS customer_id")
    assert restore(desk.lake, "orders", to=1, run="r", actor="me").detail == {"restored": 1}
    assert desk.rows("SELECT customer_id FROM orders", "orders") == [(8,)]


def test_a_hidden_person_leaves_the_quarantine_of_their_tables_too(desk: Desk) -> None:
    commit = desk.commit("calls")
    commit.replace(
        "calls",
        desk.written("SELECT unnest([1, 2, 3]) AS call_id, unnest([7, 8, 7]) AS customer_id, NULL AS phone"),
        key=("call_id",),
    )
    lines = """VALUES ('1', 'phone', '030 90', 'bad'), ('2', 'phone', '040 90', 'bad'), (NULL, 'phone', 'x', 'bad'),
        ('9', '*', '{"customer_id": 7, "phone": "030"}', 'no key'), ('8', '*', 'not; json', 'ragged'),
        ('7', '*', '{"customer_id": 9}', 'no key')"""
    columns = "row_id, \"column\", original, reason, 's' AS step, '1' AS step_version, 'r' AS run"
    commit.quarantine("calls", desk.written(f'SELECT {columns} FROM ({lines}) t(row_id, "column", original, reason)'))
    commit.publish()
    hide(desk.lake, entity="customer_id", value=7, why="asked for it", run="r", actor="me")
    rows = desk.rows("SELECT original FROM calls__quarantine ORDER BY ALL", "calls__quarantine")
    assert rows == [("040 90",), ("not; json",), ("x",), ('{"customer_id": 9}',)]


def test_a_hidden_person_leaves_the_quarantine_though_their_row_was_merged_or_withheld(desk: Desk) -> None:
    desk.replaced("SELECT unnest([1, 2, 3]) AS id, unnest([7, 8, 9]) AS person", table="raw_people")
    commit = desk.commit("people", inputs={"raw_people": desk.lake.version("raw_people")})
    commit.replace("people", desk.written("SELECT 3 AS id, 9 AS person"), key=("id",))
    columns = "row_id, 'phone' AS \"column\", original, 'bad' AS reason, 's' AS step, '1' AS step_version, 'r' AS run"
    lines = "VALUES ('1', '030'), ('2', '040'), ('3', '050')"
    commit.quarantine("people", desk.written(f"SELECT {columns} FROM ({lines}) t(row_id, original)"))
    made = commit.publish()
    assert made is not None
    hide(desk.lake, entity="person", value=7, why="asked for it", run="r", actor="me")
    rows = desk.rows("SELECT original FROM people__quarantine ORDER BY ALL", "people__quarantine")
    assert rows == [("040",), ("050",)]  # only what the table was made from knows whose row 1 was
    hide(desk.lake, entity="id", value=2, why="asked for it", run="r", actor="me")
    assert desk.rows("SELECT original FROM people__quarantine", "people__quarantine") == [("050",)]
    scan = desk.lake.scan("people__quarantine", snapshot=made.snapshot, files=True)  # as Spark reads it
    assert scan.hidden == (("row_id", ("1", "2")),)


def test_a_hidden_person_leaves_the_crosswalk_and_the_pairs_of_their_tables_too(desk: Desk) -> None:
    desk.replaced("SELECT unnest([1, 2, 3, 4, 5, 6]) AS id, unnest([7, 8, 9, 7, 9, 9]) AS person", table="raw_people")
    commit = desk.commit("people", inputs={"raw_people": desk.lake.version("raw_people")})
    commit.replace("people", desk.written("SELECT unnest([4, 5]) AS id, unnest([7, 9]) AS person"), key=("id",))
    went = "VALUES ('1', '4'), ('2', '4'), ('1', '5'), ('3', '5'), ('6', '5')"
    commit.replace("people__crosswalk", desk.written(f"SELECT * FROM ({went}) t(row_id, survivor_id)"))
    commit.replace("people__pairs", desk.written("SELECT * FROM (VALUES ('5', '1'), ('5', '6')) t(row_id, other_id)"))
    commit.publish()
    hide(desk.lake, entity="person", value=7, why="asked for it", run="r", actor="me")
    rows = desk.rows("SELECT row_id FROM people__crosswalk ORDER BY ALL", "people__crosswalk")
    assert rows == [("3",), ("6",)]  # 1 was merged: only what the table was made from knows whose it was
    assert desk.rows("SELECT other_id FROM people__pairs", "people__pairs") == [("6",)]
    hide(desk.lake, entity="id", value="6", why="asked for it", run="r", actor="me")
    assert desk.rows("SELECT row_id FROM people__crosswalk", "people__crosswalk") == [("3",)]
    scan = desk.lake.scan("people__crosswalk", files=True)  # as Spark reads it
    assert scan.hidden == (("row_id", ("1", "4", "6")), ("survivor_id", ("1", "4", "6")))


def test_a_lake_of_a_newer_version_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.replaced("SELECT 1 AS id")
    (tmp_path / "lake" / "lake.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(LakeTooNew, match="has format 99"):
        Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("")
    with pytest.raises(LakeError, match="can't be made"):
        Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))


def test_reading_a_lake_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="there is no lake"):
        Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1), writable=False)
    assert not (tmp_path / "lake").exists()


def test_what_a_lake_lacks_is_read_upstream_pinned_and_never_written(desk: Desk, tmp_path: Path) -> None:
    desk.replaced("SELECT 'prod' AS v")
    desk.replaced("SELECT 'prod' AS v", table="customers")
    engine = DuckDB(threads=1)
    upstream = Lake(desk.lake.location, engine=engine, alias="upstream", writable=False)
    dev = Desk(Lake(Location(folder=tmp_path / "dev"), engine=engine, upstream=upstream))
    dev.replaced("SELECT 'dev' AS v")
    desk.replaced("SELECT 'later' AS v", table="customers")
    assert dev.rows("SELECT v FROM orders", "orders") == [("dev",)]
    assert dev.rows("SELECT v FROM customers", "customers") == [("prod",)]
    assert {table: place_of(version) for table, version in dev.lake.versions().items()} == {
        "orders": (0, 1),
        "customers": (1, 2),
    }
    assert place_of(dev.lake.version("customers")) == (1, 2)
    assert desk.rows("SELECT v FROM orders", "orders") == [("prod",)]
    dev.lake.close()


def test_a_lake_can_be_moved(desk: Desk, tmp_path: Path) -> None:
    desk.replaced("SELECT 1 AS id")
    desk.lake.close()
    (tmp_path / "lake").rename(tmp_path / "elsewhere")
    moved = Desk(Lake(Location(folder=tmp_path / "elsewhere"), engine=DuckDB(threads=1)))
    assert moved.rows("SELECT id FROM orders", "orders") == [(1,)]
    moved.lake.close()
    (tmp_path / "elsewhere").rename(tmp_path / "lake")


exact = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda n: f"'{n}'::BIGINT"),
    st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: f"'{n}'::HUGEINT"),
    st.decimals(-(10**20), 10**20, places=9, allow_nan=False).map(lambda d: f"'{d}'::DECIMAL(38, 9)"),
    st.tuples(st.integers(-1200, 1200), st.integers(-999, 999), st.integers(-(10**15), 10**15)).map(
        lambda t: f"(to_months({t[0]}) + to_days({t[1]}) + to_microseconds({t[2]}))"
    ),
    st.datetimes().map(lambda d: f"TIMESTAMPTZ '{d.isoformat()}+05:30'"),
    st.sampled_from(["sad", "ok", "happy"]).map(lambda v: f"'{v}'::ENUM('sad', 'ok', 'happy')"),
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(
        lambda text: "'" + text.replace("'", "''") + "'"
    ),
)


@given(st.lists(exact, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_values_come_back_exact(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    lake = Lake(Location(folder=tmp_path_factory.mktemp("lake")), engine=DuckDB(threads=1))
    desk = Desk(lake)
    columns = ", ".join(f"{value} AS c{number}" for number, value in enumerate(values))
    desk.replaced(f"SELECT {columns}")
    same = ", ".join(f"t.c{number} = CAST({value} AS VARCHAR)::{_type(value)}" for number, value in enumerate(values))
    [row] = desk.rows(f"SELECT {same} FROM orders t", "orders")
    assert all(row), values
    lake.close()


def _type(value: str) -> str:
    if "HUGEINT" in value and "BIGINT" not in value:
        return "DECIMAL(38, 0)"
    for kind in ("BIGINT", "DECIMAL(38, 9)"):
        if kind in value:
            return kind
    if "to_months" in value:
        return "INTERVAL"
    return "TIMESTAMPTZ" if value.startswith("TIMESTAMPTZ") else "VARCHAR"
