"""Upkeep of a project's lake: what its declarations say of how long snapshots are kept, and for what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pumphouse.indexes.manifest import needed
from pumphouse.lake.expiry import Expiry, Pin, expire, pins, to_expire
from pumphouse.lake.lake import Lake
from pumphouse.lake.upkeep import merge_files, removable, remove_files, rewrite_deletes
from pumphouse.project.project import Project
from pumphouse.project.retention import retention_of

_REPLACED = ("report", "deliver", "search", "online", "scores")
"""Kinds of which the newest result is the one that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What upkeep freed, or would free."""

    expiry: Expiry | None
    """None where no retention is declared, or it was told to stop."""
    files: int
    bytes: int
    """Of files that were in no snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told how upkeep goes, and may have it end early: the command line's bar, the server's clock."""

    step: Callable[[str, int], None] = lambda what, tables: None
    """What is begun, and of how many tables; 0 where it is not one by one."""
    table: Callable[[str], None] = lambda name: None
    """Which table's turn it is."""
    stops: Callable[[], bool] = lambda: False
    """Whether to end before the next table."""


def foreseen(project: Project, *, retention: str | None = None, now: datetime | None = None) -> Upkeep:
    """What `keep_up` would free; nothing is changed."""
    gone = removable(project.lake)
    decide = _decision(project, retention, now or datetime.now(UTC))
    return Upkeep(expiry=decide() if decide else None, files=gone.files, bytes=gone.bytes)


def keep_up(
    project: Project, *, retention: str | None = None, now: datetime | None = None, watch: Watch | None = None
) -> Upkeep:
    """Merge files, rewrite those with deleted rows, expire what the retention says, remove files of no snapshot.

    Told to stop, it does between two tables; the next time goes on.
    """
    lake, watch = project.lake, watch or Watch()
    decide = _decision(project, retention, now or datetime.now(UTC))
    expiry, gone = None, None
    merge_files(lake, _each(lake, "merging small files", watch))
    rewrite_deletes(lake, _each(lake, "rewriting files with deleted rows", watch))
    if decide is not None and not watch.stops():
        watch.step("expiring snapshots", 0)
        expiry = expire(lake, decide)
    if not watch.stops():
        watch.step("removing files that are in no snapshot", 0)
        lake.sweep()
        gone = remove_files(lake)
    return Upkeep(expiry=expiry, files=gone.files if gone else 0, bytes=gone.bytes if gone else 0)


def _each(lake: Lake, what: str, watch: Watch) -> Iterator[str]:
    tables = lake.tables()
    watch.step(what, len(tables))
    for table in tables:
        if watch.stops():
            return
        watch.table(table)
        yield table


def _decision(project: Project, said: str | None, now: datetime) -> Callable[[], Expiry] | None:
    """What says which snapshots have to leave; None where no retention is declared."""
    retention = retention_of(said) if said is not None else project.config.upkeep.retention
    if retention is None:
        return None
    lake = project.lake
    replaced = [name for name, asset in project.graph.assets.items() if asset.kind in _REPLACED]

    def decide() -> Expiry:
        pinned = pins(lake, replaced=replaced)
        for index, snapshots in needed(lake).items():
            pinned += [Pin(snapshot=one, why=f"the index {index}") for one in snapshots]
        return to_expire(lake, retention=retention, now=now, pinned=pinned)

    return decide
