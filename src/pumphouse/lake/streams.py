"""Moving what arrived one by one, and is kept in the lake's state, into a table."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, TypeVar

from pumphouse.lake.builds import Build, Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built
from pumphouse.lake.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

EVENTS_PER_BATCH = 10_000
One = TypeVar("One")


def flush(
    lake: Lake,
    stream: str,
    *,
    table: str,
    key: tuple[str, ...],
    decode: Callable[[str], One],
    schema_of: Callable[[One], pa.Schema],
    batch_of: Callable[[Sequence[One], pa.Schema], pa.RecordBatch],
    said: str,
    run: str,
    actor: str,
    accept_schema: bool,
) -> Built:
    """Move what came to a stream since the last time into a table; `said` ends the note "12 ...".

    Each event arrives once, by its key: the cursor moves in the same commit, and two who flush at once write the same
    rows. Of events that make rows of one key, the last counts. Events of another schema than those before begin a
    commit of their own. Raises SchemaChange where they no longer have the table's columns, unless `accept_schema`;
    those before are then kept.
    """
    last = lake.history(table)
    newest = int(last[-1].cursor or 0) if last else 0

    def arrived() -> Iterator[One]:
        nonlocal newest
        after = newest
        while events := lake.state.events(stream, after=after, limit=EVENTS_PER_BATCH):
            after = events[-1].seq
            for event in events:
                one = decode(event.body)
                yield one
                newest = event.seq  # somebody asked for the next one: this one is in its batch

    built: Build | None = None
    rows = merged = 0
    for schema, alike in groupby(arrived(), key=schema_of):
        written = lake.stage(_batches(alike, schema, batch_of), schema, stem=f"{table}_{uuid.uuid4().hex}")
        commit = Commit(lake, table, run=run, actor=actor, accept_schema=accept_schema)
        commit.upsert(table, written, key=key)
        commit.cursor(newest)
        published = commit.publish(Counts(rows_in=written.rows, rows_out=written.rows))
        rows += written.rows
        if published:
            built = published
            merged += published.counts.merged
    return Built(
        asset=table,
        snapshot=built.snapshot if built else None,
        counts=Counts(rows_in=rows, rows_out=rows - merged, merged=merged) if built else Counts(),
        note=f"{rows - merged:,} {said}" if rows else "",
    )


def texts_stay(stored: Iterable[pa.Schema], own: Callable[[str], pa.Schema]) -> Callable[[str], pa.Schema]:
    """A function that gives the columns of a version, which `own` knows, for events of several to go into one table.

    A column that has once been text, stored or in another version, stays so.
    """
    import pyarrow as pa

    def of(schema: pa.Schema) -> set[str]:
        return {field.name for field in schema if field.type == pa.string()}

    texts = {name for schema in stored for name in of(schema)}
    known: dict[str, pa.Schema] = {}

    def schema_of(version: str) -> pa.Schema:
        if version not in known:
            schema = own(version)
            if not texts.issuperset(found := of(schema)):
                texts.update(found)
                known.clear()
            known[version] = pa.schema([(one.name, pa.string() if one.name in texts else one.type) for one in schema])
        return known[version]

    return schema_of


def _batches(
    alike: Iterator[One], schema: pa.Schema, batch_of: Callable[[Sequence[One], pa.Schema], pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    while some := list(islice(alike, EVENTS_PER_BATCH)):
        yield batch_of(some, schema)
