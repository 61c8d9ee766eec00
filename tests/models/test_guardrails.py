from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pumphouse.declare.rollouts import guardrails
from pumphouse.models.guardrails import (
    FALSE_STOPS_MAX,
    NEW_FOR,
    NEW_REQUESTS,
    REQUESTS_MIN,
    WINDOW_ENTITIES,
    Watch,
    distance,
    is_surely_above,
    sampled_within,
    share_at_least,
)
from pumphouse.models.predictions import Role
from pumphouse.models.quality import Quality
from pumphouse.models.registry import Version
from pumphouse.models.rollouts import Arm, Arms, Stop

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


def version(number: int) -> Version:
    quality: Any = None  # nobody looks
    measured: Quality = quality
    return Version(
        model="returns", number=number, sha="", at=LONG_AGO, snapshot=1, doc="", estimator="", label="returned",
        entity={"customer_id": "int64"}, features=(), columns={}, fingerprint="", rows=1, positives=1, unlabelled=0,
        assumed=False, training_set="", packages={}, on_training_rows=measured, held_out=None,
    )  # fmt: skip


def arm(role: Role, number: int, *, share: float = 0.1, since: datetime = LONG_AGO) -> Arm:
    return Arm(role=role, version=version(number), share=share, since=since, pin=f"{role} {number}")


def arms(*, live_since: datetime = LONG_AGO) -> Arms:
    """Version 2 is live, 1 was before; 3 is the canary, 4 the challenger."""
    return Arms(
        rollout="returns_live", live=arm("live", 2, share=1.0, since=live_since), before=version(1),
        canary=arm("canary", 3), challenger=arm("challenger", 4), shadow=None, stopped=(),
    )  # fmt: skip


ARMS = arms()


class Watched:
    """A watch with what it stopped. Each request is of somebody new, unless said otherwise."""

    def __init__(self, **bounds: float) -> None:
        self.stops: list[Stop] = []
        self.watch = Watch(guardrails(**bounds), stop=self.stops.append)
        self.rng = np.random.default_rng(7)
        self.asked = 0

    def see(
        self, role: Role, count: int, *, errors: float = 0.0, slow: float = 0.0, mean: float = 0.3, among: Arms = ARMS
    ) -> Stop | None:
        """Requests in batches of ten until they are all seen, or one stops the arm."""
        for _ in range(count // 10):
            keys = [(self.asked + n,) for n in range(10)]
            self.asked += 10
            stop = self.watch.saw(
                among, role, keys=keys, predictions=self.rng.normal(mean, 0.1, 10).tolist(),
                failed=(self.rng.random(10) < errors).tolist(), now=NOW,
                latency_ms=np.where(self.rng.random(10) < slow, 90.0, 5.0).tolist(),
            )  # fmt: skip
            if stop is not None:
                return stop
        return None


@pytest.mark.parametrize(
    ("bounds", "broken", "said"),
    [
        ({"errors": 0.01}, {"errors": 1.0}, "100.0% of its requests failed; the guardrail is 1.0%"),
        ({"latency_ms_p99": 50}, {"slow": 1.0}, "one in a hundred requests took longer than 90.0 ms; the guardrail is"),
        ({"shift": 0.2}, {"mean": 0.9}, "away from the live version's; the guardrail is 0.20"),
    ],
)
@pytest.mark.parametrize("role", ["canary", "challenger"])
def test_an_arm_that_is_broken_is_stopped_as_soon_as_it_is_judged(role: Role, bounds, broken, said: str):
    watched = Watched(**bounds)
    assert watched.see("live", 1_000) is None
    stop = watched.see(role, 2_000, **broken)
    assert stop is not None
    assert said in stop.why
    assert (stop.role, stop.rollout, stop.at, stop.requests) == (role, "returns_live", NOW, REQUESTS_MIN)
    assert stop.sure > stop.bound
    watched.watch.close()
    assert watched.stops == [stop]
    left = watched.watch.heeded(arms())
    assert [each.role for each in left.answering] == ["live", "challenger" if role == "canary" else "canary"]
    assert left.stopped == (stop,)
    assert watched.see(role, 500, **broken) is None
    watched.watch.close()
    assert watched.stops == [stop]


def test_few_requests_stop_nobody():
    watched = Watched(errors=0.01)
    assert watched.see("canary", REQUESTS_MIN - 10, errors=1.0) is None


def test_what_is_within_its_bounds_goes_on_however_often_it_is_looked_at():
    """At the bound itself, where noise passes it half of the time: a test at 1% would stop nearly all of these."""
    stopped = 0
    for _ in range(20):
        watched = Watched(errors=0.05, latency_ms_p99=50, shift=0.1)
        watched.see("live", 1_000)
        stopped += watched.see("canary", 5_000, errors=0.05, slow=0.01, mean=0.32) is not None
    assert stopped <= 1


def test_an_arm_that_breaks_late_is_stopped_too():
    watched = Watched(errors=0.01)
    assert watched.see("canary", 20_000) is None
    stop = watched.see("canary", 1_000, errors=1.0)
    assert stop is not None
    assert stop.guardrail == "errors"


def test_who_asks_all_the_time_shifts_nothing():
    watched = Watched(shift=0.2)
    watched.see("live", 1_000)
    for _ in range(200):
        said = watched.watch.saw(
            arms(), "canary", keys=[(7,)] * 10, predictions=[0.99] * 10, failed=[False] * 10, latency_ms=[5.0] * 10,
            now=NOW,
        )  # fmt: skip
        assert said is None


def test_an_answer_that_was_not_given_is_no_prediction():
    watched = Watched(shift=0.0)
    watched.see("live", 1_000)
    for turn in range(100):
        keys = [(turn * 10 + n,) for n in range(10)]
        nothing: list[float | None] = [None] * 10
        watched.watch.saw(
            arms(), "canary", keys=keys, predictions=nothing, failed=[True] * 10, latency_ms=[5.0] * 10, now=NOW
        )
    watched.watch.close()
    assert watched.stops == []


def test_the_live_version_is_rolled_back_for_errors_while_it_is_new():
    new = arms(live_since=NOW - timedelta(minutes=5))
    watched = Watched(errors=0.01, latency_ms_p99=50)
    assert watched.see("live", 500, slow=1.0, among=new) is None
    stop = watched.see("live", 500, errors=1.0, among=new)
    assert stop is not None
    assert (stop.role, stop.version) == ("live", "returns@2")
    assert watched.watch.heeded(new).live.version.name == "returns@1"


@pytest.mark.parametrize(
    "among",
    [
        arms(live_since=NOW - NEW_FOR - timedelta(seconds=1)),
        replace(arms(live_since=NOW), before=None),
    ],
)
def test_a_live_version_that_is_old_or_the_first_goes_on(among: Arms):
    assert Watched(errors=0.01).see("live", 1_000, errors=1.0, among=among) is None


def test_a_live_version_that_went_well_is_no_longer_new():
    new, watched = arms(live_since=NOW), Watched(errors=0.01)
    watched.see("live", NEW_REQUESTS, among=new)
    assert watched.see("live", 5_000, errors=1.0, among=new) is None


def test_without_a_bound_nothing_is_judged():
    watched = Watched()
    watched.see("live", 200)
    assert watched.see("canary", 500, errors=1.0, slow=1.0, mean=0.9) is None


def test_what_is_remembered_is_bounded():
    watched = Watched(errors=0.5, shift=0.9)
    watched.see("live", 2 * WINDOW_ENTITIES)
    only = replace(arms(), canary=None, challenger=None)
    assert len(watched.watch._seen["live 2"].predictions()) == WINDOW_ENTITIES
    watched.see("canary", 100)
    watched.see("live", 100, among=only)
    assert set(watched.watch._seen) == {"live 2"}


def test_threads_share_a_watch_and_stop_once():
    watched = Watched(errors=0.01)
    threads = [threading.Thread(target=watched.see, args=("canary", 500), kwargs={"errors": 1.0}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    watched.watch.close()
    assert len(watched.stops) == 1


counts = st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@settings(deadline=None)
@given(counted=counts, alpha=st.floats(1e-12, 0.5))
def test_the_bound_of_a_share_is_that_of_clopper_and_pearson(counted, alpha: float):
    count, of = counted
    low = stats.binomtest(count, of, alternative="greater").proportion_ci(1 - alpha).low
    assert share_at_least(count, of, alpha=alpha) == pytest.approx(low, abs=1e-4)


@settings(deadline=None)
@given(counted=counts, bound=st.floats(0, 1), alpha=st.floats(1e-12, 0.5))
def test_a_share_is_surely_above_what_its_lower_bound_is_above(counted, bound: float, alpha: float):
    count, of = counted
    low = share_at_least(count, of, alpha=alpha)
    if abs(low - bound) > 1e-9:
        assert is_surely_above(count, of, bound, alpha=alpha) == (low > bound)


samples = st.lists(st.floats(0, 1), min_size=1, max_size=50)


@settings(deadline=None)
@given(one=samples, other=samples)
def test_the_distance_is_that_of_kolmogorov_and_smirnov(one, other):
    found = distance(np.array(one), np.array(other))
    below = [np.mean(np.array(one) <= value) - np.mean(np.array(other) <= value) for value in (*one, *other)]
    assert found == pytest.approx(np.abs(below).max())


def test_a_sample_lies_within_its_band_as_often_as_it_should():
    rng, alpha = np.random.default_rng(3), 0.05
    far = [stats.kstest(rng.random(200), "uniform").statistic > sampled_within(200, alpha=alpha) for _ in range(500)]
    assert np.mean(far) < alpha + 0.03


def test_looks_add_up_to_what_may_go_wrong():
    spent: Iterator[float] = (FALSE_STOPS_MAX * 6 / (np.pi * look) ** 2 for look in range(1, 100_000))
    assert sum(spent) <= FALSE_STOPS_MAX
