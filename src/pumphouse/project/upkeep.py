"""Upkeep of a project's lake: what its declarations say of how long snapshots are kept, and for what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pumphouse.declare.layouts import TableLayout
from pumphouse.errors import ConfigError, did_you_mean
from pumphouse.lake.expiry import Expiry, expire, pinned_by_changes, to_expire
from pumphouse.lake.fragments import Fragments, fragments
from pumphouse.lake.lake import Lake
from pumphouse.lake.merging import files_after, merges
from pumphouse.lake.strays import Strays, strays
from pumphouse.lake.upkeep import Removable, merge_files, removable, remove_files, rewrite_deletes
from pumphouse.project.pinned import pinned, undeclared_indexes
from pumphouse.project.project import Project
from pumphouse.project.retention import retention_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUpkeep:
    """What merging and rewriting made of a table's files, or would make of them."""

    table: str
    files: int
    """Before."""
    files_after: int
    """What would be is told from the catalogue: exact up to about 500 MB a file, about so many beyond."""
    bytes: int
    """Before."""
    bytes_after: int | None
    """None where it was only foreseen: it depends on how well the rows can be packed."""
    bytes_written: int
    """Of the files that are written again."""
    rows_deleted: int
    """Deleted rows that are not in the files any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What upkeep did, or would do."""

    tables: tuple[TableUpkeep, ...]
    """Those whose files change, the lake's own bookkeeping as `pumphouse.artefacts`."""
    expiry: Expiry | None
    """None where no retention is declared, or it was told to stop."""
    files: int
    """That were in no snapshot, and are removed."""
    bytes: int
    later_files: int
    """That are in no snapshot since less than a day, and go after it."""
    later_bytes: int
    stored: Strays | None = None
    """Raw input and files that builds made, none of which goes; None where it was not only foreseen."""
    undeclared: Mapping[str, int] = field(default_factory=dict)
    """Indexes that are not declared any more, with the bytes in their folders; none where it was not only foreseen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told how upkeep goes, and may have it end early: the command line's bar, the server's clock."""

    step: Callable[[str, int], None] = lambda what, tables: None
    """What is begun, and of how many tables; 0 where it is not one by one."""
    table: Callable[[str], None] = lambda name: None
    """Which table's turn it is."""
    stops: Callable[[], bool] = lambda: False
    """Whether to end before the next table."""


def expiring(project: Project, *, now: datetime | None = None) -> Expiry | None:
    """What would leave by the declared retention, and what keeps the rest; None without one. Nothing is changed."""
    decide = _decision(project, None, now or datetime.now(UTC))
    return decide() if decide else None


def foreseen(project: Project, *, retention: str | None = None, now: datetime | None = None) -> Upkeep:
    """What `keep_up` would do; nothing is changed."""
    now = now or datetime.now(UTC)
    tables = tuple(
        TableUpkeep(
            table=table, files=one.files, files_after=one.files_after, bytes=one.bytes, bytes_after=None,
            bytes_written=one.bytes_to_write, rows_deleted=one.rewritten_rows_deleted,
        )
        for table, one in _fragments(project.lake, _layouts(project)).items()
        if one.bytes_to_write
    )  # fmt: skip
    decide = _decision(project, retention, now, newest_stays=not tables)  # to write files again makes a snapshot
    foreseen = _upkeep(tables, decide() if decide else None, removable(project.lake, now=now))
    left = undeclared_indexes(project.lake, project.graph.assets)
    return replace(foreseen, stored=strays(project.lake, now=now), undeclared=left)


def keep_up(
    project: Project, *, retention: str | None = None, now: datetime | None = None, watch: Watch | None = None
) -> Upkeep:
    """Merge files, rewrite those with deleted rows, expire what the retention says, remove files of no snapshot.

    Told to stop, it does between two tables; the next time goes on.
    """
    lake, watch = project.lake, watch or Watch()
    now = now or datetime.now(UTC)
    decide = _decision(project, retention, now)
    expiry, gone = None, None
    layouts = _layouts(project)
    before = _fragments(lake, layouts)
    many = [table for table, one in before.items() if one.merged]
    merge_files(lake, _each("merging small files", many, watch), layouts=layouts)
    holed = [table for table, one in fragments(lake).items() if one.rewritten]
    rewrite_deletes(lake, _each("rewriting files with deleted rows", holed, watch))
    unsorted = [table for table in holed if table in layouts and layouts[table].is_in_order]
    merge_files(lake, _each("sorting what was rewritten", unsorted, watch) if unsorted else (), layouts=layouts)
    tables = _changed(before, fragments(lake)) if many or holed else ()
    if decide is not None and not watch.stops():
        watch.step("expiring snapshots", 0)
        expiry = expire(lake, decide)
    if not watch.stops():
        watch.step("removing files that are in no snapshot", 0)
        lake.sweep()
        gone = remove_files(lake, now=now)
    return _upkeep(tables, expiry, gone)


def _layouts(project: Project) -> dict[str, TableLayout]:
    """How rows lie in the files of tables of which something is said about it."""
    return {name: asset.layout for name, asset in project.graph.assets.items() if asset.layout is not None}


def _fragments(lake: Lake, layouts: Mapping[str, TableLayout]) -> dict[str, Fragments]:
    """The files of each table, and what merging in the order of its layout would make of them."""
    found = fragments(lake)
    for table in found.keys() & layouts.keys():
        merged = merges(lake, table, layouts[table])
        if merged is not None:
            found[table] = replace(
                found[table],
                merged=sum(len(one.files) for one in merged),
                merged_into=sum(files_after(lake, one) for one in merged),
                bytes_merged=sum(one.size_bytes for one in merged),
            )
    return found


def _upkeep(tables: tuple[TableUpkeep, ...], expiry: Expiry | None, gone: Removable | None) -> Upkeep:
    return Upkeep(
        tables=tables,
        expiry=expiry,
        files=gone.files if gone else 0,
        bytes=gone.bytes if gone else 0,
        later_files=gone.later_files if gone else 0,
        later_bytes=gone.later_bytes if gone else 0,
    )


def _changed(before: Mapping[str, Fragments], after: Mapping[str, Fragments]) -> tuple[TableUpkeep, ...]:
    """The tables with other files than before; what builds did to them meanwhile is in the numbers too."""
    found = []
    for table, was in before.items():
        now = after.get(table, Fragments())
        if was.bytes_to_write and (was.files, was.bytes, was.rows_deleted) != (now.files, now.bytes, now.rows_deleted):
            found.append(
                TableUpkeep(
                    table=table, files=was.files, files_after=now.files, bytes=was.bytes, bytes_after=now.bytes,
                    bytes_written=was.bytes_to_write, rows_deleted=was.rewritten_rows_deleted,
                )
            )  # fmt: skip
    return tuple(found)


def _each(what: str, tables: Sequence[str], watch: Watch) -> Iterator[str]:
    watch.step(what, len(tables))
    for table in tables:
        if watch.stops():
            return
        watch.table(table)
        yield table


def _decision(
    project: Project, said: str | None, now: datetime, *, newest_stays: bool = True
) -> Callable[[], Expiry] | None:
    """What says which snapshots have to leave; None where no retention is declared."""
    retention = retention_of(said) if said is not None else project.config.upkeep.retention
    if retention is None:
        return None
    lake = project.lake
    longer = project.config.upkeep.longer
    for table in longer:
        if table not in project.graph.assets and not lake.has(table):
            known = [*project.graph.assets, *lake.tables()]
            raise ConfigError(
                f"[upkeep] longer names '{table}', and there is no such table",
                mend=did_you_mean(table, known) or "Take it out of pumphouse.toml.",
            )

    def decide() -> Expiry:
        found = pinned(lake, project.graph.assets)
        for table, keep in longer.items():
            found += pinned_by_changes(lake, table, keep=keep, now=now)
        return to_expire(lake, retention=retention, now=now, pinned=found, newest_stays=newest_stays)

    return decide
