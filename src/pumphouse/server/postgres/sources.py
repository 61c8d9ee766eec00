"""Where the rows of a portal come from: a statement of the desk, a table that is there, or a cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from pumphouse.server.access.desk import Result
from pumphouse.server.postgres.rows import rows_at_a_time
from pumphouse.server.postgres.types import TYPE_KEY, Column, columns_of


class Source(Protocol):
    """Rows that are taken piece by piece. Used by one thread at a time; `cancel` by any."""

    columns: Sequence[Column]
    """What the rows have."""

    def take(self, rows_max: int) -> pa.RecordBatch | None:
        """The next rows, as many as are made into messages at a time; None where there are no more."""
        ...

    def give_back(self, rows: int) -> None:
        """The last rows that were taken can't be sent, and were not read."""
        ...

    def cancel(self) -> None:
        """Stop what runs."""
        ...

    def close(self) -> None:
        """No more are taken."""
        ...


@dataclass(slots=True)
class Cut:
    """Batches that are taken in pieces."""

    batches: Iterator[pa.RecordBatch]
    _batch: pa.RecordBatch | None = None
    _at: int = 0
    _step: int = 0

    def take(self, rows_max: int) -> pa.RecordBatch | None:
        """The next rows."""
        while self._batch is None or self._at >= self._batch.num_rows:
            self._batch = None  # it is not kept while the next is made
            self._batch = next(self.batches, None)
            if self._batch is None:
                return None
            self._at, self._step = 0, rows_at_a_time(self._batch)
        piece = self._batch.slice(self._at, min(rows_max, self._step))
        self._at += piece.num_rows
        return piece


class Stream:
    """The rows of a statement of the desk. A row counts as read when it is taken here, not with its whole batch."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._cut = Cut(self._batches())
        self._is_exhausted = False
        found = result.columns
        self.columns = columns_of(found.schema, found.kinds)

    def take(self, rows_max: int) -> pa.RecordBatch | None:
        """The next rows. Raises what ended it: what comes after that is not in the access log."""
        if self._is_exhausted:
            return None
        if (why := self._result.ended) is not None:
            raise why
        piece = self._cut.take(rows_max)
        if piece is not None:
            self._result.count(piece.num_rows)
        self._is_exhausted = piece is None
        return piece

    def give_back(self, rows: int) -> None:
        """They don't count."""
        self._result.count(-rows)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self._result:
            self._result.count(-batch.num_rows)
            handed = [batch]
            del batch
            yield handed.pop()

    def cancel(self) -> None:
        """Stop what runs, from any thread."""
        self._result.cancel()

    def close(self) -> None:
        """Write what was taken to the access log."""
        self._result.close()


@dataclass(slots=True)
class Made:
    """The rows of a table that is there."""

    table: pa.Table
    columns: Sequence[Column] = field(init=False)
    _cut: Cut = field(init=False)

    def __post_init__(self) -> None:
        self.columns = columns_of(self.table.schema)
        self._cut = Cut(iter(self.table.combine_chunks().to_batches()))

    def take(self, rows_max: int) -> pa.RecordBatch | None:
        """The next rows."""
        return self._cut.take(rows_max)

    def give_back(self, rows: int) -> None:
        """Nothing is counted."""

    def cancel(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing is kept."""


@dataclass(slots=True)
class Fetched:
    """The next rows of a cursor, so many of them."""

    cursor: Source
    left: int | None
    """How many; None is all."""
    columns: Sequence[Column] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = self.cursor.columns

    def take(self, rows_max: int) -> pa.RecordBatch | None:
        """The next rows."""
        if self.left is None:
            return self.cursor.take(rows_max)
        if self.left <= 0:
            return None
        batch = self.cursor.take(min(rows_max, self.left))
        if batch is not None:
            self.left -= batch.num_rows
        return batch

    def give_back(self, rows: int) -> None:
        """They don't count."""
        self.cursor.give_back(rows)

    def cancel(self) -> None:
        """Stop what the cursor runs."""
        self.cursor.cancel()

    def close(self) -> None:
        """The cursor stays."""


def shown(name: str, value: str | dict[str, str]) -> pa.Table:
    """The rows of SHOW: of one setting, or of all."""
    text = {TYPE_KEY: b"text"}
    if isinstance(value, dict):
        fields = [pa.field(column, pa.string(), metadata=text) for column in ("name", "setting", "description")]
        names = sorted(value)
        return pa.table([names, [value[one] for one in names], [""] * len(names)], schema=pa.schema(fields))
    return pa.table([[value]], schema=pa.schema([pa.field(name, pa.string(), metadata=text)]))
