"""What an engine does: run SQL over scans, map Arrow batches, write Parquet. DuckDB and Spark do it by one Protocol.

A `Scan` says where a table's rows at one snapshot are; the lake makes it, any engine reads it. A `Query` is SQL over
named scans with its parameters and functions. All are plain values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

HIDDEN_COLUMNS: tuple[str, ...] = ("_loaded_at", "_raw", "_known_at")
"""The lake's own columns. `*` does not select them; name one to read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One Parquet file of a table at a snapshot, and what of it does not count.

    `delete_file` lists positions of deleted rows. `snapshot_max` is set where a merged file also holds rows of later
    snapshots: only rows whose `_ducklake_internal_snapshot_id` is not above it count.
    """

    path: str
    delete_file: str | None = None
    snapshot_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A table at one snapshot, for any engine.

    `relation` is SQL that a DuckDB with the lake attached reads; `files` is the same for engines without it. Both leave
    out rows of people with a tombstone: `hidden` names each entity column with the values (as text) to leave out.
    """

    table: str
    snapshot: int
    schema: pa.Schema
    relation: str
    files: tuple[DataFile, ...] | None = None
    """None where they were not listed: then only `relation` can be read."""
    hidden: tuple[tuple[str, tuple[str, ...]], ...] = ()
    conditions: tuple[str, ...] = ()
    """Conditions of `where`, in DuckDB's dialect, that an engine which reads `files` has to apply itself."""
    rows_max: int | None = None
    """The limit of `sample`, likewise."""
    datasets: tuple[tuple[str, Any], ...] = ()
    """Arrow datasets that `relation` names."""
    row_bytes: int = 0
    """What a row takes in its files, packed as it is there; 0 where nobody has looked."""
    is_live: bool = False
    """Whether it is read where it lies, as it is now: there is no snapshot of it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `*` selects."""
        return tuple(name for name in self.schema.names if name not in HIDDEN_COLUMNS)

    def only(self, columns: Iterable[str]) -> Scan:
        """The same rows with these columns only, in the table's own order."""
        wanted = set(columns)
        kept = [name for name in self.schema.names if name in wanted]
        selected = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in kept)
        return replace(
            self,
            schema=pa.schema([self.schema.field(name) for name in kept]),
            relation=f"SELECT {selected} FROM ({self.relation})",
        )

    def where(self, condition: str) -> Scan:
        """Only the rows that meet a condition in SQL."""
        return replace(
            self,
            relation=f"SELECT * FROM ({self.relation}) WHERE {condition}",
            conditions=(*self.conditions, condition),
        )

    def sample(self, rows: int) -> Scan:
        """About this many rows, the first that come."""
        return replace(self, relation=f"SELECT * FROM ({self.relation}) LIMIT {rows}", rows_max=rows)

    def for_text(self, text: str) -> Scan:
        """What SQL sees of the table: the columns of `*`, and of the lake's own those that the text names."""
        named = [name for name in HIDDEN_COLUMNS if re.search(rf"\b{name}\b", text)]
        return self.only([*self.columns, *named])


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlFunction:
    """A vectorised function that SQL can call by name: Arrow arrays in, one Arrow array out, nulls included.

    `defaults` fills parameters that a call leaves out, from the last: `e164(phone)` is `e164(phone, 'US')`. `names` are
    what a person calls the parameters.
    """

    name: str
    function: Callable[..., pa.Array]
    parameters: tuple[pa.DataType, ...]
    returns: pa.DataType
    defaults: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()


def called_in(text: str, functions: Iterable[SqlFunction]) -> tuple[SqlFunction, ...]:
    """Those of the functions that a query's text calls, however the call is spelled; `a_e164(x)` is none of `e164`."""
    lowered = text.lower()
    return tuple(
        one
        for one in functions
        if one.name.lower() in lowered  # which is told at once, of dozens of functions
        and re.search(rf'(?<!\w){re.escape(one.name)}"?\s*\(', text, re.IGNORECASE)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """SQL in DuckDB's dialect over named inputs.

    `inputs` are tables of the lake, `tables` are small Arrow tables handed in, `parameters` are values of `$name` that
    are written into the text. `values` are those of `?` and `$1` by position, or of `$name`: DuckDB alone takes them,
    and they never become text.
    """

    text: str
    inputs: Mapping[str, Scan] = field(default_factory=dict)
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    functions: tuple[SqlFunction, ...] = ()
    values: Sequence[Any] | Mapping[str, Any] = ()  # Any: Python's values of any type that DuckDB takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Parquet files that were written, with the rows in them and their Arrow schema."""

    files: tuple[Path, ...]
    rows: int
    schema: pa.Schema
    key: tuple[str, ...] = ()
    """Columns of which it is known that none is ever null, and that no two rows have the same values."""


BatchFunction = Callable[["pa.RecordBatch"], Mapping[str, "pa.RecordBatch"]]
"""From a batch to one batch for each named output."""


class Engine(Protocol):
    """Runs queries and maps batches. Used from one thread at a time; `fork()` gives another thread its own."""

    dialect: str

    def schema(self, query: Query) -> pa.Schema:
        """Names and types of a query's columns, without running it."""
        ...

    def read(self, query: Query) -> pa.RecordBatchReader:
        """A stream of the query's rows."""
        ...

    def write(self, query: Query, *, folder: Path, stem: str) -> Written:
        """Parquet files `<stem>*.parquet` in `folder` that hold the query's rows.

        Types that Parquet can't hold exactly are cast to ones that can: HUGEINT to DECIMAL(38,0), which fails where it
        does not fit; ENUM to text; INTERVAL is kept only where Parquet's can hold it, else refused.
        """
        ...

    def map(
        self,
        query: Query,
        function: BatchFunction,
        *,
        outputs: Mapping[str, pa.Schema],
        folder: Path,
        stem: str,
        key: Sequence[str] = (),
    ) -> Mapping[str, Written]:
        """Parquet files of each output of `function` over the query's batches, in memory that does not grow.

        Columns of `key` get Bloom filters, in whichever outputs they are.
        """
        ...

    def fork(self) -> Engine:
        """The same engine for another thread."""
        ...

    def interrupt(self) -> None:
        """Stop what runs; it raises in the thread that runs it."""
        ...

    def close(self) -> None: ...
