"""A statement that is asked many times, and the values that it is asked with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pumphouse.errors import BadRequest, PumphouseError
from pumphouse.server.access.desk import Desk, Parameters, Statement
from pumphouse.server.access.gate import Visitor
from pumphouse.server.flight.ahead import Begun, ended_on_failure

ROWS_MAX = 1_000
VALUES_BYTES_MAX = 16 * 1024 * 1024
"""Of the rows of values that are bound to one statement, and kept with it."""
LOST = re.compile(r"\b(UHUGEINT|TIME WITH TIME ZONE|BIT|BIGNUM)\b")
"""Types whose values would arrive as others: beyond 2**127, without the offset, as DuckDB's own bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be run, one after the other; all have the same columns."""

    schema: pa.Schema
    statements: tuple[Statement, ...]
    ahead: Begun | None = None
    """The first of them, where it has begun."""


Begin = Callable[[Statement], Begun | None]
"""What has a statement begin, where there is room."""


class Prepared:
    """A visitor's statement. The desk remembers what it has checked, so that asking again is cheap.

    It begins as soon as it has its values: drivers ask for its columns and its rows next.
    """

    def __init__(self, desk: Desk, visitor: Visitor, text: str, *, door: str, begin: Begin) -> None:
        self._desk = desk
        self._visitor = visitor
        self._text = text
        self._door = door
        self._begin = begin
        self._rows: Sequence[Parameters] = [()]
        checked = desk.ask(visitor, text, door=door)
        self._ahead = None if checked.parameters else begin(checked.bound(()))
        with ended_on_failure(self._ahead):
            self.schema: pa.Schema = checked.schema if checked.parameters else described(checked, self._ahead)
        """The columns as they are without values."""
        self.parameters = pa.schema([(name, pa.string()) for name in checked.parameters])
        """What it wants values for. Nothing says of which type; text is taken for one of any."""

    def bind(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take rows of values: it is run once for each. Raises BadRequest above ROWS_MAX and VALUES_BYTES_MAX."""
        rows: list[Parameters] = []
        size = 0
        for batch in batches:
            size += batch.nbytes
            if size > VALUES_BYTES_MAX:
                raise BadRequest(f"more than {VALUES_BYTES_MAX // 1024**2} MiB of values", mend="Bind fewer at a time.")
            if len(rows) + batch.num_rows > ROWS_MAX:
                raise BadRequest(f"more than {ROWS_MAX} rows of values", mend="Bind fewer at a time.")
            rows.extend(_values(batch, self.parameters.names))
        if not rows:
            raise BadRequest("no row of values was bound", mend="Bind one for each time it has to be run.")
        self._rows = rows
        with suppress(PumphouseError):  # it is told to who asks for the columns
            self._replace(self._begin(self._statement(rows[0])))

    def statements(self) -> tuple[Statement, ...]:
        """It with the values that were bound last, at the newest snapshot. Raises what `Desk.ask` raises."""
        return tuple(map(self._statement, self._rows))

    def begun(self, statement: Statement) -> Begun | None:
        """The statement, where it has begun already; nobody else gets it."""
        ahead = self._ahead
        if ahead is None or not ahead.is_of(statement):
            return None
        self._ahead = None
        return ahead

    def close(self) -> None:
        """Let go of what has begun."""
        self._replace(None)

    def _statement(self, row: Parameters) -> Statement:
        return self._desk.ask(self._visitor, self._text, door=self._door, parameters=row)

    def _replace(self, ahead: Begun | None) -> None:
        before, self._ahead = self._ahead, ahead
        if before is not None:
            before.end()


def described(statement: Statement, ahead: Begun | None = None) -> pa.Schema:
    """The columns of a statement that has its values, and may work `ahead`.

    Raises BadRequest where Arrow can't have every value of one.
    """
    columns = (ahead.columns() if ahead is not None else None) or statement.columns
    for one, kind in zip(columns.schema, map(str, columns.kinds), strict=True):
        if LOST.search(kind):
            raise BadRequest(
                f"the column '{one.name}' is {kind}, of which Arrow can't have every value",
                mend="Cast it to VARCHAR, or to a type without that.",
            )
    return columns.schema


def _values(batch: pa.RecordBatch, parameters: Sequence[str]) -> list[Any]:
    """Each row's values: by name where the columns are called as the parameters are, else in their order."""
    if not batch.num_columns:
        return [()] * batch.num_rows
    if set(batch.schema.names) == set(parameters):
        return list(batch.to_pylist())
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
