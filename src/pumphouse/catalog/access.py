"""What people read, out of the access log. A read that a run made for itself is no use (law 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pumphouse.declare.asset import Asset
from pumphouse.declare.learning import Rollout
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access

REMEMBERED = timedelta(days=366)
"""Reads from before are not looked at: "nobody" means nobody in the last year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRead:
    """The newest read that a person made."""

    at: datetime
    who: str
    door: str


def reads_by_people(lake: Lake, *, now: datetime) -> Mapping[str, Sequence[Access]]:
    """Each asset's reads up to `now` that were not a run's own, oldest first."""
    reads: dict[str, list[Access]] = {}
    for access in lake.state.accesses(since=now - REMEMBERED):
        if access.run is None and access.at <= now:
            reads.setdefault(access.asset, []).append(access)
    return {asset: sorted(found, key=lambda access: access.at) for asset, found in reads.items()}


def last_read(reads: Sequence[Access]) -> LastRead | None:
    """The newest of these reads, which are in order."""
    return LastRead(at=reads[-1].at, who=reads[-1].who, door=reads[-1].door) if reads else None


def people(reads: Iterable[Access]) -> tuple[str, ...]:
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
    if asset is None or asset.makes_table or asset.kind in ("model", "report", "search", "experiment", "deliver"):
        return None
    needed = (asset.spec.model,) if isinstance(asset.spec, Rollout) else asset.inputs
    times = [first_built(lake, assets, one) for one in needed]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None
