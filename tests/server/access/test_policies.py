"""What a visitor gets of a table is what its grants say, cell by cell."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.grants import grant_spec
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import Place, PumphouseError, UnknownName
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies

ROWS = [
    {"id": 1, "country": "DE", "email": "ann@shop.example", "age": 31, "born": date(1995, 3, 4), "team": "north"},
    {"id": 2, "country": "DE", "email": None, "age": None, "born": None, "team": "south"},
    {"id": 3, "country": "FR", "email": "b", "age": 17, "born": date(2009, 12, 31), "team": None},
    {"id": 4, "country": None, "email": "dora@x.example", "age": 64, "born": date(1962, 1, 1), "team": "north"},
    {"id": 5, "country": "O'Hare", "email": "eve@x.example", "age": 40, "born": date(1986, 6, 6), "team": "it's"},
]
COLUMNS = tuple(ROWS[0])
ANN = Visitor(who="O'Hare", scope="read", groups=frozenset({"north", "it's"}))

Row = Mapping[str, Any]
CONDITIONS: Mapping[str, Callable[[Row], bool]] = {
    "country = 'DE'": lambda row: row["country"] == "DE",
    "age >= 18": lambda row: row["age"] is not None and row["age"] >= 18,
    "NOT (age >= 18)": lambda row: row["age"] is not None and row["age"] < 18,
    "country = $who": lambda row: row["country"] == ANN.who,
    "list_contains($groups, team) -- theirs": lambda row: row["team"] in ANN.groups,
    "CAST(email AS INTEGER) = 1": lambda row: False,  # an error for most rows
    "country IN ('DE', 'FR') OR team IS NULL": lambda row: row["country"] in ("DE", "FR") or row["team"] is None,
}
MASKS: Mapping[str, Any] = {
    "null": "null",
    "hash": "hash",
    "year": "year",
    "last 2": "last 2",
    "first 1": "first 1",
    "sql": {"sql": "CASE WHEN country = 'DE' THEN 'from ' || country END"},
    "failing": {"sql": "CAST(CAST(email AS INTEGER) AS VARCHAR)"},
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = Lake(Location(folder=tmp_path_factory.mktemp("lake")), engine=DuckDB(threads=1))
    fill(lake, pa.Table.from_pylist(ROWS).append_column("_raw", pa.array(["r"] * len(ROWS))))
    yield lake
    lake.close()


def fill(lake: Lake, rows: pa.Table, table: str = "people") -> int:
    commit = Commit(lake, table, run="run-1", actor="ada", accept_schema=True)
    commit.replace(table, lake.stage(rows.to_batches(), rows.schema, stem=f"{table}_{uuid.uuid4().hex}"))
    built = commit.publish()
    assert built is not None
    return built.snapshot


def policies(lake: Lake, *grants: Mapping[str, Any], groups: Sequence[str] = ()) -> Policies:
    asset = Asset(name="people", kind="sql", spec=None, common=Common(), place=Place(file="shop"))
    assets = {"people": asset}
    for number, said in enumerate(grants):
        assets[f"grant_{number}"] = Asset(
            name=f"grant_{number}", kind="grant", spec=grant_spec("people", **{"to": "everyone", **said}),
            common=Common(), place=Place(file="shop"), inputs=("people",),
        )  # fmt: skip
    return Policies(lake, assets, groups=groups)


def seen(lake: Lake, policies: Policies, visitor: Visitor = ANN, sql: str = "SELECT * FROM people") -> list[Row]:
    policy = policies.of(visitor, "people", snapshot=lake.snapshot())
    scan = policy.applied(lake.scan("people")).for_text(sql)
    table = lake.engine.fork().read(Query(text=sql, inputs={"people": scan})).read_all()
    if sql == "SELECT * FROM people":
        assert table.schema.equals(policy.shown(lake.schema("people")))
    return table.to_pylist()


@st.composite
def grants(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for _ in range(draw(st.integers(1, 3))):
        columns = draw(st.none() | st.lists(st.sampled_from(COLUMNS), min_size=1, unique=True))
        offered = COLUMNS if columns is None else tuple(columns)
        masked = draw(st.lists(st.sampled_from(offered), unique=True, max_size=3))
        mask = {column: MASKS[draw(st.sampled_from(list(MASKS)))] for column in masked}
        said: dict[str, Any] = {"mask": mask}
        if columns is not None:
            said["columns"] = columns
        if draw(st.booleans()):
            said["rows"] = draw(st.sampled_from(list(CONDITIONS)))
        made.append(said)
    return made


def text(value: Any) -> str | None:
    return None if value is None else str(value)


def masked(mask: Any, column: str, row: Row, key: bytes) -> Any:
    """What stands in place of a cell, in Python."""
    value = row[column]
    if value is None and not isinstance(mask, dict):
        return None
    match mask:
        case "null":
            return None
        case "hash":
            return hashlib.sha256((key.hex() + str(value)).encode()).hexdigest()[:32]
        case "year":
            return date(value.year, 1, 1) if isinstance(value, date) else None
        case "last 2":
            return "****" if len(str(value)) < 4 else "****" + str(value)[-2:]
        case "first 1":
            return "****" if len(str(value)) < 2 else str(value)[:1] + "****"
    if mask == MASKS["failing"]:
        return None
    return "from DE" if row["country"] == "DE" else None


def expected(said: Sequence[Mapping[str, Any]], key: bytes) -> list[Row]:
    """What the grants show of the rows, one cell after the other."""
    shown = [column for column in COLUMNS if any(column in one.get("columns", COLUMNS) for one in said)]
    found = []
    for row in ROWS:
        covering = [one for one in said if "rows" not in one or CONDITIONS[one["rows"]](row)]
        if not covering:
            continue
        cells = {}
        for column in shown:
            ways = [one["mask"].get(column) for one in covering if column in one.get("columns", COLUMNS)]
            plain = [way for way in ways if way is None]
            cells[column] = row[column] if plain else masked(ways[0], column, row, key) if ways else None
        found.append(cells)
    return found


@settings(max_examples=40, deadline=None)
@given(said=grants())
def test_a_visitor_sees_what_the_grants_say_cell_by_cell(lake: Lake, said: list[dict[str, Any]]) -> None:
    found = seen(lake, policies(lake, *said))
    wanted = expected(said, lake.state.tokens.secret("masks"))
    assert [{name: text(cell) for name, cell in row.items()} for row in found] == [
        {name: text(cell) for name, cell in row.items()} for row in wanted
    ]


def test_the_schema_tells_the_type_of_a_mask(lake: Lake) -> None:
    found = policies(lake, {"mask": {"id": "hash", "born": "year", "age": "null", "team": {"sql": "length(team)"}}})
    shown = found.of(ANN, "people", snapshot=lake.snapshot()).shown(lake.schema("people"))
    types = {field.name: str(field.type) for field in shown}
    assert types == {
        "id": "string", "country": "string", "email": "string", "age": "int64", "born": "date32[day]", "team": "int64",
    }  # fmt: skip


def test_the_same_value_has_the_same_hash_in_another_table_and_no_plain_one(lake: Lake) -> None:
    (row,) = [row for row in seen(lake, policies(lake, {"mask": {"email": "hash"}})) if row["id"] == 1]
    again = seen(lake, policies(lake, {"columns": ["id", "email"], "mask": {"email": "hash"}}))
    assert row["email"] == again[0]["email"]
    plain = {hashlib.new(name, b"ann@shop.example").hexdigest()[:32] for name in ("sha256", "md5", "sha1")}
    assert row["email"] not in plain
    key = lake.state.tokens.secret("masks").hex()
    policy = policies(lake, {"mask": {"email": "hash"}}).of(ANN, "people", snapshot=lake.snapshot())
    assert key not in repr(policy)


def test_nothing_that_a_visitor_asks_is_computed_of_what_is_hidden(lake: Lake) -> None:
    given = policies(lake, {"rows": "country = 'DE'", "mask": {"age": "null"}})
    # Were it computed for Eve, who is 40, or for Ann's true age, it would fail.
    for sql in (
        "SELECT id FROM people WHERE CASE WHEN email LIKE 'eve%' THEN CAST('x' AS INTEGER) ELSE 1 END = 1",
        "SELECT id FROM people WHERE age IS NULL OR CAST(age || 'x' AS INTEGER) = 1",
        "SELECT id FROM people WHERE id < 3 OR CAST(email AS INTEGER) = 3",
        "SELECT id FROM people WHERE CAST(coalesce(country, 'hidden') || id AS VARCHAR) IN ('DE1', 'DE2')",
        "SELECT id FROM people WHERE CASE WHEN country IS NULL THEN error('hidden') ELSE true END",
    ):
        assert [row["id"] for row in seen(lake, given, sql=sql)] == [1, 2]


@pytest.mark.parametrize(
    ("said", "key"),
    [({}, ("id", "email")), ({"columns": ["id", "team"]}, ()), ({"mask": {"email": "hash"}}, ())],
)
def test_a_key_is_told_where_all_of_it_is_seen_as_it_is(lake: Lake, said: dict[str, Any], key: tuple[str, ...]) -> None:
    keyed = Asset(name="people", kind="sql", spec=None, common=Common(key=("id", "email")), place=Place(file="shop"))
    assert policies(lake, said).of(ANN, "people", snapshot=lake.snapshot()).key(keyed) == key


def test_policies_of_visitors_who_see_other_things_have_other_digests(lake: Lake) -> None:
    given = policies(lake, {"to": "ann", "rows": "country = $who"}, {"to": ["north"]}, groups=["north"])
    at = lake.snapshot()
    of = {
        who: given.of(Visitor(who=who, scope="read", groups=groups), "people", snapshot=at).digest
        for who, groups in (("ann", frozenset[str]()), ("bob", frozenset({"north"})), ("kim", frozenset({"north"})))
    }
    assert of["bob"] == of["kim"] != of["ann"]


@pytest.mark.parametrize(
    ("condition", "is_steady"),
    [("age >= 18", True), ("now() > born", False), ("born = CURRENT_DATE", False), ("born > TODAY ()", False)],
)
def test_what_a_grant_lets_through_by_the_clock_is_told_apart_each_time(
    lake: Lake, condition: str, is_steady: bool
) -> None:
    desk = Desk(lake, policies(lake, {"to": "everyone", "rows": condition}))
    one, other = (desk.ask(ANN, "FROM people", door="test") for _ in range(2))
    assert one.is_steady == is_steady
    assert (one.digest == other.digest) == is_steady
    desk.close()


def test_what_is_not_there_for_a_visitor_is_told_as_what_does_not_exist(lake: Lake) -> None:
    desk = Desk(lake, policies(lake, {"to": "ann"}))
    bob = Visitor(who="bob", scope="read")
    said = []
    for name in ("people", "peopl"):
        for ask in (
            lambda: desk.table(bob, name, door="http"),  # noqa: B023  # called at once
            lambda: desk.ask(bob, f"SELECT * FROM {name}", door="http"),  # noqa: B023
        ):
            with pytest.raises(UnknownName) as caught:
                ask()
            said.append((caught.value.what.replace(name, "NAME"), caught.value.mend))
    assert len(set(said)) == 1
    assert desk.policies.visible(bob, snapshot=lake.snapshot()) == ()


def test_an_old_snapshot_shows_no_more_than_the_newest(tmp_path: Path) -> None:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))
    try:
        before = fill(lake, pa.table({"id": [1], "mail": ["ann@shop.example"], "country": ["DE"]}))
        fill(lake, pa.table({"id": [1], "email": ["ann@shop.example"]}))
        masked = policies(lake, {"mask": {"email": "null"}})
        assert masked.of(ANN, "people", snapshot=before).columns == ("id",)
        filtered = policies(lake, {"columns": ["id"], "rows": "email LIKE 'ann%'"})
        assert filtered.of(ANN, "people", snapshot=lake.snapshot()).columns == ("id",)
        with pytest.raises(UnknownName, match="no table 'people'"):
            filtered.of(ANN, "people", snapshot=before)
    finally:
        lake.close()


def test_a_visitor_of_part_of_a_table_has_none_of_the_lakes_own_columns(lake: Lake) -> None:
    masked = Desk(lake, policies(lake, {"mask": {"email": "null"}}))
    with pytest.raises(PumphouseError, match="_raw"):
        masked.ask(ANN, "SELECT _raw FROM people", door="http").run().read_all()
    whole = Desk(lake, policies(lake, {}))
    assert whole.ask(ANN, "SELECT _raw FROM people", door="http").run().read_all().num_rows == len(ROWS)


def test_what_is_seen_is_decided_once_for_a_visitor_and_a_version(lake: Lake) -> None:
    given = policies(lake, {"mask": {"email": "hash"}})
    at = lake.snapshot()
    assert given.of(ANN, "people", snapshot=at) is given.of(ANN, "people", snapshot=at)
