"""A statement that was checked and pinned, and its rows as they are taken."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.engines.texts import Columns
from pumphouse.errors import BadRequest, BuildError, Cancelled, Place, PumphouseError
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policy

Parameters = (
    Mapping[str, Any] | Sequence[Any]
)  # Any: None, bool, int, float, Decimal, str, bytes, dates and times, lists
"""Values of `$name`, or of `?` and `$1` in their order."""
_STAND_INS: tuple[tuple[Any, pa.DataType], ...] = (
    (None, pa.int32()),
    ("", pa.string()),
    (0, pa.int32()),
    (datetime(2000, 1, 1), pa.timestamp("us")),  # noqa: DTZ001
    (date(2000, 1, 1), pa.date32()),
)
"""What a parameter may be, to tell the columns' types before there are values, and the type of a column of it alone.

Null comes first: it fits nearly everywhere.
"""
GUESSED_MAX = 16
"""Parameters of a statement of which each is tried as text to tell the columns' types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one statement may take."""

    seconds: float = 300.0
    """Of the engine's work; how long the reader takes to read is not counted."""
    stall_s: float = 60.0
    """How long a reader may leave a batch untaken."""
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What somebody may ask, checked and pinned at a snapshot. It can be run any number of times."""

    visitor: Visitor
    door: str
    text: str
    tables: tuple[str, ...]
    snapshot: int
    policies: tuple[Policy, ...]
    parameters: tuple[str, ...] = ()
    """What it wants values for, in order: "1" for the first `?` or `$1`, "name" for `$name`."""
    values: Parameters | None = None
    bounds: Bounds
    _query: Query
    _engine: DuckDB
    _lake: Lake

    def bound(self, values: Parameters) -> Statement:
        """The same with values of its parameters. Raises BadRequest where they are not what it wants."""
        given = _in_order(values, self.parameters)
        return replace(self, values=values, _query=replace(self._query, values=given))

    @property
    def schema(self) -> pa.Schema:
        """Names and types of its columns. Nothing is run.

        As long as it has no values, a column whose type depends on them is guessed: text where nothing else says.
        """
        with told():
            if self.values is not None or not self.parameters:
                return self._engine.schema(self._query)
            return self._guessed()

    @property
    def columns(self) -> Columns:
        """Its columns with their types, Arrow's and the engine's own, once it has its values. Nothing is run."""
        with told():
            return self._engine.columns(self._query)

    def lines(self, written: str, *, columns: int) -> Statement:
        """The same rows, each as the one text that the engine writes of it by this SQL over `c0`, `c1`, ...

        The SQL is the door's own: it is not looked at, and none of it may come from a visitor.
        """
        names = ", ".join(f"c{place}" for place in range(columns))
        text = f"SELECT {written} AS line FROM ({self._query.text}\n) AS written({names})"
        return replace(self, _query=replace(self._query, text=text))

    def record(self, *reads: Access) -> None:
        """Write reads to the access log that were made without running it."""
        self._lake.state.access(*reads)

    @property
    def digest(self) -> str:
        """A text that is the same for the same rows: of the snapshot, what the visitor may see, query and values."""
        values = None if self.values is None else repr(self.values)
        asked = (self.snapshot, [policy.digest for policy in self.policies], self.text, values)
        return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:32]

    def run(self) -> Result:
        """Its rows, as a stream. Close it, or use it in a `with`. Raises BadRequest where it has no values yet."""
        if self.parameters and self.values is None:
            names = ", ".join(f"${name}" for name in self.parameters)
            raise BadRequest(f"the query has no value for {names}", mend="Give one for each.")
        return Result(self)

    def _guessed(self) -> pa.Schema:
        count = len(self.parameters)
        schema, stand_in, alone = self._first_guess()
        for number in range(count if count <= GUESSED_MAX else 0):
            try:
                other = self._with_stand_ins([*[stand_in] * number, "", *[stand_in] * (count - number - 1)])
            except BuildError:
                continue
            for at, column in enumerate(other):
                if column.type == pa.string() and schema.field(at).type == alone:
                    schema = schema.set(at, column)
        return schema

    def _first_guess(self) -> tuple[pa.Schema, Any, pa.DataType]:
        failure: BuildError | None = None
        for stand_in, alone in _STAND_INS:
            try:
                return self._with_stand_ins([stand_in] * len(self.parameters)), stand_in, alone
            except BuildError as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def _with_stand_ins(self, values: list[Any]) -> pa.Schema:
        by_name = dict(zip(self.parameters, values, strict=True))
        given = values if all(name.isdigit() for name in by_name) else by_name
        return self._engine.schema(replace(self._query, values=given))


@dataclass(slots=True)
class Result:
    """Batches of a statement. It begins to run when its schema or its first batch is asked for.

    Each batch is counted once it is taken; closing writes the access log.
    """

    statement: Statement
    rows: int = 0
    """How many were taken."""
    _engine: DuckDB = field(init=False)
    _stream: pa.RecordBatchReader | None = field(init=False, default=None)
    _cancelled: threading.Event = field(init=False, default_factory=threading.Event)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._engine = self.statement._engine.fork()

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self._batches.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        most = self.statement.bounds.rows
        while True:
            with self._told():
                batch = next(self._batches, None)
            if batch is None:
                return
            if most is not None and self.rows + batch.num_rows > most:
                if most > self.rows:
                    batch = batch.slice(0, most - self.rows)
                    self.rows += batch.num_rows
                    yield batch
                raise BadRequest(
                    f"the query gives more than {most:,} rows, which is the most that one may", mend="Add a LIMIT."
                )
            self.rows += batch.num_rows
            yield batch

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

    @property
    def _batches(self) -> pa.RecordBatchReader:
        if self._stream is None:
            with self._told():
                self._stream = self._engine.read(self.statement._query)
        return self._stream

    @contextmanager
    def _told(self) -> Iterator[None]:
        if self._cancelled.is_set():
            raise Cancelled("the statement was cancelled")
        try:
            with told():
                yield
        except Exception as error:
            if self._cancelled.is_set():
                raise Cancelled("the statement was cancelled") from error
            raise


@contextmanager
def told() -> Iterator[None]:
    """What the engine says of a statement, as its visitor may hear it: what, where in the query, never a path."""
    try:
        yield
    except BuildError as error:
        cause = error.__cause__
        raise _told(str(cause) if isinstance(cause, duckdb.Error) else error.what, mend=error.mend) from error
    except (OSError, duckdb.Error) as error:  # Arrow tells what DuckDB says in the middle of a stream as an OSError
        raise _told(str(error), mend=None) from error


def _told(text: str, *, mend: str | None) -> PumphouseError:
    what = text.strip().splitlines()[0] if text.strip() else "it failed"
    line = re.search(r"^LINE (\d+): ", text, re.MULTILINE)
    if what.startswith(("IO Error", "FATAL Error", "INTERNAL Error", "HTTP Error")):
        return PumphouseError("the lake can't be read just now", mend="Whoever keeps it finds why in the server's log.")
    place = Place(file="query", line=int(line[1])) if line else None
    return BadRequest(f"the query can't be run: {what}", place=place, mend=mend)


def _in_order(values: Parameters, parameters: tuple[str, ...]) -> Parameters:
    """The values as DuckDB takes them. Raises BadRequest where there are more, fewer or others than parameters."""
    if isinstance(values, Mapping):
        missing = [name for name in parameters if name not in values]
        if missing:
            raise BadRequest(f"the query has no value for {', '.join(f'${name}' for name in missing)}")
        by_position = all(name.isdigit() for name in parameters)
        return [values[name] for name in parameters] if by_position else {name: values[name] for name in parameters}
    if len(values) != len(parameters):
        raise BadRequest(f"the query has {len(parameters)} parameters, {len(values)} values were given")
    by_position = all(name.isdigit() for name in parameters)
    return list(values) if by_position else dict(zip(parameters, values, strict=True))
