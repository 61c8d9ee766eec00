"""Whatever Spark agrees to run gives what DuckDB gives; the rest it refuses, with the reason."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engines.conftest import Both

from pumphouse.engines.engine import Query
from pumphouse.errors import BuildError

HERE = Path(__file__).parent
QUERIES = [
    " ".join(line for line in query.strip().splitlines() if not line.startswith("--"))
    for query in (HERE / "queries.sql").read_text(encoding="utf-8").split(";\n")
]

REFUSED = [
    ("SELECT median(n) AS m FROM orders", "aggregates by"),
    ("SELECT histogram(k) AS h FROM orders", "aggregates"),
    ("SELECT string_agg(k, ',') AS s FROM orders", "aggregates by"),
    ("SELECT k, first(id) AS i FROM orders GROUP BY k", "aggregates by"),
    ("SELECT sum(DISTINCT n) AS s FROM orders", "aggregates by"),
    ("SELECT sum(yes) AS s FROM orders", "sums values of the type BOOLEAN"),
    ("SELECT unnest([1, 2]) AS u", "UNNEST"),
    ("SELECT DISTINCT ON (k) k, id FROM orders ORDER BY k, id", "DISTINCT with ON"),
    ("SELECT k, count(*) AS n FROM orders GROUP BY ROLLUP (k)", "rollup"),
    ("SELECT items, count(*) AS n FROM orders GROUP BY items", r"key has the type BIGINT\[\]"),
    ("SELECT lower(k) AS k, count(*) AS n FROM orders GROUP BY k HAVING k = 'a'", "name of two things"),
    ("SELECT sum(n) OVER w AS s FROM orders WINDOW w AS (PARTITION BY k)", "WINDOWS"),
    ("SELECT lag(n, 1, 0) OVER (ORDER BY id) AS l FROM orders", "aggregates by LAG"),
    ("SELECT sum(n) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM orders", "RANGE by a value"),
    ("SELECT a.id FROM orders a LEFT JOIN customers b ON a.id + 1 = b.id", "LEFT JOIN is on something computed"),
    ("SELECT a.id FROM orders a ASOF JOIN customers b ON a.id >= b.id", "JOIN with METHOD"),
    ("SELECT a.id, b.id FROM orders a, customers b", "two columns are called 'id'"),
    ("SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.id)", "looks at each row"),
    ("SELECT id, (SELECT id FROM customers WHERE name = 'Ann') AS i FROM orders", "more than one row"),
    ("SELECT id FROM orders WHERE id NOT IN (SELECT id FROM customers) OR n = 7", "part of another condition"),
    ("SELECT id IN (SELECT id FROM customers) AS known FROM orders", "part of another condition"),
    ("SELECT id FROM orders WHERE amount IN (SELECT id FROM customers)", "IN looks for"),
    ("SELECT id FROM orders USING SAMPLE 2 ROWS", "SAMPLE"),
    ("SELECT id FROM orders LIMIT 50%", "LIMIT"),
    ("SELECT k FROM orders UNION ALL BY NAME SELECT k FROM customers", "BY NAME"),
    ("SELECT k FROM orders EXCEPT ALL SELECT k FROM customers", "EXCEPT ALL"),
    ("WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r WHERE a < 3) SELECT * FROM r", "RECURSIVE"),
    ("SELECT uuid() AS u FROM orders", "uuid gives something else each time"),
    ("SELECT today() AS t FROM orders", "current_date gives something else each time"),
    ("SELECT * FROM range(3)", "no table of the lake"),
    ("VALUES (1)", "not one SELECT"),
    ("PIVOT orders ON k USING sum(n)", "not one SELECT"),
    ("SELECT TIME '10:00:00' AS t", "nothing that holds a TIME"),
    ("SELECT id AS __id FROM orders", "begins with __"),
]


@pytest.mark.parametrize("text", [query for query in QUERIES if query])
def test_spark_gives_what_duckdb_gives(both: Both, text: str) -> None:
    both.same(text)


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_could_differ_is_refused_with_the_reason(both: Both, text: str, reason: str) -> None:
    with pytest.raises(BuildError, match=reason) as raised:
        both.same(text)
    assert "can't be moved to Spark" in str(raised.value)
    assert str(raised.value).endswith("Write it otherwise, or run it on DuckDB.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT nowhere FROM orders", 'column "nowhere" not found'),
        ("SELECT id FROM nowhere", "Table with name nowhere does not exist"),
        ("SELECT FROM WHERE", "syntax error"),
        ("SELECT big * big AS much FROM orders", "Overflow in multiplication of INT64"),
        ("SELECT CAST(k AS INTEGER) AS i FROM orders WHERE k = 'a'", "Could not convert string 'a' to INT32"),
    ],
)
def test_what_fails_on_duckdb_fails_with_its_words(both: Both, text: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        both.spark.read(
            Query(text=text, tables={"orders": pa.table({"id": [1], "k": ["a"], "big": [2**62]})})
        ).read_all()


keys = st.sampled_from(["a", "b", None])
values = st.one_of(st.none(), st.integers(-(2**63) + 1, 2**63 - 1))


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(keys, values, values), max_size=12))
def test_groups_joins_and_windows_are_the_same_over_any_rows(both: Both, rows: list[tuple[object, ...]]) -> None:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    kinds = (pa.string(), pa.int64(), pa.int64())
    table = pa.table([pa.array(c, kind) for c, kind in zip(columns, kinds, strict=True)], names=["k", "x", "y"])
    text = """
        WITH totals AS (
            SELECT k, sum(x) AS s, count(y) AS n, max(y) AS top, avg(x) AS mean FROM t GROUP BY k
        )
        SELECT t.k, t.x, s, n, top, mean, row_number() OVER (PARTITION BY t.k ORDER BY t.x, t.y) AS place
        FROM t LEFT JOIN totals ON t.k = totals.k
    """
    both.same(text, tables={"t": table})
