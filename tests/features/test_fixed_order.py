from __future__ import annotations

import random
import struct
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.engines.duckdb import DuckDB
from pumphouse.features.fixed_order import in_fixed_order, sums_in
from pumphouse.features.values import definitions, feature_query, feature_values

TIMES = pa.timestamp("us", tz="UTC")
START = datetime(2026, 1, 1, tzinfo=UTC)
FLOATS = """
SELECT m.id, m.as_of, sum(o.x) AS total, avg(o.x) AS average, stddev(o.x) AS spread, corr(o.x, o.y) AS together,
       sum(o.x * o.y) FILTER (o.x > 0) AS weighted, sum(DISTINCT o.y) AS distinct_sum, arg_max(o.y, o.at) AS last_y,
       any_value(o.y) AS some_y, string_agg(o.word, '+') AS words, sum(o.n) AS whole, product(1 + o.x / 1000) AS growth
FROM moments m LEFT JOIN orders o ON o.id = m.id AND o.at > m.as_of - INTERVAL 20 DAY
GROUP BY ALL
"""


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("sum(x)", "SUM(x ORDER BY x)"),
        ("sum(n)", "SUM(n)"),
        ("avg(n)", "AVG(n)"),
        ("mean(x)", "MEAN(x ORDER BY x)"),
        ("mean(n)", "MEAN(n)"),
        ("stddev(n)", "STDDEV(n ORDER BY n)"),
        ("corr(x, y)", "CORR(x, y ORDER BY x, y)"),
        ("sum(DISTINCT x)", "SUM(DISTINCT x ORDER BY x)"),
        ("avg(x) FILTER (x > 1)", "AVG(x ORDER BY x) FILTER(WHERE x > 1)"),
        ("coalesce(sum(x + 1), 0)", "COALESCE(SUM(x + 1 ORDER BY x + 1), 0)"),
        ("arg_max(x, y)", "ARG_MAX(x, y ORDER BY x, y)"),
        ("first(x ORDER BY y DESC)", "FIRST(x ORDER BY y DESC, x)"),
        ("string_agg(x, ',')", "LISTAGG(x, ',' ORDER BY x)"),
        ("sum(x) OVER (PARTITION BY y)", "SUM(x ORDER BY x) OVER (PARTITION BY y)"),
        ("first(x) OVER (PARTITION BY y ORDER BY n)", "FIRST(x) OVER (PARTITION BY y ORDER BY n)"),
        ("max(x)", "MAX(x)"),
        ("count(DISTINCT x)", "COUNT(DISTINCT x)"),
        ("median(x)", "MEDIAN(x)"),
        ("quantile_cont(x, 0.5)", "QUANTILE_CONT(x, 0.5)"),
    ],
)
def test_what_depends_on_the_order_of_rows_gets_one(written: str, becomes: str):
    select = sqlglot.parse_one(f"SELECT {written} AS v FROM t", dialect="duckdb")
    assert in_fixed_order(select, exact={"n"}).sql("duckdb") == f"SELECT {becomes} AS v FROM t"


def test_sums_name_their_arguments():
    select = sqlglot.parse_one("SELECT sum(x), avg(DISTINCT y), mean(z), max(w), stddev(v) FROM t", dialect="duckdb")
    assert sums_in(select) == ("x", "y", "z")


def orders_of(rows: list[tuple[int, int, float, float, int]]) -> pa.Table:
    at = [START + timedelta(days=day) for _, day, *_ in rows]
    return pa.table(
        {
            "id": pa.array([each for each, *_ in rows], pa.int64()),
            "at": pa.array(at, TIMES),
            "_known_at": pa.array(at, TIMES),
            "x": pa.array([x for _, _, x, _, _ in rows], pa.float64()),
            "y": pa.array([y for *_, y, _ in rows], pa.float64()),
            "n": pa.array([n for *_, n in rows], pa.int64()),
            "word": pa.array([f"w{n}" for *_, n in rows], pa.string()),
        }
    )


def bits(table: pa.Table) -> list[list[object]]:
    """The rows with each float as its bits."""
    return [
        [struct.pack("<d", value) if isinstance(value, float) else value for value in row.values()]
        for row in table.to_pylist()
    ]


def moments_of(asked: list[tuple[int, int]]) -> pa.Table:
    at = pa.array([START + timedelta(days=day) for _, day in asked], TIMES)
    return pa.table({"id": pa.array([each for each, _ in asked], pa.int64()), "as_of": at})


def asking(ground, rows):
    ground.table("orders", orders_of(rows), event="at")
    ground.feature("floats", FLOATS, "id")
    return feature_query(ground.world, definitions(["floats"], ground.assets))


numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: x / 7)
rows = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 30), numbers, numbers, st.integers(0, 3)), min_size=1, max_size=25
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows=rows, seed=st.integers(0, 100))
def test_rows_in_another_order_give_the_same_bits(ground, rows, seed):
    moments = moments_of([(1, 20), (2, 20), (3, 30)])
    values = bits(feature_values(asking(ground, rows), moments))
    random.Random(seed).shuffle(rows)
    assert bits(feature_values(asking(ground, rows), moments)) == values


def test_many_moments_on_two_threads_and_one_alone_give_the_same_bits(ground):
    engine = DuckDB(threads=2)
    ground.engine = engine
    chance = random.Random(4)
    rows = [
        (chance.randrange(300), chance.randrange(60), chance.gauss(0, 1e3), chance.random(), chance.randrange(9))
        for _ in range(250_000)
    ]
    query = asking(ground, rows)
    assert "ORDER BY o.n" not in query.text
    asked = [(each, day) for each in range(300) for day in (20, 40, 60)]
    together = feature_values(query, moments_of(asked))
    assert bits(feature_values(query, moments_of(asked))) == bits(together)
    for number in range(0, len(asked), 90):
        one = together.slice(number, 1)
        assert bits(feature_values(query, one.select(["id", "as_of"]))) == bits(one)
    engine.close()


@pytest.mark.parametrize(
    "value",
    [
        "o.x AS v",
        "o.word AS v",
        "first_value(o.word) OVER (PARTITION BY m.id, m.as_of ORDER BY o.at) AS v",
        "last_value(o.word) OVER (PARTITION BY m.id, m.as_of) AS v",
        "sum(o.x) OVER (PARTITION BY m.id, m.as_of ORDER BY o.at ROWS 2 PRECEDING) AS v",
    ],
)
@pytest.mark.parametrize("order", ["ORDER BY o.at DESC", ""])
def test_rows_that_a_window_leaves_equal_are_told_apart_by_what_is_read(ground, value, order):
    text = f"""
    SELECT m.id, m.as_of, {value} FROM moments m LEFT JOIN orders o ON o.id = m.id
    QUALIFY row_number() OVER (PARTITION BY m.id, m.as_of {order}) = 1
    """
    chance = random.Random(5)
    rows = [
        {"id": n % 20, "at": START + chance.randint(0, 2) * timedelta(hours=1), "x": chance.random(), "word": f"w{n}"}
        for n in range(2_000)
    ]
    at = START + timedelta(days=1)
    found = []
    for shuffled in (rows, rows[::-1], sorted(rows, key=lambda row: row["x"])):
        table = pa.Table.from_pylist(shuffled)
        table = table.set_column(1, "at", table["at"].cast(TIMES)).append_column("_known_at", table["at"].cast(TIMES))
        ground.table("orders", table, event="at")
        ground.feature("last", text, "id")
        query = feature_query(ground.world, definitions(["last"], ground.assets))
        for ids in (range(20), [3]):
            moments = pa.table({"id": pa.array(ids, pa.int64()), "as_of": pa.array([at] * len(ids), TIMES)})
            found.append({row["id"]: row["v"] for row in feature_values(query, moments).to_pylist()}[3])
    assert len(set(found)) == 1


def test_a_window_over_groups_tells_them_apart_by_the_groups(ground):
    text = """
    SELECT m.id, m.as_of, o.word AS most_frequent FROM moments m LEFT JOIN orders o ON o.id = m.id GROUP BY {}
    QUALIFY row_number() OVER (PARTITION BY m.id, m.as_of ORDER BY count(*) DESC) = 1
    """
    rows = [{"id": 1, "at": START, "word": word} for word in ("b", "a", "c", "a", "b", "c")]
    table = pa.Table.from_pylist(rows)
    table = table.set_column(1, "at", table["at"].cast(TIMES)).append_column("_known_at", table["at"].cast(TIMES))
    ground.table("orders", table, event="at")
    moments = pa.table({"id": pa.array([1], pa.int64()), "as_of": pa.array([START], TIMES)})
    for groups in ("m.id, m.as_of, o.word", "1, 2, 3"):
        ground.feature("frequent", text.format(groups), "id")
        query = feature_query(ground.world, definitions(["frequent"], ground.assets))
        assert feature_values(query, moments)["most_frequent"].to_pylist() == ["a"]
