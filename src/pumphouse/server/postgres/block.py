"""The transaction that a session is in: everything only reads, so it is a snapshot, and a status for clients."""

from __future__ import annotations

from dataclasses import dataclass, field

from pumphouse.server.postgres.commands import End, Savepoint
from pumphouse.server.postgres.portals import Statement
from pumphouse.server.postgres.sqlstate import Refused

SAVEPOINTS_MAX = 100


@dataclass(slots=True)
class Block:
    """Between BEGIN and its end, or outside of one."""

    status: str = "I"
    """ "I" is outside, "T" is in a transaction, "E" in one that failed."""
    savepoints: list[str] = field(default_factory=list)

    def check(self, statement: Statement) -> None:
        """Raise Refused where the transaction has failed, and this is not its end."""
        command = statement.command
        ends = isinstance(command, End) or (isinstance(command, Savepoint) and command.act == "ROLLBACK")
        if self.status == "E" and not ends and statement.piece is not None:
            raise Refused(
                "current transaction is aborted, commands ignored until end of transaction block", state="25P02"
            )

    def fail(self) -> None:
        """Something in it went wrong."""
        if self.status == "T":
            self.status = "E"

    def end(self) -> bool:
        """It ends; whether it had failed."""
        failed = self.status == "E"
        self.status = "I"
        self.savepoints.clear()
        return failed

    def savepoint(self, command: Savepoint) -> str:
        """Set, release or go back to a savepoint; the tag. Raises Refused."""
        if self.status == "I":
            raise Refused(f"{command.act} can only be used in transaction blocks", state="25P01")
        if command.act == "SAVEPOINT":
            if len(self.savepoints) >= SAVEPOINTS_MAX:
                raise Refused(f"a transaction has at most {SAVEPOINTS_MAX} savepoints", state="54000")
            self.savepoints.append(command.name)
            return "SAVEPOINT"
        if command.name not in self.savepoints:
            raise Refused(f'savepoint "{command.name}" does not exist', state="3B001")
        at = len(self.savepoints) - 1 - self.savepoints[::-1].index(command.name)
        if command.act == "RELEASE":
            del self.savepoints[at:]
        else:
            del self.savepoints[at + 1 :]
            self.status = "T"
        return command.act
