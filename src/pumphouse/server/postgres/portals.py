"""What a session keeps: prepared statements, and portals with the rows that are still to be taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pumphouse.server.postgres.commands import Command, Forget
from pumphouse.server.postgres.lexing import Piece
from pumphouse.server.postgres.sources import Source
from pumphouse.server.postgres.sqlstate import Refused
from pumphouse.server.postgres.types import Column

STATEMENTS_MAX = 1000
PORTALS_MAX = 100
KEPT_BYTES_MAX = 32 * 1024 * 1024
"""Of texts and values that a session may keep."""


@dataclass(slots=True, kw_only=True)
class Statement:
    """A statement that was parsed."""

    piece: Piece | None
    """None for an empty one."""
    command: Command | None
    oids: tuple[int, ...]
    """The types of its parameters; 0 is left open."""
    described: Sequence[Column] | None = None
    """What a client was told that its rows have, before there were values."""


@dataclass(slots=True, kw_only=True)
class Portal:
    """A statement with its values, and what was taken of its rows."""

    statement: Statement
    values: Sequence[Any] = ()
    formats: Sequence[int] = ()
    """As they were asked for: none, one for all columns, or one for each."""
    bytes: int = 0
    source: Source | None = None
    """Its rows, once they are asked for."""
    held: bool = False
    """Whether it stays when the transaction ends."""
    done: bool = False

    def close(self) -> None:
        """Its rows are not needed any more."""
        if self.source is not None:
            self.source.close()
            self.source = None
        self.done = True


def formats_of(formats: Sequence[int], columns: int) -> Sequence[int]:
    """One for each column. Raises Refused where there are more or fewer."""
    if len(formats) <= 1:
        return [formats[0] if formats else 0] * columns
    if len(formats) != columns:
        raise Refused(f"bind message has {len(formats)} result formats but query has {columns} columns", state="08P01")
    return formats


@dataclass(slots=True)
class Kept:
    """The statements and portals of a session, by name."""

    statements: dict[str, Statement] = field(default_factory=dict)
    portals: dict[str, Portal] = field(default_factory=dict)
    _bytes: int = 0

    def put_statement(self, name: str, statement: Statement) -> None:
        """Keep one. Raises Refused where its name is taken, and where there are too many."""
        if name and name in self.statements:
            raise Refused(f'prepared statement "{name}" already exists', state="42P05")
        if name not in self.statements and len(self.statements) >= STATEMENTS_MAX:
            raise Refused(f"a session keeps at most {STATEMENTS_MAX} statements", state="53400", hint="Close some.")
        self.forget_statement(name)
        self._more(_size(statement))
        self.statements[name] = statement

    def statement(self, name: str) -> Statement:
        """One by its name. Raises Refused."""
        if name not in self.statements:
            shown = (
                f'prepared statement "{name}" does not exist' if name else "unnamed prepared statement does not exist"
            )
            raise Refused(shown, state="26000")
        return self.statements[name]

    def forget_statement(self, name: str) -> None:
        """One is not needed any more; its portals stay."""
        statement = self.statements.pop(name, None)
        if statement is not None:
            self._bytes -= _size(statement)

    def check_portal(self, name: str, size: int) -> None:
        """Raise Refused where a portal can't be kept under this name."""
        if name and name in self.portals:
            raise Refused(f'cursor "{name}" already exists', state="42P03")
        if name not in self.portals and len(self.portals) >= PORTALS_MAX:
            raise Refused(f"a session keeps at most {PORTALS_MAX} portals", state="53400", hint="Close some.")
        self._more(size)
        self._bytes -= size

    def put_portal(self, name: str, portal: Portal) -> None:
        """Keep one; `check_portal` has been asked, and the one that it replaces is closed."""
        self._more(portal.bytes)
        self.portals[name] = portal

    def portal(self, name: str) -> Portal:
        """One by its name. Raises Refused."""
        if name not in self.portals:
            raise Refused(f'portal "{name}" does not exist', state="34000")
        return self.portals[name]

    def take_portals(self, names: Sequence[str]) -> list[Portal]:
        """Those of these names, which are to be closed and are not kept any more."""
        taken = [self.portals.pop(name) for name in names if name in self.portals]
        self._bytes -= sum(portal.bytes for portal in taken)
        return taken

    def forget(self, command: Forget) -> tuple[list[str], str]:
        """Forget what DISCARD, DEALLOCATE or CLOSE names: the portals that are to be closed, and the tag."""
        name, portals = command.name, [one for one in self.portals if one]
        match command.what:
            case "all":
                self._forget_statements()
                return portals, "DISCARD ALL"
            case "statements" if name is None:
                self._forget_statements()
                return [], "DEALLOCATE ALL"
            case "statements":
                self.statement(name or "")
                self.forget_statement(name or "")
                return [], "DEALLOCATE"
            case "cursors" if name is None:
                return portals, "CLOSE CURSOR ALL"
            case "cursors":
                if name not in self.portals:
                    raise Refused(f'cursor "{name}" does not exist', state="34000")
                return [name], "CLOSE CURSOR"
        return [], "DISCARD"

    def _forget_statements(self) -> None:
        for name in list(self.statements):
            self.forget_statement(name)

    def _more(self, size: int) -> None:
        if self._bytes + size > KEPT_BYTES_MAX:
            most = f"{KEPT_BYTES_MAX // 1024**2} MiB of statements and values"
            raise Refused(f"a session keeps at most {most}", state="53400", hint="Close some.")
        self._bytes += size


def _size(statement: Statement) -> int:
    return len(statement.piece.text) if statement.piece else 0
