from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from tests.models.conftest import RETURNED

from pumphouse.declare.learning import Feature, model
from pumphouse.declare.rollouts import challenger, rollout
from pumphouse.errors import BuildError, UnknownName
from pumphouse.features import labels
from pumphouse.lake.builds import Counts
from pumphouse.models import scores, training
from pumphouse.models.promotion import promote
from pumphouse.models.rollouts import arms

ASKED = RETURNED.replace("AS returned", "AS asked").replace("a.as_of,", "a.as_of, 5.0 AS basket_usd,")
DAY = date(1997, 9, 1)
AT = datetime(1997, 9, 1, tzinfo=UTC)


def test_everybody_known_by_then_gets_one_score(served):
    served.buy([(500, date(1997, 9, 1), 100), (501, date(1997, 8, 31), 100)])
    built = served.build(scores.build, "returns_scores", today=DAY)
    rows = served.rows("returns_scores")
    assert built.counts == Counts(rows_in=121, rows_out=121)
    assert built.note == "by returns@1 as of 1997-09-01 00:00 UTC"
    assert [customer for customer, *_ in rows] == [*range(1, 121), 501]  # 500 first bought on a day that is not over
    assert {(as_of, version, shadow) for _, as_of, _, version, _, shadow, _ in rows} == {
        (AT, "returns@1", "returns_gbm@1")
    }
    monthly = [chance for customer, _, chance, *_ in rows if customer % 2 and customer < 121]
    once = [chance for customer, _, chance, *_ in rows if not customer % 2]
    assert min(monthly) > max(once)
    assert all(0 <= shadow <= 1 for *_, shadow, _, _ in rows)


def test_same_snapshot_and_day_give_the_same_scores_and_change_nothing(served):
    served.build(scores.build, "returns_scores", today=DAY)
    first, predictions = served.rows("returns_scores"), served.rows("returns_live__predictions")
    served.build(scores.build, "returns_scores", today=DAY)
    assert served.rows("returns_scores") == first
    again = served.rows("returns_live__predictions")
    assert [row[:7] for row in again] == [row[:7] for row in predictions]  # up to the snapshot
    assert len(again) == 120


def test_what_came_later_does_not_change_scores_of_a_past_day(served):
    served.build(scores.build, "returns_scores", today=DAY)
    first = served.rows("returns_scores")
    served.buy([(customer, date(1997, 9, day), 9_900) for customer in range(1, 200) for day in (1, 2)])
    served.build(scores.build, "returns_scores", today=DAY)
    assert served.rows("returns_scores") == first


def test_midnight_is_that_of_the_project(served):
    served.build(scores.build, "returns_scores", today=DAY, zone="America/New_York")
    assert served.rows("returns_scores", "DISTINCT as_of") == [(datetime(1997, 9, 1, 4, tzinfo=UTC),)]


def test_promoted_version_scores_next_and_both_stay_among_the_predictions(served):
    served.build(scores.build, "returns_scores", today=DAY)
    served.build(training.build, "returns", today=DAY)
    promote(served.lake, "returns", 2, run="run-2", actor="ada")
    served.build(scores.build, "returns_scores", today=DAY)
    assert served.rows("returns_scores", "DISTINCT version") == [("returns@2",)]
    versions = [row[0] for row in served.rows("returns_live__predictions", "version")]
    assert (versions.count("returns@1"), versions.count("returns@2")) == (120, 120)


def test_an_edited_feature_does_not_change_what_a_trained_model_is_asked(served):
    served.build(scores.build, "returns_scores", today=DAY)
    first = served.rows("returns_scores")
    text = served.assets["recency"].spec.text.replace("'day'", "'hour'")
    served.assets["recency"] = replace(served.assets["recency"], spec=Feature(text=text, entity=("customer_id",)))
    served.build(scores.build, "returns_scores", today=DAY)
    assert served.rows("returns_scores") == first


def test_without_a_shadow_its_columns_are_null(served):
    served.declare("returns_live", rollout("returns"))
    served.build(scores.build, "returns_scores", today=DAY)
    assert served.rows("returns_scores", "DISTINCT shadow_prediction, shadow_version") == [(None, None)]


def test_a_version_whose_inputs_changed_their_type_is_refused_and_as_a_shadow_stays_silent(served):
    served.build(scores.build, "returns_scores", today=DAY)
    first = served.rows("returns_scores", "customer_id, prediction")
    renumber_channels(served)
    served.build(scores.build, "returns_scores", today=DAY)
    assert served.rows("returns_scores", "customer_id, prediction") == first
    silent = served.rows("returns_scores", "DISTINCT shadow_prediction, shadow_version")
    assert silent == [(None, "returns_gbm@1")]
    served.declare("returns_live", rollout("returns_gbm"))
    with pytest.raises(BuildError, match="returns_gbm@1 can't be asked: the type of channel is not what"):
        served.build(scores.build, "returns_scores", today=DAY)


def test_nobody_is_scored_before_anybody_bought(served):
    built = served.build(scores.build, "returns_scores", today=date(1996, 1, 1))
    assert built.counts == Counts()
    assert served.rows("returns_scores") == []


def test_a_model_without_a_version_can_not_score(served):
    served.declare("returns_live", rollout("another"))
    with pytest.raises(UnknownName, match=r"'another' has no version yet.*pumphouse run another"):
        served.build(scores.build, "returns_scores", today=DAY)


def fit_anything(train):
    return HistGradientBoostingClassifier(max_iter=5).fit(train.X, train.y)


def renumber_channels(shop):
    """The purchases with their channel as a number, as somebody accepted it."""
    context = shop.context("purchases", today=DAY)
    text = "SELECT * REPLACE (length(channel) AS channel), _known_at FROM purchases"
    written = context.engine.write(context.query(text, "purchases"), folder=shop.lake.staging(), stem="renumbered")
    commit = replace(context, accept_schema=True).begin(shop.assets["purchases"])
    commit.replace("purchases", written)
    commit.publish()


def test_ranges_and_chunks_of_any_size_give_the_same_tables(served, monkeypatch):
    served.build(scores.build, "returns_scores", today=DAY)
    first, predictions = served.rows("returns_scores"), served.rows("returns_live__predictions")
    for entities, rows in ((7, 3), (1, 1), (60, 1000), (119, 119)):
        monkeypatch.setattr("pumphouse.models.batch.RANGE_ENTITIES", entities)
        monkeypatch.setattr("pumphouse.models.batch.CHUNK_ROWS", rows)
        served.build(scores.build, "returns_scores", today=DAY)
        assert served.rows("returns_scores") == first
        assert [row[:7] for row in served.rows("returns_live__predictions")] == [row[:7] for row in predictions]


def test_each_day_joins_the_predictions_and_one_scored_again_takes_its_own_place_only(served):
    for day in (DAY, date(1997, 10, 1), DAY):
        served.build(scores.build, "returns_scores", today=day)
    said = served.rows("returns_live__predictions", "as_of, prediction_id")
    assert len(said) == len(set(said)) == 240
    assert {as_of.date() for as_of, _ in said} == {DAY, date(1997, 10, 1)}
    assert (AT, "returns_scores/1997-09-01T00:00:00+00:00/returns@1/7") in said


def test_a_canary_and_a_challenger_score_the_entities_that_they_answer_for(served):
    served.build(training.build, "returns", today=DAY)
    promote(served.lake, "returns", 2, share=0.3, run="run-2", actor="ada")
    served.declare("returns_live", rollout("returns", challenger=challenger("returns_gbm", share=0.3)))
    built = served.build(scores.build, "returns_scores", today=DAY)
    assert built.note == "by returns@1, canary returns@2, challenger returns_gbm@1 as of 1997-09-01 00:00 UTC"
    picked = arms(served.lake, served.assets["returns_live"])
    by = {"live": "returns@1", "canary": "returns@2", "challenger": "returns_gbm@1"}
    columns = "customer_id, role, version, fallback, prediction_id, prediction"
    said = served.rows("returns_live__predictions", columns)
    assert len(said) == 120
    for customer, role, version, fallback, prediction_id, _ in said:
        assert role == picked.role((customer,))
        assert (version, fallback) == (by[role], None)
        assert prediction_id == f"returns_scores/1997-09-01T00:00:00+00:00/{version}/{customer}"
    assert {role for _, role, *_ in said} == set(by)
    assert [(customer, version, chance) for customer, _, version, _, _, chance in said] == served.rows(
        "returns_scores", "customer_id, version, prediction"
    )
    with_what = {
        version: set(json.loads(text))
        for version, text in served.rows("returns_live__predictions", "version, features")
    }
    assert with_what == {
        "returns@1": {"days_since"},
        "returns@2": {"days_since"},
        "returns_gbm@1": {"spend_cents", "purchases", "channel"},
    }
    alone = {}
    for name in ("returns", "returns_gbm"):
        served.declare("returns_live", rollout(name))
        served.build(scores.build, "returns_scores", today=DAY)
        alone[f"{name}@1"] = dict(served.rows("returns_scores", "customer_id, prediction"))
    for customer, _, version, _, _, chance in said:
        assert version not in alone or chance == alone[version][customer]


def test_where_a_challenger_can_not_be_asked_the_live_version_answers_and_says_so(served):
    served.declare("returns_live", rollout("returns", challenger=challenger("returns_gbm", share=0.5)))
    renumber_channels(served)
    built = served.build(scores.build, "returns_scores", today=DAY)
    said = served.rows("returns_live__predictions", "role, version, fallback")
    assert set(said) == {("challenger", "returns@1", "error"), ("live", "returns@1", None)}
    failed = sum(role == "challenger" for role, *_ in said)
    assert built.warnings == (
        f"{failed} entities of another arm were answered by returns@1: their own version can't be asked",
    )


def test_a_model_whose_features_come_with_a_request_scores_nobody(served):
    text = "SELECT m.customer_id, m.as_of, m.basket_usd AS basket FROM moments m"
    basket = Feature(text=text, entity=("customer_id",), request=(("basket_usd", "DOUBLE"),))
    served.add("basket", kind="feature", spec=basket)
    served.add("asked", kind="label", spec=replace(served.assets["returned"].spec, text=ASKED), inputs=("purchases",))
    served.build(labels.build, "asked", today=DAY)
    served.declare("by_basket", model(label="asked", features=["recency", "basket"])(fit_anything))
    served.build(training.build, "by_basket", today=DAY)
    served.declare("returns_live", rollout("by_basket"))
    with pytest.raises(
        BuildError, match=r"'returns_scores', which asks by_basket@1 about everybody, has no basket_usd"
    ):
        served.build(scores.build, "returns_scores", today=DAY)
