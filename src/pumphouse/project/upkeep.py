"""Upkeep of a project's lake: what its declarations say of how long snapshots are kept, and for what."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pumphouse.errors import ConfigError
from pumphouse.indexes.manifest import needed
from pumphouse.lake.expiry import Expiry, Pin, expire, pins, to_expire
from pumphouse.lake.upkeep import Removable, merge_files, removable, remove_files, rewrite_deletes
from pumphouse.project.project import Project

_RETENTION = re.compile(r"(\d+) ?(days?|weeks?)")
_REPLACED = ("report", "deliver", "search", "online", "scores")
"""Kinds of which the newest result is the one that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What upkeep freed, or would free."""

    expiry: Expiry | None
    """None where no retention is declared."""
    files: int
    bytes: int
    """Of files that were in no snapshot."""


def retention_of(text: str) -> timedelta:
    """A retention as it is declared, `30 days` or `8 weeks`. Raises ConfigError for anything else."""
    found = _RETENTION.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"'{text}' is no retention", mend='Say it in days or weeks: "30 days".')
    return timedelta(weeks=int(found[1])) if found[2].startswith("week") else timedelta(days=int(found[1]))


def foreseen(project: Project, *, retention: str | None = None, now: datetime | None = None) -> Upkeep:
    """What `keep_up` would free; nothing is changed."""
    gone = removable(project.lake)
    return _told(_expiry(project, retention, now or datetime.now(UTC)), gone)


def keep_up(
    project: Project,
    *,
    retention: str | None = None,
    now: datetime | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Upkeep:
    """Merge files, rewrite those with deleted rows, expire what the retention says, remove files of no snapshot."""
    expiry = _expiry(project, retention, now or datetime.now(UTC))
    lake = project.lake
    say("merging small files")
    merge_files(lake)
    say("rewriting files with deleted rows")
    rewrite_deletes(lake)
    if expiry is not None:
        say(f"expiring {len(expiry.snapshots):,} snapshots")
        expire(lake, expiry)
    say("removing files that are in no snapshot")
    lake.sweep()
    return _told(expiry, remove_files(lake))


def _told(expiry: Expiry | None, gone: Removable) -> Upkeep:
    return Upkeep(expiry=expiry, files=gone.files, bytes=gone.bytes)


def _expiry(project: Project, retention: str | None, now: datetime) -> Expiry | None:
    declared = retention or project.config.retention
    if declared is None:
        return None
    lake = project.lake
    replaced = [name for name, asset in project.graph.assets.items() if asset.kind in _REPLACED]
    pinned = pins(lake, replaced=replaced)
    for index, snapshots in needed(lake).items():
        pinned += [Pin(snapshot=one, why=f"the index {index}") for one in snapshots]
    return to_expire(lake, retention=retention_of(declared), now=now, pinned=pinned)
