"""Promoting and rolling back: one commit each, so that every process follows and a killed one changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pumphouse.declare.asset import Asset
from pumphouse.errors import UnknownName
from pumphouse.lake.builds import Build
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake
from pumphouse.models.pins import Pin, pin_canary, pin_live, pins, take_back
from pumphouse.models.registry import live, version
from pumphouse.models.rollouts import Stop, commit_stop, stops_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What a rollback took back: a canary, or the live version."""

    taken_back: str
    """The version that no longer answers, as in returns@8."""
    was: Literal["canary", "live"]
    live: str
    """The version that answers for all now."""
    build: Build


def promote(lake: Lake, model: str, number: int, *, run: str, actor: str, share: float | None = None) -> Build:
    """The build that makes a version the one that answers, or with a `share` (0..1) the canary beside it.

    It counts as trained from the same code and inputs as before: promoting makes nothing stale but the scores. Raises
    UnknownName where there is no such version, or with a share where it is the live one.
    """
    chosen = version(lake, model, number)
    commit = _commit(lake, model, run=run, actor=actor)
    if share is None:
        pin_live(commit, chosen.sha, number, actor=actor)
    else:
        if not 0 < share < 1:
            raise UnknownName(
                f"a canary's share is above 0 and below 1, not {share:g}",
                asset=model,
                mend=f"A tenth: --share 0.1. For all: pumphouse model promote {chosen.name}",
            )
        if live(lake, model).number == number:
            raise UnknownName(
                f"{chosen.name} is the live version already, so it can't be a canary beside it",
                asset=model,
                mend="Name a newer one.",
            )
        pin_canary(commit, chosen.sha, number, share=share, actor=actor)
    return _published(commit)


def roll_back(lake: Lake, model: str, *, run: str, actor: str, why: str = "") -> RolledBack:
    """Take back the last promotion: end a canary, or else make the version live that was before.

    Raises UnknownName where there is nothing to take back, or somebody else promoted in the same moment.
    """
    now = pins(lake, model)
    if now.live is None:
        raise UnknownName(f"model '{model}' has no version yet", asset=model, mend=f"Train it: pumphouse run {model}")
    was: Literal["canary", "live"]
    if now.canary is not None:
        build = undo(lake, model, now.canary, to=now.canary.number, run=run, actor=actor, why=why)
        done, number, was = pins(lake, model).canary is None, now.canary.number, "canary"
    elif now.before is not None:
        build = undo(lake, model, now.live, to=now.before.number, run=run, actor=actor, why=why)
        after = pins(lake, model).live
        done, number, was = after is not None and after.id != now.live.id, now.live.number, "live"
    else:
        raise UnknownName(
            f"no version of '{model}' was live before {model}@{now.live.number}",
            asset=model,
            mend=f"See those there are: pumphouse model show {model}",
        )
    if not done:
        raise UnknownName(
            f"somebody else promoted a version of '{model}' in the same moment; nothing was taken back",
            asset=model,
            mend=f"Look first: pumphouse model show {model}",
        )
    return RolledBack(taken_back=f"{model}@{number}", was=was, live=live(lake, model).name, build=build)


def undo(lake: Lake, model: str, pin: Pin, *, to: int, run: str, actor: str, why: str) -> Build:
    """The build that takes back one pin. Where somebody did so before, or promoted since, it changes nothing."""
    commit = _commit(lake, model, run=run, actor=actor)
    take_back(commit, version(lake, model, to).sha, pin, to=to, actor=actor, why=why)
    return _published(commit)


def heed(lake: Lake, rollout: Asset, stop: Stop, *, run: str, actor: str) -> Build | None:
    """The build that makes a stop so for every process; None where it is so already, or its version was promoted since.

    A canary and a challenger answer for nobody until they are promoted again. A new live version is rolled back.
    """
    if stop.role != "live":
        if any(one.pin == stop.pin for one in stops_of(lake, rollout.name)):
            return None
        return commit_stop(lake, stop, run=run, actor=actor)
    now = pins(lake, rollout.spec.model)
    if now.live is None or now.live.id != stop.pin or now.before is None:
        return None
    return undo(lake, rollout.spec.model, now.live, to=now.before.number, run=run, actor=actor, why=stop.why)


def _commit(lake: Lake, model: str, *, run: str, actor: str) -> Commit:
    newest = lake.builds()[model]
    return Commit(lake, model, run=run, actor=actor, fingerprint=newest.fingerprint, inputs=newest.inputs)


def _published(commit: Commit) -> Build:
    build = commit.publish()
    assert build is not None  # a pin always makes a snapshot
    return build
