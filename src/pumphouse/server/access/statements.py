"""A statement that was checked and pinned, and its rows as they are taken."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any

import msgspec
import pyarrow as pa

from pumphouse.engines.engine import Scan
from pumphouse.engines.texts import Columns
from pumphouse.errors import AccessDenied, BadRequest, Cancelled, PumphouseError, TooMuch, UnknownName
from pumphouse.lake.state import Access
from pumphouse.project.search_calls import SearchCall
from pumphouse.server.access.audit import Audit
from pumphouse.server.access.below import Below
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.places import Place, Places
from pumphouse.server.access.policies import Policies, Policy
from pumphouse.server.access.runs import CHUNK_ROWS, Bounds, Run, Works

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
WIDTH_ROWS_MIN = 16
"""Of fewer rows in a batch, what they take says little of how wide they are."""
GUESSED_MAX = 16
"""Parameters of a statement of which each is tried as text to tell the columns' types."""


def no_search(call: SearchCall, asked: str | None) -> Scan:
    """What finds rows where nothing can be searched."""
    raise UnknownName(f"there is no index '{call.index}' to search", asset=call.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What somebody may ask, checked and pinned at a snapshot. It can be run any number of times."""

    visitor: Visitor
    door: str
    text: str
    """As it runs: settings and names of tables may be written otherwise than by whoever asked."""
    tables: tuple[str, ...]
    snapshot: int
    policies: tuple[Policy, ...]
    parameters: tuple[str, ...] = ()
    """What it wants values for, in order: "1" for the first `?` or `$1`, "name" for `$name`."""
    values: Parameters | None = None
    is_steady: bool = True
    """Whether it gives the same rows each time; not where it, or a grant, calls for chance or the clock."""
    checked_s: float = 0.0
    """What it took to check it, which counts as the engine's work."""
    bounds: Bounds
    _inputs: Mapping[str, Scan]
    searches: tuple[SearchCall, ...] = ()
    """What it reads by search."""
    _found: Callable[[SearchCall, str | None], Scan] = no_search
    """The rows that a search finds of this text; without one none, which has the columns."""
    _below: Below | None = None
    _works: Works
    _places: Places
    _under: Policies
    """What everybody might see when it was checked."""
    _in_force: Callable[[], Policies]
    """What everybody may see now."""
    _audit: Audit
    _described: dict[str, Columns] = field(default_factory=dict)  # filled once; all of one text share it
    _widths: dict[str, int] = field(default_factory=dict)  # bytes of the widest rows it gave before, likewise

    def bound(self, values: Parameters) -> Statement:
        """The same with values of its parameters. Raises BadRequest where they are not what it wants."""
        return replace(self, values=_in_order(values, self.parameters))

    @property
    def schema(self) -> pa.Schema:
        """Names and types of its columns. Nothing is run.

        As long as it has no values, a column whose type depends on them is guessed: text where nothing else says.
        """
        if self.parameters and self.values is not None:
            return self._columns_with(self.values).schema
        if "" not in self._described:
            self._described[""] = self._guessed() if self.parameters else self._columns_with(())
        return self._described[""].schema

    @property
    def columns(self) -> Columns:
        """Its columns with their types, Arrow's and the engine's own. Nothing is run; without values as in `schema`."""
        if self.parameters and self.values is not None:
            return self._columns_with(self.values)
        _ = self.schema
        return self._described[""]

    def described_as(self, other: Statement) -> Statement:
        """The same, whose columns are those of another: the engine is asked for them only once."""
        return replace(self, _described=other._described)

    def is_seen(self, policies: Policies) -> bool:
        """Whether its visitor sees under these what they saw when it was checked."""
        if not self._works.admits(self.visitor):
            return False
        try:
            now = [policies.of(self.visitor, one.table, snapshot=self.snapshot) for one in self.policies]
        except PumphouseError:
            return False
        return [one.digest for one in now] == [one.digest for one in self.policies]

    def lines(self, written: str, *, columns: int) -> Statement:
        """The same rows, each as the one text that the engine writes of it by this SQL over `c0`, `c1`, ...

        The SQL is the door's own: it is not looked at, and none of it may come from a visitor.
        """
        names = ", ".join(f"c{place}" for place in range(columns))
        text = f"SELECT {written} AS line FROM ({self.text}\n) AS written({names})"
        return replace(self, text=text, _described={}, _widths={})

    def snapshot_of(self, table: str) -> int | None:
        """The snapshot at which a table is read; None where it is read as it is now."""
        return None if self._inputs[table].is_live else self.snapshot

    @property
    def is_live(self) -> bool:
        """Whether a table of it stays elsewhere: then no snapshot has the rows."""
        return any(scan.is_live for scan in self._inputs.values())

    def record(self, *reads: Access) -> None:
        """Write reads to the access log that were made without running it."""
        self._audit.write(*reads)

    @property
    def digest(self) -> str:
        """A text that is the same for the same rows: of the snapshot, what the visitor may see, query and values.

        Whoever is hidden leaves every snapshot, so when that was last belongs to it too.
        """
        asked = (
            self.snapshot,
            self._works.sessions.moment(self.snapshot),
            self._works.sessions.hidden_last(),
            [policy.digest for policy in self.policies],
            self.text,
            None if self.values is None else repr(self.values),
            "" if self.is_steady else secrets.token_hex(16),
        )
        return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:32]

    def run(self, *, place: Place | None = None) -> Result:
        """Its rows, as a stream. Close it, or use it in a `with`. Raises BadRequest where it has no values yet.

        `place` is one that is held, for who can't wait for it in a thread; the result gives it back.
        """
        if self.parameters and self.values is None:
            names = ", ".join(f"${name}" for name in self.parameters)
            raise BadRequest(f"the query has no value for {names}", mend="Give one for each.")
        return Result(self, place=place)

    def run_where_free(self) -> Result | None:
        """The same, where there is a place for it at once."""
        place = self._places.ask(self.visitor.who)
        if place.is_held:
            return self.run(place=place)
        place.leave()
        return None

    def is_same(self, other: Statement) -> bool:
        """Whether it is another, as that was checked, at the same snapshot and with the same values."""
        return self._inputs is other._inputs and self.values == other.values

    def _read(self) -> Mapping[str, Scan]:
        """Its tables; below what hides rows of one, what it asks of them where that may stand there."""
        if self._below is None or (self.parameters and self.values is None):
            return self._inputs
        found = self._below.applied(_by_name(self.values, self.parameters))
        return self._inputs if found is None else {self.tables[0]: found.for_text(self.text)}

    def _searched(self) -> Mapping[str, Scan]:
        """What it reads by search, with its values."""
        values = _by_name(self.values, self.parameters)
        return {call.view: self._found(call, call.asked(values)).for_text(self.text) for call in self.searches}

    def _columns_with(self, values: Parameters) -> Columns:
        none_found = {call.view: self._found(call, None).for_text(self.text) for call in self.searches}
        run = Run(
            self._works,
            inputs={**self._read(), **none_found},
            visitor=self.visitor,
            bounds=self.bounds,
            on_stall=_nothing,
            on_over=_nothing,
        )
        try:
            schema = run.open(f"SELECT * FROM ({self.text}\n) LIMIT 0", values)
            run.next()  # there is none; it ends so, and nothing need be stopped
            return Columns(schema=schema, kinds=run.kinds)
        finally:
            run.end(Cancelled("it was described"))

    def _guessed(self) -> Columns:
        count = len(self.parameters)
        guess, stand_in, alone = self._first_guess()
        schema, kinds = guess.schema, list(guess.kinds)
        for number in range(count if count <= GUESSED_MAX else 0):
            try:
                other = self._with_stand_ins([*[stand_in] * number, "", *[stand_in] * (count - number - 1)])
            except BadRequest:
                continue
            for at, column in enumerate(other.schema):
                if column.type == pa.string() and schema.field(at).type == alone:
                    schema, kinds[at] = schema.set(at, column), other.kinds[at]
        return Columns(schema=schema, kinds=tuple(kinds))

    def _first_guess(self) -> tuple[Columns, Any, pa.DataType]:
        failure: BadRequest | None = None
        for stand_in, alone in _STAND_INS:
            try:
                return self._with_stand_ins([stand_in] * len(self.parameters)), stand_in, alone
            except BadRequest as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def _with_stand_ins(self, values: list[Any]) -> Columns:
        return self._columns_with(_in_order(values, self.parameters))


class Result:
    """Batches of a statement. It begins to run when its schema or its first batch is asked for.

    Before that it waits for a place of the desk's, where it was not given one; `read_all` needs none, since nobody
    reads it slowly. It is given back as soon as the engine has no more rows of it.

    Each batch is counted once it is taken. At the end of the rows, or when it is closed before, the access log is
    written: it is on the disk when the iteration ends or `close` returns.
    """

    def __init__(self, statement: Statement, *, place: Place | None = None) -> None:
        self.statement = statement
        self._place = place
        self._needs_place = place is None
        self._under = statement._under
        self.rows = 0
        """How many were taken."""
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._is_closed = False
        self._width = 0
        self._schema: pa.Schema | None = None
        self._run = Run(
            statement._works,
            inputs=statement._read(),
            visitor=statement.visitor,
            bounds=statement.bounds,
            on_stall=self.close,
            on_over=self._leave,
            worked_s=statement.checked_s,
            searched=statement._searched,
        )

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns. Another thread may have asked before, and be waiting for the engine."""
        with self._opening:
            if self._schema is None:
                one = self.statement
                self._take_place()
                values = () if one.values is None else one.values
                self._schema = self._run.open(one.text, values, width=one._widths.get(""))
            return self._schema

    @property
    def columns(self) -> Columns:
        """Its columns with their types, Arrow's and the engine's own."""
        return Columns(schema=self.schema, kinds=self._run.kinds)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        _ = self.schema
        most = self.statement.bounds.rows
        while (batch := self._run.next()) is not None:
            if most is not None and self.rows + batch.num_rows > most:
                batch = batch.slice(0, most - self.rows)
                self._run.end(
                    TooMuch(
                        f"the query gives more than the {most:,} rows that one may",
                        mend="Add a LIMIT, or ask for a part at a time.",
                    )
                )
            self.count(batch.num_rows)
            if batch.num_rows:
                rows = max(batch.num_rows, WIDTH_ROWS_MIN)
                self._width = max(self._width, batch.get_total_buffer_size() // rows)
                handed = [batch]
                del batch  # one of wide cells is large: it is not kept here while the next is made
                yield handed.pop()
        self.close()

    def count(self, rows: int) -> None:
        """So many more were taken, or fewer, by who takes less than a batch at a time. Raises why it was closed."""
        if rows > 0 and (now := self.statement._in_force()) is not self._under:
            self._check_seen(now)
        with self._lock:
            if self._is_closed:  # the log is written: what is handed out now would be in none
                raise self._run.ended or _closed()
            self.rows += rows

    @property
    def ended(self) -> PumphouseError | None:
        """Why it was ended, or closed: what was taken of a batch before then is all that was read."""
        return self._run.ended

    def read_all(self) -> pa.Table:
        """All rows, and the end of it: for what is little."""
        with self:
            self._needs_place = False
            batches = list(self)
            return pa.Table.from_batches(batches, self.schema)

    def cancel(self) -> None:
        """Stop what runs, from any thread; who takes batches gets Cancelled."""
        self._run.end(Cancelled("the statement was cancelled"))
        self._call_away()

    def close(self) -> None:
        """Stop it where it still runs, and write what was read to the access log; a second time does nothing.

        What is taken after that is no row, so the log is exact.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            rows = self.rows
        self._run.end(Cancelled("the statement was closed"))
        self._call_away()
        one = self.statement
        if rows >= CHUNK_ROWS:
            one._widths[""] = max(one._widths.get("", 0), self._width)
        at = datetime.now(UTC)
        read = {name: one.snapshot_of(name) for name in one.tables}
        read |= {call.index: one.snapshot for call in one.searches}
        one._audit.write(
            *(
                Access(at=at, who=one.visitor.who, door=one.door, asset=name, snapshot=snapshot, rows=rows)
                for name, snapshot in read.items()
            )
        )

    def _check_seen(self, policies: Policies) -> None:
        """Raise AccessDenied where its visitor does not see any more what it was checked for."""
        if not self.statement.is_seen(policies):
            self._run.end(AccessDenied("what may be seen here has changed", mend="Ask again."))
            raise self._run.ended or _closed()
        self._under = policies

    def withdraw(self) -> None:
        """Close it; where nothing was taken of it, it is in no log."""
        with self._lock:
            self._is_closed = self._is_closed or not self.rows
        self._run.end(_closed())
        self._call_away()
        self.close()

    def _take_place(self) -> None:
        """Wait for a place. Raises Overloaded where that takes too long, and why it was ended where it was."""
        if not self._needs_place:
            return
        self._needs_place = False
        self._place = place = self.statement._places.ask(self.statement.visitor.who)
        if self._run.ended is not None:
            place.leave()
        try:
            place.wait()
        except Cancelled as error:
            raise self.ended or error from None

    def _call_away(self) -> None:
        """Let nobody wait for a place any more; one that is held is given back once the engine has let go."""
        if self._place is not None and not self._place.is_held:
            self._place.leave()

    def _leave(self) -> None:
        if self._place is not None:
            self._place.leave()

    def __enter__(self) -> Result:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _by_name(values: Parameters | None, parameters: tuple[str, ...]) -> Mapping[str, Any]:
    if values is None:
        return {}
    return values if isinstance(values, Mapping) else dict(zip(parameters, values, strict=True))


def _closed() -> PumphouseError:
    return Cancelled("the statement was closed")


def _nothing() -> None:
    pass


def _in_order(values: Parameters, parameters: tuple[str, ...]) -> Parameters:
    """The values as DuckDB takes them. Raises BadRequest where there are more, fewer or others than parameters."""
    by_position = all(name.isdigit() for name in parameters)
    if isinstance(values, Mapping):
        missing = [name for name in parameters if name not in values]
        if missing:
            raise BadRequest(f"the query has no value for {', '.join(f'${name}' for name in missing)}")
        return [values[name] for name in parameters] if by_position else {name: values[name] for name in parameters}
    if len(values) != len(parameters):
        raise BadRequest(f"the query has {len(parameters)} parameters, {len(values)} values were given")
    return list(values) if by_position else dict(zip(parameters, values, strict=True))
