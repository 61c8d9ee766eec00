from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from pumphouse.models.quality import quality

pairs = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 1)), min_size=2, max_size=60
)


def arrays(rows):
    return np.array([chance for chance, _ in rows]), np.array([outcome for _, outcome in rows], dtype=np.int64)


@given(rows=pairs)
def test_numbers_are_those_of_scikit_learn(rows):
    chances, outcomes = arrays(rows)
    found = quality(chances, outcomes, guess=0.3)
    assert found.squared_error == pytest.approx(brier_score_loss(outcomes, chances, labels=[0, 1]))
    assert found.squared_error_of_guess == pytest.approx(np.mean((0.3 - outcomes) ** 2))
    assert found.gain == pytest.approx(found.squared_error_of_guess - found.squared_error)
    assert found.log_loss == pytest.approx(log_loss(outcomes, chances, labels=[0, 1]), rel=0.05)
    if 0 < outcomes.sum() < len(outcomes):
        assert found.auc == pytest.approx(roc_auc_score(outcomes, chances))
    else:
        assert found.auc is None


def test_lift_counts_equal_chances_in_proportion():
    chances = np.array([0.9] * 20 + [0.1] * 80)
    outcomes = np.array([1] * 10 + [0] * 10 + [1] * 10 + [0] * 70)
    assert quality(chances, outcomes, guess=0.2).lift == pytest.approx(0.5 / 0.2)
    reversed_order = quality(chances[::-1].copy(), outcomes[::-1].copy(), guess=0.2)
    assert reversed_order.lift == pytest.approx(0.5 / 0.2)


def test_rows_of_one_entity_count_as_one_observation():
    rng = np.random.default_rng(5)
    outcomes = rng.integers(0, 2, 200)
    chances = np.clip(0.3 * outcomes + rng.uniform(0, 0.7, 200), 0, 1)
    alone = quality(chances, outcomes, guess=0.5, groups=np.arange(200))
    tenfold = quality(np.tile(chances, 10), np.tile(outcomes, 10), guess=0.5, groups=np.tile(np.arange(200), 10))
    assert tenfold.gain_low == pytest.approx(alone.gain_low)
    assert tenfold.gain_high == pytest.approx(alone.gain_high)
    as_if_new = quality(np.tile(chances, 10), np.tile(outcomes, 10), guess=0.5)
    assert as_if_new.gain_high - as_if_new.gain_low < 0.4 * (alone.gain_high - alone.gain_low)


def test_interval_holds_the_true_gain_about_95_times_in_100():
    rng = np.random.default_rng(11)
    true_gain, covered = 0.2 * 0.2, 0  # chances 0.3 and 0.7 that are right, against a guess of 0.5
    for _ in range(400):
        chances = np.where(rng.random(300) < 0.5, 0.3, 0.7)
        found = quality(chances, (rng.random(300) < chances).astype(np.int64), guess=0.5)
        covered += found.gain_low <= true_gain <= found.gain_high
    assert 0.91 <= covered / 400 <= 0.98


def test_one_row_says_nothing_for_sure():
    found = quality(np.array([0.9]), np.array([1]), guess=0.5)
    assert found.beats_guess is None
    assert found.auc is None
    assert quality(np.array([0.1, 0.1]), np.array([0, 0]), guess=0.5).lift is None


@pytest.mark.parametrize(("chance", "beats"), [(0.9, True), (0.5, None), (0.2, False)])
def test_verdict_against_the_guess(chance: float, beats: bool | None):
    outcomes = np.array([1] * 80 + [0] * 20)
    assert quality(np.full(100, chance), outcomes, guess=0.5).beats_guess is beats
