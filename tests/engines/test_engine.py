"""Which functions a query calls."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, SqlFunction, called_in

SAME = SqlFunction(name="same", function=lambda text: text, parameters=(pa.string(),), returns=pa.string())


@pytest.mark.parametrize("call", ["same('a')", "SAME ('a')", "\"same\"('a')", "lower(same\n('A'))"])
def test_a_call_is_found_however_it_is_spelled(duck: DuckDB, call: str) -> None:
    text = f"SELECT {call} AS said"
    engine = duck.fork()
    assert engine.read(Query(text=text, functions=called_in(text, [SAME]))).read_all().to_pylist() == [{"said": "a"}]
    engine.close()


@pytest.mark.parametrize("text", ["SELECT same", "SELECT is_same('a')", "SELECT sames('a')"])
def test_what_only_looks_like_a_call_is_none(text: str) -> None:
    assert called_in(text, [SAME]) == ()
