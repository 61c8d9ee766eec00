"""A distribution that moved is found, noise is not, and the arithmetic is the field's."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency

from pumphouse.checks import steady
from pumphouse.lake.shifts import ROWS_MIN, _chance, pooled, shift

from .conftest import Bench

COUNTS = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=2, max_size=12)


@given(statistic=st.floats(0, 1390), freedom=st.integers(1, 25))
def test_the_tail_of_chi_squared_is_scipys(statistic: float, freedom: int) -> None:
    assert _chance(statistic, freedom) == pytest.approx(chi2.sf(statistic, freedom), rel=1e-9, abs=1e-290)


@given(counts=COUNTS)
def test_the_chance_of_a_shift_is_pearsons_test_whichever_side_is_first(counts: list[tuple[int, int]]) -> None:
    moved, back = shift(counts), shift([(now, before) for before, now in counts])
    expected = chi2_contingency([[a for a, _ in counts], [b for _, b in counts]], correction=False)
    assert moved.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-300)
    assert (moved.psi, moved.p) == pytest.approx((back.psi, back.p))
    assert moved.psi >= 0


@given(
    before=st.dictionaries(st.text(max_size=2), st.integers(1, 60), min_size=1),
    now=st.dictionaries(st.text(max_size=2), st.integers(1, 60), min_size=1),
)
def test_no_row_is_lost_where_rare_values_are_pooled(before: dict[str, int], now: dict[str, int]) -> None:
    counts = pooled(before, now)
    assert [sum(side) for side in zip(*counts, strict=True)] == [sum(before.values()), sum(now.values())]


def numbers(seed: int, *, rows: int = 200, mean: float = 0.0, missing: float = 0.1) -> pa.Table:
    dice = random.Random(seed)
    drawn = [None if dice.random() < missing else dice.gauss(mean, 1) for _ in range(rows)]
    return pa.table({"x": pa.array(drawn, pa.float64()), "t": [f"{round(one or 0)}" for one in drawn]})


@pytest.mark.parametrize("column", ["x", "t"])
def test_a_shift_is_found_and_noise_is_not(bench: Bench, column: str) -> None:
    for seed in range(5):
        before = [numbers(seed)]
        same = bench.find(steady(column), bench.sight(numbers(seed + 100), before=before))
        assert same.status == "passed", same.said
        moved = bench.find(steady(column), bench.sight(numbers(seed + 100, mean=1), before=before))
        assert moved.status == "failed"
    lost = bench.find(steady("x"), bench.sight(numbers(1, missing=0.6), before=[numbers(2)]))
    assert (lost.status, "its stability index is" in lost.said) == ("failed", True)


def test_few_rows_no_version_and_other_columns_say_nothing(bench: Bench) -> None:
    few = bench.sight(numbers(1, rows=ROWS_MIN - 1, mean=9), before=[numbers(2)])
    assert bench.find(steady("x"), few).status == "undecided"
    assert bench.find(steady("x"), bench.sight(numbers(1))).status == "undecided"
    other = bench.sight(numbers(1), before=[pa.table({"y": [1]})])
    assert bench.find(steady("x"), other).status == "undecided"
