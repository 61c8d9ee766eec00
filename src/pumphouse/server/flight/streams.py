"""Rows on their way: what is sent, when it ends, and who goes away before.

While a query runs, nothing of ours is called that could see that its client has gone; a thread looks after all of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyarrow import flight

from pumphouse.errors import BadRequest, Overloaded
from pumphouse.server.access.desk import Result, Statement
from pumphouse.server.access.gate import Visitor
from pumphouse.server.flight.ahead import AHEAD_MAX, AHEAD_OF_ONE_MAX, Begun
from pumphouse.server.flight.prepared import Asked
from pumphouse.server.flight.statuses import told

STREAMS_MAX, STREAMS_OF_ONE_MAX = 1_024, 256
"""Statements whose rows are on their way at the same time: everybody's, and one visitor's."""
WATCH_S = 0.05
"""How long a query may run on after its client has gone, before it is told."""
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
"""Some clients take no message above 16 MiB."""
UNTAKEN_S = 600.0
"""How long a client may leave untaken what it was sent, before its connection ends; its query has ended long before."""


class Stream:
    """The rows of one ticket. What is cancelled stops within the batch that is being made."""

    def __init__(self, visitor: Visitor, context: Any) -> None:
        self.visitor = visitor
        self.peer = str(context.peer())
        self._context = context  # of a call: it must not be looked at once the call has ended
        self._sent_at: float | None = None
        self._result: Result | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def batches(self, asked: Asked) -> Iterator[Any]:
        """First the schema, then the batches, each no larger than a message may be."""
        with told("DoGet"):
            schema = without_dictionaries(asked.schema)
            yield schema  # a client that has it can cancel; nothing runs before
            for number, statement in enumerate(asked.statements):
                with self._begun(statement, None if number else asked.ahead) as result:
                    for batch in result:
                        for part in _parts(_as(schema, batch)):
                            self._sent_at = time.monotonic()
                            yield part
                            self._sent_at = None

    def cancel(self) -> None:
        """End it, from any thread."""
        with self._lock:
            self._cancelled = True
            if self._result is not None:
                self._result.cancel()

    def end(self) -> None:
        """End it now, whatever its client still has to take of it; what was taken is in the log."""
        self.cancel()
        with self._lock:
            if self._result is not None:
                self._result.close()

    def look(self) -> None:
        """End it where its client has gone."""
        with self._lock:
            gone = self._context is not None and not self._cancelled and self._context.is_cancelled()
        if gone:
            self.cancel()

    def is_untaken(self) -> bool:
        """Whether its client has not taken what it was sent for UNTAKEN_S."""
        sent_at = self._sent_at
        return sent_at is not None and time.monotonic() - sent_at > UNTAKEN_S

    def over(self) -> None:
        """Its call ends."""
        with self._lock:
            self._context = None

    def _begun(self, statement: Statement, ahead: Begun | None) -> Result:
        begun = None if ahead is None else ahead.take()
        with self._lock:
            self._result = begun or statement.run()
            if self._cancelled:
                self._result.cancel()
            return self._result


class Streams:
    """All that are on their way."""

    def __init__(self, *, hang_up: Callable[[str], None]) -> None:
        """`hang_up` ends the connection of a peer, as gRPC names it."""
        self._hang_up = hang_up
        self._running: dict[bytes, Stream] = {}
        self._ahead: list[Begun] = []
        self._changed = threading.Condition()
        self._closed = False
        self._watch = threading.Thread(target=self._look_after, name="flight streams", daemon=True)
        self._watch.start()

    def begin(self, statement: Statement) -> Begun | None:
        """Have a statement work before its rows are asked for; None where enough do."""
        with self._changed:
            self._ahead = [one for one in self._ahead if one.is_waiting]
            own = sum(one.visitor == statement.visitor for one in self._ahead)
            if self._closed or own >= AHEAD_OF_ONE_MAX or len(self._ahead) >= AHEAD_MAX:
                return None
            result = statement.run_where_free()
            if result is None:
                return None
            begun = Begun(result)
            self._ahead.append(begun)
            self._changed.notify_all()
        return begun

    def send(self, handle: bytes, visitor: Visitor, context: Any, asked: Asked) -> Any:
        """What pyarrow sends as the answer."""
        stream = Stream(visitor, context)
        batches = self._kept(handle, stream, asked)
        return flight.GeneratorStream(next(batches), batches)

    def find(self, visitor: Visitor, handle: bytes) -> Stream | None:
        """The visitor's rows of a ticket, where they are on their way."""
        with self._changed:
            stream = self._running.get(handle)
        return stream if stream is not None and stream.visitor == visitor else None

    def close(self, *, wait_s: float) -> None:
        """Take no more, and wait for those that are on their way; those that take longer are cancelled."""
        with self._changed:
            self._closed = True
            ahead, self._ahead = self._ahead, []
            for begun in ahead:
                begun.end()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running, timeout=wait_s)
            late = list(self._running.values())
        for stream in late:
            stream.end()
        for begun in ahead:
            begun.join()

    def _kept(self, handle: bytes, stream: Stream, asked: Asked) -> Iterator[Any]:
        with self._changed:
            own = sum(one.visitor == stream.visitor for one in self._running.values())
            if self._closed or own >= STREAMS_OF_ONE_MAX or len(self._running) >= STREAMS_MAX:
                why = "the server is being stopped" if self._closed else "too many statements run already"
                raise Overloaded(why, mend="Ask again in a moment.")
            self._running[handle] = stream
            self._changed.notify_all()
        try:
            yield from stream.batches(asked)
        finally:
            stream.over()
            with self._changed:
                del self._running[handle]
                self._changed.notify_all()

    def _look_after(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._running or self._ahead or self._closed)
                if self._closed and not self._running:
                    return
                running = list(self._running.values())
                self._ahead = [one for one in self._ahead if one.is_waiting]
                ahead = list(self._ahead)
            for begun in ahead:
                begun.look()
            for stream in running:
                stream.look()
                if stream.is_untaken():
                    self._hang_up(stream.peer)
            time.sleep(WATCH_S)


def without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """The columns as they are sent: an ENUM is text, since each stream would have to send its words first."""
    return pa.schema([one.with_type(_plain(one.type)) for one in schema], schema.metadata)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_struct(kind):
        return pa.struct([one.with_type(_plain(one.type)) for one in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    return kind


def _as(schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with the columns that were told: of several with one name, each has one of its own there."""
    if batch.schema.equals(schema):
        return batch
    pairs = zip(batch.columns, schema.types, strict=True)
    try:
        columns = [column if column.type == kind else column.cast(kind) for column, kind in pairs]
        return pa.RecordBatch.from_arrays(columns, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise BadRequest(
            "the rows for one set of values have other columns than those for another",
            mend="Cast the parameters in the statement: $1::BIGINT.",
        ) from error


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    pieces = -(-batch.nbytes // MESSAGE_BYTES_MAX)
    if pieces <= 1 or batch.num_rows == 1:
        yield batch
        return
    rows = max(1, batch.num_rows // pieces)
    for first in range(0, batch.num_rows, rows):
        yield from _parts(batch.slice(first, rows)) if rows < batch.num_rows else [batch]
