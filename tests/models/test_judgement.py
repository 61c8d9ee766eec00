from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pumphouse.declare.rollouts import rollout
from pumphouse.errors import BuildError
from pumphouse.features import labels
from pumphouse.lake.changes import hide
from pumphouse.models import scores, training
from pumphouse.models.answers import flush_predictions
from pumphouse.models.card import card
from pumphouse.models.judgement import judge
from pumphouse.models.online import Predictor
from pumphouse.models.promotion import promote

DAY = date(1997, 9, 1)
AFTER = date(1997, 11, 1)


def judged(shop, **at):
    return judge(shop.lake, shop.assets, shop.assets["returns_live"], **at)


def test_scores_are_judged_once_what_they_were_about_has_happened(served):
    served.build(scores.build, "returns_scores", today=DAY)
    waiting = judged(served)
    assert (waiting.versions, waiting.waiting) == ((), 120)
    served.build(labels.build, "returned", today=AFTER)
    found = judged(served)
    assert [(each.version, each.role) for each in found.versions] == [
        ("returns@1", "live"),
        ("returns_gbm@1", "shadow"),
    ]
    mine = found.versions[0]
    assert (mine.quality.rows, mine.quality.positives) == (120, 60)
    assert mine.quality.guess == pytest.approx(0.5)
    assert mine.quality.beats_guess
    assert mine.quality.auc == 1
    assert mine.first == mine.last == datetime(1997, 9, 1, tzinfo=UTC)
    assert (found.waiting, found.snapshot) == (0, served.lake.snapshot())


def test_a_judgement_can_be_made_again_at_its_snapshot(served):
    served.build(scores.build, "returns_scores", today=DAY)
    served.build(labels.build, "returned", today=AFTER)
    first = judged(served)
    served.build(training.build, "returns", today=AFTER)
    promote(served.lake, "returns", 2, run="run-2", actor="ada")
    served.build(scores.build, "returns_scores", today=DAY)
    assert [each.version for each in judged(served).versions] == ["returns@1", "returns@2", "returns_gbm@1"]
    assert judged(served, snapshot=first.snapshot) == first


def test_an_outcome_judges_the_last_answer_of_the_day_before_it(served):
    asking = Predictor(
        served.lake, served.lake.engine.fork(), assets=served.assets, rollout=served.assets["returns_live"]
    )
    for day, hour in ((30, 9), (31, 0), (31, 9), (31, 17)):
        asking.predict({"customer_id": 7}, now=datetime(1997, 8, day, hour, tzinfo=UTC), id=f"{day} {hour}")
    flush_predictions(served.lake, served.assets["returns_live"], run="run-2", actor="ada")
    served.build(labels.build, "returned", today=AFTER)
    found = judged(served)
    mine = found.versions[0]
    assert (mine.quality.rows, mine.quality.positives) == (1, 1)
    assert mine.last == datetime(1997, 8, 31, 17, tzinfo=UTC)
    assert found.waiting == 2  # those of the day before; another came before the one that is judged


def test_nothing_to_judge_and_nothing_to_judge_by(served):
    assert judged(served).versions == ()
    served.declare("returns_live", rollout("returns"))
    with pytest.raises(BuildError, match="has no outcome to be judged by"):
        judged(served)


def test_card_says_what_a_model_is_and_what_came_true(served):
    served.build(scores.build, "returns_scores", today=DAY)
    served.build(training.build, "returns", today=DAY)
    served.build(labels.build, "returned", today=AFTER)
    text = card(served.lake, served.assets, served.assets["returns"])
    for said in (
        "returns@1, trained 1997-09-01 09:00 UTC at snapshot",
        "says the chance of 'returned' for a customer_id, from days_since",
        "learned from 600 moments, 300 of them true (50.0%)",
        "when rows were known is assumed to be when they happened",
        "on a fifth of the entities, held out (105 moments): better than guessing 45.5% for everyone",
        "with scikit-learn ",
        "returns@1  1997-09-01 09:00  snapshot",
        "returns_live, judged by 'returned' at snapshot",
        "returns@1 (live), said 1997-09-01 (120 moments): better than guessing 50.0% for everyone",
        "expected 50.0%, came true 50.0%; ranks a true one above a false one 100.0% of the time",
    ):
        assert said in text, text
    listed = text.partition("Versions\n")[2].splitlines()
    assert (listed[0].endswith("live"), listed[1].endswith("live")) == (True, False)
    served.assets["new"] = served.assets["returns_gbm"]
    assert card(served.lake, served.assets, served.add("new", kind="model")).startswith("new: no version yet.")


def test_card_counts_who_was_hidden_since_it_was_trained(served):
    context = served.context("returns", today=DAY)
    training.build(served.assets["returns"], replace(context, inputs={"purchases": served.lake.version("purchases")}))
    promote(served.lake, "returns", 2, run="run-2", actor="ada")
    model = served.assets["returns"]
    assert "hidden since" not in card(served.lake, served.assets, model)
    for customer in (7, 8, 10**6):  # the last never bought anything
        hide(served.lake, entity="customer_id", value=customer, why="asked", run="run-3", actor="ada")
    said = "2 people were hidden since returns@2 was trained on them. Train it anew: pumphouse run returns"
    assert said in card(served.lake, served.assets, model)
