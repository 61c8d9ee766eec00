"""A condition stands below a row filter only where nobody can tell: it finds the same, and tells of no hidden row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
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
from pumphouse.errors import Place, PumphouseError
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.queries import asked
from pumphouse.server.access.below import below
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies

BOB = Visitor(who="bob", scope="read")
A_DAY = datetime.fromisoformat("2026-01-03")
ROWS = """
SELECT (range * 3)::BIGINT AS id,
    CASE range % 5 WHEN 0 THEN NULL WHEN 1 THEN 127 ELSE -(range % 128) END::TINYINT AS small,
    CASE range % 4 WHEN 0 THEN NULL WHEN 1 THEN 9999999.99 ELSE range / 8 END::DECIMAL(9, 2) AS price,
    DATE '2026-01-01' + (range % 60)::INT AS day, TIMESTAMP '2026-01-01' + to_minutes(range * 7) AS moment,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_minutes(range * 7) AS zoned,
    CASE range % 6 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'Straße' WHEN 3 THEN 'it''s'
        ELSE 'n' || range % 50 END AS name,
    CASE range % 3 WHEN 0 THEN NULL ELSE range % 3 = 1 END AS ok,
    CASE range % 4 WHEN 0 THEN 'nan' WHEN 1 THEN '-inf' WHEN 2 THEN '0.5' END::DOUBLE AS ratio,
    'x' || range % 9 AS secret, 'a' AS team
FROM range(3000)
"""
"""What Bob sees, in each world; `secret` is masked."""
HIDDEN = {
    "nothing": "",
    "far": """
        SELECT 1000000 + range, 100, 77777.77, DATE '2099-01-01', TIMESTAMP '2099-01-01',
            TIMESTAMPTZ '2099-01-01 00:00:00+00', 'zz', true, 3.0, 'hidden', 'b' FROM range(3000)""",
    "among": """
        SELECT range * 3 + 1, range % 100, range / 7 + 1000, DATE '2026-02-01', TIMESTAMP '2026-01-02',
            TIMESTAMPTZ '2026-01-02 00:00:00+00', 'q' || range, false, 'nan', 'x1', 'b' FROM range(3000)""",
}  # fmt: skip
BELOW = (
    "id = 7",
    "id >= 0",
    "price = 0.0",
    "name = ''",
    "7 < id",
    "t.id >= -7",
    "id <> 3",
    "id IN (1, 2, 3)",
    "id NOT IN (1, 2)",
    "id BETWEEN 1 AND 9",
    "NOT id BETWEEN 1 AND 9",
    "NOT (id = 3 AND ok = true)",
    "small = -128",
    "price = 1.5",
    "price < 77777.77",
    "price = 12",
    "day = '2026-01-03'",
    "day >= DATE '2026-01-03' AND day < DATE '2026-02-01'",
    "moment < TIMESTAMP '2026-01-03 04:05:06'",
    "moment > '2026-01-03'",
    "zoned = TIMESTAMPTZ '2026-01-01 02:00:00+02:00'",
    "name = 'it''s'",
    "name < 'n2' OR name IS NULL",
    "name IS NOT NULL",
    "ok = true",
    "ratio IS NULL",
    "id = 3 OR (id = 6 AND name <> '')",
    'T."ID" = 7',
)
ABOVE = (
    "id = NULL",
    "id = 7.5",
    "id = 7.0",
    "id = 1e3",
    "id = '7'",
    "id = 99999999999999999999",
    "small = 128",
    "small = -129",
    "price = 1.505",
    "price = 12345678.5",
    "price = 1e2",
    "price = 123456789",
    "ratio = 0.5",
    "ratio > 'nan'",
    "ratio = 'nan'::DOUBLE",
    "day = 'infinity'",
    "day = '2026-1-3'",
    "day = 'x'",
    "day = TIMESTAMP '2026-01-03 00:00:00'",
    "zoned = TIMESTAMPTZ '2026-01-01 00:00:00'",
    "zoned > '2026-01-01'",
    "zoned = TIMESTAMP '2026-01-01 00:00:00'",
    "moment = TIMESTAMPTZ '2026-01-01 00:00:00+00:00'",
    "moment = '2026-01-03T00:00:00'",
    "moment > DATE '2026-01-03'",
    "name = 7",
    "name LIKE 'n%'",
    "name COLLATE NOCASE = 'STRASSE'",
    "name = 'a' COLLATE NOCASE",
    "name = 'a' || 'b'",
    "lower(name) = 'n1'",
    "name ~ 'n'",
    "id + 1 = 7",
    "id = id",
    "id IS DISTINCT FROM 7",
    "secret = 'x1'",
    "secret IS NULL",
    "team = ANY(['a'])",
    "ok",
    "ok = 'yes'",
    "id::INT = 7",
    "TRY_CAST(name AS INT) = 7",
    "name = TRY_CAST('x' AS VARCHAR)",
    "s.id = 7",
    "t.t.id = 7",
    "id = 7 AND name LIKE 'n%'",
    "id = 7 OR lower(name) = 'n1'",
    "id = 7 AND CAST('a' AS INT) = 1",
    "id = (SELECT 7)",
    "id IN (SELECT 7)",
    "EXISTS (SELECT 1)",
    "(id, ok) = (7, true)",
    "COLUMNS(c -> c = 'id') = 7",
    "#1 = 7",
    "rowid = 7",
    "random() < 2",
    "true",
    "hidden = 1",
)
PLAIN = (
    "SELECT * FROM t WHERE {0}",
    "FROM t WHERE {0}",
    "SELECT CAST(secret AS INT) FROM public.t WHERE {0} ORDER BY id LIMIT 3",
    "SELECT name, sum(id) FROM t WHERE {0} GROUP BY name",
    "SELECT * FROM (SELECT id + 1 FROM t WHERE {0}) AS q(n) LIMIT 2",
    "SELECT 7 AS id, row_number() OVER () FROM t WHERE {0}",
    "SELECT DISTINCT ON (name) name FROM t WHERE {0}",
    "SELECT unnest([id]) FROM t WHERE {0}",
)
NOT_PLAIN = (
    "SELECT (SELECT 1) FROM t WHERE {0}",
    "SELECT count(*) FILTER (id = (SELECT 1)) FROM t WHERE {0}",
    "SELECT t.* FROM t, (SELECT 1) AS o WHERE {0}",
    "SELECT a.* FROM t JOIN t AS a USING (id) WHERE {0}",
    "SELECT * FROM t LEFT JOIN (SELECT 1 AS one) ON true WHERE {0}",
    "SELECT id FROM t WHERE {0} UNION ALL SELECT 1",
    "WITH c AS (SELECT 1) SELECT * FROM t WHERE {0}",
    "WITH t AS (SELECT * FROM t) SELECT * FROM t WHERE {0}",
    "SELECT name FROM t WHERE {0} GROUP BY name HAVING name = ''",
    "SELECT * FROM t TABLESAMPLE 10% WHERE {0}",
    "SELECT * FROM t WHERE {0} USING SAMPLE 5",
    "SELECT id FROM t WHERE {0} QUALIFY row_number() OVER () = 1",
    "SELECT * FROM t WHERE {0} LIMIT (SELECT 1)",
    "SELECT * FROM (SELECT * FROM t WHERE {0}) WHERE id = 7",
    "SELECT * FROM t WHERE {0} ORDER BY (SELECT 1)",
    "SELECT * FROM t AS o(id, small) WHERE {0}",
    "SELECT id FROM t AS small WHERE {0}",
    "SELECT * FROM (SELECT * FROM t LIMIT 5) AS t WHERE {0}",
    "SUMMARIZE SELECT * FROM t WHERE {0}",
    "SELECT * FROM t",
)
FAILS = "SELECT CAST('a' || range AS INT) AS n FROM range(1)"
ATTACKS = (
    "SELECT id FROM {0} WHERE id = 1000500",
    "SELECT id FROM {0} WHERE id > 999999999",
    "SELECT count(*), min(id), max(id) FROM {0} WHERE id > 20",
    "SELECT CAST('a' AS INT) FROM {0} WHERE id = 1000500",
    "SELECT sum(CAST('a' AS INT)) FROM {0} WHERE id = 1000500",
    "SELECT count(*) + CAST('a' AS INT) FROM {0} WHERE id = 1000500",
    "SELECT CAST(secret AS INT) FROM {0} WHERE name = 'zz' ORDER BY 1 LIMIT 1",
    "SELECT CAST(name AS INT) FROM {0} WHERE name = 'q7'",
    "SELECT CAST(id AS TINYINT) FROM {0} WHERE id = 22",
    "SELECT id FROM {0} WHERE id = 1000500 AND CAST('a' AS INT) = 1",
    "SELECT id FROM {0} WHERE id = 22 AND CAST('a' AS INT) = 1",
    "SELECT id FROM {0} WHERE id = 22 AND CASE WHEN id IS NULL THEN CAST('a' AS INT) ELSE 1 END = 1",
    "SELECT id FROM {0} WHERE id = 22 AND coalesce(CAST(id AS TINYINT), CAST('a' AS TINYINT)) = 1",
    "SELECT id FROM {0} WHERE id = 22 OR CASE WHEN id IS NULL THEN CAST('a' AS INT) ELSE 1 END = 2",
    "SELECT id FROM (SELECT * FROM {0} WHERE id = 22) WHERE CASE WHEN id IS NULL THEN CAST('a' AS INT) ELSE 1 END = 1",
    "SELECT id FROM (SELECT id, CAST(name AS INT) AS n FROM {0} WHERE name = 'q7') WHERE n = 1",
    "SELECT id FROM {0} WHERE id = 22 GROUP BY id HAVING CASE WHEN id IS NULL THEN CAST('a' AS INT) ELSE 1 END = 1",
    "SELECT id FROM {0} WHERE id = 22 QUALIFY CAST('a' AS INT) + row_number() OVER (PARTITION BY id) = 1",
    "SELECT id FROM {0} WHERE id = 22 LIMIT CAST('1' AS INT)",
    "SELECT id, ({1}) FROM {0} WHERE id = 1000500",
    "SELECT id FROM {0} WHERE id = 1000500 AND ({1}) = 1",
    "SELECT id FROM {0}, ({1}) WHERE id = 1000500",
    "SELECT id FROM ({1}) JOIN {0} ON true WHERE id = 1000500 AND n = 1",
    "SELECT a.id FROM {0} a LEFT JOIN ({1}) ON true WHERE a.id = 1000500",
    "SELECT id FROM {0} WHERE id = 1000500 UNION ALL {1}",
    "SELECT id FROM {0} WHERE id = 1000500 EXCEPT {1}",
    "WITH c AS MATERIALIZED (SELECT id FROM {0} WHERE id = 1000500) SELECT * FROM c, ({1})",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM {0} WHERE id = 1000500) OR ({1}) = 1",
    "SELECT id FROM {0} WHERE small = 128",
    "SELECT id FROM {0} WHERE small = 100 ORDER BY id",
    "SELECT id FROM {0} WHERE id = 170141183460469231731687303715884105728",
    "SELECT id FROM {0} WHERE price = 77777.770",
    "SELECT id FROM {0} WHERE price > 77777.777 ORDER BY id",
    "SELECT id FROM {0} WHERE price BETWEEN 77777 AND 77778.5",
    "SELECT id FROM {0} WHERE ratio = 'nan' ORDER BY id",
    "SELECT id FROM {0} WHERE ratio > 2.5 ORDER BY id",
    "SELECT id FROM {0} WHERE day = '2099-01-01'",
    "SELECT id FROM {0} WHERE day > 'infinity'",
    "SELECT id FROM {0} WHERE day = '2099-02-30'",
    "SELECT id FROM {0} WHERE moment > '2098-01-01'",
    "SELECT id FROM {0} WHERE zoned = TIMESTAMPTZ '2099-01-01 02:00:00+02:00'",
    "SELECT id FROM {0} WHERE zoned >= '2026-01-02' ORDER BY id LIMIT 3",
    "SELECT id FROM {0} WHERE name COLLATE NOCASE = 'ZZ'",
    "SELECT id FROM {0} WHERE name LIKE 'z%' ESCAPE 'xy'",
    "SELECT id FROM {0} WHERE name LIKE '%!' ESCAPE '!'",
    "SELECT id FROM {0} WHERE name = 'zz' AND name LIKE '%!' ESCAPE '!'",
    "SELECT id FROM {0} WHERE secret = 'hidden'",
    "SELECT id FROM {0} WHERE secret IS NULL AND id < 100 ORDER BY id",
    "SELECT id FROM {0} WHERE team = 'b'",
    "SELECT id FROM {0} WHERE id IS NULL",
    "SELECT id FROM {0} WHERE id NOT IN (1, 22, 1000500) AND id > 8990 ORDER BY id",
    "SELECT id FROM {0} WHERE id = ? AND CAST('a' AS INT) = 1",
    "SELECT CAST('a' AS INT) FROM {0} WHERE id = ?",
    "SELECT approx_count_distinct(name), string_agg(name, ',' ORDER BY id) FROM {0} WHERE id < 100",
    "SELECT id FROM {0} WHERE id < 100 ORDER BY CAST(secret AS INT), id DESC LIMIT 4",
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """For each world its table."""
    folder: Path = tmp_path_factory.mktemp("lake")
    lake = Lake(Location(folder=folder), engine=DuckDB(threads=2))
    for name, hidden in HIDDEN.items():
        engine = lake.engine.fork()
        engine.execute(f"CREATE TEMP TABLE world_{name} AS {ROWS}")
        if hidden:
            engine.execute(f"INSERT INTO world_{name} {hidden}")
        rows = engine.rows(Query(text=f"FROM world_{name}"))
        commit = Commit(lake, name, run="run-1", actor="ada")
        commit.replace(name, lake.stage(rows.to_batches(), rows.schema, stem=name))
        assert commit.publish() is not None
    yield lake
    lake.close()


@pytest.fixture(scope="module")
def policies(lake: Lake) -> Policies:
    assets: dict[str, Asset] = {}
    for name in HIDDEN:
        said: dict[str, Any] = {"to": "bob", "rows": "team = 'a'", "mask": {"secret": "null"}}
        assets[name] = Asset(name=name, kind="sql", spec=None, common=Common(), place=Place(file="shop"))
        assets[f"grant_{name}"] = Asset(
            name=f"grant_{name}", kind="grant", spec=grant_spec(name, **said), common=Common(),
            place=Place(file="shop"), inputs=(name,),
        )  # fmt: skip
    return Policies(lake, assets)


@pytest.fixture(scope="module")
def desk(lake: Lake, policies: Policies) -> Iterator[Desk]:
    desk = Desk(lake, policies, threads=2)
    yield desk
    desk.close()


def is_below(lake: Lake, policies: Policies, text: str, values: Any = ()) -> bool:
    """Whether a query's condition on `t`, which is the table `far`, is copied below the row filter."""
    at = lake.snapshot()
    query = asked(text, engine=lake.engine.fork(), known=["t"], catalogues=["lake"])
    policy, scan = policies.of(BOB, "far", snapshot=at), lake.scan("far", snapshot=at)
    found = below(query.tree, policy=policy, scan=scan)
    return found is not None and found.applied(dict(zip(query.parameters, values, strict=True))) is not None


@pytest.mark.parametrize("condition", BELOW)
def test_what_compares_stored_columns_with_values_of_their_type_stands_below(
    lake: Lake, policies: Policies, desk: Desk, condition: str
) -> None:
    assert is_below(lake, policies, f"SELECT id FROM t WHERE {condition}")
    seen = f"FROM ({ROWS}) AS t WHERE {condition} ORDER BY 1"
    expected = lake.engine.fork().execute(f"SELECT id {seen}")
    for world in HIDDEN:
        found = desk.ask(BOB, f"SELECT id FROM {world} AS t WHERE {condition} ORDER BY 1", door="test").run().read_all()
        assert [(one,) for one in found["id"].to_pylist()] == expected


@pytest.mark.parametrize("condition", ABOVE)
def test_what_may_fail_or_is_of_another_type_stays_above(lake: Lake, policies: Policies, condition: str) -> None:
    assert not is_below(lake, policies, f"SELECT id FROM t WHERE {condition}")


@pytest.mark.parametrize("query", PLAIN)
def test_a_condition_stands_below_in_a_query_of_one_table(lake: Lake, policies: Policies, query: str) -> None:
    assert is_below(lake, policies, query.format("id = 7"))


@pytest.mark.parametrize("query", NOT_PLAIN)
def test_a_condition_stays_above_where_a_query_does_more(lake: Lake, policies: Policies, query: str) -> None:
    assert not is_below(lake, policies, query.format("small.id = 7" if "AS small" in query else "t.id = 7"))


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("id", 7, True),
        ("id", 2**63, False),
        ("id", True, False),
        ("id", 7.0, False),
        ("id", "7", False),
        ("id", None, False),
        ("id", Decimal(7), False),
        ("small", -128, True),
        ("small", 128, False),
        ("ok", True, True),
        ("ok", 1, False),
        ("ratio", float("nan"), False),
        ("ratio", 0.5, False),
        ("price", Decimal("1.50"), True),
        ("price", Decimal("1.505"), False),
        ("price", Decimal("NaN"), False),
        ("price", Decimal("1E+3"), False),
        ("price", Decimal("12345678"), False),
        ("price", 12, True),
        ("price", 1.5, False),
        ("day", date(2026, 1, 3), True),
        ("day", A_DAY, False),
        ("day", "2026-01-03", False),
        ("moment", A_DAY, True),
        ("moment", datetime(2026, 1, 3, tzinfo=UTC), False),
        ("moment", date(2026, 1, 3), False),
        ("zoned", datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), True),
        ("zoned", A_DAY, False),
        ("zoned", datetime(1, 1, 1, tzinfo=UTC), False),
        ("name", "it's", True),
        ("name", "a\0b", False),
        ("name", "\ud800", False),
        ("name", "x" * 1_001, False),
        ("name", b"x", False),
        ("name", ["x"], False),
        ("secret", "x1", False),
    ],
)
def test_a_parameter_stands_below_where_its_value_is_of_the_columns_type(
    lake: Lake, policies: Policies, column: str, value: Any, expected: bool
) -> None:
    assert is_below(lake, policies, f"SELECT id FROM t WHERE {column} = ?", [value]) == expected


def test_a_long_list_stays_above(lake: Lake, policies: Policies) -> None:
    listed = ", ".join(map(str, range(200)))
    assert is_below(lake, policies, f"SELECT id FROM t WHERE id IN ({listed})")
    assert not is_below(lake, policies, f"SELECT id FROM t WHERE id IN ({listed}, 200)")


def test_a_statement_reads_no_more_than_meets_its_condition(desk: Desk) -> None:
    asked_for = desk.ask(BOB, "SELECT * FROM far WHERE id = ?", door="test", parameters=[6])
    again = desk.ask(BOB, "SELECT * FROM far WHERE id = ?", door="test", parameters=[9])
    assert [one.run().read_all()["id"].to_pylist() for one in (asked_for, again)] == [[6], [9]]
    assert "CAST('6' AS BIGINT)" in asked_for._read()["far"].relation
    assert "CAST('9' AS BIGINT)" in again._read()["far"].relation
    assert asked_for.schema.names[0] == "id"


@pytest.mark.parametrize("attack", ATTACKS)
def test_hidden_rows_change_no_answer_to_what_stands_below(desk: Desk, attack: str) -> None:
    for value in [22, 1_000_500] if "?" in attack else [None]:
        answers = {answer(desk, attack, world, value) for world in HIDDEN}
        assert len(answers) == 1, answers


def answer(desk: Desk, text: str, world: str, value: int | None = None) -> tuple[str, str]:
    values = None if value is None else [value]
    try:
        found = desk.ask(BOB, text.format(world, FAILS), door="test", parameters=values).run().read_all()
    except PumphouseError as error:
        return type(error).__name__, str(error).replace(world, "table")
    return "rows", str(found.to_pylist())


SIGNS = ("=", "<>", "<", "<=", ">", ">=")
LITERALS: dict[str, st.SearchStrategy[str]] = {
    "id": st.integers(-3, 9_005).map(str)
    | st.sampled_from([str(2**63 - 1), str(-(2**63)), str(2**63), "7.5", "'6'", "1e3"]),
    "small": st.integers(-130, 130).map(str),
    "price": st.decimals(-5, 400, places=2).map(str)
    | st.decimals(0, 99, places=3).map(str)
    | st.sampled_from(["9999999.99", "7"]),
    "day": st.dates(date(2025, 12, 30), date(2026, 3, 3)).flatmap(
        lambda day: st.sampled_from([f"'{day}'", f"DATE '{day}'"])
    ),
    "moment": st.integers(0, 21_000).map(lambda minutes: f"TIMESTAMP '{A_DAY + timedelta(minutes=minutes)}'"),
    "zoned": st.tuples(st.integers(0, 21_000), st.integers(-11, 11)).map(
        lambda of: f"TIMESTAMPTZ '{A_DAY.replace(tzinfo=timezone(timedelta(hours=of[1]))) + timedelta(minutes=of[0])}'"
    ),
    "name": st.sampled_from(["''", "'n4'", "'Straße'", "'it''s'", "'N4'", "'zz'"]),
    "ok": st.sampled_from(["true", "false", "'t'"]),
    "ratio": st.sampled_from(["0.5", "'nan'", "'-inf'::DOUBLE", "0"]),
}


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(LITERALS)))
    of = LITERALS[name]
    return draw(
        st.one_of(
            st.tuples(st.sampled_from(SIGNS), of).map(lambda two: f"{name} {two[0]} {two[1]}"),
            st.tuples(of, of).map(lambda two: f"{name} BETWEEN {two[0]} AND {two[1]}"),
            st.lists(of, min_size=1, max_size=3).map(lambda some: f"{name} IN ({', '.join(some)})"),
            st.lists(of, min_size=1, max_size=3).map(lambda some: f"{name} NOT IN ({', '.join(some)})"),
            st.sampled_from([f"{name} IS NULL", f"{name} IS NOT NULL"]),
        )
    )


CONDITIONS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(lambda one: f"NOT ({one})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda three: f"({' '.join(three)})"),
    ),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(condition=CONDITIONS)
def test_an_answer_is_the_same_with_and_without(lake: Lake, desk: Desk, condition: str) -> None:
    counted = "SELECT count(*) AS n, sum(id)::VARCHAR AS s, bit_xor(hash(id, name)) AS h FROM {0} WHERE {1}"
    expected = [
        dict(zip(("n", "s", "h"), lake.engine.fork().execute(counted.format(f"({ROWS})", condition))[0], strict=True))
    ]
    assert {answer(desk, counted.format("{0}", condition), world) for world in HIDDEN} == {("rows", str(expected))}


@settings(max_examples=40, deadline=None)
@given(value=st.text(max_size=12) | st.sampled_from(["' OR true --", "\\' OR true", "$$ $who ?", "it's", "/* */;"]))
def test_a_text_that_is_given_stays_a_text(lake: Lake, desk: Desk, value: str) -> None:
    counted = "SELECT count(*) AS n FROM {0} WHERE name = ? OR id = 3"
    ((expected,),) = lake.engine.fork().execute(counted.format(f"({ROWS})"), [value])
    asked_for = desk.ask(BOB, counted.format("far"), door="test", parameters=[value])
    assert asked_for.run().read_all()["n"].to_pylist() == [expected]


def test_two_grants_that_show_a_column_otherwise_keep_its_condition_above(tmp_path: Path) -> None:
    lake = Lake(Location(folder=tmp_path), engine=DuckDB(threads=2))
    rows = pa.table({"id": [1, 2, 3, 4], "pay": [10, 20, 30, 40], "team": ["a", "b", "a", "c"]})
    commit = Commit(lake, "t", run="run-1", actor="ada")
    commit.replace("t", lake.stage(rows.to_batches(), rows.schema, stem="t"))
    commit.publish()
    assets = {"t": Asset(name="t", kind="sql", spec=None, common=Common(), place=Place(file="shop"))}
    for name, said in {
        "all_of_a": {"rows": "team = 'a'"},
        "less_of_b": {"rows": "team = 'b'", "columns": ["id", "team"]},
    }.items():
        assets[name] = Asset(
            name=name, kind="grant", spec=grant_spec("t", to="bob", **said), common=Common(),  # type: ignore[arg-type]
            place=Place(file="shop"), inputs=("t",),
        )  # fmt: skip
    policies = Policies(lake, assets)
    desk = Desk(lake, policies, threads=2)
    assert set(policies.of(BOB, "t", snapshot=lake.snapshot()).as_stored) == {"id", "team"}
    assert answer(desk, "SELECT id FROM {0} WHERE pay IS NULL", "t") == ("rows", "[{'id': 2}]")
    assert answer(desk, "SELECT id FROM {0} WHERE pay = 20", "t") == ("rows", "[]")
    assert (
        answer(desk, "SELECT id, pay FROM {0} WHERE id >= 2", "t")[1]
        == "[{'id': 2, 'pay': None}, {'id': 3, 'pay': 30}]"
    )
    desk.close()
    lake.close()
