"""SQLite, read-only, by Python's own sqlite3. A column may hold anything, whatever type it was declared with."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa

from pumphouse.engines.parameters import quoted
from pumphouse.errors import ConfigError, SourceError, did_you_mean
from pumphouse.lake.context import Connection
from pumphouse.sources.databases.query import Selection, Table
from pumphouse.sources.databases.stored import Fetched, chunks, of_rows
from pumphouse.sources.rows import column_of, refuse_names

LOCKED_S_MAX = 30.0


@contextmanager
def opened(connection: Connection, selection: Selection, *, folder: Path) -> Iterator[Table]:
    """The selected rows. Raises SourceError where the file, the table or a column is not there, or it stays locked."""
    path = path_of(connection, folder, asset=selection.asset)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=LOCKED_S_MAX)) as database:
            database.text_factory = _text
            database.execute("BEGIN")  # all that is read is of one moment
            yield _table(database, selection)
    except sqlite3.Error as error:
        raise SourceError(
            f"connection '{connection.name}': {path.name} can't be read: {error}",
            asset=selection.asset,
            mend="Is it a whole SQLite database, and does no other program hold it?",
        ) from None


def path_of(connection: Connection, folder: Path, *, asset: str) -> Path:
    """The file of a database that is one. Raises ConfigError where the url names none, SourceError where it is none."""
    parts = urlsplit(connection.url)
    if parts.netloc or not parts.path.startswith("/") or not parts.path.strip("/"):
        raise ConfigError(
            f"connection '{connection.name}' names no file",
            mend=f"url is {parts.scheme}:///shop.db, or {parts.scheme}:////data/shop.db.",
        )
    path = folder / unquote(parts.path[1:])
    if not path.is_file():
        raise SourceError(
            f"connection '{connection.name}': there is no file {path}",
            asset=asset,
            mend=f"url is {parts.scheme}:///path in the project's folder, {parts.scheme}:////path anywhere else.",
        )
    return path


def _table(database: sqlite3.Connection, selection: Selection) -> Table:
    if selection.query is None:
        schema_name, _, name = selection.table.rpartition(".")
        about = database.execute(
            "SELECT name, type FROM pragma_table_info(?, ?)", (name, schema_name or "main")
        ).fetchall()
    else:
        described = database.execute(f"SELECT * FROM {selection.relation()} LIMIT 0").description
        about = [(column[0], "") for column in described]
    if not about:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
        raise SourceError(
            f"the database has no table '{selection.table}'; it has {', '.join(sorted(names)) or 'none at all'}",
            asset=selection.asset,
            mend=did_you_mean(selection.table, names) or None,
        )
    forms = {name: _kind(declared) for name, declared in about}
    refuse_names([name for name, _ in about], asset=selection.asset)
    for name in (*((selection.cursor,) if selection.cursor else ()), *selection.key):
        if name not in forms:  # SQLite would take the name for text
            raise SourceError(
                f"table '{selection.table}' has no column '{name}'; it has {', '.join(forms)}",
                asset=selection.asset,
                mend=did_you_mean(name, forms) or None,
            )
    parameters = () if selection.starts_over else (selection.since,)
    read = partial(_read, database, selection.sql("*", mark="?"), parameters, tuple(forms), asset=selection.asset)
    of_keys = selection.of_keys.sql(", ".join(map(quoted, selection.key)), mark="?")
    keys = partial(_read, database, of_keys, (), selection.key, asset=selection.asset)
    return Table(forms=forms, ranges=(read,), keys=keys if selection.lists_keys else None)


def _read(
    database: sqlite3.Connection, sql: str, parameters: tuple[Any, ...], names: tuple[str, ...], *, asset: str
) -> Generator[Fetched]:
    rows = database.execute(sql, parameters)
    for chunk in chunks(rows.fetchmany):
        yield of_rows(
            {
                name: column_of(list(values), name=name, asset=asset)
                for name, values in zip(names, zip(*chunk, strict=True), strict=True)
            }
        )


def _kind(declared: str) -> pa.DataType | None:
    """The type that a column's declaration promises, as SQLite reads it; None where it promises none."""
    upper = declared.upper()
    if "INT" in upper:
        return pa.int64()
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return pa.string()
    if any(word in upper for word in ("REAL", "FLOA", "DOUB")):
        return pa.float64()
    return None


def _text(value: bytes) -> str | bytes:
    """Text where it is UTF-8, else the bytes: SQLite does not look."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
