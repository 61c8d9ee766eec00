"""What happened around the lake: the run log, the access log, events that arrive one by one, tokens, small memories.

History and arrivals only: nothing here decides what a table holds. Losing the run log loses a story; an event is lost
by nobody, since `append` returns when it is on disk.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pumphouse.errors import LakeError

BUSY_WAIT_S = 30.0

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, started TEXT NOT NULL, finished TEXT, command TEXT NOT NULL, actor TEXT NOT NULL,
    status TEXT NOT NULL, snapshot INTEGER, summary TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS run_builds (
    run TEXT NOT NULL, asset TEXT NOT NULL, status TEXT NOT NULL, started TEXT NOT NULL, seconds REAL,
    snapshot INTEGER, note TEXT NOT NULL DEFAULT '', PRIMARY KEY (run, asset));
CREATE TABLE IF NOT EXISTS access (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, door TEXT NOT NULL, asset TEXT NOT NULL,
    snapshot INTEGER, rows INTEGER NOT NULL, offered INTEGER NOT NULL, run TEXT, detail TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS access_by_asset ON access (asset, at);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL,
    body TEXT NOT NULL, UNIQUE (stream, key));
CREATE INDEX IF NOT EXISTS events_by_stream ON events (stream, seq);
CREATE TABLE IF NOT EXISTS memory (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    hash TEXT PRIMARY KEY, who TEXT NOT NULL, scope TEXT NOT NULL, made TEXT NOT NULL, revoked TEXT);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that arrived: an answer, a prediction, an exposure. `seq` grows within the lake."""

    seq: int
    key: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One read: who, through which door, what, which snapshot, how many rows.

    `offered` is set where a lazy form was handed out and the rows that were taken can't be counted. A read that a run
    made for itself names the run, and is not use.
    """

    at: datetime
    who: str
    door: str
    asset: str
    snapshot: int | None
    rows: int
    offered: bool = False
    run: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who a token belongs to and what it is for."""

    who: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run in the log. `status` is running, done, failed or stopped."""

    run: str
    started: datetime
    finished: datetime | None
    command: str
    actor: str
    status: str
    snapshot: int | None
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """What became of one asset in one run. `status` is building, built, unchanged, failed or skipped."""

    run: str
    asset: str
    status: str
    started: datetime
    seconds: float | None
    snapshot: int | None
    note: str


class State:
    """The SQLite file beside a lake. Threads and processes share it; each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as db:
            for statement in _TABLES.split(";\n"):
                db.execute(statement)

    def append(self, stream: str, events: Sequence[tuple[str, str]], *, at: datetime | None = None) -> int:
        """Store events (key, JSON text) and return the newest sequence number of the stream.

        They are on disk when this returns. An event whose key the stream has already is left out: exactly once.
        """
        moment = _text(at or datetime.now(UTC))
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO events (stream, key, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(stream, key, moment, body) for key, body in events],
            )
            return int(db.execute("SELECT coalesce(max(seq), 0) FROM events WHERE stream = ?", [stream]).fetchone()[0])

    def events(self, stream: str, *, after: int = 0, limit: int = 10_000) -> tuple[Event, ...]:
        """Events of a stream that came after a sequence number, oldest first."""
        rows = self._all(
            "SELECT seq, key, at, body FROM events WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?",
            [stream, after, limit],
        )
        return tuple(Event(seq=seq, key=key, at=_moment(at), body=body) for seq, key, at, body in rows)

    def access(self, *reads: Access) -> None:
        """Record reads."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO access (at, who, door, asset, snapshot, rows, offered, run, detail)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(_text(r.at), r.who, r.door, r.asset, r.snapshot, r.rows, r.offered, r.run, r.detail) for r in reads],
            )

    def accesses(self, *, asset: str | None = None, since: datetime | None = None) -> tuple[Access, ...]:
        """Recorded reads, oldest first; of one asset, or since a moment."""
        rows = self._all(
            "SELECT at, who, door, asset, snapshot, rows, offered, run, detail FROM access"
            " WHERE (? IS NULL OR asset = ?) AND (? IS NULL OR at >= ?) ORDER BY id",
            [asset, asset, _text(since) if since else None, _text(since) if since else None],
        )
        return tuple(
            Access(
                at=_moment(at), who=who, door=door, asset=name, snapshot=snapshot, rows=count, offered=bool(offered),
                run=run, detail=detail,
            )
            for at, who, door, name, snapshot, count, offered, run, detail in rows
        )  # fmt: skip

    def remember(self, name: str, value: str) -> None:
        """Keep a small text under a name, in place of an earlier one."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO memory VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )

    def recall(self, name: str) -> str | None:
        """The text kept under a name, or None."""
        rows = self._all("SELECT value FROM memory WHERE name = ?", [name])
        return rows[0][0] if rows else None

    def make_token(self, who: str, *, scope: str) -> str:
        """A new token for a person. Only its hash is kept; it can't be shown again."""
        token = secrets.token_urlsafe(24)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, NULL)", [_hash(token), who, scope, _text(datetime.now(UTC))]
            )
        return token

    def who(self, token: str) -> Person | None:
        """Whose token this is, or None where it is unknown or revoked."""
        rows = self._all("SELECT who, scope FROM tokens WHERE hash = ? AND revoked IS NULL", [_hash(token)])
        return Person(who=rows[0][0], scope=rows[0][1]) if rows else None

    def people(self) -> tuple[Person, ...]:
        """Who has a token that is good, once for each, in the order in which they were made."""
        rows = self._all("SELECT who, scope FROM tokens WHERE revoked IS NULL ORDER BY made", [])
        return tuple(Person(who=who, scope=scope) for who, scope in rows)

    def revoke(self, who: str) -> int:
        """Make all tokens of a person worthless from now on; how many they were."""
        with self._transaction() as db:
            found = db.execute(
                "UPDATE tokens SET revoked = ? WHERE who = ? AND revoked IS NULL", [_text(datetime.now(UTC)), who]
            )
            return int(found.rowcount)

    def run_started(self, run: str, *, command: str, actor: str, at: datetime) -> None:
        """Open a run in the log."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO runs (run, started, command, actor, status) VALUES (?, ?, ?, ?, 'running')",
                [run, _text(at), command, actor],
            )

    def run_finished(self, run: str, *, status: str, at: datetime, snapshot: int | None, summary: str) -> None:
        """Close a run in the log."""
        with self._transaction() as db:
            db.execute(
                "UPDATE runs SET finished = ?, status = ?, snapshot = ?, summary = ? WHERE run = ?",
                [_text(at), status, snapshot, summary, run],
            )

    def build_logged(self, record: BuildRecord) -> None:
        """Write what became of one asset, in place of what was written of it in the same run."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO run_builds VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    record.run,
                    record.asset,
                    record.status,
                    _text(record.started),
                    record.seconds,
                    record.snapshot,
                    record.note,
                ],
            )

    def runs(self, *, limit: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs, newest first."""
        rows = self._all(
            "SELECT run, started, finished, command, actor, status, snapshot, summary FROM runs"
            " ORDER BY started DESC, rowid DESC LIMIT ?",
            [limit],
        )
        return tuple(
            RunRecord(
                run=run, started=_moment(started), finished=_moment(finished) if finished else None, command=command,
                actor=actor, status=status, snapshot=snapshot, summary=summary,
            )
            for run, started, finished, command, actor, status, snapshot, summary in rows
        )  # fmt: skip

    def run_builds(
        self, *, run: str | None = None, asset: str | None = None, limit: int = 1000
    ) -> tuple[BuildRecord, ...]:
        """What became of the assets of a run, or of one asset in its newest runs; newest first."""
        rows = self._all(
            "SELECT run, asset, status, started, seconds, snapshot, note FROM run_builds"
            " WHERE (? IS NULL OR run = ?) AND (? IS NULL OR asset = ?) ORDER BY started DESC, rowid DESC LIMIT ?",
            [run, run, asset, asset, limit],
        )
        return tuple(
            BuildRecord(
                run=of,
                asset=name,
                status=status,
                started=_moment(started),
                seconds=seconds,
                snapshot=snapshot,
                note=note,
            )
            for of, name, status, started, seconds, snapshot, note in rows
        )

    def close(self) -> None:
        """Close this thread's connection."""
        db = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            self._local.db = None

    def _connection(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            try:
                db = sqlite3.connect(self.path, timeout=BUSY_WAIT_S, isolation_level=None)
                db.execute("PRAGMA journal_mode = wal")
            except sqlite3.DatabaseError as error:
                raise LakeError(
                    f"the lake's state can't be opened: {error}",
                    mend=f"Is {self.path.parent} there, and yours to write?",
                ) from error
            db.execute("PRAGMA synchronous = full")
            self._local.db = db
        return db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._connection()
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise LakeError(
                    f"the lake's state can't be written: {error}",
                    mend=f"Is there space left in {self.path.parent}, and is it yours to write?",
                ) from error
            raise

    def _all(self, sql: str, parameters: Sequence[object]) -> list[tuple]:  # type: ignore[type-arg]  # rows of any shape
        return self._connection().execute(sql, parameters).fetchall()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
