"""What people read, out of the access log. A read that a run made for itself is no use (law 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pumphouse.declare.asset import Asset
from pumphouse.declare.rollouts import Rollout
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Usage

REMEMBERED = timedelta(days=366)
_BUILT = frozenset({"model", "report", "search", "online", "experiment", "deliver"})
"""Kinds that are there once they were built, though they are no table."""
"""Reads from before are not looked at: "nobody" means nobody in the last year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRead:
    """The newest read that a person made."""

    at: datetime
    who: str
    door: str


class Reads:
    """What people read up to a moment; each window is asked for once."""

    def __init__(self, lake: Lake, *, now: datetime) -> None:
        self._lake = lake
        self._now = now
        self._windows: dict[timedelta, dict[str, list[Usage]]] = {}

    def within(self, window: timedelta, asset: str) -> Sequence[Usage]:
        """Who read the asset in the window before now, through which door, how often and how much."""
        if window not in self._windows:
            by_asset: dict[str, list[Usage]] = {}
            for usage in self._lake.state.usage(after=self._now - window, until=self._now):
                by_asset.setdefault(usage.asset, []).append(usage)
            self._windows[window] = by_asset
        return self._windows[window].get(asset, ())


def last_read(reads: Iterable[Usage]) -> LastRead | None:
    """The newest of these reads."""
    newest = max(reads, key=lambda usage: usage.last_at, default=None)
    return LastRead(at=newest.last_at, who=newest.who, door=newest.door) if newest else None


def people(reads: Iterable[Usage]) -> tuple[str, ...]:
    """Who made these reads, each once, in order of name."""
    return tuple(sorted({read.who for read in reads}))


def first_built(lake: Lake, assets: Mapping[str, Asset], name: str) -> datetime | None:
    """When an asset was there for people to use, or None where it never was.

    A rollout has no build of its own: it is there with the first version of its model. What else has none is there with
    the last of what it reads.
    """
    history = lake.history(name)
    if history:
        return history[0].at
    asset = assets.get(name)
    if asset is None or asset.makes_table or asset.kind in _BUILT:
        return None
    needed = (asset.spec.model,) if isinstance(asset.spec, Rollout) else asset.inputs
    times = [first_built(lake, assets, one) for one in needed]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None
