"""Work of the engine for one statement: on a connection of its own, in its turn, until it ends or is ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pumphouse.engines.engine import HIDDEN_COLUMNS, Scan
from pumphouse.errors import AccessDenied, Cancelled, Late, PumphouseError
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.sessions import WIDE_ROW_BYTES, Session, Sessions
from pumphouse.server.access.telling import told
from pumphouse.server.access.turns import WAIT_S, Turn, Turns
from pumphouse.server.access.watch import Watch

BATCH_BYTES = 4 * 1024 * 1024
BATCH_ROWS_MAX = 65_536
CHUNK_ROWS = 2_048
"""Rows that DuckDB works on at once. Where a row may be of any width, a batch is no more than those."""
UNPACKED_TIMES = 3
"""How many times what a wide row takes in its file it is taken to be."""
GATHER_S = 0.02
"""How long small batches are gathered before what there is goes on its way; each way costs, however few the rows."""
ADMITTED_AGAIN_S = 2.0
"""How often it is asked whether a visitor may still be here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one statement may take."""

    seconds: float = 300.0
    """Of the engine's work, and of checking; how long the reader takes to read is not counted."""
    stall_s: float = 60.0
    """How long a reader may leave a batch untaken."""
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """What all statements share."""

    sessions: Sessions
    turns: Turns
    watch: Watch
    admits: Callable[[Visitor], bool]
    """Whether a visitor may still be here."""


class Run:
    """One statement's work. One thread takes its batches; any thread may end it."""

    def __init__(
        self,
        works: Works,
        *,
        inputs: Mapping[str, Scan],
        visitor: Visitor,
        bounds: Bounds,
        on_stall: Callable[[], None],
        on_over: Callable[[], None],
        worked_s: float = 0.0,
        searched: Callable[[], Mapping[str, Scan]] = dict,
    ) -> None:
        """`on_over` is called once nothing of it is left in the engine, now and then more than once.

        `searched` finds rows by search once it begins: inputs beside the `inputs`.
        """
        self._works = works
        self._inputs = inputs
        self._visitor = visitor
        self._bounds = bounds
        self._on_stall = on_stall
        self._on_over = on_over
        self._searched = searched
        self.kinds: tuple[Any, ...] = ()
        """The columns' types as DuckDB's own library has them, once it is open."""
        self._turn = Turn()
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._stream: pa.RecordBatchReader | None = None
        self._is_exhausted = False
        self._ended: PumphouseError | None = None
        self._worked_s = worked_s
        self._working_since: float | None = None
        self._idle_since = self._admitted_at = time.monotonic()

    def open(self, text: str, values: Sequence[Any] | Mapping[str, Any], *, width: int | None = None) -> pa.Schema:
        """Begin; the columns that come. `width` is how many bytes a row took before."""
        self._works.watch.add(self)
        with self._work(wait_s=WAIT_S):
            self._inputs = {**self._inputs, **self._searched()}
            session = self._works.sessions.take(self._inputs, who=self._visitor.who)
            with self._lock:
                self._session = session
            running = session.connection.execute(text, values)
            self.kinds = tuple(kind for _, kind, *_ in running.description or ())
            packed = max((scan.row_bytes for scan in self._inputs.values()), default=0)
            rows = _batch_rows([str(kind) for kind in self.kinds], width, packed=packed)
            self._stream = running.to_arrow_reader(rows)
            return self._stream.schema

    def next(self) -> pa.RecordBatch | None:
        """The next batch; None is the end. Raises what ended it."""
        if self._is_exhausted:
            if self._ended is not None:
                raise self._ended
            return None
        with self._work(wait_s=None):
            assert self._stream is not None
            batch, self._is_exhausted = _gathered(self._stream)
            return batch

    def end(self, why: PumphouseError) -> None:
        """Stop it, from any thread: whoever takes batches gets `why`. A second time does nothing."""
        with self._lock:
            if self._ended is None:
                self._ended = why
            is_working = self._working_since is not None
            if is_working and self._session is not None:
                self._session.connection.interrupt()
        self._works.turns.leave(self._turn)
        if not is_working:
            self._let_go()

    @property
    def ended(self) -> PumphouseError | None:
        """Why it was ended."""
        return self._ended

    @property
    def works_since(self) -> float | None:
        """When the work began that it does now; None where it does none."""
        return self._working_since

    def look(self, now: float) -> None:
        """End it where it takes longer than it may, nobody takes its batches, or its visitor may not be here."""
        with self._lock:
            working_since, ended = self._working_since, self._ended
            if ended is not None and working_since is not None and self._session is not None:
                self._session.connection.interrupt()  # the first may have come before there was anything to stop
        if ended is not None:
            return
        if now - self._admitted_at > ADMITTED_AGAIN_S:
            self._admitted_at = now
            if not self._works.admits(self._visitor):
                self.end(AccessDenied(f"the token of {self._visitor.who} has ended, or their groups have changed"))
                return
        if working_since is not None:
            if self._worked_s + now - working_since > self._bounds.seconds:
                self.end(
                    Late(
                        f"the query took more than the {self._bounds.seconds:g} seconds that one may",
                        mend="Ask for less at once, or have it built as a table.",
                    )
                )
        elif self._turn.state == "out" and now - self._idle_since > self._bounds.stall_s:
            self.end(Late(f"nobody took the rows of the query for {self._bounds.stall_s:g} seconds", mend="Ask again."))
            self._on_stall()

    @contextmanager
    def _work(self, *, wait_s: float | None) -> Iterator[None]:
        turns = self._works.turns
        turns.take(self._turn, wait_s=wait_s)
        try:
            with self._lock:
                if self._ended is not None:
                    raise self._ended
                self._working_since = time.monotonic()
            try:
                with told(self._columns):
                    yield
            except Exception as error:
                if self._ended is not None:
                    raise self._ended from error
                self._ended = error if isinstance(error, PumphouseError) else Cancelled("the statement failed")
                raise
        finally:
            turns.give(self._turn)
            with self._lock:
                self._idle_since = time.monotonic()
                if self._working_since is not None:
                    self._worked_s += self._idle_since - self._working_since
                self._working_since = None
                is_over = self._ended is not None or self._is_exhausted
            if is_over:
                self._let_go()

    def _columns(self) -> list[str]:
        names = {name for scan in self._inputs.values() for name in scan.schema.names}
        return sorted(names.difference(HIDDEN_COLUMNS))

    def _let_go(self) -> None:
        """Give the connection back; what still runs on it ends."""
        with self._lock:
            if self._working_since is not None:
                return  # whoever works lets go
            session, self._session = self._session, None
            self._stream = None
        self._works.watch.remove(self)
        try:
            if session is None:
                return
            if not self._is_exhausted:
                session.connection.interrupt()
                with told():
                    session.connection.execute("SELECT 1").fetchall()  # ends the query, and frees what it held
            self._works.sessions.give(session)
        finally:
            self._on_over()


def _gathered(stream: pa.RecordBatchReader) -> tuple[pa.RecordBatch | None, bool]:
    """The next rows, and whether there are no more: of small batches one of BATCH_BYTES or half of that, or as many as
    came within GATHER_S.
    """
    began, found, size, rows = time.monotonic(), [], 0, 0
    is_exhausted = False
    while size < BATCH_BYTES // 2 and rows < BATCH_ROWS_MAX:
        batch = next(stream, None)
        if batch is None:
            is_exhausted = True
            break
        found.append(batch)
        size += batch.get_total_buffer_size()
        rows += batch.num_rows
        if time.monotonic() - began > GATHER_S:
            break
    if len(found) > 1 and rows:
        (together,) = pa.Table.from_batches(found).combine_chunks().to_batches()
        return together, is_exhausted
    return (found[0] if found else None), is_exhausted


def _batch_rows(kinds: list[str], width: int | None, *, packed: int) -> int:
    """How many rows make a batch of about BATCH_BYTES; few where nobody knows how wide they are.

    `packed` is what the rows that are read take in their files, at most.
    """
    if width is None:
        widths = [_WIDTHS.get(kind.partition("(")[0].upper()) for kind in kinds]
        if None not in widths:
            width = sum(one for one in widths if one is not None)
        elif packed <= WIDE_ROW_BYTES:
            return CHUNK_ROWS
        else:
            width = packed * UNPACKED_TIMES
    return max(1, min(BATCH_ROWS_MAX, BATCH_BYTES // max(width, 1)))


_WIDTHS = {
    "BOOLEAN": 1, "TINYINT": 1, "UTINYINT": 1, "SMALLINT": 2, "USMALLINT": 2, "INTEGER": 4, "UINTEGER": 4, "BIGINT": 8,
    "UBIGINT": 8, "HUGEINT": 16, "UHUGEINT": 16, "FLOAT": 4, "DOUBLE": 8, "DECIMAL": 16, "DATE": 4, "TIME": 8,
    "TIMESTAMP": 8, "TIMESTAMP_S": 8, "TIMESTAMP_MS": 8, "TIMESTAMP_NS": 8, "TIMESTAMP WITH TIME ZONE": 8,
    "TIME WITH TIME ZONE": 8, "INTERVAL": 16,
}  # fmt: skip
"""Bytes of a value, of the types that have only one width."""
