"""Who comes in: visitors by their tokens, and what each token is good for."""

from __future__ import annotations

import hmac
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pumphouse.errors import AccessDenied
from pumphouse.lake.lake import Lake
from pumphouse.lake.tokens import SCRAM_ITERATIONS, ScramKeys, hash_of, scram_keys

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
    key: bytes = field(default=b"", compare=False, repr=False)
    """The SHA-256 of the token that they showed; empty where they showed none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scram:
    """What SCRAM-SHA-256 needs of somebody: any of the keys may be what their proof is of."""

    salt: bytes
    iterations: int
    keys: tuple[ScramKeys, ...]
    """Empty for whoever has no token; they have a salt nonetheless, the same each time."""


class Gate:
    """Knows visitors by their tokens: the owner's, which lasts as long as the server, and those in the lake's state."""

    def __init__(
        self, lake: Lake, *, owner: str, token: str, groups: Mapping[str, Collection[str]] | None = None
    ) -> None:
        """`groups` are those of the project, each with its people."""
        self._tokens = lake.state.tokens
        self._owner = Visitor(who=owner, scope="all")
        self._owner_keys = scram_keys(token, salt=self._tokens.salt(owner))
        self._groups = dict(groups or {})
        self._seen: dict[bytes, tuple[Visitor, float]] = {}

    @property
    def owner(self) -> Visitor:
        """Whoever started the server."""
        return self._owner

    def regroup(self, groups: Mapping[str, Collection[str]]) -> None:
        """Who belongs together from now on."""
        self._groups = dict(groups)
        self._seen = {}

    def visitor(self, token: str) -> Visitor | None:
        """Whose token this is, or None."""
        return self.visitor_of(hash_of(token))

    def visitor_of(self, hashed: bytes) -> Visitor | None:
        """Whose token has this SHA-256, or None. For who proved that they have it without showing it."""
        if hmac.compare_digest(hashed, self._owner_keys.hash):
            return self._owner
        token = self._tokens.find(hashed)
        if token is None:
            self._seen.pop(hashed, None)
            return None
        visitor = Visitor(
            who=token.who,
            scope=token.scope,
            groups=frozenset(token.groups) | groups_of(self._groups, token.who),
            tables=None if token.tables is None else frozenset(token.tables),
            key=hashed,
        )
        if len(self._seen) >= SEEN_MAX:
            self._seen.clear()
        self._seen[hashed] = visitor, time.monotonic()
        return visitor

    def seen(self, token: str) -> Visitor | None:
        """Whose token this is, where that was looked up within SEEN_S; None says nothing. It asks nobody."""
        return self.seen_of(hash_of(token))

    def seen_of(self, hashed: bytes) -> Visitor | None:
        """The same of a token's SHA-256."""
        if hmac.compare_digest(hashed, self._owner_keys.hash):
            return self._owner
        visitor, at = self._seen.get(hashed, (None, 0.0))
        return visitor if time.monotonic() - at < SEEN_S else None

    def admits(self, visitor: Visitor) -> bool:
        """Whether somebody who came in may still be here as whom they came.

        Not where their token was revoked or has ended, or where they are in other groups by now.
        """
        return not visitor.key or self.visitor_of(visitor.key) == visitor

    def leave(self, hashed: bytes) -> None:
        """Let nobody in any more by what a sign-in made. A token that was given to somebody stays good."""
        self._tokens.end(hashed)
        self._seen.pop(hashed, None)

    def scram(self, who: str) -> Scram:
        """What is needed to check somebody's proof that they have a token; then `visitor_of` the key's hash lets in."""
        keys = self._tokens.scram(who)
        if who == self._owner.who:
            keys = (self._owner_keys, *keys)
        return Scram(salt=self._tokens.salt(who), iterations=SCRAM_ITERATIONS, keys=keys)

    def require(self, visitor: Visitor, act: str) -> None:
        """Raise AccessDenied where the visitor's token is not good for this."""
        if act not in SCOPES.get(visitor.scope, ()):
            raise AccessDenied(
                f"the token of {visitor.who} is good for '{visitor.scope}', not to {act}",
                mend="Ask for a token with another scope.",
            )


def groups_of(groups: Mapping[str, Collection[str]], who: str) -> frozenset[str]:
    """The names of the groups that somebody is in."""
    return frozenset(name for name, people in groups.items() if who in people)
