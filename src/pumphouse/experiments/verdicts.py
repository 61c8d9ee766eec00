"""Verdicts: what an experiment found, in plain words, with the numbers and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pumphouse.experiments.statistics import Difference, Sample, size_mismatch, units_needed, welch

CONFIDENCE = 0.95
"""How sure all intervals of the metrics together are (Bonferroni: Dunn 1961); those of the guardrails likewise."""
UNITS_MIN = 100
"""Fewer complete units in an arm are not enough: means of skewed amounts are far from normal below that."""
MISMATCH_P_MAX = 0.001
RELATIVE_CHANGE = 0.05
"""The change for which a verdict says how many units would find it: a twentieth of the control's mean."""

Outcome = Literal["better", "worse", "mixed", "guardrail moved", "no difference found", "not enough data", "can't say"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one metric came to in each arm, over units whose window has ended."""

    name: str
    definition: str
    """As in "sum of orders.amount_usd per customer_id within 14 days of exposure"."""
    samples: Mapping[str, Sample]
    left_out: int
    """Units whose window has not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of one arm against the control."""

    metric: str
    definition: str
    control: Sample
    arm: Sample
    found: Difference
    units_needed: int | None
    """In each arm, to find a change of RELATIVE_CHANGE of the control's mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmVerdict:
    """What one arm came to against the control. More of a metric is better; a guardrail should not move at all."""

    arm: str
    outcome: Outcome
    metrics: tuple[Comparison, ...]
    guardrails: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an experiment found. `reason` is set where it could not be judged.

    `snapshot` is where exposures and metrics were read, `today` the day by whose start windows had to end: with both it
    can be made again.
    """

    experiment: str
    outcome: Outcome
    reason: str
    snapshot: int
    today: date
    exposed: Mapping[str, int]
    mismatch_p: float | None
    left_out: int
    arms: tuple[ArmVerdict, ...]

    @property
    def headline(self) -> str:
        """The verdict in one line, with the first metric of the first arm and every guardrail that moved."""
        if not self.arms:
            return f"{self.outcome}: {self.reason}"
        first = self.arms[0].metrics[0]
        moved = [
            f"; guardrail {compared.metric} moved: {_means(compared, each.arm)}"
            for each in self.arms
            for compared in each.guardrails
            if compared.found.is_found
        ]
        return f"{self.outcome}: {first.metric} {_means(first, self.arms[0].arm)}{''.join(moved)}"

    @property
    def text(self) -> str:
        """The verdict as a person reads it."""
        sizes = ", ".join(f"{arm} {count:,}" for arm, count in self.exposed.items())
        lines = [f"{self.experiment}: {self.outcome}" + (f": {self.reason}" if self.reason else "")]
        for each in self.arms:
            if len(self.arms) > 1:
                lines.append(f"  {each.arm}: {each.outcome}")
            for compared in each.metrics:
                lines += _comparison_lines(compared, each.arm, guardrail=False)
            for compared in each.guardrails:
                lines += _comparison_lines(compared, each.arm, guardrail=True)
        if self.left_out:
            lines.append(f"  {self.left_out:,} units are left out: their days have not passed by {self.today}")
        lines.append(f"  units exposed: {sizes or 'none'}; read at snapshot {self.snapshot}")
        return "\n".join(lines)


def decide(
    experiment: str,
    *,
    arms: tuple[tuple[str, float], ...],
    exposed: Mapping[str, int],
    metrics: tuple[Measured, ...],
    guardrails: tuple[Measured, ...],
    snapshot: int,
    today: date,
) -> Verdict:
    """The verdict on what was measured. The first arm is what the others are compared with.

    It is given on all data there are, for one look: who looks every day and stops at the first good answer is wrong
    more often than 1 time in 20.
    """
    names = [name for name, _ in arms]
    counts = {name: exposed.get(name, 0) for name in names}
    strangers = {name: count for name, count in exposed.items() if name not in counts}
    mismatch = size_mismatch(list(counts.values()), [weight for _, weight in arms]) if any(counts.values()) else None
    measured = (*metrics, *guardrails)
    complete = min(each.samples[name].units if name in each.samples else 0 for each in measured for name in names)
    outcome: Outcome = "no difference found"
    reason = ""
    if strangers:
        outcome = "can't say"
        reason = f"{sum(strangers.values()):,} units met arms that are not declared: {', '.join(sorted(strangers))}"
    elif mismatch is not None and mismatch < MISMATCH_P_MAX:
        outcome = "can't say"
        reason = f"the arms' sizes don't match their weights (p = {mismatch:.2g}), so something decides who is exposed"
    elif complete < UNITS_MIN:
        outcome = "not enough data"
        reason = f"an arm has {complete:,} units whose days have passed, and {UNITS_MIN} are the least"
    judged: tuple[ArmVerdict, ...] = ()
    if not reason:
        judged = tuple(
            _judge(arm, names[0], metrics=metrics, guardrails=guardrails, arms=len(names) - 1) for arm in names[1:]
        )
        outcomes = {each.outcome for each in judged}
        outcome = outcomes.pop() if len(outcomes) == 1 else "mixed"
    return Verdict(
        experiment=experiment,
        outcome=outcome,
        reason=reason,
        snapshot=snapshot,
        today=today,
        exposed=dict(exposed),
        mismatch_p=mismatch,
        left_out=max(each.left_out for each in measured),
        arms=judged,
    )


def _judge(
    arm: str, control: str, *, metrics: tuple[Measured, ...], guardrails: tuple[Measured, ...], arms: int
) -> ArmVerdict:
    compared = tuple(_compare(each, arm, control, tests=len(metrics) * arms) for each in metrics)
    guarded = tuple(_compare(each, arm, control, tests=len(guardrails) * arms) for each in guardrails)
    up = any(each.found.low > 0 for each in compared)
    down = any(each.found.high < 0 for each in compared)
    moved = any(each.found.is_found for each in guarded)
    outcome: Outcome = "no difference found"
    if (up and down) or (up and moved):
        outcome = "mixed"
    elif up or down:
        outcome = "better" if up else "worse"
    elif moved:
        outcome = "guardrail moved"
    return ArmVerdict(arm=arm, outcome=outcome, metrics=compared, guardrails=guarded)


def _compare(measured: Measured, arm: str, control: str, *, tests: int) -> Comparison:
    confidence = 1 - (1 - CONFIDENCE) / tests
    before, after = measured.samples[control], measured.samples[arm]
    return Comparison(
        metric=measured.name,
        definition=measured.definition,
        control=before,
        arm=after,
        found=welch(before, after, confidence=confidence),
        units_needed=units_needed(before, change=RELATIVE_CHANGE * before.mean, confidence=confidence),
    )


def _comparison_lines(compared: Comparison, arm: str, *, guardrail: bool) -> list[str]:
    said = "no difference found"
    if compared.found.is_found:
        said = "moved" if guardrail else ("better" if compared.found.low > 0 else "worse")
    measured = f"    {compared.definition}"
    if compared.units_needed is not None:
        measured += f"; {compared.units_needed:,} units an arm would show a change of {RELATIVE_CHANGE:.0%}"
    return [f"  {'guardrail ' if guardrail else ''}{compared.metric}: {said}: {_means(compared, arm)}", measured]


def _means(compared: Comparison, arm: str) -> str:
    """Both means, their difference and its interval: "12.31 in badge against 12.40 (difference -0.09, ...)"."""
    found = compared.found
    digits = 2 if abs(compared.control.mean) >= 1 else 4
    means = f"{compared.arm.mean:,.{digits}f} in {arm} against {compared.control.mean:,.{digits}f}"
    interval = f"{100 * found.confidence:.4g}% interval {found.low:+,.{digits}f} to {found.high:+,.{digits}f}"
    return f"{means} (difference {found.difference:+,.{digits}f}, {interval})"
