from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from pumphouse.experiments.statistics import Sample
from pumphouse.experiments.verdicts import Measured, Verdict, decide

ARMS = (("control", 1.0), ("badge", 1.0))
DEFINITION = "sum of orders.amount_usd per customer_id within 14 days of exposure"


def measured(name: str, *means: float, units: int = 1_000, left_out: int = 0, arms=("control", "badge", "banner")):
    samples = {arm: Sample(units=units, mean=mean, variance=4.0) for arm, mean in zip(arms, means, strict=False)}
    return Measured(name=name, definition=DEFINITION, samples=samples, left_out=left_out)


def verdict(*metrics: Measured, guardrails=(), exposed=None, arms=ARMS) -> Verdict:
    return decide(
        "badge",
        arms=arms,
        exposed=exposed or {name: 1_000 for name, _ in arms},
        metrics=metrics,
        guardrails=tuple(guardrails),
        snapshot=41,
        today=date(1998, 7, 1),
    )


@pytest.mark.parametrize(
    ("metrics", "guardrail", "outcome"),
    [
        ([(10, 11)], None, "better"),
        ([(10, 9)], None, "worse"),
        ([(10, 10.1)], None, "no difference found"),
        ([(10, 11), (5, 4)], None, "mixed"),
        ([(10, 11), (5, 5)], (2, 2), "better"),
        ([(10, 11)], (2, 3), "mixed"),
        ([(10, 11)], (2, 1), "mixed"),
        ([(10, 10)], (2, 3), "guardrail moved"),
        ([(10, 9)], (2, 3), "worse"),
    ],
)
def test_outcome_follows_metrics_and_guardrails(metrics, guardrail, outcome: str):
    found = verdict(
        *(measured(f"metric {number}", *means) for number, means in enumerate(metrics)),
        guardrails=[measured("refunds", *guardrail)] if guardrail else [],
    )
    assert found.outcome == outcome
    assert found.reason == ""


def test_the_headline_names_a_guardrail_that_moved():
    found = verdict(measured("spend", 10, 10), guardrails=[measured("refunds", 2, 3), measured("visits", 5, 5)])
    assert found.headline.startswith("guardrail moved: spend 10.00 in badge against 10.00")
    assert "; guardrail refunds moved: 3.00 in badge against 2.00 (" in found.headline
    assert "visits" not in found.headline


def test_text_says_what_was_found_with_its_numbers_and_their_meaning():
    found = verdict(measured("spend", 12.4, 12.31, left_out=600), guardrails=[measured("refunds", 0.5, 0.5)])
    spend = "12.31 in badge against 12.40 (difference -0.09, 95% interval -0.27 to +0.09)"
    refunds = "0.5000 in badge against 0.5000 (difference +0.0000, 95% interval -0.1754 to +0.1754)"
    assert found.headline == f"no difference found: spend {spend}"
    assert found.text.splitlines() == [
        "badge: no difference found",
        f"  spend: no difference found: {spend}",
        f"    {DEFINITION}; 164 units an arm would show a change of 5%",
        f"  guardrail refunds: no difference found: {refunds}",
        f"    {DEFINITION}; 100,466 units an arm would show a change of 5%",
        "  600 units are left out: their days have not passed by 1998-07-01",
        "  units exposed: control 1,000, badge 1,000; read at snapshot 41",
    ]


def test_arms_whose_sizes_do_not_match_the_plan_can_not_be_judged():
    found = verdict(measured("spend", 10, 11), exposed={"control": 1_000, "badge": 1_200})
    assert found.outcome == "can't say"
    assert "sizes don't match their weights" in found.reason
    assert found.arms == ()


def test_arms_that_are_not_declared_can_not_be_judged():
    found = verdict(measured("spend", 10, 11), exposed={"control": 1_000, "badge": 1_000, "old": 7})
    assert (found.outcome, found.reason) == ("can't say", "7 units met arms that are not declared: old")


def test_few_units_are_not_enough():
    found = verdict(measured("spend", 10, 11, units=99))
    assert (found.outcome, found.reason) == (
        "not enough data",
        "an arm has 99 units whose days have passed, and 100 are the least",
    )
    nobody = decide(
        "badge", arms=ARMS, exposed={}, metrics=(measured("spend"),), guardrails=(), snapshot=1, today=date(1998, 1, 1)
    )
    assert (nobody.outcome, nobody.mismatch_p) == ("not enough data", None)
    assert nobody.text.endswith("units exposed: none; read at snapshot 1")


def test_each_of_several_arms_is_judged_against_the_first():
    arms = (*ARMS, ("banner", 1.0))
    found = verdict(measured("spend", 10, 11, 10), arms=arms)
    assert [(each.arm, each.outcome) for each in found.arms] == [("badge", "better"), ("banner", "no difference found")]
    assert found.outcome == "mixed"
    assert found.arms[0].metrics[0].found.confidence == pytest.approx(0.975)
    assert "  badge: better" in found.text


def test_several_metrics_do_not_raise_more_false_alarms():
    rng = np.random.default_rng(8)
    alarms = 0
    for _ in range(300):
        metrics = [
            Measured(
                name=f"m{number}",
                definition=DEFINITION,
                samples={
                    arm: Sample(units=500, mean=float(values.mean()), variance=float(values.var(ddof=1)))
                    for arm, values in (("control", rng.normal(size=500)), ("badge", rng.normal(size=500)))
                },
                left_out=0,
            )
            for number in range(5)
        ]
        alarms += verdict(*metrics).outcome != "no difference found"
    assert 0.01 <= alarms / 300 <= 0.09
