from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import bind, literal, quoted
from pumphouse.errors import ConfigError

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**12), 10**12, places=4),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    st.dates(),
    st.datetimes(),
    st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001
    st.timedeltas(dt.timedelta(days=-1000), dt.timedelta(days=1000)),
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(VALUES)
def test_any_value_comes_through_sql_as_it_was(duck: DuckDB, value: Any) -> None:
    (row,) = duck.read(Query(text="SELECT $v AS v", parameters={"v": value})).read_all().to_pylist()
    found = row["v"]
    if isinstance(value, dt.timedelta):
        found = dt.timedelta(days=found.days, microseconds=found.nanoseconds // 1000)
    if isinstance(value, float):  # digits in SQL are a decimal where they can be
        found = float(found)
    assert found == value


def test_lists_are_lists(duck: DuckDB) -> None:
    text = "SELECT 2 IN $ids AS a, list_contains($names, 'b''') AS b"
    query = Query(text=text, parameters={"ids": [1, 2], "names": ("a", "b'")})
    assert duck.read(query).read_all().to_pylist() == [{"a": True, "b": True}]


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("SELECT $a", "SELECT 1"),
        ("SELECT $a + $a, ($a)", "SELECT 1 + 1, (1)"),
        ("SELECT '$a', \"$a\", $$ $a $$, 'it''s $a'", "SELECT '$a', \"$a\", $$ $a $$, 'it''s $a'"),
        ("SELECT $a -- and $b\n, $a /* $c */", "SELECT 1 -- and $b\n, 1 /* $c */"),
        ("SELECT $a::DATE", "SELECT 1::DATE"),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_only_whole_names_outside_of_text_are_replaced(text: str, bound: str) -> None:
    assert bind(text, {"a": 1}) == bound


def test_a_name_without_a_value_says_where_to_put_one() -> None:
    with pytest.raises(ConfigError, match=r"setting '\$rate' has no value.*\[settings\]: rate = "):
        bind("SELECT $rate", {})


def test_what_has_no_literal_is_refused() -> None:
    with pytest.raises(ConfigError, match="can't be of type dict"):
        literal({"a": 1})


def test_literals_are_plain() -> None:
    assert literal(None) == "NULL"
    assert literal(value=True) == "TRUE"
    assert literal(Decimal("1.50")) == "1.50"
    assert literal(dt.timedelta(microseconds=-1)) == "INTERVAL '-1 microseconds'"
    assert quoted('a"b') == '"a""b"'
