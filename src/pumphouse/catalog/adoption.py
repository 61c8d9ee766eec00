"""Who uses what was built, and what nobody does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pumphouse.catalog.access import REMEMBERED, LastRead, Reads, first_built, last_read, people
from pumphouse.catalog.bets import Verdict, verdicts
from pumphouse.catalog.lineage import made_from, nearest_first
from pumphouse.catalog.words import ago, counted, plain
from pumphouse.declare.asset import TABLES, Asset, Kind
from pumphouse.declare.facts import Bet
from pumphouse.lake.lake import Lake

WATCHED: frozenset[str] = TABLES | {"external", "report", "search", "rollout", "online", "experiment"}
"""Kinds that people read. Features, models and checks are parts of these; a delivery is read elsewhere."""
WEEK, MONTH = timedelta(days=7), timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How people used one asset; a run's own reads are not among them."""

    asset: str
    kind: Kind
    people_7_days: tuple[str, ...]
    people_30_days: tuple[str, ...]
    reads_30_days: int
    rows_30_days: int
    """Rows as they were consumed."""
    rows_offered_30_days: int
    """Rows of lazy forms that were handed out; how many of them were taken can't be counted."""
    last: LastRead | None
    """The newest read within a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that was built and that nobody read in the last 30 days."""

    asset: str
    kind: Kind
    built_at: datetime
    """When it was first there."""
    last: LastRead | None
    feeds: tuple[str, ...]
    """Assets made from it directly."""
    used: str | None
    """The nearest asset made from it, directly or through others, that people read in the last 30 days."""
    delivered: str | None
    """The nearest delivery of something made from it: who reads it there is not seen here."""

    @property
    def is_dead(self) -> bool:
        """Whether neither people nor a delivery get anything of it."""
        return self.used is None and self.delivered is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What people made of the lake, as of `now`."""

    now: datetime
    snapshot: int
    uses: tuple[Use, ...]
    """Every asset that people could read: most people first."""
    unread: tuple[Unread, ...]
    """What nobody reads: first what nothing read is made from, oldest first."""
    bets: tuple[Verdict, ...]
    without_bet: tuple[str, ...]
    """Reports on which nobody bet."""

    def to_dict(self) -> dict[str, Any]:  # values of JSON; times as ISO 8601
        """The same as plain values, for JSON."""
        return {name: plain(value) for name, value in asdict(self).items()}

    def to_text(self) -> str:
        """The same as lines that a person reads."""
        sections = [
            ("Read by people", [_use_line(use, now=self.now) for use in self.uses if use.people_30_days]),
            ("Bets", [f"{bet.asset}: {bet.text} ({bet.outcome}; {bet.decision})" for bet in self.bets]),
            ("Nobody reads", [_unread_line(one, now=self.now) for one in self.unread if one.is_dead]),
            ("Read only by runs", [_unread_line(one, now=self.now) for one in self.unread if not one.is_dead]),
            ("Reports without a bet", list(self.without_bet)),
        ]
        shown = [f"{title}\n" + "\n".join(f"  {line}" for line in lines) for title, lines in sections if lines]
        return "\n\n".join(shown) or "Nobody has read anything yet."


def adoption(lake: Lake, assets: Mapping[str, Asset], *, now: datetime, unread_after: timedelta = WEEK) -> Adoption:
    """Who reads what, what became of each bet, and what nobody reads though it has been there for `unread_after`.

    Days are those of the time zone that `now` has. Raises ConfigError for a bet whose `check_after` means nothing.
    """
    reads = Reads(lake, now=now)
    watched = [asset for _, asset in sorted(assets.items()) if asset.kind in WATCHED]
    uses = {asset.name: _use(asset, reads) for asset in watched}
    used = {name for name, use in uses.items() if use.people_30_days}
    bet_on = {asset.spec.asset for asset in assets.values() if isinstance(asset.spec, Bet)}
    return Adoption(
        now=now,
        snapshot=lake.snapshot(),
        uses=tuple(sorted(uses.values(), key=lambda use: (-len(use.people_30_days), -use.reads_30_days, use.asset))),
        unread=_unread(lake, assets, uses, used, built_before=now - unread_after),
        bets=verdicts(lake, assets, reads, now=now),
        without_bet=tuple(asset.name for asset in watched if asset.kind == "report" and asset.name not in bet_on),
    )


def _use(asset: Asset, reads: Reads) -> Use:
    recent = reads.within(MONTH, asset.name)
    return Use(
        asset=asset.name,
        kind=asset.kind,
        people_7_days=people(reads.within(WEEK, asset.name)),
        people_30_days=people(recent),
        reads_30_days=sum(usage.reads for usage in recent),
        rows_30_days=sum(usage.rows for usage in recent),
        rows_offered_30_days=sum(usage.rows_offered for usage in recent),
        last=last_read(reads.within(REMEMBERED, asset.name)),
    )


def _unread(
    lake: Lake, assets: Mapping[str, Asset], uses: Mapping[str, Use], used: set[str], *, built_before: datetime
) -> tuple[Unread, ...]:
    readers = made_from(assets)
    found = []
    for name in uses.keys() - used:
        built_at = first_built(lake, assets, name)
        if built_at is None or built_at > built_before:
            continue
        nearest = nearest_first(name, readers)
        found.append(
            Unread(
                asset=name,
                kind=assets[name].kind,
                built_at=built_at,
                last=uses[name].last,
                feeds=readers.get(name, ()),
                used=next((one for one in nearest if one in used), None),
                delivered=next((one for one in nearest if assets[one].kind == "deliver"), None),
            )
        )
    return tuple(sorted(found, key=lambda one: (not one.is_dead, one.built_at, one.asset)))


def _use_line(use: Use, *, now: datetime) -> str:
    assert use.last is not None  # people read it within 30 days
    rows = f", {use.rows_30_days:,} rows" if use.rows_30_days else ""
    offered = f", {use.rows_offered_30_days:,} more offered" if use.rows_offered_30_days else ""
    return (
        f"{use.asset} ({use.kind}): {counted(len(use.people_30_days), 'person', 'people')} in 30 days,"
        f" {len(use.people_7_days)} in 7; {counted(use.reads_30_days, 'read')}{rows}{offered};"
        f" last {ago(use.last.at, now=now)} by {use.last.who} through {use.last.door}"
    )


def _unread_line(one: Unread, *, now: datetime) -> str:
    last = f"last read {ago(one.last.at, now=now)} by {one.last.who}" if one.last else "never read"
    line = f"{one.asset} ({one.kind}): {last}, built {ago(one.built_at, now=now)}"
    if not one.feeds:
        return line
    line += f"; read only by runs: feeds {', '.join(one.feeds)}"
    if one.used:
        return f"{line}; people read {one.used}"
    if one.delivered:
        return f"{line}; {one.delivered} hands it out, and who reads it there is not seen here"
    return f"{line}, which nobody reads either"
