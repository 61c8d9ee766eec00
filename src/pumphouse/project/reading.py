"""Reading a lake as a person: every read is written to the access log with who, what, which snapshot, how many rows."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from pumphouse.engines.duckdb import with_defaults
from pumphouse.engines.engine import Query, Scan, SqlFunction, called_in
from pumphouse.engines.parameters import bind
from pumphouse.errors import MissingExtra
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access
from pumphouse.project.queries import tables_in

PREVIEW_ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A person at a door of the lake."""

    lake: Lake
    who: str
    door: str
    functions: tuple[SqlFunction, ...] = ()
    parameters: Mapping[str, Any] | None = None  # values of `$name`

    def table(self, name: str, *, snapshot: int | None = None) -> Rows:
        """A table at a snapshot, not read yet. Raises UnknownName with the nearest one."""
        at = self.lake.snapshot() if snapshot is None else snapshot
        scan = self.lake.scan(name, snapshot=at)
        quoted = name.replace('"', '""')
        query = Query(text=f'SELECT * FROM "{quoted}"', inputs={name: scan.only(scan.columns)})
        return Rows(reader=self, query=query, tables=(name,), snapshot=at, title=name)

    def sql(self, text: str, *, snapshot: int | None = None) -> Rows:
        """A query over tables of the lake, all at one snapshot, not run yet. Raises what `queries.tables_in` raises."""
        at = self.lake.snapshot() if snapshot is None else snapshot
        engine, known = self.lake.engine.fork(), self.lake.versions(snapshot=at)
        tables_in(text, engine=engine, known=known)  # faults are told in the lines that were written
        used = called_in(text, self.functions)
        text = with_defaults(bind(text.strip().rstrip(";"), self.parameters or {}), used)
        names = tables_in(text, engine=engine, known=known)  # of the very text that runs
        scans: dict[str, Scan] = {name: self.lake.scan(name, snapshot=at).for_text(text) for name in names}
        return Rows(
            reader=self, query=Query(text=text, inputs=scans, functions=used), tables=names, snapshot=at, title="query"
        )

    def record(self, names: tuple[str, ...], snapshot: int, rows: int, *, detail: str = "") -> None:
        """Write a read to the access log; a query over several tables is a read of each."""
        self._log(snapshot, dict.fromkeys(names, rows), offered=False, detail=detail)

    def offer(self, tables: tuple[str, ...], snapshot: int) -> None:
        """Write to the access log that tables were handed out in a lazy form: each with all its rows."""
        counts = {name: self.lake.count(name, snapshot=snapshot) for name in tables}
        self._log(snapshot, counts, offered=True, detail="")

    def _log(self, snapshot: int, rows: Mapping[str, int], *, offered: bool, detail: str) -> None:
        moment = datetime.now(UTC)
        self.lake.state.access(
            *(
                Access(
                    at=moment, who=self.who, door=self.door, asset=name, snapshot=snapshot, rows=count,
                    offered=offered, detail=detail,
                )
                for name, count in rows.items()
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows that can be had in any form. Nothing is read before one is asked for; each asking is a read."""

    reader: Reader
    query: Query
    tables: tuple[str, ...]
    snapshot: int
    title: str

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self.reader.lake.engine.fork().schema(self.query)

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        table = self.reader.lake.engine.read(self.query).read_all()
        self.reader.record(self.tables, self.snapshot, table.num_rows)
        return table

    def to_batches(self) -> pa.RecordBatchReader:
        """A stream of Arrow batches; counted as they are taken."""
        source = self.reader.lake.engine.read(self.query)

        def counted() -> Any:  # an iterator of batches
            rows = 0
            try:
                for batch in source:
                    rows += batch.num_rows
                    yield batch
            finally:
                self.reader.record(self.tables, self.snapshot, rows)

        return pa.RecordBatchReader.from_batches(source.schema, counted())

    def to_polars(self) -> Any:
        """All rows as a polars DataFrame. Raises MissingExtra without polars."""
        try:
            import polars as pl
        except ImportError as error:
            raise MissingExtra("polars", extra="polars", purpose="to_polars()") from error
        return pl.from_arrow(self.to_arrow())

    def to_lazy(self) -> Any:
        """A polars LazyFrame over the rows; they are counted as offered, since nobody sees how many are taken."""
        self.reader.offer(self.tables, self.snapshot)
        return self.reader.lake.engine.fork().relation(self.query).pl(lazy=True)

    def to_pandas(self) -> Any:
        """All rows as a pandas DataFrame. Raises MissingExtra without pandas."""
        try:
            import pandas as pd  # noqa: F401  # to_pandas imports it itself, with a worse message
        except ImportError as error:
            raise MissingExtra("pandas", extra="pandas", purpose="to_pandas()") from error
        return self.to_arrow().to_pandas()

    def to_relation(self) -> Any:
        """A lazy DuckDB relation over the rows; counted as offered."""
        self.reader.offer(self.tables, self.snapshot)
        return self.reader.lake.engine.fork().relation(self.query)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows as dicts, for tests and small tables."""
        found: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return found

    def first(self, count: int = PREVIEW_ROWS) -> pa.Table:
        """The first rows as an Arrow table."""
        limited = Query(
            text=f"SELECT * FROM ({self.query.text.strip().rstrip(';')}\n) LIMIT {count}",
            inputs=self.query.inputs,
            parameters=self.query.parameters,
            functions=self.query.functions,
        )
        table = self.reader.lake.engine.read(limited).read_all()
        self.reader.record(self.tables, self.snapshot, table.num_rows)
        return table

    def __repr__(self) -> str:
        columns = ", ".join(f"{field.name} {field.type}" for field in self.schema)
        return f"{self.title} at snapshot {self.snapshot}: {columns}"

    def _repr_html_(self) -> str:
        """The first rows for a notebook, with every cell escaped."""
        preview = self.first()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in preview.column_names)
        body = "".join(
            "<tr>"
            + "".join(f"<td>{html.escape('' if value is None else str(value))}</td>" for value in row.values())
            + "</tr>"
            for row in preview.to_pylist()
        )
        caption = f"{html.escape(self.title)}, snapshot {self.snapshot}, first {preview.num_rows} rows"
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
