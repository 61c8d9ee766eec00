"""Values as Python has them; days and moments beyond its calendar as DuckDB writes them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.engines.python_values import INFINITY, INFINITY_DAYS, python_rows, python_values

DAYS_MOST, MICROSECONDS_MOST = 2_000_000_000, 9_000_000_000_000_000_000


@pytest.fixture(scope="module")
def oracle() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET timezone = 'UTC'")
    return connection


def written(oracle: duckdb.DuckDBPyConnection, column: pa.Array) -> list[Any]:
    oracle.register("t", pa.table({"v": column}))
    return [text for (text,) in oracle.execute("SELECT CAST(v AS VARCHAR) FROM t").fetchall()]


@given(st.lists(st.one_of(st.none(), st.integers(-DAYS_MOST, DAYS_MOST), st.sampled_from([-719163, -719162, 2932896]))))
def test_a_day_is_one_of_pythons_or_what_duckdb_writes(
    oracle: duckdb.DuckDBPyConnection, days: list[int | None]
) -> None:
    column = pa.array([*days, INFINITY_DAYS, -INFINITY_DAYS], pa.int32()).view(pa.date32())
    found = [value.isoformat() if isinstance(value, dt.date) else value for value in python_values(column)]
    assert found == written(oracle, column)


@given(st.lists(st.integers(-MICROSECONDS_MOST, MICROSECONDS_MOST)), st.sampled_from([None, "UTC"]))
def test_a_moment_is_one_of_pythons_or_what_duckdb_writes(
    oracle: duckdb.DuckDBPyConnection, microseconds: list[int], zone: str | None
) -> None:
    column = pa.array([*microseconds, INFINITY, -INFINITY], pa.int64()).view(pa.timestamp("us", tz=zone))
    for value, text in zip(python_values(column), written(oracle, column), strict=True):
        assert value == (text if isinstance(value, str) else dt.datetime.fromisoformat(text))


def test_far_days_are_found_inside_lists_structs_and_maps() -> None:
    connection = duckdb.connect()
    query = (
        "SELECT [DATE 'infinity', NULL, DATE '2024-01-02'] AS days, {'a': DATE '99999-01-01', 'b': 1} AS both,"
        " MAP {'x': TIMESTAMP '-infinity'} AS at, TIMESTAMP_NS 'infinity' AS ns UNION ALL SELECT NULL, NULL, NULL, NULL"
    )
    rows = python_rows(connection.execute(query).to_arrow_table())
    assert rows == [
        {
            "days": ["infinity", None, dt.date(2024, 1, 2)],
            "both": {"a": "99999-01-01", "b": 1},
            "at": [("x", "-infinity")],
            "ns": "infinity",
        },
        dict.fromkeys(["days", "both", "at", "ns"]),
    ]


def test_what_python_has_stays_as_it_is() -> None:
    column = pa.chunked_array([pa.array([1, None]), pa.array([2])])
    assert python_values(column) == [1, None, 2]
    assert python_values(pa.array(["a", None, "a"]).dictionary_encode()) == ["a", None, "a"]
