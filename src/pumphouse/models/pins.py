"""Pins: which version of a model answers for all and which for a share, as the lake keeps it, and all that was before.

A pin is an artefact of the model. What counts is what its pins come to, oldest first: whoever pins adds one, nobody
changes one. So what two processes decide at the same time is decided once, and history is never lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pumphouse.lake.builds import Artefact
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake

LIVE = "live"
"""The name of the artefacts that pin the version that answers."""
CANARY = "canary"
"""The name of the artefacts that pin a version that answers for a share beside it; share 0 ends that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Somebody's decision about a version, and when it was made."""

    kind: Literal["live", "canary"]
    number: int
    at: datetime
    share: float = 1.0
    actor: str = ""
    undoes: str | None = None
    """The id of the pin that it takes back; it counts only while that one does."""
    why: str = ""

    @property
    def id(self) -> str:
        """The moment at which it was committed: no two commits share one."""
        return self.at.astimezone(UTC).isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What the pins of one model come to."""

    live: Pin | None
    since: datetime | None
    """When it became the one that answers: later than its pin where a rollback brought it back."""
    before: Pin | None
    """What a rollback would bring back."""
    canary: Pin | None
    history: tuple[Pin, ...]


def is_pin(artefact: Artefact) -> bool:
    """Whether an artefact of a model is one of its pins, not one of its versions."""
    return artefact.name in (LIVE, CANARY)


def pins(lake: Lake, model: str) -> Pins:
    """The pins of a model."""
    return pins_among(lake.artefacts(model))


def pins_among(artefacts: Iterable[Artefact]) -> Pins:
    """What the pins among a model's artefacts come to; `live` is None where there are none."""
    history = tuple(_pin(each) for each in artefacts if is_pin(each))
    stack: list[Pin] = []
    canary: Pin | None = None
    since: datetime | None = None
    for pin in history:
        if pin.kind == CANARY:
            if pin.share > 0:
                canary = pin
            elif canary is not None and pin.undoes == canary.id:
                canary = None
        elif pin.undoes is None:
            if stack and stack[-1].number == pin.number:
                stack.pop()  # the same again is no step that can be taken back
            stack.append(pin)
            canary, since = None, pin.at
        elif len(stack) > 1 and stack[-1].id == pin.undoes:
            stack.pop()
            since = pin.at
    return Pins(
        live=stack[-1] if stack else None,
        since=since,
        before=stack[-2] if len(stack) > 1 else None,
        canary=canary,
        history=history,
    )


def pin_live(commit: Commit, sha: str, number: int, *, actor: str) -> None:
    """Make a version the one that answers for all when the commit is published. It ends a canary."""
    commit.artefact(LIVE, sha, {"number": number, "actor": actor})
    commit.detail(live=number)


def pin_canary(commit: Commit, sha: str, number: int, *, share: float, actor: str) -> None:
    """Let a version answer for a share of the entities when the commit is published."""
    commit.artefact(CANARY, sha, {"number": number, "share": share, "actor": actor})
    commit.detail(canary=number, share=share)


def take_back(commit: Commit, sha: str, pin: Pin, *, to: int, actor: str, why: str) -> None:
    """Undo a pin when the commit is published, unless somebody did so before: then it changes nothing."""
    end = {"share": 0.0} if pin.kind == CANARY else {}
    commit.artefact(pin.kind, sha, {"number": to, "actor": actor, "undoes": pin.id, "why": why, **end})
    commit.detail(**({"canary": to, "share": 0.0} if pin.kind == CANARY else {"live": to}))


def _pin(artefact: Artefact) -> Pin:
    detail = artefact.detail
    return Pin(
        kind="canary" if artefact.name == CANARY else "live",
        number=detail["number"],
        at=artefact.at,
        share=detail.get("share", 1.0),
        actor=detail.get("actor", ""),
        undoes=detail.get("undoes"),
        why=detail.get("why", ""),
    )
