from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from pumphouse.declare.rollouts import challenger, rollout
from pumphouse.models import training
from pumphouse.models.card import card
from pumphouse.models.decisions import DECISIONS_SHOWN_MAX, arms_text, decisions_text
from pumphouse.models.promotion import heed, promote, roll_back
from pumphouse.models.rollouts import Stop, arms

DAY = date(1997, 9, 1)
NOW = datetime(2030, 9, 1, 14, 30, tzinfo=UTC)  # after everything else
WHO = {"run": "run-2", "actor": "ada"}


@pytest.fixture
def trained(served):
    """A shop whose model has two versions, the first of them live, and a challenger for a fifth."""
    served.build(training.build, "returns", today=DAY)
    spec = rollout("returns", shadow="returns_gbm", challenger=challenger("returns_gbm", share=0.2))
    served.declare("returns_live", spec)
    return served


def stop(trained, role) -> Stop:
    asset = trained.assets["returns_live"]
    arm = arms(trained.lake, asset).arm(role)
    made = Stop(
        rollout="returns_live", role=role, version=arm.version.name, pin=arm.pin, guardrail="errors", bound=0.01,
        seen=0.5, sure=0.4, requests=200, at=NOW,
    )  # fmt: skip
    heed(trained.lake, asset, made, run="run-9", actor="guardrail")
    return made


def told(shop) -> list[str]:
    """Who answers, without the moments."""
    text = arms_text(arms(shop.lake, shop.assets["returns_live"]))
    return re.sub(r" (since )?\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", text).splitlines()


def test_a_rollout_says_who_answers_for_which_share_and_who_was_stopped(trained):
    promote(trained.lake, "returns", 2, share=0.1, **WHO)
    assert told(trained) == [
        "returns@1 answers for 70% of the entities",
        "returns@2 is the canary for 10% of the entities",
        "returns_gbm@1 is the challenger for 20% of the entities",
        "returns_gbm@1 is asked too, and its answers are only kept",
    ]
    stop(trained, "canary")
    stop(trained, "challenger")
    why = "50.0% of its requests failed; the guardrail is 1.0% (seen of 200 requests)"
    assert told(trained) == [
        "returns@1 answers for all",
        "returns_gbm@1 is asked too, and its answers are only kept",
        f"returns@2 was stopped as canary: {why}. Try it again: pumphouse model promote returns@2 --share 0.1",
        f"returns_gbm@1 was stopped as challenger: {why}. Try it again: pumphouse model promote returns_gbm@1",
    ]


def test_a_model_tells_every_decision_about_it(trained):
    promote(trained.lake, "returns", 2, share=0.1, **WHO)
    roll_back(trained.lake, "returns", **WHO)
    promote(trained.lake, "returns", 2, **WHO)
    made = stop(trained, "live")
    text = decisions_text(trained.lake, trained.assets, "returns")
    assert [line[24:] for line in text.splitlines()[1:]] == [
        f"returns@1 for all again, by guardrail: {made.why}",
        "returns@2 for all, by ada",
        "returns@2 no longer a canary, by ada",
        "returns@2 for 10% of the entities, by ada",
        "returns@1 for all, by ada",
    ]
    assert text in card(trained.lake, trained.assets, trained.assets["returns"])
    assert heed(trained.lake, trained.assets["returns_live"], made, run="run-9", actor="guardrail") is None
    stop(trained, "challenger")
    newest = decisions_text(trained.lake, trained.assets, "returns_gbm").splitlines()[1]
    assert newest[24:].startswith("returns_gbm@1 stopped as challenger of returns_live: 50.0% of its requests failed")


def test_old_decisions_are_counted(trained):
    for _ in range(DECISIONS_SHOWN_MAX):
        promote(trained.lake, "returns", 2, **WHO)
    lines = decisions_text(trained.lake, trained.assets, "returns").splitlines()
    assert (len(lines), lines[-1]) == (DECISIONS_SHOWN_MAX + 2, "  and 1 earlier ones")


def test_a_model_that_was_never_trained_has_no_decisions(trained):
    assert decisions_text(trained.lake, trained.assets, "never_trained") == ""
