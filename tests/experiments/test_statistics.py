from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from pumphouse.experiments.statistics import Sample, size_mismatch, units_needed, welch

amounts = st.lists(st.integers(-1_000, 1_000), min_size=2, max_size=30).filter(lambda values: len(set(values)) > 1)


def sample(values) -> Sample:
    return Sample(units=len(values), mean=float(np.mean(values)), variance=float(np.var(values, ddof=1)))


@given(first=amounts, second=amounts, confidence=st.sampled_from([0.9, 0.95, 0.99]))
def test_welch_is_scipys(first, second, confidence: float):
    found = welch(sample(first), sample(second), confidence=confidence)
    theirs = ttest_ind(second, first, equal_var=False)
    interval = theirs.confidence_interval(confidence)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    if abs(found.p_value - (1 - confidence)) > 1e-9:
        assert found.is_found == (found.p_value < 1 - confidence)


def test_samples_without_variance_differ_by_what_they_show():
    always_one, always_two = Sample(units=10, mean=1, variance=0), Sample(units=10, mean=2, variance=0)
    same = welch(always_one, always_one, confidence=0.95)
    assert (same.low, same.high, same.p_value, same.is_found) == (0, 0, 1, False)
    other = welch(always_one, always_two, confidence=0.95)
    assert (other.low, other.high, other.p_value, other.is_found) == (1, 1, 0, True)


def test_sizes_that_match_their_weights_and_sizes_that_do_not():
    assert size_mismatch([5_050, 4_950], [1, 1]) > 0.001
    assert size_mismatch([5_300, 4_700], [1, 1]) < 0.001
    assert size_mismatch([9_000, 1_000], [9, 1]) == 1


def test_units_needed_find_the_change_four_times_in_five():
    rng = np.random.default_rng(3)
    needed = units_needed(Sample(units=100, mean=10, variance=9), change=1, confidence=0.95)
    assert needed == 142
    found = sum(
        welch(sample(rng.normal(10, 3, needed)), sample(rng.normal(11, 3, needed)), confidence=0.95).is_found
        for _ in range(400)
    )
    assert 0.73 <= found / 400 <= 0.87
    assert units_needed(Sample(units=100, mean=0, variance=9), change=0, confidence=0.95) is None


def test_where_nothing_differs_a_difference_is_found_one_time_in_twenty():
    """Amounts as shops have them: most people buy nothing, a few buy much."""
    rng = np.random.default_rng(97)

    def amounts():
        return np.where(rng.random(1_000) < 0.3, rng.lognormal(3, 1, 1_000), 0)

    alarms = sum(welch(sample(amounts()), sample(amounts()), confidence=0.95).is_found for _ in range(400))
    assert 0.02 <= alarms / 400 <= 0.085
