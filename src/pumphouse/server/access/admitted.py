"""Somebody who may read one asset through one door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pumphouse.engines.parameters import quoted
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.state import Access
from pumphouse.server.access.desk import Desk, Statement
from pumphouse.server.access.gate import Gate, Visitor

if TYPE_CHECKING:
    import pyarrow as pa

REASONS_MAX = 20


def admit(gate: Gate, desk: Desk, visitor: Visitor, asset: str, *, act: str, door: str) -> Admitted:
    """The way to read one asset. Raises AccessDenied where the visitor's token is not good for it."""
    gate.require(visitor, act)
    return Admitted(desk=desk, visitor=visitor, asset=asset, door=door)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Somebody who may read one asset through one door; what is read is written to the access log."""

    desk: Desk
    visitor: Visitor
    asset: str
    door: str

    def rows(self, *, columns: Sequence[str] = (), limit: int | None = None, snapshot: int | None = None) -> Statement:
        """Rows of the table, not read yet: all columns but the lake's own, or those named.

        Raises UnknownName for a table, a column or a snapshot that is not there.
        """
        return self.desk.table(
            self.visitor, self.asset, door=self.door, columns=columns, limit=limit, snapshot=snapshot
        )

    def quarantined(self) -> pa.Table:
        """Why cells and rows of the table are in its quarantine: column, reason, kept; the most frequent first."""
        table = quarantine_of(self.asset)
        text = (
            f'SELECT "column", reason, count(*) AS kept FROM {quoted(table)} GROUP BY ALL'
            f" ORDER BY kept DESC, 1, 2 LIMIT {REASONS_MAX}"
        )
        return self.desk.ask(self.visitor, text, door=self.door).run().read_all()

    def seen(self, *, snapshot: int, rows: int, detail: str = "") -> None:
        """Record what was read other than by `rows`: a report, what a search found, a prediction."""
        self.desk.record(
            Access(
                at=datetime.now(UTC),
                who=self.visitor.who,
                door=self.door,
                asset=self.asset,
                snapshot=snapshot,
                rows=rows,
                detail=detail,
            )
        )
