"""The two databases that can hold a lake's state: a SQLite file beside it, or the PostgreSQL of its catalogue.

SQL is written once, with `?` for values; a `{number}` column counts up by itself.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from pumphouse.errors import LakeError, MissingExtra
from pumphouse.lake.disk import is_full

BUSY_WAIT_S = 30.0
CHECKPOINT_PAGES = 8_000
"""Pages (32 MB) that SQLite's log holds before they are copied into the file: pages that many writes share, once."""
ROWS_PER_STATEMENT = 64
"""Rows that one INSERT writes."""
SQLITE_MARK = "?"
_DAMAGED = ("malformed", "not a database", "does not exist - and creating")
_READ_ONLY = ("readonly", "unable to open database")
_WRITERS = 7_240_163
"""The number of the lock that PostgreSQL's writers take in turns."""


class Database(Protocol):
    """One connection that threads share; they take turns."""

    def transaction(self) -> AbstractContextManager[Writing]:
        """A transaction that writes: whole when the block ends, nothing of it where it raises.

        Writers come one after another, so a number that was given out later is never seen first.
        """
        ...

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        ...

    def close(self) -> None: ...


class Writing:
    """What a transaction is written through."""

    def __init__(self, cursor: Any, *, mark: str, number: str) -> None:  # a cursor of either library
        self._cursor = cursor
        self._mark = mark
        self._number = number

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """How many rows a statement changed."""
        self._cursor.execute(self._own(sql), values)
        return int(self._cursor.rowcount)

    def insert(self, into: str, rows: Sequence[Sequence[object]], *, end: str = "") -> None:
        """Insert rows by as few statements as may be: `into` is a table with its columns, `end` what stands behind.

        Between two statements another thread may take the interpreter, and be slow to give it back.
        """
        for start in range(0, len(rows), ROWS_PER_STATEMENT):
            some = rows[start : start + ROWS_PER_STATEMENT]
            marks = ", ".join(["(" + ", ".join("?" * len(some[0])) + ")"] * len(some))
            self.run(f"INSERT INTO {into} VALUES {marks} {end}", [value for row in some for value in row])

    def one(self, sql: str, values: Sequence[object] = ()) -> Any:  # whatever the column holds
        """The first value of a query."""
        self._cursor.execute(self._own(sql), values)
        return self._cursor.fetchone()[0]

    def count_on(self, table: str, number: int) -> None:
        """Have the next row of a table get a number beyond this one, or beyond all before where those are greater.

        In a SQLite file. PostgreSQL comes back from a copy together with what goes by its numbers.
        """
        if self._mark != SQLITE_MARK:
            return
        if not self.run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", [number, table]):
            self.run("INSERT INTO sqlite_sequence VALUES (?, ?)", [table, number])

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns that a table has."""
        self._cursor.execute(f"SELECT * FROM {table} LIMIT 0")
        return tuple(column[0] for column in self._cursor.description)

    def _own(self, sql: str) -> str:
        return sql.replace("?", self._mark).replace("{number}", self._number)


class Sqlite:
    """A SQLite file in WAL mode; what a transaction wrote is on the disk when its block ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Writing]:
        with self._lock:
            db = self._open()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield Writing(db.cursor(), mark=SQLITE_MARK, number="INTEGER PRIMARY KEY AUTOINCREMENT")
                db.execute("COMMIT")
            except BaseException as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise LakeError(
                        f"the lake's state can't be written: {error}",
                        mend=f"Is there space left in {self._path.parent}, and is it yours to write?",
                    ) from error
                raise

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._open().execute(sql, values).fetchall()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                db = sqlite3.connect(self._path, timeout=BUSY_WAIT_S, isolation_level=None, check_same_thread=False)
                db.execute("PRAGMA journal_mode = wal")
            except (sqlite3.DatabaseError, OSError) as error:
                raise LakeError(
                    f"the lake's state can't be opened: {error}",
                    mend=f"Is {self._path.parent} there, and yours to write?",
                ) from error
            db.execute("PRAGMA synchronous = full")
            db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self._connection = db
        return self._connection


class Postgres:
    """A PostgreSQL that many machines share; the tables are in a schema of their own."""

    def __init__(self, url: str, *, schema: str) -> None:
        self._url = url
        self._schema = schema
        self._lock = threading.RLock()
        self._connection: Any = None  # psycopg is not always installed, so its types are not known here

    @contextmanager
    def transaction(self) -> Iterator[Writing]:
        psycopg = _psycopg()
        with self._lock:
            try:
                db = self._open()
                with db.transaction(), db.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_WRITERS])
                    yield Writing(cursor, mark="%s", number="BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
            except psycopg.Error as error:
                raise self._failed("written", error) from error

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        psycopg = _psycopg()
        with self._lock:
            try:
                found: list[tuple[Any, ...]] = self._open().execute(sql.replace("?", "%s"), values).fetchall()
            except psycopg.Error as error:
                raise self._failed("read", error) from error
            return found

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> Any:
        psycopg = _psycopg()
        if self._connection is None or self._connection.closed:
            db = psycopg.connect(self._url, autocommit=True, application_name="pumphouse state")
            with suppress(psycopg.errors.UniqueViolation):  # another machine makes it at this moment
                db.execute(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
            db.execute(f'SET search_path = "{self._schema}"')
            self._connection = db
        return self._connection

    def _failed(self, what: str, error: Exception) -> LakeError:
        self.close()  # the next call connects anew
        said = str(error).strip().splitlines()
        return LakeError(
            f"the lake's state can't be {what}: {said[0] if said else type(error).__name__}",
            mend="Is its PostgreSQL there, and may its user write?",
        )


def _psycopg() -> Any:  # the module, which is not always installed
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra("psycopg", extra="postgres", purpose="State in PostgreSQL") from error
    return psycopg


def unopened(folder: Path, catalogue: str | None, error: Exception) -> LakeError:
    """The error of a catalogue that can't be opened. What the driver says may hold a password, so its kind is told."""
    if catalogue is None and is_full(folder):
        return LakeError(
            f"the lake's catalogue can't be opened: the disk of {folder} is full",
            mend="Free some space there, and ask again; what was committed stands.",
        )
    if catalogue is None and any(words in str(error) for words in _DAMAGED):
        return LakeError(
            f"the lake's catalogue in {folder} is damaged, or is none",
            mend="End what serves and runs, and put a copy of metadata.sqlite back; later builds are made again.",
        )
    if catalogue is None and any(words in str(error) for words in _READ_ONLY):
        return LakeError(
            f"the lake's catalogue in {folder} can't be opened for writing, which reading needs too",
            mend="Is the folder there, and yours to write? Of a disk that can only be read, read a copy.",
        )
    return LakeError(
        f"the lake's catalogue can't be opened ({type(error).__name__})",
        mend=f"Is {'its PostgreSQL' if catalogue else folder} there, and yours to read?",
    )
