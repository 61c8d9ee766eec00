"""From one state of an index to another: the rows that differ leave it, and come back as they are at the new snapshot.

It works in both directions, since it asks only which rows differ. Rows are kept apart by partitions of time where the
index is sorted by a time, so that what is old is not merged again and again with what is new.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pumphouse.engines.engine import Engine, Query, Scan
from pumphouse.engines.parameters import literal, quoted
from pumphouse.indexes import words
from pumphouse.indexes.fields import Field, document, nothing, schema
from pumphouse.indexes.manifest import Manifest, State, World
from pumphouse.indexes.segments import MERGED_FROM, Segment, bounds, ends, put_together, row_ids, seal, segments, write
from pumphouse.lake import rowids
from pumphouse.lake.lake import Lake
from pumphouse.lake.moved import straight
from pumphouse.lake.pinning import newest_with

if TYPE_CHECKING:
    import pyarrow as pa
    import tantivy

    from pumphouse.lake.layouts import File

ONE_READ_ROWS_MAX = 25_000
"""So many rows are read at once, and then told apart by their partitions."""
ROWS_AT_ONCE = 8_192
"""A bound on what is Python objects at a time."""
DEAD_SHARE_MAX = 0.2
"""Of a segment's rows; beyond it those alive are written anew."""
DIFFERING_SHARE_MAX = 0.5
"""Of an index's rows; where more differ, it is quicker to make it anew."""


YEARS_BETWEEN_DAYS = range(1678, 2262)
"""Those whose days, and the ones beside them, every type of a time has: nanoseconds have no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table at a snapshot as an index reads it."""

    lake: Lake
    engine: Engine
    table: str
    snapshot: int
    fields: tuple[Field, ...]
    sort: str | None
    schema: tantivy.Schema
    stored: tuple[str, ...] = ()
    """Columns that the index keeps as they are."""
    shown: Callable[[Scan], Scan] | None = None
    """What is read of a scan with row ids, where that is not all of it."""
    files: tuple[File, ...] | None = None
    """Where only rows of these files are asked for, those."""

    @classmethod
    def of(cls, manifest: Manifest, *, lake: Lake, engine: Engine, snapshot: int) -> Rows:
        """The table of an index at a snapshot."""
        return cls(
            lake=lake,
            engine=engine,
            table=manifest.table,
            snapshot=snapshot,
            fields=manifest.fields,
            sort=manifest.sort,
            stored=manifest.stored,
            schema=schema(manifest.fields, stored=manifest.stored),
        )

    def documents(
        self, *, only: pa.Array | None = None, since: int = 0, partition: str | None = None
    ) -> Iterator[pa.Array]:
        """Documents as JSON: of these ids, of versions after a snapshot, of a partition."""
        made = document(self.fields, stored=self.stored)
        if only is not None and len(only) <= ONE_READ_ROWS_MAX:
            text = f"{self._chosen(since)} SELECT {made} AS document FROM chosen WHERE true"
        else:
            text = f"SELECT {made} AS document FROM {quoted(self.table)} WHERE _row_since > {since}"
            text += " AND _rowid IN (SELECT id FROM _only)" if only is not None else ""
        text += f" AND {self._within(partition)}" if partition is not None else ""
        for batch in self._read(text, only):
            yield from _sliced(batch.column(0))

    def few(self, *, only: pa.Array, since: int = 0) -> dict[str, pa.Array]:
        """Documents as JSON of the rows of these ids, by their partition; all are in memory."""
        import pyarrow as pa
        import pyarrow.compute as pc

        made = document(self.fields, stored=self.stored)
        text = f"{self._chosen(since)} SELECT {self.partition} AS name, {made} AS document FROM chosen"
        batches = list(self._read(text, only))
        names, documents = (
            pa.concat_arrays([one.column(at) for one in batches]) if batches else pa.array([], pa.string())
            for at in (0, 1)
        )
        return {name: documents.filter(pc.equal(names, name)) for name in names.unique().to_pylist()}

    def partitions(self, *, only: pa.Array | None = None, since: int = 0) -> list[tuple[str, int]]:
        """The partitions of these rows, and how many each has."""
        condition = "_rowid IN (SELECT id FROM _only)" if only is not None else "true"
        text = f"SELECT {self.partition} AS name, count(*) AS rows FROM {quoted(self.table)}"
        text += f" WHERE {condition} AND _row_since > {since} GROUP BY ALL ORDER BY 1"
        return [tuple(row.values()) for batch in self._read(text, only) for row in batch.to_pylist()]

    @property
    def partition(self) -> str:
        """SQL of the partition of a row: the year, where the index is sorted by a time."""
        by_time = any(field.column == self.sort and field.unit in ("day", "moment") for field in self.fields)
        return f"coalesce(CAST(year({quoted(self.sort or '')}) AS VARCHAR), '')" if by_time else "''"

    def _within(self, partition: str) -> str:
        """SQL of the rows of a partition: of a year also between days, by which files and row groups are skipped."""
        is_it = f"{self.partition} = {literal(partition)}"
        if not partition.isdigit() or int(partition) not in YEARS_BETWEEN_DAYS:
            return is_it
        year = int(partition)  # with a day more at both ends, in whichever zone a year begins
        return f"{quoted(self.sort or '')} BETWEEN '{year - 1}-12-31' AND '{year + 1}-01-02' AND {is_it}"

    def _chosen(self, since: int) -> str:
        """SQL that has the few rows of `_only` together before anything is made of them.

        They may come from many small files; measured with 100 rows of each of 40, that is twice as quick.
        """
        columns = dict.fromkeys(["_rowid", *(field.column for field in self.fields), *self.stored])
        return (
            f"WITH chosen AS MATERIALIZED (SELECT {', '.join(map(quoted, columns))} FROM {quoted(self.table)}"
            f" WHERE _rowid IN (SELECT id FROM _only) AND _row_since > {since})"
        )

    def _read(self, text: str, only: pa.Array | None) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        scan: Scan = self.lake.scan(self.table, snapshot=self.snapshot, row_ids=True)
        if self.files:
            scan = straight(rowids.home(self.lake, self.table, self.snapshot)[0], scan, self.files)
        scan = self.shown(scan) if self.shown else scan
        there = {name.lower() for name in scan.schema.names}
        missing = [one for one in self.fields if one.column.lower() not in there]
        if missing:
            nulls = ", ".join(f"{nothing(one)} AS {quoted(one.column)}" for one in missing)
            scan = replace(scan, relation=f"SELECT *, {nulls} FROM ({scan.relation})")
        tables = {"_only": pa.table({"id": only})} if only is not None else {}
        yield from self.engine.read(Query(text=text, inputs={self.table: scan}, tables=tables))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What has to leave an index, and come back, for it to have the rows of another snapshot."""

    ids: pa.Array
    since: int
    """Rows that come back have a version after this snapshot; 0 where that is not known."""
    brings: bool
    """Whether any may come back."""
    files: tuple[File, ...] | None = None
    """Files of the rows that come back, and of nothing else, where there are such."""


def difference(rows: Rows, state: State, *, world: World) -> Difference | None:
    """How the table's rows differ from those of a state; None where nobody knows any more.

    `world` is what the table is now.
    """
    import numpy as np
    import pyarrow as pa

    if (world.table_id, world.columns) != (state.world.table_id, state.world.columns):
        return None  # each row of another column may have another value, of which no row tells
    lake, at = rowids.home(rows.lake, rows.table, rows.snapshot)
    known = rowids.differing(lake, rows.table, one=state.read_at, other=at)
    if known is None and (same := newest_with(lake, rows.table, at=state.read_at)) is not None:
        known = rowids.differing(lake, rows.table, one=same, other=at)  # its own snapshot left
    if known is None:
        return None
    ids = known.ids
    since = state.read_at if at >= state.read_at and not known.is_rewritten else 0
    if world.hidden != state.world.hidden:
        hidden = rowids.hidden(lake, rows.table, snapshot=at)
        ids = pa.array(np.union1d(ids.to_numpy(), hidden.to_numpy()))
    files = known.files if since else None
    return Difference(ids=ids, since=since, brings=known.has_come or at < state.read_at, files=files)


def make(rows: Rows, target: Path, *, work: Path, progress: Callable[[int], None]) -> tuple[Segment, ...]:
    """A state of all rows, in the folder `target`; its segments."""
    return _by_partition(rows, target, work=work, kept=(), source=work, by=None, progress=progress)


def advance(
    rows: Rows,
    target: Path,
    *,
    work: Path,
    state: State,
    source: Path,
    by: Difference,
    progress: Callable[[int], None],
) -> tuple[Segment, ...]:
    """A state that goes on from another one, in the folder `target`; its segments.

    Those of one size are merged, and those mostly dead written anew, within their partitions.
    """
    return _by_partition(rows, target, work=work, kept=state.segments, source=source, by=by, progress=progress)


def overlaid(
    rows: Rows, target: Path, *, work: Path, state: State, source: Path, by: Difference
) -> tuple[Segment, ...]:
    """Another state for readers, with as little work as can be: bitmaps over the old segments, and one of new rows.

    The folder `target` is not sealed yet.
    """
    parts: list[tuple[Path, Sequence[Segment]]] = []
    for start in range(0, len(state.segments), MERGED_FROM - 1):  # fewer than are merged
        chunk = state.segments[start : start + MERGED_FROM - 1]
        gone = _of(chunk, by.ids)
        folder = source
        if len(gone):
            folder = work / f"old-{start}"
            put_together(folder, [(source, chunk)], schema=rows.schema)
            _drain(write(folder, (), without=gone))
            spans = {one.id: one for one in chunk}
            chunk = tuple(
                msgspec.structs.replace(spans[one.id], dead=one.dead, stamp=one.stamp) for one in segments(folder)
            )
        parts.append((folder, chunk))
    new = work / "new"
    put_together(new, (), schema=rows.schema)
    documents = _coming(rows, by).documents(only=by.ids, since=by.since) if by.brings else ()
    _drain(write(new, documents))
    ids = by.ids.to_numpy()
    parts.append(
        (new, [msgspec.structs.replace(one, first=int(ids.min()), last=int(ids.max())) for one in segments(new)])
    )
    put_together(target, parts, schema=rows.schema)
    return tuple(one for _, chosen in parts for one in chosen)


def _by_partition(
    rows: Rows,
    target: Path,
    *,
    work: Path,
    kept: tuple[Segment, ...],
    source: Path,
    by: Difference | None,
    progress: Callable[[int], None],
) -> tuple[Segment, ...]:
    ids, since = (by.ids, by.since) if by else (None, 0)
    coming_rows = _coming(rows, by) if by else rows
    few: dict[str, pa.Array] | None = None
    if by is not None and not by.brings:
        coming = {}
    elif ids is not None and len(ids) <= ONE_READ_ROWS_MAX:
        few = coming_rows.few(only=ids, since=since)
        coming = {name: len(documents) for name, documents in few.items()}
    else:
        coming = dict(coming_rows.partitions(only=ids, since=since))
    parts: list[tuple[Path, Sequence[Segment]]] = []
    before = 0
    for number, partition in enumerate(sorted({*coming, *(one.partition for one in kept)})):
        own = [one for one in kept if one.partition == partition]
        gone = _of(own, ids) if ids is not None else None
        new = coming.get(partition, 0)
        if not new and not gone:
            parts.append((source, own))
            continue
        folder = work / f"part-{number}"
        put_together(folder, [(source, own)], schema=rows.schema)
        if not new:
            documents: Iterable[pa.Array] = ()
        elif few is not None:
            documents = _sliced(few[partition])
        else:
            documents = coming_rows.documents(only=ids, since=since, partition=partition)
        for done in write(folder, documents, without=gone):
            progress(before + done)
        before += new
        folder = _without_dead(rows, folder, work=work / f"again-{number}")
        parts.append((folder, _known(folder, own, partition=partition, rows=rows, work=work)))
    put_together(target, parts, schema=rows.schema)
    seal(target)
    return tuple(one for _, chosen in parts for one in chosen)


def _coming(rows: Rows, by: Difference) -> Rows:
    """The table as the rows that come back are read."""
    return replace(rows, files=by.files)


def _without_dead(rows: Rows, folder: Path, *, work: Path) -> Path:
    """A folder in whose segments few rows are dead; the same one where that is so."""
    found = segments(folder)
    dead = [one for one in found if one.dead > DEAD_SHARE_MAX * one.rows]
    if not dead:
        return folder
    put_together(work / "dead", [(folder, dead)], schema=rows.schema)
    alive = row_ids(words.open_index(work / "dead"))
    kept = work / "kept"
    put_together(kept, [(folder, [one for one in found if one not in dead])], schema=rows.schema)
    _drain(write(kept, rows.documents(only=alive)))
    return kept


def _known(folder: Path, before: Sequence[Segment], *, partition: str, rows: Rows, work: Path) -> list[Segment]:
    """A folder's segments, with their partition and between which ids and values their rows are."""
    written = {one.id: one for one in before}
    known = []
    for one in segments(folder):
        if one.id not in written:
            alone = work / f"span-{one.stem}"
            put_together(alone, [(folder, [one])], schema=rows.schema)
            index = words.open_index(alone)
            first, last = bounds(index)
            written[one.id] = msgspec.structs.replace(one, first=first, last=last, ends=ends(index, rows.fields))
        as_written = written[one.id]
        known.append(
            msgspec.structs.replace(
                one, partition=partition, first=as_written.first, last=as_written.last, ends=as_written.ends
            )
        )
    return known


def _sliced(documents: pa.Array) -> Iterator[pa.Array]:
    for start in range(0, len(documents), ROWS_AT_ONCE):
        yield documents.slice(start, ROWS_AT_ONCE)


def _of(chosen: Sequence[Segment], ids: pa.Array) -> pa.Array:
    """Those of the ids that may be in one of the segments."""
    import pyarrow.compute as pc

    if not chosen:
        return ids.slice(0, 0)
    first, last = min(one.first for one in chosen), max(one.last for one in chosen)
    return ids.filter(pc.and_(pc.greater_equal(ids, first), pc.less_equal(ids, last)))


def _drain(written: Iterator[int]) -> None:
    deque(written, maxlen=0)
