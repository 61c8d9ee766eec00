from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pumphouse.declare.rollouts import worth
from pumphouse.models.account import worth_lines
from pumphouse.models.calibration import calibration
from pumphouse.models.intervals import ENTITIES_FEW, mean_of, sided, wilson
from pumphouse.models.worth import worth_of


def test_a_mean_of_independent_rows_has_the_textbook_interval() -> None:
    values = np.arange(100.0)
    found = mean_of(values, np.arange(100, dtype=np.uint64))
    assert (found.value, found.rows, found.entities) == (49.5, 100, 100)
    reach = 1.959963984540054 * values.std(ddof=1) / 10
    assert (found.low, found.high) == pytest.approx((49.5 - reach, 49.5 + reach))


def test_rows_that_only_repeat_an_entity_make_nothing_surer() -> None:
    values, entities = np.arange(40.0), np.arange(40, dtype=np.uint64)
    once, often = mean_of(values, entities), mean_of(np.tile(values, 25), np.tile(entities, 25))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert (often.rows, often.entities) == (1000, 40)


def test_a_loss_is_told_as_a_loss() -> None:
    assert sided(0.2, 0.1, 0.3) == ("smaller", 0.2, 0.1, 0.3)
    assert sided(-0.2, -0.5, 0.1) == ("larger", 0.2, -0.1, 0.5)


@pytest.mark.parametrize(
    ("act_above", "compared"),
    [
        (0.5, "  for each prediction 1 (0.803 to 1.2) USD more than acting on nobody, 1 (0.803 to 1.2) USD more than"),
        (0.0, "  for each prediction not surely more or less (-0.394 to 0.394 USD) than acting on nobody, as much as"),
        (2.0, "  for each prediction as much as acting on nobody, not surely more or less (-0.394 to 0.394 USD) than"),
    ],
)
def test_a_worth_is_told_beside_what_nobody_and_everybody_bring(act_above: float, compared: str) -> None:
    outcomes = np.tile([0.0, 1.0], 50)
    declared, entities = worth("USD", gain=4, cost=2, act_above=act_above), np.arange(100, dtype=np.uint64)
    found = worth_of(
        declared, outcomes + 0.1, outcomes, entities, version="a@1", role="live", label="y", is_chance=True
    )
    assert worth_lines(found)[1].startswith(compared)


def test_too_few_entities_say_nothing() -> None:
    few = mean_of(np.ones(580), np.repeat(np.arange(ENTITIES_FEW - 1, dtype=np.uint64), 20))
    assert (few.value, few.low, few.high, few.is_above) == (None, None, None, None)
    assert (few.rows, few.entities) == (580, 29)


def test_the_interval_holds_the_truth_in_95_of_100_cases_where_entities_repeat() -> None:
    chance = np.random.default_rng(20261128)
    held = 0
    for _ in range(2000):
        own = chance.normal(0.3, 1, 80)
        entities = np.repeat(np.arange(80, dtype=np.uint64), chance.integers(1, 6, 80))
        found = mean_of(own[entities] + chance.normal(0, 1, len(entities)), entities)
        held += found.low <= 0.3 <= found.high
    assert 0.93 <= held / 2000 <= 0.965


def test_all_intervals_of_many_looks_hold_together_in_95_of_100_cases() -> None:
    chance, entities = np.random.default_rng(7), np.arange(100, dtype=np.uint64)
    held = 0
    for _ in range(500):
        looks = [mean_of(chance.normal(0, 1, 100), entities, looks=10) for _ in range(10)]
        held += all(one.low <= 0 <= one.high for one in looks)
    assert held / 500 >= 0.93


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilsons_interval_is_that_of_scipy(came: int, more: int) -> None:
    count = came + more
    wanted = binomtest(came, count).proportion_ci(0.95, method="wilson")
    assert wilson(came / count, count) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_calibration_of_a_case_made_by_hand() -> None:
    said = np.repeat([0.1, 0.4, 0.9], 100)
    came = np.concatenate([np.arange(100) < share for share in (20, 40, 70)]).astype(float)
    found = calibration(said, came, np.arange(300, dtype=np.uint64), is_chance=True)
    assert [(one.rows, round(one.said, 9), round(one.came, 9)) for one in found.parts] == [
        (100, 0.1, 0.2),
        (100, 0.4, 0.4),
        (100, 0.9, 0.7),
    ]
    assert found.error == pytest.approx((0.1 + 0 + 0.2) / 3)
    assert (found.parts[0].low, found.parts[0].high) == pytest.approx(wilson(0.2, 100))


def test_what_is_just_right_is_off_by_no_more_than_chance_makes() -> None:
    chance, errors, by_chance = np.random.default_rng(3), [], []
    for _ in range(200):
        said = chance.beta(1, 4, 2000)
        came = (chance.random(2000) < said).astype(float)
        found = calibration(said, came, np.arange(2000, dtype=np.uint64), is_chance=True)
        errors.append(found.error)
        by_chance.append(found.error_by_chance)
    assert np.mean(errors) == pytest.approx(np.mean(by_chance), rel=0.1)


def test_worth_of_a_case_made_by_hand() -> None:
    said = np.repeat([0.1, 0.3], 50)
    came = np.concatenate([np.arange(50) < 5, np.arange(50) < 20]).astype(float)
    declared = worth("USD", gain=12, cost=1.5, act_above=0.2)
    found = worth_of(
        declared, said, came, np.arange(100, dtype=np.uint64), version="m@1", role="live", label="back", is_chance=True
    )
    assert (found.acted, found.rows, found.total) == (50, 100, 20 * 12 - 50 * 1.5)
    assert found.against_nobody.value == pytest.approx(1.65)
    assert found.against_everybody.value == pytest.approx(1.65 - (25 * 12 - 100 * 1.5) / 100)
    assert found.assumption == (
        "Assumes that everybody predicted above 20% is acted on, that each costs 1.5 USD and it brings 12 USD where"
        " 'back' came true and nothing else, and that acting does not change what comes."
    )
