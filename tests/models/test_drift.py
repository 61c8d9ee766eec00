from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.models.drift import SMOOTHING, drift_of_numbers, drift_of_texts, judged_together


def test_psi_of_a_case_made_by_hand() -> None:
    before, now = np.repeat([0.0, 1.0], [8000, 2000]), np.repeat([0.0, 1.0], [6000, 4000])
    found = drift_of_numbers("a", "feature", before, now)
    assert found.psi == pytest.approx(-0.2 * log(0.6 / 0.8) + 0.2 * log(0.4 / 0.2), abs=1e-3)
    assert found.distance == pytest.approx(0.2)
    assert found.psi_by_chance == pytest.approx(1 / 10_000 + 1 / 10_000)
    assert found.p < 1e-9
    assert judged_together([found])[0].moved == "moderately"


def test_missing_values_and_texts_are_parts_of_their_own() -> None:
    gone = drift_of_numbers("a", "feature", np.ones(1000), np.where(np.arange(1000) < 500, np.nan, 1.0))
    assert (gone.missing_before, gone.missing_now, gone.distance) == (0, 0.5, 0)
    assert judged_together([gone])[0].moved == "much"
    all_gone = drift_of_numbers("a", "feature", np.full(100, np.nan), np.full(100, np.nan))
    assert (all_gone.psi, all_gone.p, all_gone.distance) == (0, 1, None)
    texts = drift_of_texts("b", ["web"] * 600 + ["shop"] * 400, ["web"] * 400 + ["shop"] * 500 + [None] * 100)
    shares = [((count + SMOOTHING) / (1000 + SMOOTHING * 3)) for count in (600, 400, 0, 400, 500, 100)]
    wanted = sum((now - was) * log(now / was) for was, now in zip(shares[:3], shares[3:], strict=True))
    assert texts.psi == pytest.approx(wanted)
    assert (texts.missing_now, texts.distance) == (0.1, None)


def test_a_difference_that_is_sure_but_small_is_no_alarm() -> None:
    chance = np.random.default_rng(1)
    found = drift_of_numbers("a", "feature", chance.normal(0, 1, 100_000), chance.normal(0.1, 1, 100_000))
    assert found.p < 1e-9
    assert found.psi < 0.1
    assert judged_together([found])[0].moved == "no"


def test_without_drift_alarms_are_as_rare_as_they_should_be() -> None:
    chance, small = np.random.default_rng(20261128), []
    for _ in range(1000):
        before, now = chance.gamma(1.5, 1, 1000), chance.gamma(1.5, 1, 300)
        small.append(drift_of_numbers("a", "feature", before, now).p)
    rates = [np.mean(np.array(small) < level) for level in (0.05, 0.01)]
    assert rates[0] == pytest.approx(0.05, abs=0.025)
    assert rates[1] <= 0.02


def test_the_same_people_again_and_again_raise_no_alarm() -> None:
    chance, alarms, plain = np.random.default_rng(5), 0, 0
    for _ in range(200):
        before = np.repeat(chance.normal(0, 1, 100), 10)
        now = np.repeat(chance.normal(0, 1, 100), 10)
        alarms += drift_of_numbers("a", "feature", before, now, share_before=0.1, share_now=0.1).p < 0.05
        plain += drift_of_numbers("a", "feature", before, now).p < 0.05
    assert alarms <= 20
    assert plain > 150  # which is why


def test_twenty_columns_that_stand_still_are_told_to_stand_still() -> None:
    chance, alarms = np.random.default_rng(9), 0
    for _ in range(50):
        drifts = [
            drift_of_numbers(str(n), "feature", chance.normal(0, 1, 300), chance.normal(0, 1, 100)) for n in range(20)
        ]
        alarms += any(one.moved != "no" for one in judged_together(drifts))
    assert alarms <= 3


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80))
def test_distance_is_the_largest_between_the_shares_below_and_what_equals_itself_has_not_moved(
    before: list[float], now: list[float]
) -> None:
    found = drift_of_numbers("a", "feature", np.array(before), np.array(now))
    below = ([np.mean([value <= at for value in one]) for at in before + now] for one in (before, now))
    assert found.distance == pytest.approx(max(abs(was - is_) for was, is_ in zip(*below, strict=True)))
    assert found.psi >= 0
    same = drift_of_numbers("a", "feature", np.array(before), np.array(before))
    assert (same.psi, same.distance, same.p) == (pytest.approx(0), 0, pytest.approx(1))
