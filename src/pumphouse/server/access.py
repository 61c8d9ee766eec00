"""Who comes in, what they may do, and the one way through which everything they read goes: permission and audit."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import quoted
from pumphouse.errors import AccessDenied, UnknownName, did_you_mean
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access
from pumphouse.project.reading import Reader, Rows

if TYPE_CHECKING:
    import pyarrow as pa

SCOPES: dict[str, frozenset[str]] = {
    "all": frozenset({"read", "predict", "update", "interview"}),
    "read": frozenset({"read"}),
    "predict": frozenset({"predict"}),
    "update": frozenset({"update"}),
    "interview": frozenset({"interview"}),
}
"""What a token of each scope is good for. A scope that is not here is good for nothing."""


SEEN_S = 5.0
"""A token that is revoked lets nobody in after this long."""
SEEN_MAX = 10_000
REASONS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who showed a token."""

    who: str
    scope: str


class Gate:
    """Knows visitors by their tokens: the owner's, which lasts as long as the server, and those in the lake's state."""

    def __init__(self, lake: Lake, *, owner: str, token: str) -> None:
        self._lake = lake
        self._owner = Visitor(who=owner, scope="all")
        self._token_hash = _hash(token)
        self._seen: dict[bytes, tuple[Visitor, float]] = {}

    def visitor(self, token: str) -> Visitor | None:
        """Whose token this is, or None."""
        hashed = _hash(token)
        if hmac.compare_digest(hashed, self._token_hash):
            return self._owner
        person = self._lake.state.who(token)
        if person is None:
            self._seen.pop(hashed, None)
            return None
        visitor = Visitor(who=person.who, scope=person.scope)
        if len(self._seen) >= SEEN_MAX:
            self._seen.clear()
        self._seen[hashed] = visitor, time.monotonic()
        return visitor

    def seen(self, token: str) -> Visitor | None:
        """Whose token this is, where that was looked up within SEEN_S; None says nothing. It asks nobody."""
        hashed = _hash(token)
        if hmac.compare_digest(hashed, self._token_hash):
            return self._owner
        visitor, at = self._seen.get(hashed, (None, 0.0))
        return visitor if time.monotonic() - at < SEEN_S else None

    def require(self, visitor: Visitor, act: str) -> None:
        """Raise AccessDenied where the visitor's token is not good for this."""
        if act not in SCOPES.get(visitor.scope, ()):
            raise AccessDenied(
                f"the token of {visitor.who} is good for '{visitor.scope}', not to {act}",
                mend="Ask for a token with another scope.",
            )

    def admit(self, visitor: Visitor, asset: str, *, act: str, door: str) -> Admitted:
        """The way to read one asset. Raises AccessDenied where the visitor may not."""
        self.require(visitor, act)
        return Admitted(lake=self._lake, visitor=visitor, asset=asset, door=door)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Somebody who may read one asset through one door; what is read is written to the access log."""

    lake: Lake
    visitor: Visitor
    asset: str
    door: str

    def rows(self, *, columns: Sequence[str] = (), limit: int | None = None, snapshot: int | None = None) -> Rows:
        """Rows of the table, not read yet: all columns but the lake's own, or those named.

        Raises UnknownName for a table, a column or a snapshot that is not there.
        """
        newest = self.lake.snapshot()
        if snapshot is not None and not 0 <= snapshot <= newest:
            raise UnknownName(f"there is no snapshot {snapshot} yet", mend=f"The newest is {newest}.")
        scan = self.lake.scan(self.asset, snapshot=newest if snapshot is None else snapshot)
        known = scan.schema.names
        for column in columns:
            if column not in known:
                raise UnknownName(
                    f"'{self.asset}' has no column '{column}'",
                    asset=self.asset,
                    mend=did_you_mean(column, known) or f"It has {', '.join(known)}.",
                )
        selected = ", ".join(map(quoted, columns or scan.columns))
        limited = "" if limit is None else f" LIMIT {limit}"
        return Rows(
            reader=self._reader(),
            query=Query(text=f"SELECT {selected} FROM {quoted(self.asset)}{limited}", inputs={self.asset: scan}),
            tables=(self.asset,),
            snapshot=scan.snapshot,
            title=self.asset,
        )

    def quarantined(self) -> pa.Table:
        """Why cells and rows of the table are in its quarantine: column, reason, kept; the most frequent first."""
        table = quarantine_of(self.asset)
        return (
            self._reader()
            .sql(
                f'SELECT "column", reason, count(*) AS kept FROM {quoted(table)} GROUP BY ALL'
                f" ORDER BY kept DESC, 1, 2 LIMIT {REASONS_MAX}"
            )
            .to_arrow()
        )

    def seen(self, *, snapshot: int, rows: int, detail: str = "") -> None:
        """Record what was read other than by `rows`: a report, what a search found, a prediction."""
        self.lake.state.access(
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

    def _reader(self) -> Reader:
        return Reader(lake=self.lake, who=self.visitor.who, door=self.door)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
