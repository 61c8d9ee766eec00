"""What a rollout says when it is asked much, asked wrongly, or can't answer in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.models.conftest import Shop, declare_all

from pumphouse.declare.rollouts import guardrails, rollout, serving
from pumphouse.errors import BuildError, ConfigError, Late, Overloaded, RequestRefused
from pumphouse.features.frames import frame_of
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.models import training
from pumphouse.models.answers import flush_predictions, stream_of
from pumphouse.models.asked import ROWS_MAX
from pumphouse.models.guardrails import REQUESTS_MIN
from pumphouse.models.online import Predictor
from pumphouse.models.pins import pin_live
from pumphouse.models.predictions import decode
from pumphouse.models.promotion import promote
from pumphouse.models.registry import parse_version
from pumphouse.models.rollouts import Stop

NOW = datetime(1997, 9, 1, 14, 30, tzinfo=UTC)


def predictor(shop, **declared: Any) -> Predictor:
    shop.declare("returns_live", rollout("returns", **declared))
    return Predictor(shop.lake, shop.lake.engine.fork(), assets=shop.assets, rollout=shop.assets["returns_live"])


def logged(shop):
    return {event.key: decode(event.body) for event in shop.lake.state.events(stream_of("returns_live"))}


@pytest.fixture
def asking(served):
    one = predictor(served)
    yield one
    one.close()


def test_a_batch_is_answered_in_its_order_as_each_alone(served, asking):
    many = asking.predict_many([{"customer_id": n} for n in (9, 7, 9_999, 7)], now=NOW)
    assert [one.entity["customer_id"] for one in many] == [9, 7, 9_999, 7]
    assert [one.known_entity for one in many] == [True, True, False, True]
    alone = [asking.predict({"customer_id": n}, now=NOW) for n in (9, 7, 9_999, 7)]
    assert [(one.prediction, one.features) for one in many] == [(one.prediction, one.features) for one in alone]
    assert logged(served).keys() == {one.id for one in (*many, *alone)}


def test_an_estimator_that_goes_by_places_is_asked_with_arrays_and_says_the_same(served, asking):
    live = asking.start().live
    assert live.nameless is not None
    for count in (1, 3, 64, 65):
        arrays = {"days_since": np.linspace(0, 400, count)}
        assert np.array_equal(live.said(arrays), live.version.said(frame_of(arrays)))


def test_a_batch_with_one_that_is_wrong_is_refused_whole_and_says_which(served, asking):
    with pytest.raises(RequestRefused, match=r"entry 1 \(counted from 0\): 'customer_id' is a whole number"):
        asking.predict_many([{"customer_id": 7}, {"customer_id": "7"}], now=NOW)
    with pytest.raises(RequestRefused, match="that of an earlier one"):
        asking.predict_many([{"customer_id": n, "prediction_id": "a"} for n in (7, 8)], now=NOW)
    with pytest.raises(RequestRefused, match="1,001 were asked about at once"):
        asking.predict_many([{"customer_id": n} for n in range(ROWS_MAX + 1)], now=NOW)
    assert logged(served) == {}


def test_what_a_request_gives_counts_in_place_of_the_features(served, asking):
    given = asking.predict({"customer_id": 7, "features": {"days_since": 300}}, now=NOW)
    assert given.features == {"days_since": 300.0}
    assert given.features_from == "request"
    assert given.prediction < asking.predict({"customer_id": 7}, now=NOW).prediction
    nobody = asking.predict({"features": {"days_since": 300}}, now=NOW)
    assert (nobody.entity, nobody.prediction) == ({"customer_id": None}, given.prediction)
    assert asking.predict({"customer_id": 7, "features": {"days_since": None}}, now=NOW).features == {
        "days_since": None
    }
    for value in (float("nan"), float("inf"), 2**4000, 2**60 + 1, "300", [300]):
        with pytest.raises(RequestRefused, match="'days_since'"):
            asking.predict({"customer_id": 7, "features": {"days_since": value}}, now=NOW)
    with pytest.raises(RequestRefused, match="Did you mean 'days_since'"):
        asking.predict({"customer_id": 7, "features": {"days_sinc": 1}}, now=NOW)
    assert flush_predictions(served.lake, served.assets["returns_live"], run="r", actor="a").counts.rows_out == 4


def test_reasons_are_what_a_typical_value_would_change_largest_first(served, asking):
    answer = asking.predict({"customer_id": 7}, now=NOW, reasons=3)
    version = asking.start().live.version.version
    (reason,) = answer.reasons
    assert (reason.feature, reason.value, reason.typical) == ("days_since", 24.0, version.typical["days_since"])
    typical = asking.predict({"customer_id": 7, "features": {"days_since": reason.typical}}, now=NOW)
    assert reason.contribution == answer.prediction - typical.prediction
    assert asking.predict({"customer_id": 7}, now=NOW).reasons == ()


def test_an_id_that_is_sent_again_is_given_what_was_said_and_nobody_elses(served, asking):
    first = asking.predict({"customer_id": 7}, now=NOW, id="mine")
    again = asking.predict({"customer_id": 7, "features": {"days_since": 300}}, now=NOW, id="mine")
    assert again == first
    with pytest.raises(RequestRefused, match="given for another entity"):
        asking.predict({"customer_id": 8}, now=NOW, id="mine")


def test_who_is_hidden_is_given_nothing_that_was_said_of_them_before(served):
    asking = predictor(served, serving=serving(budget_ms=3000, fallback="cached"))
    asking.predict({"customer_id": 7}, now=NOW, id="mine")
    hide(served.lake, entity="customer_id", value=7, why="asked", run="run-2", actor="ada")
    with pytest.raises(RequestRefused, match="somebody who is hidden"):
        asking.predict({"customer_id": 7}, now=NOW, id="mine")
    asking._patience_s = 0.2
    slow = Slow(asking)
    with pytest.raises(Late):
        asking.predict({"customer_id": 7}, now=NOW)
    slow.let.set()
    asking.close()


class Slow:
    """A version's features, which come when they are let."""

    def __init__(self, asking: Predictor) -> None:
        self.let = threading.Event()
        asking.start()
        current = asking._current

        def held():
            self.let.wait(20)
            return current()

        asking._current = held


def test_too_many_at_once_are_refused_at_once_and_the_others_answered(served):
    asking = predictor(served, serving=serving(waiting_max=3))
    slow = Slow(asking)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(asking.predict, {"customer_id": n}, now=NOW) for n in range(8)]
        while sum(one.done() for one in asked) < 5:
            time.sleep(0.01)
        refused = [one.exception() for one in asked if one.done()]
        slow.let.set()
    assert [type(one) for one in refused] == [Overloaded] * 5
    assert len(logged(served)) == 3
    asking.close()


@pytest.mark.parametrize("fallback", [0.125, "returns@1", "cached"])
def test_what_takes_longer_than_its_budget_is_answered_by_the_fallback(served, fallback):
    asking = predictor(served, serving=serving(budget_ms=3000, fallback=fallback))
    usual = asking.predict({"customer_id": 7}, now=NOW)
    assert usual.fallback is None
    asking._patience_s = 0.2
    slow = Slow(asking)
    answer = asking.predict({"customer_id": 7}, now=NOW)
    assert answer.fallback == "time"
    assert answer.prediction == (0.125 if fallback == 0.125 else usual.prediction)
    assert logged(served)[answer.id] == answer
    if fallback == "cached":
        with pytest.raises(Late, match="within 200 ms"):
            asking.predict({"customer_id": 8}, now=NOW)
    slow.let.set()
    asking.close()
    assert logged(served).keys() == {usual.id, answer.id}


def test_a_number_stands_in_under_the_name_of_the_arms_own_version(served):
    served.build(training.build, "returns", today=date(1997, 9, 1))
    promote(served.lake, "returns", 2, run="run-2", actor="ada", share=0.5)
    asking = predictor(served, serving=serving(budget_ms=3000, fallback=0.125))
    slow = Slow(asking)
    asking._patience_s = 0.2
    answers = asking.predict_many([{"customer_id": n} for n in range(1, 30)], now=NOW)
    assert {(one.role, one.version) for one in answers} == {("live", "returns@1"), ("canary", "returns@2")}
    assert {one.fallback for one in answers} == {"time"}
    slow.let.set()
    asking.close()


def test_without_a_fallback_what_is_late_is_said_to_be(served):
    asking = predictor(served, serving=serving(budget_ms=200))
    slow = Slow(asking)
    with pytest.raises(Late, match="did not answer within 200 ms"):
        asking.predict({"customer_id": 7}, now=NOW)
    slow.let.set()
    asking.close()
    assert logged(served) == {}


def fails_on_spend(shop) -> None:
    """A newer version that answers, whose feature can't be computed any more."""
    first = next(each for each in shop.lake.artefacts("returns") if each.name == "returns@1")
    feature = first.detail["version"]["features"][0]
    broken = {
        **feature,
        "text": feature["text"].replace("date_diff('day',", "CAST('x' || m.customer_id AS BIGINT) + date_diff('day',"),
    }
    version = {**first.detail["version"], "number": 2, "features": [broken]}
    commit = Commit(shop.lake, "returns", run="run-2", actor="ada")
    commit.artefact("returns@2", first.sha, {**first.detail, "version": version})
    pin_live(commit, first.sha, 2, actor="ada")
    commit.publish()


def test_what_fails_is_answered_by_the_fallback_else_it_says_why(served):
    fails_on_spend(served)
    plain = predictor(served)
    with pytest.raises(BuildError):
        plain.predict({"customer_id": 7}, now=NOW)
    plain.close()
    asking = predictor(served, serving=serving(fallback="returns@1"))
    answer = asking.predict({"customer_id": 7}, now=NOW)
    assert (answer.version, answer.fallback, answer.features) == ("returns@1", "error", {"days_since": 24.0})
    asking.close()


def test_a_broken_version_that_was_just_promoted_is_rolled_back_without_a_fallback(served):
    fails_on_spend(served)
    stops: list[Stop] = []
    shop = served
    shop.declare("returns_live", rollout("returns", guardrails=guardrails(errors=0.05)))
    asking = Predictor(
        shop.lake, shop.lake.engine.fork(), assets=shop.assets, rollout=shop.assets["returns_live"], stop=stops.append
    )
    with pytest.raises(BuildError):
        asking.predict_many([{"customer_id": n} for n in range(REQUESTS_MIN)], now=NOW)
    assert asking.predict({"customer_id": 7}, now=NOW).version == "returns@1"
    asking.close()
    assert [(stop.role, stop.version, stop.guardrail) for stop in stops] == [("live", "returns@2", "errors")]


def test_what_is_asked_wrongly_is_no_arms_fault(served):
    stops: list[Stop] = []
    served.declare("returns_live", rollout("returns", guardrails=guardrails(errors=0.05)))
    promoted(served)
    rollout_ = served.assets["returns_live"]
    asking = Predictor(
        served.lake, served.lake.engine.fork(), assets=served.assets, rollout=rollout_, stop=stops.append
    )
    for _ in range(REQUESTS_MIN):
        with pytest.raises(RequestRefused):
            asking.predict({"customer_id": "7"}, now=NOW)
    asking.close()
    assert stops == []


def test_an_arm_that_cant_be_made_ready_is_left_out_and_promotions_are_followed(served, caplog):
    promoted(served)
    version = parse_version("returns@1")
    first = next(each for each in served.lake.artefacts("returns") if each.name == "returns@1")
    lost = {**first.detail["version"], "number": 3}
    commit = Commit(served.lake, "returns", run="run-3", actor="ada")
    commit.artefact("returns@3", "0" * 64, {**first.detail, "version": lost})  # its bytes are not there
    commit.publish()
    promote(served.lake, "returns", 3, run="run-4", actor="ada", share=0.5)
    asking = predictor(served, guardrails=guardrails(errors=0.5))
    many = [{"customer_id": n} for n in range(40)]
    assert {one.version for one in asking.predict_many(many, now=NOW)} == {"returns@2"}
    promote(served.lake, "returns", version[1], run="run-5", actor="ada")
    assert {one.version for one in asking.predict_many(many, now=NOW)} == {"returns@1"}
    asking.close()
    assert sum("is left out" in record.message for record in caplog.records) == 1


def promoted(shop) -> None:
    """Version 2 is live, and 1 was before."""
    shop.build(training.build, "returns", today=date(1997, 9, 1))
    promote(shop.lake, "returns", 2, run="run-2", actor="ada")


def test_a_fallback_that_is_not_there_or_about_others_is_refused_at_the_start(served):
    with pytest.raises(Exception, match="no version 9"):
        predictor(served, serving=serving(fallback="returns@9")).start()
    first = next(each for each in served.lake.artefacts("returns") if each.name == "returns@1")
    version = {**first.detail["version"], "number": 2, "entity": {"shop": "string"}}
    commit = Commit(served.lake, "returns", run="run-2", actor="ada")
    commit.artefact("returns@2", first.sha, {**first.detail, "version": version})
    commit.publish()
    with pytest.raises(ConfigError, match="asked with other columns"):
        predictor(served, serving=serving(fallback="returns@2")).start()


def test_each_arm_answers_for_its_own_entities_and_a_broken_canary_for_nobody(served):
    served.build(training.build, "returns", today=date(1997, 9, 1))
    promote(served.lake, "returns", 2, run="run-2", actor="ada", share=0.5)
    asking = predictor(served, guardrails=guardrails(errors=0.5))
    answers = asking.predict_many([{"customer_id": n} for n in range(1, 60)], now=NOW)
    arms = asking.start().arms
    assert {(one.role, one.version) for one in answers} == {("live", "returns@1"), ("canary", "returns@2")}
    assert [one.role for one in answers] == arms.pick([(n,) for n in range(1, 60)]).tolist()
    asking.close()


def test_no_request_fails_while_versions_are_promoted(served):
    served.build(training.build, "returns", today=date(1997, 9, 1))
    asking = predictor(served)
    asking.start()
    ended = threading.Event()
    versions: list[str] = []

    def ask(n: int) -> None:
        while not ended.is_set():
            versions.append(asking.predict({"customer_id": n}, now=NOW).version)

    def heard_of(number: int, *, after: int) -> None:
        while f"returns@{number}" not in versions[after:] and not any(one.done() for one in askers):
            time.sleep(0.01)

    with ThreadPoolExecutor(3) as pool:
        askers = [pool.submit(ask, n) for n in range(3)]
        heard_of(1, after=0)
        for number in (2, 1, 2):
            said = len(versions)
            promote(served.lake, "returns", number, run=f"run-{number}", actor="ada")
            heard_of(number, after=said)
        ended.set()
        assert [one.result() for one in askers] == [None] * 3
    assert set(versions) == {"returns@1", "returns@2"}
    asking.close()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["customer_id", "features", "days_since", "prediction_id", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(asked=anything)
def test_whatever_is_asked_is_rows_or_refused_with_a_reason(asking, asked):
    form = asking.form
    try:
        rows = form.rows(asked)
    except RequestRefused:
        return
    assert all(row.key is None or type(row.key[0]) is int for row in rows)
    assert all(value is None or abs(value) < float("inf") for row in rows for value in row.given.values())


ASKS = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.models.conftest import Shop, declare_all
from pumphouse.models.guardrails import REQUESTS_MIN
from pumphouse.models.online import Predictor

shop = Shop(Path(sys.argv[1]))
declare_all(shop)
asking = Predictor(shop.lake, shop.lake.engine.fork(), assets=shop.assets, rollout=shop.assets["returns_live"])
asking.start()

def ask(n):
    while True:
        answer = asking.predict({"customer_id": n}, now=datetime(1997, 9, 1, tzinfo=UTC))
        sys.stdout.write(answer.id + "\\n")
        sys.stdout.flush()

for n in range(8):
    threading.Thread(target=ask, args=(n,)).start()
"""


def test_killed_under_load_every_acknowledged_prediction_is_in_the_table_once(served):
    served.lake.close()
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", ASKS, str(served.folder), root], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        given = [process.stdout.readline().strip() for _ in range(60)]
        os.kill(process.pid, signal.SIGKILL)
        given += [line.strip() for line in process.stdout if line.endswith("\n")]
    shop = Shop(served.folder)
    declare_all(shop)
    flush_predictions(shop.lake, shop.assets["returns_live"], run="run-2", actor="ada")
    kept = [row[0] for row in shop.rows("returns_live__predictions", "prediction_id")]
    assert len(kept) == len(set(kept))
    assert set(given) <= set(kept)
    assert flush_predictions(shop.lake, shop.assets["returns_live"], run="r", actor="a").snapshot is None
    shop.lake.close()
