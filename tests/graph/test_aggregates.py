from __future__ import annotations

import duckdb
import pytest
import sqlglot

from pumphouse.graph.aggregates import aggregates_in


def test_every_aggregate_of_duckdb_is_told_from_other_functions():
    """Those of the engine's own list that can be called with one, two or three columns."""
    found = duckdb.sql("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'")
    names = [name for (name,) in found.fetchall() if name.isidentifier()]
    missed = [
        name for name in names if not any(_aggregates(f"{name}({columns})") for columns in ("x", "x, y", "x, y, z"))
    ]
    # They need a window, and DuckDB lists them as aggregates all the same.
    assert set(missed) <= {"fill", "rank_dense", "row_number"}


@pytest.mark.parametrize(
    "call", ["mean(x)", "count_star()", "geomean(x)", "MAD(x)", "sum(x) FILTER (x > 1)", "count(*)"]
)
def test_an_aggregate_is_seen_inside_an_expression(call: str):
    assert aggregates_in(sqlglot.parse_one(f"SELECT 1 + {call} AS n FROM t", dialect="duckdb"))


@pytest.mark.parametrize("call", ["round(x)", "list_sum(x)", "meaning(x)", "greatest(x, y)"])
def test_what_maps_one_row_is_no_aggregate(call: str):
    assert not aggregates_in(sqlglot.parse_one(f"SELECT {call} FROM t", dialect="duckdb"))


def _aggregates(call: str) -> bool:
    try:
        return bool(aggregates_in(sqlglot.parse_one(f"SELECT {call} FROM t", dialect="duckdb")))
    except sqlglot.errors.SqlglotError:
        return False  # it takes another number of arguments
