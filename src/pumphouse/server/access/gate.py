"""Who comes in: visitors by their tokens, and what each token is good for."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass

from pumphouse.errors import AccessDenied
from pumphouse.lake.lake import Lake

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who showed a token, or signed in."""

    who: str
    scope: str
    groups: frozenset[str] = frozenset()
    """The groups of pumphouse.toml, or of whoever signed them in, that they are in."""
    tables: frozenset[str] | None = None
    """The only tables that their token is good for; None is all that they may see."""


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


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
