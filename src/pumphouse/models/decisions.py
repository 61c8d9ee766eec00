"""Who answers and by whose decision, as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pumphouse.declare.asset import Asset
from pumphouse.lake.lake import Lake
from pumphouse.models.pins import Pin, pins
from pumphouse.models.rollouts import Arms, Stop, stops_of

DECISIONS_SHOWN_MAX = 20


def arms_text(arms: Arms) -> str:
    """Who answers for which share, since when, who listens, and who was stopped and why."""
    others = [arm for arm in arms.answering if arm.role != "live"]
    rest = 1 - sum(arm.share for arm in others)
    whom = f"{100 * rest:.3g}% of the entities" if others else "all"
    before = f"; before it was {arms.before.name}" if arms.before else ""
    lines = [f"{arms.live.version.name} answers for {whom} since {_minute(arms.live.since)}{before}"]
    lines += [
        f"{arm.version.name} is the {arm.role} for {100 * arm.share:.3g}% of the entities since {_minute(arm.since)}"
        for arm in others
    ]
    if arms.shadow is not None:
        lines.append(f"{arms.shadow.name} is asked too, and its answers are only kept")
    lines += [
        f"{stop.version} was stopped as {stop.role} {_minute(stop.at)}: {stop.why}. {_again(stop)}"
        for stop in arms.stopped
    ]
    return "\n".join(lines)


def decisions_text(lake: Lake, assets: Mapping[str, Asset], model: str) -> str:
    """Each promotion, rollback and stop of a model's versions, the newest first: when, what, by whom, and why."""
    found = [(pin.at, _decided(model, pin)) for pin in pins(lake, model).history]
    for asset in assets.values():
        if asset.kind == "rollout":
            found += [
                (stop.at, f"{stop.version} stopped as {stop.role} of {asset.name}: {stop.why}")
                for stop in stops_of(lake, asset.name)
                if stop.version.partition("@")[0] == model
            ]
    if not found:
        return ""
    found.sort(reverse=True)
    lines = [f"  {_minute(at)}  {said}" for at, said in found[:DECISIONS_SHOWN_MAX]]
    if len(found) > DECISIONS_SHOWN_MAX:
        lines.append(f"  and {len(found) - DECISIONS_SHOWN_MAX:,} earlier ones")
    return "\n".join(["Who answered", *lines])


def _decided(model: str, pin: Pin) -> str:
    by = f", by {pin.actor}" if pin.actor else ""
    why = f": {pin.why}" if pin.why else ""
    name = f"{model}@{pin.number}"
    if pin.kind == "canary":
        return (
            f"{name} for {100 * pin.share:.3g}% of the entities{by}"
            if pin.share
            else f"{name} no longer a canary{by}{why}"
        )
    return f"{name} for all{by}" if pin.undoes is None else f"{name} for all again{by}{why}"


def _again(stop: Stop) -> str:
    share = " --share 0.1" if stop.role == "canary" else ""
    return f"Try it again: pumphouse model promote {stop.version}{share}"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
