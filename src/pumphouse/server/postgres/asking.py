"""A session's way to rows: the gate, then PostgreSQL's catalogue, then the desk; in the hall's threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pumphouse.server.access.desk import Statement
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.places import Place
from pumphouse.server.postgres.hall import Hall
from pumphouse.server.postgres.hints import hinted
from pumphouse.server.postgres.lexing import Piece
from pumphouse.server.postgres.settings import Settings
from pumphouse.server.postgres.sources import Made, Source, Stream
from pumphouse.server.postgres.sqlstate import Refused
from pumphouse.server.postgres.types import PARAMETERS_KEY, Column, columns_of

DOOR = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A statement that was checked, and waits for a place."""

    statement: Statement
    place: Place


@dataclass(slots=True)
class Asking:
    """Who asks, and as of when."""

    hall: Hall
    settings: Settings
    hashed: bytes = b""
    """Of the token that they have."""
    process: int = 0
    """The session's number."""
    pinned: int | None = None
    """The snapshot that the transaction reads."""
    starting: Callable[[], None] | None = field(default=None)
    """Stops a statement of which there are no rows yet."""

    def visitor(self) -> Visitor:
        """Who asks, as of a few seconds ago at most. Raises Refused where their token is not good any more."""
        gate = self.hall.gate
        visitor = gate.seen_of(self.hashed) or gate.visitor_of(self.hashed)
        if visitor is None:
            raise Refused(
                "terminating connection: your token is not good any more",
                state="57P01",
                hint="Ask for a new one: pumphouse token make NAME.",
                fatal=True,
            )
        gate.require(visitor, "read")
        return visitor

    async def rows(self, text: str, values: Sequence[Any], stopped: Callable[[], None]) -> tuple[Source, int | None]:
        """The rows of a statement, and the snapshot that they are of. `stopped` raises where it was told to stop.

        It waits for a place in the loop: in a thread it would take one from those who hold the places.
        """
        found = await self.hall.in_thread(self._asked, text, values, stopped)
        if not isinstance(found, Waiting):
            return found
        self.starting = found.place.leave
        try:
            stopped()
            await found.place.held()
        except BaseException:
            found.place.leave()
            raise
        finally:
            self.starting = None
        return await self.hall.in_thread(self._opened, found.statement, found.place, stopped)

    def _asked(
        self, text: str, values: Sequence[Any], stopped: Callable[[], None]
    ) -> tuple[Source, int | None] | Waiting:
        visitor = self.visitor()
        made = self._of_catalogue(visitor, text, values)
        if made is not None:
            return Made(made), self._at
        statement = self.hall.desk.ask(visitor, text, door=DOOR, parameters=values, snapshot=self._at)
        place = self.hall.desk.places.ask(visitor.who)
        return self._opened(statement, place, stopped) if place.is_held else Waiting(statement=statement, place=place)

    def _opened(self, statement: Statement, place: Place, stopped: Callable[[], None]) -> tuple[Source, int | None]:
        """The rows of a statement for which there is a place."""
        try:
            result = statement.run(place=place)
        except BaseException:
            place.leave()
            raise
        self.starting = result.cancel
        try:
            stopped()
            return Stream(result), statement.snapshot
        except BaseException:
            result.close()
            raise
        finally:
            self.starting = None

    def columns(self, piece: Piece, oids: Sequence[int]) -> tuple[Sequence[Column], Mapping[int, int]]:
        """What columns a statement has before there are values, and the types of parameters that are open (0)."""
        visitor, text = self.visitor(), piece.text
        made = self._of_catalogue(visitor, text, [None] * len(oids))
        if made is not None:
            kinds = (made.schema.metadata or {}).get(PARAMETERS_KEY, b"").decode().split(",")
            return columns_of(made.schema), {at + 1: int(oid) for at, oid in enumerate(kinds) if oid}
        statement = self.hall.desk.ask(visitor, text, door=DOOR, snapshot=self._at)
        told = hinted(piece, self._named(visitor, statement)) if statement.parameters and 0 in oids else {}
        found = statement.columns
        return columns_of(found.schema, found.kinds), told

    def _named(self, visitor: Visitor, statement: Statement) -> Mapping[str, Column]:
        """The columns that a statement may name, but not those of which two tables have one of another type."""
        found: dict[str, Column | None] = {}
        for table in statement.tables:
            whole = self.hall.desk.table(visitor, table, door=DOOR, snapshot=statement.snapshot_of(table)).columns
            for column in columns_of(whole.schema, whole.kinds):
                name = column.name.lower()
                found[name] = column if name not in found or _alike(found[name], column) else None
        return {name: column for name, column in found.items() if column is not None}

    def _of_catalogue(self, visitor: Visitor, text: str, values: Sequence[Any]) -> pa.Table | None:
        if self.hall.catalogue is None:
            return None
        settings = {**self.settings.all(), "pg_backend_pid": str(self.process)}
        return self.hall.catalogue(self.hall.desk, visitor, text, values, settings=settings, snapshot=self._at)

    @property
    def _at(self) -> int | None:
        return self.pinned if self.pinned is not None else self.settings.snapshot


def _alike(one: Column | None, other: Column) -> bool:
    return one is not None and (one.oid, one.nested) == (other.oid, other.nested)
