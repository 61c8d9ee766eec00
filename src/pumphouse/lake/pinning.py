"""Versions of tables that are read later pin snapshots: the fewest that have them all.

A version is in every snapshot until the table changes again, so that any of these will do, and the newest snapshot has
every table as it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pumphouse.lake.expired import kept
from pumphouse.lake.expiry import Pin
from pumphouse.lake.lake import Lake


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A version of a table that is read later, by the snapshot that has it, and what for."""

    table: str
    snapshot: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The snapshots from the first up to, without, `until` that have a version; all later ones where that is None."""

    first: int
    until: int | None
    why: str


def pins(lake: Lake, needs: Iterable[Need]) -> list[Pin]:
    """The fewest snapshots that have all of these versions, each once for each reason."""
    asked = dict.fromkeys(needs)
    spans = {place: lake.span(place[0], at=place[1]) for place in {(need.table, need.snapshot) for need in asked}}
    found = [(*spans[need.table, need.snapshot], need.why) for need in asked]
    there = kept(catalogue=lake.catalogue)
    return fewest((Span(first=first, until=until, why=why) for first, until, why in found), there=there)


def fewest(spans: Iterable[Span], *, there: Sequence[int]) -> list[Pin]:
    """The fewest of the snapshots that are there, one in each span at least; none for what left, or the newest has."""
    past = sorted((span.until, span.first, span.why) for span in spans if span.until is not None)
    found: list[Pin] = []
    chosen = -1
    for until, first, why in past:
        if chosen < first:  # it is before `until` in any case: those come in order
            place = bisect_left(there, until) - 1
            if place < 0 or there[place] < first:
                continue
            chosen = there[place]
        found.append(Pin(snapshot=chosen, why=why))
    return list(dict.fromkeys(found))


def newest_with(lake: Lake, table: str, *, at: int) -> int | None:
    """The newest snapshot that is kept with a table as it is at another; None where all of them left."""
    first, until = lake.span(table, at=at)
    there = kept(catalogue=lake.catalogue)
    place = (len(there) if until is None else bisect_left(there, until)) - 1
    return there[place] if place >= 0 and there[place] >= first else None
