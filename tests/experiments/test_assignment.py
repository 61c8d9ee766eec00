from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from pumphouse.declare.learning import experiment
from pumphouse.errors import BuildError
from pumphouse.experiments.assignment import assign, unit_text

HALVES = (("control", 1), ("badge", 1))


def test_arms_are_the_same_for_ever():
    """A change of the hash would move everybody: these were computed by hand from SHA-256."""
    assert [assign("badge", unit, HALVES) for unit in range(1, 9)] == [
        "badge", "badge", "control", "badge", "control", "control", "control", "control",
    ]  # fmt: skip


@given(name=st.text(max_size=20), unit=st.integers() | st.text(min_size=1, max_size=20))
def test_a_unit_has_one_arm_whether_number_or_text(name: str, unit: int | str):
    assert assign(name, unit, HALVES) == assign(name, str(unit), HALVES)
    assert assign(name, unit, (("only", 0.3),)) == "only"


@settings(max_examples=20, deadline=None)
@given(name=st.text(max_size=20), weights=st.lists(st.floats(0.05, 1), min_size=2, max_size=4))
def test_weights_are_respected(name: str, weights: list[float]):
    arms = [(f"arm {number}", weight) for number, weight in enumerate(weights)]
    given_to = [assign(name, unit, arms) for unit in range(5_000)]
    counts = [given_to.count(arm) for arm, _ in arms]
    expected = [5_000 * weight / sum(weights) for weight in weights]
    assert chisquare(counts, expected).pvalue > 1e-6


def test_two_experiments_split_the_same_units_independently():
    pairs = [(assign("badge", unit, HALVES), assign("banner", unit, HALVES)) for unit in range(10_000)]
    table = [[pairs.count((a, b)) for b in ("control", "badge")] for a in ("control", "badge")]
    assert chi2_contingency(table).pvalue > 0.001


@pytest.mark.parametrize("unit", [None, True, 7.0, "", [7]])
def test_what_is_no_unit_is_refused(unit: object):
    with pytest.raises(BuildError, match="whole number or text"):
        unit_text(unit)


def test_a_metric_names_table_and_column():
    from pumphouse.declare.learning import mean

    with pytest.raises(ValueError, match=r"table\.column"):
        mean("amount", within_days=14)
    assert experiment(unit="id", arms={"a": 1}, metrics={"m": mean("t.c", within_days=1)}).spec.arms == (("a", 1),)
