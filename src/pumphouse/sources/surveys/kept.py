"""What people answered, as it was kept: batches of events, stored before they are looked into."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.errors import LakeError, UnknownName
from pumphouse.lake.blobs import Blobs
from pumphouse.lake.context import Context
from pumphouse.lake.state import Event
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.surveys.events import AnswerEvent, decode
from pumphouse.sources.surveys.questions import Asked, questions_of

EVENTS_PER_BATCH = 10_000


def stream_of(survey: str) -> str:
    """The stream of the lake's state in which a survey's answers are kept."""
    return f"survey/{survey}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One event, when the lake took it and from which stored bytes; `answer` is None where it can't be read."""

    event: Event
    answer: AnswerEvent | None
    loaded_at: datetime
    raw: str

    @property
    def answered_at(self) -> datetime:
        """When the respondent said it: the date on the paper, else when it was kept."""
        return (self.answer.given_at if self.answer else None) or self.event.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Stored bytes that hold events, and the visit that brought them."""

    visit: Visit
    exchange: Exchange

    def read(self) -> Iterator[Kept]:
        """The events in it, in the order in which they arrived."""
        for event in msgspec.json.decode(self.visit.body(self.exchange), type=list[Event]):
            yield Kept(event=event, answer=_answer(event), loaded_at=self.visit.at, raw=self.exchange.sha)


@dataclass(slots=True, kw_only=True)
class Found:
    """What is known of events once all were looked at."""

    newest: int = 0
    """The sequence number of the last."""
    versions: dict[str, datetime] = field(default_factory=dict)
    """The survey's versions that they answer, in the order of arrival, each with when it was answered first."""
    withdrawn: set[str] = field(default_factory=set)
    """Ids of answers that were taken back."""
    used: set[str] = field(default_factory=set)
    """Fields of an event that were said by some."""


def batches(asset: Asset, context: Context, visits: Iterable[Visit]) -> list[Batch]:
    """All that arrived, or that was stored when it did."""
    return [Batch(visit=visit, exchange=exchange) for visit in visits for exchange in _exchanges(asset, context, visit)]


def look(arrived: Iterable[Batch], *, newest: int = 0, after: int = 0) -> Found:
    """What events have in common that came later than the number `after`."""
    found = Found(newest=newest)
    for batch in arrived:
        for kept in batch.read():
            if kept.event.seq <= after:
                continue
            found.newest = max(found.newest, kept.event.seq)
            if kept.answer is None:
                continue
            if kept.answer.withdrawn is not None:
                found.withdrawn.add(kept.answer.withdrawn)
                continue
            found.versions.setdefault(kept.answer.version, kept.event.at)
            found.used |= {name for name, usual in _USUAL.items() if getattr(kept.answer, name) != usual}
    return found


def questions_by_version(blobs: Blobs, versions: Iterable[str]) -> dict[str, Mapping[str, Asked]]:
    """The questions of those versions of a survey whose text the lake has, as respondents saw them."""
    found: dict[str, Mapping[str, Asked]] = {}
    for version in versions:
        try:
            survey = json.loads(blobs.get(version))
        except (UnknownName, LakeError, ValueError):  # answered before texts were kept, or by a program's own word
            continue
        if isinstance(survey, dict):
            found[version] = questions_of(survey)
    return found


_USUAL = {"began_at": None, "mode": "self", "by": None, "invitation": None, "consent": None}


def _answer(event: Event) -> AnswerEvent | None:
    try:
        return decode(event.body)
    except msgspec.DecodeError:  # and ValidationError, which is one
        return None


def _exchanges(asset: Asset, context: Context, visit: Visit) -> Iterator[Exchange]:
    if visit.recorded:
        yield from visit.replayed()
        return
    state, left = context.lake.state, context.sample
    after = int(visit.cursor or 0)
    while left is None or left > 0:
        limit = EVENTS_PER_BATCH if left is None else min(left, EVENTS_PER_BATCH)
        events = state.events(stream_of(asset.name), after=after, limit=limit)
        if not events:
            return
        after, left = events[-1].seq, None if left is None else left - len(events)
        yield visit.keep("ROWS", f"answers {events[0].seq} to {after}", msgspec.json.encode(events))
