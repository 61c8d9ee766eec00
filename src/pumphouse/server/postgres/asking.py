"""A session's way to rows: the gate, then PostgreSQL's catalogue, then the desk; in the hall's threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pumphouse.server.access.gate import Visitor
from pumphouse.server.postgres.hall import Hall
from pumphouse.server.postgres.settings import Settings
from pumphouse.server.postgres.sources import Made, Source, Stream
from pumphouse.server.postgres.sqlstate import Refused
from pumphouse.server.postgres.types import PARAMETERS_KEY, Column, columns_of

DOOR = "postgres"


@dataclass(slots=True)
class Asking:
    """Who asks, and as of when."""

    hall: Hall
    settings: Settings
    process: int = 0
    """The number of the session."""
    hashed: bytes = b""
    """Of the token that they have."""
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

    def rows(self, text: str, values: Sequence[Any], stopped: Callable[[], None]) -> tuple[Source, int | None]:
        """The rows of a statement, and the snapshot that they are of. `stopped` raises where it was told to stop."""
        visitor = self.visitor()
        made = self._of_catalogue(visitor, text, values)
        if made is not None:
            return Made(made), self._at
        statement = self.hall.desk.ask(visitor, text, door=DOOR, parameters=values, snapshot=self._at)
        result = statement.run()
        self.starting = result.cancel
        try:
            stopped()
            return Stream(result), statement.snapshot
        except BaseException:
            result.close()
            raise
        finally:
            self.starting = None

    def columns(self, text: str, parameters: int) -> tuple[Sequence[Column], Sequence[int]]:
        """What columns a statement has before there are values, and the types of its parameters as far as is known."""
        visitor = self.visitor()
        made = self._of_catalogue(visitor, text, [None] * parameters)
        if made is not None:
            told = (made.schema.metadata or {}).get(PARAMETERS_KEY, b"").decode()
            return columns_of(made.schema), [int(oid) for oid in told.split(",") if oid]
        statement = self.hall.desk.ask(visitor, text, door=DOOR, snapshot=self._at)
        if statement.parameters:
            return columns_of(statement.schema), ()
        found = statement.columns
        return columns_of(found.schema, found.kinds), ()

    def parameters(self, text: str) -> tuple[int, ...]:
        """The types of the parameters of a statement about the catalogue; none of any other."""
        if self.hall.catalogue is None:
            return ()
        return self.hall.catalogue.parameters(self.visitor(), text, settings=self._told_settings)

    def _of_catalogue(self, visitor: Visitor, text: str, values: Sequence[Any]) -> pa.Table | None:
        if self.hall.catalogue is None:
            return None
        return self.hall.catalogue(
            self.hall.desk, visitor, text, values, settings=self._told_settings, snapshot=self._at
        )

    @property
    def _told_settings(self) -> dict[str, str]:
        return {**self.settings.all(), "pg_backend_pid": str(self.process)}

    @property
    def _at(self) -> int | None:
        return self.pinned if self.pinned is not None else self.settings.snapshot
