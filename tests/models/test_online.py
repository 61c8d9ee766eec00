from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pumphouse.declare.rollouts import rollout
from pumphouse.errors import RequestRefused, SchemaChange, UnknownName
from pumphouse.features.training_sets import training_set
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built
from pumphouse.models import scores, training
from pumphouse.models.answers import flush_predictions, stream_of
from pumphouse.models.online import Predictor
from pumphouse.models.pins import LIVE
from pumphouse.models.predictions import decode, encode
from pumphouse.models.promotion import promote

DAY = date(1997, 9, 1)
NOW = datetime(1997, 9, 1, 14, 30, tzinfo=UTC)


def predictor(shop) -> Predictor:
    engine = shop.lake.engine.fork()
    return Predictor(shop.lake, engine, assets=shop.assets, rollout=shop.assets["returns_live"])


@pytest.fixture
def asking(served):
    one = predictor(served)
    yield one
    one.close()


def logged(shop):
    """The answers of the log, without what a shadow said later."""
    events = shop.lake.state.events(stream_of("returns_live"))
    return [decode(event.body) for event in events if not event.key.endswith("\tshadow")]


def with_feature_of(shop, model: str, table: str) -> None:
    """A newer version of a model that answers, and reads a table that is not there."""
    first = next(each for each in shop.lake.artefacts(model) if each.name == f"{model}@1")
    text = first.detail["version"]["features"][0]["text"].replace("purchases p", f"{table} p")
    features = [{**first.detail["version"]["features"][0], "text": text}]
    version = {**first.detail["version"], "number": 3, "features": features}
    commit = Commit(shop.lake, model, run="run-2", actor="ada")
    commit.artefact(f"{model}@3", first.sha, {**first.detail, "version": version})
    commit.artefact(LIVE, first.sha, {"number": 3})
    commit.publish()


def heard(shop):
    """What the shadow said, for each prediction."""
    events = shop.lake.state.events(stream_of("returns_live"))
    return {one.id: one for one in (decode(event.body) for event in events if event.key.endswith("\tshadow"))}


def test_answer_says_what_it_was_made_from_and_is_logged_before_it_is_given(served, asking):
    answer = asking.predict({"customer_id": 7}, now=NOW)
    assert logged(served) == [answer]
    assert answer.entity == {"customer_id": 7}
    assert answer.features == {"days_since": 24.0}
    assert 0.5 < answer.prediction <= 1
    assert (answer.version, answer.role, answer.fallback) == ("returns@1", "live", None)
    assert (answer.features_from, answer.features_as_of) == ("lake", NOW)
    assert answer.latency_ms > 0
    assert (answer.snapshot, answer.as_of, answer.known_entity) == (served.lake.snapshot(), NOW, True)


def test_what_the_shadow_says_is_kept_beside_the_answer_and_does_not_hold_it_up(served, asking):
    answer = asking.predict({"customer_id": 7}, now=NOW)
    assert answer.shadow_prediction is None
    asking.close()
    said = heard(served)[answer.id]
    assert said.shadow_version == "returns_gbm@1"
    assert 0 <= said.shadow_prediction <= 1
    assert replace(said, shadow_prediction=None, shadow_version=None) == answer
    assert flush_predictions(served.lake, served.assets["returns_live"], run="run-2", actor="ada").counts.rows_out
    rows = served.rows("returns_live__predictions", "prediction_id, shadow_prediction, shadow_version")
    assert rows == [(answer.id, said.shadow_prediction, "returns_gbm@1")]


def test_a_shadow_that_fails_is_nobody_elses_fault(served, asking):
    with_feature_of(served, "returns_gbm", "no_such_table")
    answer = asking.predict({"customer_id": 7}, now=NOW)
    asking.close()
    assert answer.version == "returns@1"
    assert heard(served) == {}


def test_an_entity_nobody_knows_is_answered_and_marked(served, asking):
    answer = asking.predict({"customer_id": 9_999}, now=NOW)
    assert answer.features == {"days_since": None}
    assert 0 <= answer.prediction <= 1
    assert not answer.known_entity


def test_a_hidden_person_is_nobody_at_once(served, asking):
    assert asking.predict({"customer_id": 7}, now=NOW).known_entity
    hide(served.lake, entity="customer_id", value=7, why="asked to", run="run-2", actor="ada")
    answer = asking.predict({"customer_id": 7}, now=NOW)
    assert (answer.features, answer.known_entity) == ({"days_since": None}, False)


def test_new_data_and_a_promoted_version_count_from_the_next_request(served, asking):
    before = asking.predict({"customer_id": 7}, now=NOW)
    served.buy([(7, date(1997, 8, 31), 100)])
    after = asking.predict({"customer_id": 7}, now=NOW)
    assert (before.features, after.features) == ({"days_since": 24.0}, {"days_since": 1.0})
    served.build(training.build, "returns", today=DAY)
    assert asking.predict({"customer_id": 7}, now=NOW).version == "returns@1"
    promote(served.lake, "returns", 2, run="run-2", actor="ada")
    assert asking.predict({"customer_id": 7}, now=NOW).version == "returns@2"


def test_the_future_of_a_request_is_not_seen(served, asking):
    before = asking.predict({"customer_id": 7}, now=NOW)
    served.buy([(7, date(1997, 9, 1), 100), (7, date(1999, 1, 1), 100)])
    assert asking.predict({"customer_id": 7}, now=NOW).features == before.features


REFUSED = (
    ({}, "the request has no 'customer_id'"),
    ({"customer_id": None}, "the request has no 'customer_id'"),
    ({"customer_id": 7, "x": 1}, "is asked by customer_id, not by 'x'"),
    ({"customerid": 7}, "Did you mean 'customer_id'"),
    ({"customer_id": "7"}, "'customer_id' is a whole number, not str"),
    ({"customer_id": 7.0}, "'customer_id' is a whole number, not float"),
    ({"customer_id": float("nan")}, "'customer_id' is a whole number, not float"),
    ({"customer_id": True}, "'customer_id' is a whole number, not bool"),
    ({"customer_id": [7]}, "'customer_id' is a whole number, not list"),
    ({"customer_id": 2**70}, "'customer_id' has no such value"),
)


def test_a_request_of_another_form_is_refused_and_not_logged(served, asking):
    for asked, reason in REFUSED:
        with pytest.raises(RequestRefused) as caught:
            asking.predict(asked, now=NOW)
        assert reason in str(caught.value)
    assert logged(served) == []


def test_a_rollout_without_a_version_says_how_to_get_one(served):
    served.declare("returns_live", rollout("other"))
    with pytest.raises(UnknownName, match="pumphouse run other"):
        predictor(served).predict({"customer_id": 7}, now=NOW)


def test_answers_reach_the_lake_once(served):
    served.declare("returns_live", rollout("returns"))
    asking = predictor(served)
    for customer in (7, 8, 9_999):
        asking.predict({"customer_id": customer}, now=NOW)
    first = flush_predictions(served.lake, served.assets["returns_live"], run="run-2", actor="ada")
    assert first.counts.rows_out == 3
    again = flush_predictions(served.lake, served.assets["returns_live"], run="run-3", actor="ada")
    assert again.snapshot is None
    asking.predict({"customer_id": 9}, now=NOW, id="mine")
    asking.predict({"customer_id": 9}, now=NOW, id="mine")
    assert flush_predictions(served.lake, served.assets["returns_live"], run="run-4", actor="ada").counts.rows_out == 1
    rows = served.rows("returns_live__predictions", "customer_id, prediction, known_entity, features")
    assert [row[0] for row in rows] == [7, 8, 9, 9_999]
    by_id = {answer.entity["customer_id"]: answer for answer in logged(served)}
    assert [row[1] for row in rows] == [by_id[row[0]].prediction for row in rows]
    assert rows[3][2:] == (False, '{"days_since":null}')


def entered_as_text(shop) -> None:
    """A second version of the model, whose entity is a text."""
    first = next(each for each in shop.lake.artefacts("returns") if each.name != LIVE)
    version = {**first.detail["version"], "number": 2, "entity": {"customer_id": "string"}}
    commit = Commit(shop.lake, "returns", run="run-2", actor="ada")
    commit.artefact("returns@2", first.sha, {**first.detail, "version": version})
    commit.publish()


def kept(shop, **options) -> Built:
    return flush_predictions(shop.lake, shop.assets["returns_live"], run="run-2", actor="ada", **options)


def test_answers_have_the_columns_of_the_version_that_gave_them(served):
    served.declare("returns_live", rollout("returns"))
    answer = predictor(served).predict({"customer_id": 7}, now=NOW)
    served.declare("returns_live", rollout("other"))  # never trained
    assert kept(served).counts.rows_out == 1

    entered_as_text(served)
    asked_twice = [replace(answer, id="2", entity={"customer_id": "8"}, version="returns@2"), replace(answer, id="3")]
    events = [(each.id, encode(each)) for each in asked_twice]
    served.lake.state.append(stream_of("returns_live"), events)
    with pytest.raises(SchemaChange, match="'customer_id' was int64 and would be string"):
        kept(served)
    assert kept(served, accept_schema=True).counts.rows_out == 2
    assert kept(served).snapshot is None
    rows = served.rows("returns_live__predictions", "customer_id, version")
    assert rows == [("7", "returns@1"), ("7", "returns@1"), ("8", "returns@2")]


def test_threads_share_a_predictor(served, asking):
    threads = [
        threading.Thread(target=asking.predict, args=({"customer_id": n},), kwargs={"now": NOW}) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.entity["customer_id"] for answer in logged(served)} == set(range(8))


def test_one_request_gives_what_scores_and_training_give(served, asking):
    served.build(scores.build, "returns_scores", today=DAY)
    midnight = datetime(1997, 9, 1, tzinfo=UTC)
    for customer, chance in served.rows("returns_scores", "customer_id, prediction")[::10]:
        assert asking.predict({"customer_id": customer}, now=midnight).prediction == chance
    data = training_set(served.context("returns", today=DAY), served.assets["returns"])
    for row in data.rows.to_pylist()[::60]:
        answer = asking.predict({"customer_id": row["customer_id"]}, now=row["as_of"])
        assert answer.features == {"days_since": row["days_since"]}


purchases = st.lists(st.tuples(st.integers(1, 4), st.integers(-40, 40), st.integers(1, 9_000)), min_size=1, max_size=8)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(bought=purchases)
def test_batch_and_one_request_agree_whatever_was_bought(served, bought):
    """The lake keeps what earlier examples bought, so histories grow from example to example."""
    served.buy([(customer, DAY + timedelta(days=days), cents) for customer, days, cents in bought])
    served.build(scores.build, "returns_scores", today=DAY)
    asking = predictor(served)
    midnight = datetime(1997, 9, 1, tzinfo=UTC)
    expected = {}
    for customer, chance, shadow in served.rows("returns_scores", "customer_id, prediction, shadow_prediction")[:4]:
        answer = asking.predict({"customer_id": customer}, now=midnight)
        assert answer.prediction == chance
        expected[answer.id] = shadow
    asking.close()
    assert {id: heard(served)[id].shadow_prediction for id in expected} == expected
