"""Reading a lake as a person: every read is written to the access log with who, what, which snapshot, how many rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Unpack

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import with_defaults
from pumphouse.engines.engine import Query, Scan, SqlFunction, called_in
from pumphouse.engines.parameters import bind, quoted
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.indexes.searching import Found, matching, search
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access
from pumphouse.project import queries
from pumphouse.project.queries import Asked, no_snapshot
from pumphouse.project.search_calls import SearchOptions, found_rows, index_of, no_matches
from pumphouse.sources.external.tables import ExternalTables
from pumphouse_client.selects import Select
from pumphouse_client.tables import Answer, Pin, Table
from pumphouse_client.values import checked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A query as the engine takes it, and what it reads."""

    query: Query
    tables: tuple[str, ...]
    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A person at a door of the lake, who has the rows of its tables as a `Backend` of pumphouse_client."""

    lake: Lake
    who: str
    door: str
    functions: tuple[SqlFunction, ...] = ()
    parameters: Mapping[str, Any] | None = None  # values of `$name`
    external: ExternalTables | None = None
    """The tables that stay where they are."""
    declared: Collection[str] = ()
    """What a run could build, to say so where it was not built yet."""
    indexes: Mapping[str, Asset] = field(default_factory=dict)
    """What `search(...)` in SQL may search."""

    def table(self, name: str, *, snapshot: int | None = None) -> Table:
        """A table at a snapshot, not read yet. Raises UnknownName with the nearest one."""
        self._refuse_pinned((name,), snapshot)
        at = self.lake.snapshot() if snapshot is None else snapshot
        self._scan(name, at)
        return self._pinned(Select(title=name, source=quoted(name), is_table=True), at, names=(name,))

    def sql(self, text: str, *, snapshot: int | None = None, parameters: Mapping[str, Any] | None = None) -> Table:
        """A query over tables of the lake, all at one snapshot, not run yet. Raises what `queries.asked` raises."""
        at = self.lake.snapshot() if snapshot is None else snapshot
        values = {name: checked(name, value) for name, value in (parameters or {}).items()}
        asked = Select(title="query", source=text, is_table=False, parameters=values)
        names = self._prepared(asked, at, is_run=False).tables
        self._refuse_pinned(names, snapshot)
        return self._pinned(asked, at, names=names)

    def run(self, asked: Select, *, snapshot: int | None) -> Answer:
        """The rows of a SELECT, counted as they are taken."""
        at = self.lake.snapshot() if snapshot is None else snapshot
        prepared = self._prepared(asked, at)
        self._refuse_pinned(prepared.tables, snapshot)
        source = self.lake.engine.read(prepared.query)

        def counted() -> Iterator[pa.RecordBatch]:
            rows = 0
            try:
                for batch in source:
                    rows += batch.num_rows
                    yield batch
            finally:
                self.record((*prepared.tables, *prepared.indexes), at, rows)

        batches = pa.RecordBatchReader.from_batches(source.schema, counted())
        return Answer(batches=batches, snapshot=self._snapshot_of(prepared.tables, at))

    def schema(self, asked: Select, *, snapshot: int | None) -> tuple[pa.Schema, int | None]:
        """Names and types of its columns, and the snapshot that they are of."""
        at = self.lake.snapshot() if snapshot is None else snapshot
        prepared = self._prepared(asked, at, is_run=False)
        self._refuse_pinned(prepared.tables, snapshot)
        return self.lake.engine.fork().schema(prepared.query), self._snapshot_of(prepared.tables, at)

    def search(self, index: str, query: str, **asked: Unpack[SearchOptions]) -> Found:
        """Rows that an index finds at a snapshot, the newest without one; the index may be named by its table.

        Raises QueryError, which points at the character, and UnknownName.
        """
        name = index_of(index, {name: one.spec.table for name, one in self.indexes.items()})
        found = search(self.lake, self.indexes[name], query, **asked)
        self.record((name, found.table), found.snapshot, len(found.hits), detail=query)
        return found

    def lazy(self, table: Table) -> Any:
        """A polars LazyFrame over the rows; they are counted as offered, since nobody sees how many are taken."""
        return table.to_duckdb().pl(lazy=True)

    def relation(self, asked: Select, *, snapshot: int | None) -> Any:
        """A lazy DuckDB relation over the rows; counted as offered."""
        at = self.lake.snapshot() if snapshot is None else snapshot
        prepared = self._prepared(asked, at)
        self._refuse_pinned(prepared.tables, snapshot)
        self.offer(prepared.tables, at)
        return self.lake.engine.fork().relation(prepared.query)

    def _pinned(self, asked: Select, at: int, *, names: Collection[str]) -> Table:
        return Table(_backend=self, _asked=asked, _pin=Pin(self._snapshot_of(names, at)))

    def _snapshot_of(self, names: Collection[str], at: int) -> int | None:
        """The snapshot of rows of these tables; None where one of them is read as it is now."""
        return at if frozenset(self._external).isdisjoint(names) else None

    def _refuse_pinned(self, names: Collection[str], snapshot: int | None) -> None:
        """Raise BadRequest where somebody names a snapshot of what has none."""
        for name in names if snapshot is not None else ():
            if name in self._external:
                raise no_snapshot(name)

    def _prepared(self, asked: Select, at: int, *, is_run: bool = True) -> _Prepared:
        """What the engine is asked: checked, with its values, over tables at one snapshot.

        Where it is not run, a search finds nothing.
        """
        text = asked.text
        engine, known = self.lake.engine.fork(), {*self.lake.versions(snapshot=at), *self._external}
        indexes = {name: index.spec.table for name, index in self.indexes.items() if index.spec.table in known}

        def read(text: str) -> Asked:
            return queries.asked(text, engine=engine, known=known, indexes=indexes)

        try:
            read(text)  # faults are told in the lines that were written
        except UnknownName as error:
            if error.mend is None and error.asset in self.declared:
                error.mend = f"Build it: pumphouse run {error.asset}"
            raise
        used = called_in(text, self.functions)
        text = with_defaults(bind(text.strip().rstrip(";"), {**(self.parameters or {}), **asked.parameters}), used)
        found = read(text)  # the very text that runs
        text = found.text if found.searches else text
        scans: dict[str, Scan] = {name: self._scan(name, at) for name in found.tables}
        for call in found.searches:
            rows = self.lake.scan(call.table, snapshot=at, row_ids=True)
            matches = no_matches()
            if is_run:
                matches = matching(self.lake, self.indexes[call.index], call.query, snapshot=at).table
            scans[call.view] = found_rows(rows, matches, view=call.view)
        inputs = {name: scan.for_text(text) for name, scan in scans.items()}
        indexes_read = tuple(dict.fromkeys(call.index for call in found.searches))
        query = Query(text=text, inputs=inputs, functions=used)
        return _Prepared(query=query, tables=found.tables, indexes=indexes_read)

    @property
    def _external(self) -> tuple[str, ...]:
        return self.external.names if self.external is not None else ()

    def _scan(self, name: str, at: int) -> Scan:
        if self.external is not None and name in self._external:
            return self.external.scan(name, snapshot=at)
        if self._external and name not in (known := self.lake.versions(snapshot=at)):
            near = did_you_mean(name, [*known, *self._external])
            if near and near == did_you_mean(name, self._external):
                raise UnknownName(f"there is no table '{name}'", asset=name, mend=near)
        return self.lake.scan(name, snapshot=at)

    def record(self, names: tuple[str, ...], snapshot: int, rows: int, *, detail: str = "") -> None:
        """Write a read to the access log; a query over several tables is a read of each."""
        self._log(snapshot, dict.fromkeys(names, rows), offered=False, detail=detail)

    def offer(self, tables: tuple[str, ...], snapshot: int) -> None:
        """Write to the access log that tables were handed out in a lazy form: each with all its rows."""
        counts = {name: 0 if name in self._external else self.lake.count(name, snapshot=snapshot) for name in tables}
        self._log(snapshot, counts, offered=True, detail="")

    def _log(self, snapshot: int, rows: Mapping[str, int], *, offered: bool, detail: str) -> None:
        moment = datetime.now(UTC)
        at = {name: None if name in self._external else snapshot for name in rows}
        self.lake.state.access(
            *(
                Access(
                    at=moment, who=self.who, door=self.door, asset=name, snapshot=at[name], rows=count,
                    offered=offered, detail=detail,
                )
                for name, count in rows.items()
            )
        )  # fmt: skip
