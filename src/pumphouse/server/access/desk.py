"""The one way to rows for whoever asks through a door: who it is, what they may see, when to stop, what was read.

    statement = desk.ask(visitor, "SELECT ... FROM orders", door="flight")     # checked and pinned, nothing has run
    with statement.run() as result:
        for batch in result:                                                   # counted as they are taken
            ...

Who goes away calls `result.cancel()` from any thread, or just leaves the `with`: what runs is stopped, and the rows
that were taken until then are in the access log either way.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, Scan, SqlFunction, called_in
from pumphouse.engines.parameters import bind, quoted
from pumphouse.errors import BadRequest, Cancelled, UnknownName, did_you_mean
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access
from pumphouse.project.queries import tables_in
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies, Policy

Parameters = Mapping[str, Any] | Sequence[Any]  # Any: values as a protocol carries them
"""Values of `$name`, or of `?` and `$1` in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one statement may take."""

    seconds: float = 300.0
    """Of the engine's work; how long the reader takes to read is not counted."""
    stall_s: float = 60.0
    """How long a reader may leave a batch untaken."""
    rows: int | None = None


class Desk:
    """Where visitors ask. Used from many threads at once."""

    def __init__(
        self,
        lake: Lake,
        policies: Policies,
        *,
        functions: tuple[SqlFunction, ...] = (),
        settings: Callable[[], Mapping[str, Any]] = dict,
        bounds: Bounds | None = None,
    ) -> None:
        self.policies = policies
        self.bounds = bounds or Bounds()
        self._lake = lake
        self._functions = functions
        self._settings = settings

    def ask(
        self, visitor: Visitor, text: str, *, door: str, parameters: Parameters = (), snapshot: int | None = None
    ) -> Statement:
        """A statement over what the visitor may see, at one snapshot: the newest, or the one that is given.

        Raises what `queries.tables_in` raises: for what is no single SELECT, for tables that are not there for them,
        for what a query may not use.
        """
        at = self._at(snapshot)
        engine = self._lake.engine.fork()
        seen = self.policies.visible(visitor, snapshot=at)
        used = called_in(text, self._functions)
        text = bind(text.strip().rstrip(";"), {**self._settings(), **self._named(parameters)})
        names = tables_in(text, engine=engine, known=seen)
        policies = {name: self.policies.of(visitor, name, snapshot=at) for name in names}
        scans: dict[str, Scan] = {
            name: policy.applied(self._lake.scan(name, snapshot=at)).for_text(text) for name, policy in policies.items()
        }
        return Statement(
            visitor=visitor,
            door=door,
            text=text,
            tables=names,
            snapshot=at,
            policies=tuple(policies.values()),
            bounds=self.bounds,
            _query=Query(text=text, inputs=scans, functions=used),
            _engine=engine,
            _lake=self._lake,
        )

    def table(
        self,
        visitor: Visitor,
        name: str,
        *,
        door: str,
        columns: Sequence[str] = (),
        limit: int | None = None,
        snapshot: int | None = None,
    ) -> Statement:
        """The rows of one table. Raises UnknownName for a table, a column or a snapshot that is not there for them."""
        policy = self.policies.of(visitor, name, snapshot=self._at(snapshot))
        for column in columns:
            if column not in (*policy.columns, *policy.own):
                mend = did_you_mean(column, policy.columns) or f"It has {', '.join(policy.columns)}."
                raise UnknownName(f"'{name}' has no column '{column}'", asset=name, mend=mend)
        selected = ", ".join(map(quoted, columns or policy.columns))
        limited = "" if limit is None else f" LIMIT {limit}"
        return self.ask(visitor, f"SELECT {selected} FROM {quoted(name)}{limited}", door=door, snapshot=snapshot)

    def record(self, *reads: Access) -> None:
        """Write reads to the access log that were made other than by a statement."""
        self._lake.state.access(*reads)

    def _at(self, snapshot: int | None) -> int:
        newest = self._lake.snapshot()
        if snapshot is not None and not 0 <= snapshot <= newest:
            raise UnknownName(f"there is no snapshot {snapshot} yet", mend=f"The newest is {newest}.")
        return newest if snapshot is None else snapshot

    @staticmethod
    def _named(parameters: Parameters) -> Mapping[str, Any]:
        if isinstance(parameters, Mapping):
            return parameters
        if parameters:
            raise BadRequest("values by position are not taken here yet")
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What somebody may ask, checked and pinned at a snapshot. It can be run any number of times."""

    visitor: Visitor
    door: str
    text: str
    tables: tuple[str, ...]
    snapshot: int
    policies: tuple[Policy, ...]
    bounds: Bounds
    _query: Query
    _engine: DuckDB
    _lake: Lake

    @property
    def schema(self) -> pa.Schema:
        """Names and types of its columns. Nothing is run."""
        return self._engine.schema(self._query)

    @property
    def digest(self) -> str:
        """A text that is the same for the same rows: of the snapshot, what the visitor may see, and the query."""
        asked = (self.snapshot, [policy.digest for policy in self.policies], self.text)
        return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:32]

    def run(self) -> Result:
        """Its rows, as a stream. Close it, or use it in a `with`."""
        return Result(self)


@dataclass(slots=True)
class Result:
    """Batches of a statement that runs. Each is counted once it is taken; closing writes the access log."""

    statement: Statement
    rows: int = 0
    """How many were taken."""
    _engine: DuckDB = field(init=False)
    _batches: pa.RecordBatchReader = field(init=False)
    _cancelled: threading.Event = field(init=False, default_factory=threading.Event)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._engine = self.statement._engine.fork()
        self._batches = self._engine.read(self.statement._query)

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self._batches.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches:
                if self._cancelled.is_set():
                    break
                self.rows += batch.num_rows
                yield batch
        except duckdb.InterruptException:
            self._cancelled.set()
        if self._cancelled.is_set():
            raise Cancelled("the statement was cancelled")

    def read_all(self) -> pa.Table:
        """All rows, and the end of it."""
        with self:
            return pa.Table.from_batches(list(self), self.schema)

    def cancel(self) -> None:
        """Stop what runs, from any thread; who takes batches gets Cancelled."""
        self._cancelled.set()
        self._engine.interrupt()

    def close(self) -> None:
        """Stop it where it still runs, and write what was read to the access log; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._engine.interrupt()
        one = self.statement
        one._lake.state.access(
            *(
                Access(
                    at=datetime.now(UTC),
                    who=one.visitor.who,
                    door=one.door,
                    asset=name,
                    snapshot=one.snapshot,
                    rows=self.rows,
                )
                for name in one.tables
            )
        )

    def __enter__(self) -> Result:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
