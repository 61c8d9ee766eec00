"""Each rule finds the rows that its definition says, nulls and all; a Python oracle says which those are."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.checks import between, fresh, matches, not_null, one_of, query, refers_to, row_count, unique
from pumphouse.declare.checks import Condition, code_of
from pumphouse.errors import BuildError
from pumphouse.lake.checks import CheckOfTable, evaluate

from .conftest import Bench

TEXTS = st.sampled_from([None, "", "a", "b", "ab", "12", "A'b", "東京"])
NUMBERS = st.sampled_from([None, -1.0, 0.0, 1.5, 3.0, math.nan, math.inf])
ROWS = st.lists(st.tuples(TEXTS, NUMBERS), max_size=12)
EXAMPLES = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def table(rows: list[tuple[Any, Any]]) -> pa.Table:
    return pa.table(
        {
            "n": pa.array(range(len(rows)), pa.int64()),
            "t": pa.array([text for text, _ in rows], pa.string()),
            "x": pa.array([number for _, number in rows], pa.float64()),
        }
    )


def oracle(rows: list[tuple[Any, Any]]) -> dict[Condition, list[int]]:
    """Which rows fail each rule, by their number."""
    texts, alike = Counter(text for text, _ in rows), Counter((text, repr(number)) for text, number in rows)
    fails: dict[Condition, Any] = {
        not_null("t"): lambda t, x: t is None,
        not_null("t", "x"): lambda t, x: t is None or x is None,
        one_of("t", ["a", "A'b", 12]): lambda t, x: t is not None and t not in ("a", "A'b", "12"),
        one_of("x", [0, 1.5]): lambda t, x: x is not None and x not in (0, 1.5),
        between("x", 0, 2): lambda t, x: x is not None and not 0 <= x <= 2,
        between("x", least=0): lambda t, x: x is not None and not x >= 0,
        between("t", "a", "b"): lambda t, x: t is not None and not "a" <= t <= "b",
        matches("t", "^[a-b]+$"): lambda t, x: t is not None and not re.search("^[a-b]+$", t),
        matches("t", "b"): lambda t, x: t is not None and "b" not in t,
        unique("t"): lambda t, x: t is not None and texts[t] > 1,
        unique("t", nulls="equal"): lambda t, x: texts[t] > 1,
        unique("t", "x"): lambda t, x: None not in (t, x) and alike[t, repr(x)] > 1,
        refers_to("t", "known.name"): lambda t, x: t is not None and t not in ("a", "12"),
        "x > 0 OR t = 'a'": not_true,
        query("SELECT * FROM orders JOIN known ON t = name"): lambda t, x: t in ("a", "12"),
    }
    return {rule: [n for n, row in enumerate(rows) if failed(*row)] for rule, failed in fails.items()}


def not_true(text: str | None, number: float | None) -> bool:
    """Whether `x > 0 OR t = 'a'` is false in SQL, where NaN is above all numbers."""
    parts = [None if number is None else number > 0 or math.isnan(number), None if text is None else text == "a"]
    return True not in parts and None not in parts


AT = datetime(2026, 5, 3, tzinfo=UTC).replace(tzinfo=None)
KNOWN = pa.table({"name": pa.array(["a", "12", None])})


@EXAMPLES
@given(rows=ROWS)
def test_each_rule_finds_just_the_rows_that_its_definition_says(bench: Bench, rows: list[tuple[Any, Any]]) -> None:
    sight = bench.sight(table(rows), {"known": KNOWN})
    expected = oracle(rows)
    for rule, numbers in expected.items():
        assert sorted(row["n"] for row in bench.failing(rule, sight)) == numbers, code_of(rule)
    together = evaluate(
        [CheckOfTable(name=code_of(rule), table="orders", condition=rule, severity="error") for rule in expected],
        sight,
    )
    assert [found.failing for found in together] == [len(numbers) for numbers in expected.values()]


@EXAMPLES
@given(rows=ROWS, mostly=st.sampled_from([0.2, 0.5, 0.9]))
def test_where_and_mostly_say_which_rows_and_how_many_of_them(
    bench: Bench, rows: list[tuple[Any, Any]], mostly: float
) -> None:
    sight = bench.sight(table(rows), {"known": KNOWN})
    looked = [n for n, (text, _) in enumerate(rows) if text is not None and text != "b"]
    for rule in (between("x", 0, 2), refers_to("t", "known.name"), not_null("x")):
        failing = [
            n for n in oracle(rows).get(rule, [n for n, row in enumerate(rows) if row[1] is None]) if n in looked
        ]
        found = bench.find(rule, sight, where="t <> 'b'", mostly=mostly)
        assert found.failing == len(failing)
        assert (found.status == "failed") is (len(failing) > (1 - mostly) * len(looked) + 1e-9)


@pytest.mark.parametrize(
    ("newest", "kind", "within", "status"),
    [
        (AT.replace(hour=10), pa.timestamp("us"), "3 hours", "failed"),  # 10:00 in Berlin is 8:00 UTC
        (AT.replace(hour=13, minute=59), pa.timestamp("us"), "1 hour", "passed"),
        (AT.replace(hour=10), pa.timestamp("us", tz="UTC"), "2 hours", "passed"),
        (AT.replace(hour=9, minute=59), pa.timestamp("us", tz="UTC"), "2 hours", "failed"),
        (date(2026, 5, 3), pa.date32(), "1 hour", "passed"),  # today has not ended
        (date(2026, 5, 2), pa.date32(), "14 hours", "passed"),  # yesterday ended 14 hours ago in Berlin
        (date(2026, 5, 2), pa.date32(), "13 hours", "failed"),
        (None, pa.date32(), "13 hours", "failed"),
    ],
)
def test_fresh_counts_from_the_runs_clock_and_leaves_out_the_future(
    bench: Bench, newest: Any, kind: pa.DataType, within: str, status: str
) -> None:
    future = AT.replace(year=2199) if pa.types.is_timestamp(kind) else date(2199, 1, 1)
    sight = bench.sight(pa.table({"at": pa.array([newest, None, future], kind)}))
    found = bench.find(fresh("at", within=within), sight)
    assert found.status == status, found.said


def test_row_count_is_compared_with_the_median_of_earlier_versions(bench: Bench) -> None:
    def rows(count: int) -> pa.Table:
        return pa.table({"n": list(range(count))})

    usual = [rows(100), rows(90), rows(5000), rows(110)]
    for count, status in ((53, "passed"), (52, "failed"), (157, "passed"), (158, "failed")):
        found = bench.find(row_count(within=0.5), bench.sight(rows(count), before=usual))
        assert found.status == status, (count, found.said)
    assert bench.find(row_count(within=0.5), bench.sight(rows(1), before=usual[:2])).status == "undecided"
    assert bench.find(row_count(2), bench.sight(rows(1))).status == "failed"
    assert "more than 2" in bench.find(row_count(0, 2), bench.sight(rows(3))).said


def test_a_rule_that_cant_be_computed_is_named_with_what_mends_it(bench: Bench) -> None:
    sight = bench.sight(table([("a", 1.0)]))
    for rule in (
        not_null("xx"),
        "xx > 1",
        unique("xx"),
        fresh("t", within="1 day"),
        matches("t", "(?=a)b"),
        one_of("x", ["q"]),
    ):
        with pytest.raises(BuildError, match="check 'c'") as raised:
            bench.find(rule, sight)
        assert raised.value.mend
    with pytest.raises(BuildError, match="'xx'") as raised:
        bench.find("xx > 1", sight)
    assert raised.value.mend == "Did you mean 'x'?"


def test_what_is_not_built_yet_leaves_a_check_undecided(bench: Bench) -> None:
    sight = bench.sight(table([("a", 1.0)]))
    for rule in (refers_to("t", "later.name"), query("SELECT * FROM orders, later")):
        found = bench.find(rule, sight)
        assert (found.status, "'later' is not built" in found.said) == ("undecided", True)


@pytest.mark.parametrize(
    "make",
    [
        not_null,
        lambda: one_of("a", []),
        lambda: one_of("a", "abc"),
        lambda: one_of("a", [None]),  # type: ignore[list-item]
        lambda: between("a"),
        lambda: between("a", math.nan),
        lambda: refers_to("a", "b"),
        lambda: refers_to(("a", "b"), "c.d"),
        lambda: refers_to(("a", "b"), ("c.d", "e.f")),
        lambda: fresh("a", within="soon"),
        row_count,
        lambda: row_count(within=-1),
    ],
)
def test_a_rule_that_means_nothing_is_refused_where_it_is_written(make: Any) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        make()
