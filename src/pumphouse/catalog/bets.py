"""Bets: what was expected of something built, and what the access log says came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pumphouse.catalog.access import LastRead, Reads, first_built, last_read, people
from pumphouse.catalog.words import ago, counted, day, span
from pumphouse.declare.asset import Asset
from pumphouse.declare.facts import Bet
from pumphouse.errors import ConfigError, UnknownName, did_you_mean
from pumphouse.lake.lake import Lake

Outcome = Literal["too early", "kept", "partly", "lost", "unseen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a bet.

    It is "too early" until `due`; then "kept" where everybody expected has read it within the last `check_after`,
    "partly" where some have, "lost" where nobody has. A delivery is read where we have no log: "unseen".
    """

    bet: str
    asset: str
    decision: str
    outcome: Outcome
    expected: tuple[str, ...]
    came: tuple[str, ...]
    """Those of the expected who read it."""
    others: tuple[str, ...]
    """Those who read it though nobody had expected them."""
    last: LastRead | None
    """The newest read by one of the expected."""
    due: datetime | None
    """When it is looked at; None while the asset was never built."""
    text: str
    """The verdict in words: "2 of 3 expected people, last read yesterday"."""


def bet_verdict(lake: Lake, assets: Mapping[str, Asset], name: str, *, now: datetime) -> Verdict:
    """The verdict on the bet called `name`. Raises UnknownName where there is no such bet."""
    asset = assets.get(name)
    if asset is None or not isinstance(asset.spec, Bet):
        bets = [one.name for one in assets.values() if isinstance(one.spec, Bet)]
        raise UnknownName(f"there is no bet '{name}'", mend=did_you_mean(name, bets) or None)
    return _verdict(lake, assets, asset, Reads(lake, now=now), now=now)


def verdicts(lake: Lake, assets: Mapping[str, Asset], reads: Reads, *, now: datetime) -> tuple[Verdict, ...]:
    """The verdict on every bet, in order of name."""
    bets = sorted((asset for asset in assets.values() if isinstance(asset.spec, Bet)), key=lambda asset: asset.name)
    return tuple(_verdict(lake, assets, bet, reads, now=now) for bet in bets)


def _verdict(lake: Lake, assets: Mapping[str, Asset], bet: Asset, reads: Reads, *, now: datetime) -> Verdict:
    spec: Bet = bet.spec
    try:
        wait = span(spec.check_after)
    except ConfigError as error:
        raise ConfigError(
            f"check_after of bet '{bet.name}': {error.what}", asset=bet.name, place=bet.place, mend=error.mend
        ) from None
    built = first_built(lake, assets, spec.asset)
    due = built + wait if built else None
    recent = reads.within(wait, spec.asset)
    expected = tuple(dict.fromkeys(spec.users))
    theirs = [read for read in recent if read.who in expected]
    came, last = people(theirs), last_read(theirs)
    outcome = _outcome(assets.get(spec.asset), expected, came, is_due=due is not None and due <= now)
    return Verdict(
        bet=bet.name,
        asset=spec.asset,
        decision=spec.decision,
        outcome=outcome,
        expected=expected,
        came=came,
        others=tuple(who for who in people(recent) if who not in expected),
        last=last,
        due=due,
        text=_in_words(outcome, spec, came, last, due, now=now),
    )


def _outcome(asset: Asset | None, expected: tuple[str, ...], came: tuple[str, ...], *, is_due: bool) -> Outcome:
    if asset is not None and asset.kind == "deliver":
        return "unseen"
    if not is_due:
        return "too early"
    if not came:
        return "lost"
    return "kept" if len(came) == len(expected) else "partly"


def _in_words(
    outcome: Outcome, bet: Bet, came: tuple[str, ...], last: LastRead | None, due: datetime | None, *, now: datetime
) -> str:
    if outcome == "unseen":
        return "it is delivered elsewhere; who reads it there is not seen here"
    if due is None:
        return "not built yet"
    later = f"; to be looked at on {day(due, now=now)}" if outcome == "too early" else ""
    expected = counted(len(set(bet.users)), "expected person", "expected people")
    if last is not None:
        return f"{len(came)} of {expected}, last read {ago(last.at, now=now)}{later}"
    return f"nobody yet{later}" if later else f"none of {expected} in the last {bet.check_after}"
