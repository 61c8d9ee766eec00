"""Tokens: who may come in, for what, until when. Only hashes are kept, so nobody can show a token again.

For SCRAM-SHA-256 (RFC 5802, RFC 7677), in which a client proves that it has a token without sending it, two keys are
kept beside the hash. A token is 192 random bits, so neither says anything of it. The salt is one for each person, so
that any of their tokens can be tried against one proof.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from pumphouse.lake.databases import Database, Writing

LASTS = timedelta(days=365)
"""How long a token is good where nothing else is said."""
USED_EVERY = timedelta(minutes=5)
"""How exactly it is kept when a token was used last: not each use is a write."""
ID_LENGTH = 8
SCRAM_ITERATIONS = 4096
"""The number that PostgreSQL uses. More would guard a guessable password; these can't be guessed."""
SALT_BYTES = 16
KEPT_UNDER = "secret"
"""Under this name the lake's memory has what secrets are made of."""

TABLE = """
CREATE TABLE IF NOT EXISTS tokens (
    hash TEXT PRIMARY KEY, who TEXT NOT NULL, scope TEXT NOT NULL, made TEXT NOT NULL, revoked TEXT);
"""
_ADDED = {
    "expires": "TEXT",
    "used": "TEXT",
    "only_tables": "TEXT",
    "in_groups": "TEXT",
    "signed_in": "INTEGER NOT NULL DEFAULT 0",
    "stored_key": "TEXT",
    "server_key": "TEXT",
}
"""Columns that the table has had since it was first made, each with its type."""
_COLUMNS = "hash, who, scope, made, expires, used, only_tables, in_groups, signed_in"
_GOOD = "revoked IS NULL AND (expires IS NULL OR expires > ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token: whose it is, and what it is good for."""

    id: str
    """The start of its hash: enough to name it by."""
    who: str
    scope: str
    tables: tuple[str, ...] | None
    """The only tables that it is good for; None is all that its owner may see."""
    groups: tuple[str, ...]
    """The groups in which whoever signed them in has them."""
    made: datetime
    expires: datetime | None
    used: datetime | None
    """When it was used last, to within USED_EVERY."""
    signed_in: bool
    """Whether it was made by a sign-in, for a browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramKeys:
    """What a server needs to know that a client has a token."""

    stored_key: bytes
    server_key: bytes
    hash: bytes
    """Of the token that they belong to."""


class Tokens:
    """The tokens in a lake's state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(
        self,
        who: str,
        *,
        scope: str,
        tables: Iterable[str] | None = None,
        lasts: timedelta | None = LASTS,
        groups: Iterable[str] = (),
        signed_in: bool = False,
    ) -> str:
        """A new token of a person. It can't be shown again. `lasts=None` is until it is revoked."""
        token = secrets.token_urlsafe(24)
        now = datetime.now(UTC)
        keys = scram_keys(token, salt=self.salt(who))
        only = None if tables is None else msgspec.json.encode(sorted(set(tables))).decode()
        row = (
            keys.hash.hex(), who, scope, _text(now), _text(now + lasts) if lasts is not None else None, only,
            msgspec.json.encode(sorted(set(groups))).decode(), int(signed_in), keys.stored_key.hex(),
            keys.server_key.hex(),
        )  # fmt: skip
        with self._database.transaction() as db:
            db.insert(
                "tokens (hash, who, scope, made, expires, only_tables, in_groups, signed_in, stored_key, server_key)",
                [row],
            )
            # What a browser has forgotten tells nobody anything.
            db.run("DELETE FROM tokens WHERE signed_in = 1 AND expires < ?", [_text(now)])
        return token

    def find(self, hashed: bytes) -> Token | None:
        """The token of a SHA-256, or None where there is none, or it is not good any more. It counts as used."""
        now = datetime.now(UTC)
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM tokens WHERE hash = ? AND {_GOOD}", [hashed.hex(), _text(now)]
        )
        if not rows:
            return None
        token = _token(rows[0])
        if token.used is None or now - token.used > USED_EVERY:
            with self._database.transaction() as db:
                db.run("UPDATE tokens SET used = ? WHERE hash = ?", [_text(now), hashed.hex()])
        return token

    def good(self) -> tuple[Token, ...]:
        """All that are good, in the order in which they were made."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM tokens WHERE {_GOOD} ORDER BY made, hash", [_text(datetime.now(UTC))]
        )
        return tuple(map(_token, rows))

    def revoke(self, who_or_id: str) -> int:
        """Make a token, or all of a person, worthless from now on; how many they were."""
        now = _text(datetime.now(UTC))
        with self._database.transaction() as db:
            return db.run(
                f"UPDATE tokens SET revoked = ? WHERE {_GOOD} AND (who = ? OR substr(hash, 1, {ID_LENGTH}) = ?)",
                [now, now, who_or_id, who_or_id],
            )

    def end(self, hashed: bytes) -> None:
        """Make a token of a sign-in worthless; one that a person was given stays good."""
        with self._database.transaction() as db:
            db.run(
                "UPDATE tokens SET revoked = ? WHERE hash = ? AND signed_in = 1 AND revoked IS NULL",
                [_text(datetime.now(UTC)), hashed.hex()],
            )

    def scram(self, who: str) -> tuple[ScramKeys, ...]:
        """The keys of all tokens of a person that are good. Tokens that were made before keys were kept have none."""
        rows = self._database.rows(
            f"SELECT stored_key, server_key, hash FROM tokens WHERE who = ? AND stored_key IS NOT NULL AND {_GOOD}"
            " ORDER BY made DESC",
            [who, _text(datetime.now(UTC))],
        )
        return tuple(
            ScramKeys(stored_key=bytes.fromhex(stored), server_key=bytes.fromhex(server), hash=bytes.fromhex(hashed))
            for stored, server, hashed in rows
        )

    def salt(self, who: str) -> bytes:
        """The salt of a person. Whoever has no token has one too, so that it does not tell whether they have."""
        return hmac.digest(self.secret("salts"), who.encode(), "sha256")[:SALT_BYTES]

    def secret(self, purpose: str) -> bytes:
        """Bytes that nobody can guess, for one purpose: of this lake, the same ever since they were first asked for."""
        query = "SELECT value FROM memory WHERE name = ?"
        rows = self._database.rows(query, [KEPT_UNDER])
        if not rows:
            with self._database.transaction() as db:
                db.insert("memory (name, value)", [(KEPT_UNDER, secrets.token_hex(32))], end="ON CONFLICT DO NOTHING")
            rows = self._database.rows(query, [KEPT_UNDER])
        return hmac.digest(bytes.fromhex(rows[0][0]), purpose.encode(), "sha256")


def make_table(db: Writing) -> None:
    """Make the table of tokens, or give one of an earlier version what it lacks. A token that is there stays good."""
    db.run(TABLE)
    there = db.columns("tokens")
    for name, form in _ADDED.items():
        if name not in there:
            db.run(f"ALTER TABLE tokens ADD COLUMN {name} {form}")


def hash_of(token: str) -> bytes:
    """The SHA-256 by which a token is known."""
    return hashlib.sha256(token.encode()).digest()


def scram_keys(token: str, *, salt: bytes) -> ScramKeys:
    """What SCRAM-SHA-256 keeps of a token. Source: RFC 5802, section 3."""
    salted = hashlib.pbkdf2_hmac("sha256", token.encode(), salt, SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return ScramKeys(
        stored_key=hashlib.sha256(client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", "sha256"),
        hash=hash_of(token),
    )


def _token(row: tuple[str | int | None, ...]) -> Token:
    hashed, who, scope, made, expires, used, tables, groups, signed_in = row
    return Token(
        id=str(hashed)[:ID_LENGTH],
        who=str(who),
        scope=str(scope),
        tables=None if tables is None else tuple(msgspec.json.decode(str(tables), type=list[str])),
        groups=() if groups is None else tuple(msgspec.json.decode(str(groups), type=list[str])),
        made=datetime.fromisoformat(str(made)),
        expires=None if expires is None else datetime.fromisoformat(str(expires)),
        used=None if used is None else datetime.fromisoformat(str(used)),
        signed_in=bool(signed_in),
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
