"""Databases that are read where they are: attached to DuckDB, read-only, with filters and columns pushed down to them.

What DuckDB's scanners would change on the way is not handed out: see `columns`.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb

from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.databases.query import without_secrets
from pumphouse.sources.databases.sqlite import path_of

CONNECT_S_MAX = 10
SCANNERS = {
    "postgresql": "postgres", "postgres": "postgres", "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite",
    "duckdb": "duckdb",
}  # fmt: skip
"""What attaches a url's scheme."""
_EXTENSIONS = {"postgres": "postgres_scanner", "mysql": "mysql_scanner", "sqlite": "sqlite_scanner"}
_EXACT = {
    "mysql": (
        "SET GLOBAL mysql_tinyint1_as_boolean = false",  # it holds more than two values
        "SET GLOBAL mysql_bit1_as_boolean = false",
        "SET GLOBAL mysql_session_time_zone = '+00:00'",
    )
}
_WORDS = {
    "postgres": {"host": "host", "port": "port", "dbname": "dbname", "user": "user"},
    "mysql": {"host": "host", "port": "port", "dbname": "database", "user": "user"},
}
"""What each calls the parts of a url."""
_LARGE = {
    "postgres": "SELECT attname AS name FROM postgres_query({alias}, {asked})",
    "mysql": "SELECT COLUMN_NAME AS name FROM mysql_query({alias}, {asked})",
}
_ASKED = {
    "postgres": (
        "SELECT attname FROM pg_attribute WHERE attrelid = {table}::regclass AND attnum > 0 AND NOT attisdropped"
        " AND format_type(atttypid, NULL) IN ('numeric', 'numeric[]')"
        " AND (atttypmod < 4 OR ((atttypmod - 4) >> 16) & 65535 > 38)"
    ),
    "mysql": (
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name}"
        " AND DATA_TYPE = 'decimal' AND NUMERIC_PRECISION > 38"
    ),
}
"""Columns of decimals that DuckDB would make doubles of."""


def attach(engine: DuckDB, connection: Connection, *, asset: Asset, alias: str, folder: Path) -> None:
    """Attach a connection's database to an engine as `alias`, read-only. The password is in no text that DuckDB shows.

    Raises ConfigError for a kind of database that can't be attached, SourceError where it can't be reached.
    """
    scheme = urlsplit(connection.url).scheme.partition("+")[0]
    scanner = SCANNERS.get(scheme)
    if scanner is None:
        raise ConfigError(
            f"connection '{connection.name}' is a '{scheme}', which can't be read where it is",
            asset=asset.name,
            place=asset.place,
            mend=f"External tables are of {', '.join(SCANNERS)}; gather others with ph.database.",
        )
    if scanner in _EXTENSIONS:
        engine.load(_EXTENSIONS[scanner])
    try:
        for setting in _EXACT.get(scanner, ()):
            engine.execute(setting)
        engine.execute(
            f"ATTACH IF NOT EXISTS {_target(engine, connection, scanner, asset=asset, alias=alias, folder=folder)}"
        )
    except duckdb.Error as error:
        raise unreachable(connection, asset, error) from None


def unreachable(connection: Connection, asset: Asset, error: Exception) -> SourceError:
    """What to say of a database that did not answer, without what is secret of it."""
    return SourceError(
        f"connection '{connection.name}' can't be read: {without_secrets(str(error).splitlines()[0], connection)}",
        asset=asset.name,
        place=asset.place,
        mend="Is it up, and do its user and password hold?",
    )


def relation(asset: Asset, *, alias: str, scanner: str) -> str:
    """The table's full name in the engine that its database is attached to."""
    parts = asset.spec.table.split(".")
    if len(parts) == 1 and scanner == "postgres":
        parts = ["public", *parts]
    return ".".join(map(quoted, (alias, *parts)))


def columns(engine: DuckDB, asset: Asset, *, alias: str, scanner: str, connection: Connection) -> dict[str, str]:
    """Each column of the table, with the SQL that reads it exactly.

    Raises SourceError where there is no such table or column, or where a decimal of more digits than DuckDB has would
    become a double.
    """
    wanted: tuple[str, ...] = asset.spec.columns
    table = relation(asset, alias=alias, scanner=scanner)
    try:
        kinds = {row[0]: row[1] for row in engine.execute(f"DESCRIBE SELECT * FROM {table}")}
        inexact = _too_large(engine, asset, alias=alias, scanner=scanner)
    except duckdb.CatalogException as error:
        raise SourceError(
            f"connection '{connection.name}' has no table '{asset.spec.table}'",
            asset=asset.name,
            place=asset.place,
            mend="Write it with its schema, as in 'public.accounts'.",
        ) from error
    except duckdb.Error as error:
        raise unreachable(connection, asset, error) from None
    for name in wanted:
        if name not in kinds:
            raise SourceError(
                f"'{asset.spec.table}' of connection '{connection.name}' has no column '{name}'",
                asset=asset.name,
                place=asset.place,
                mend=f"It has {', '.join(kinds)}.",
            )
    chosen = wanted or tuple(kinds)
    if lost := [name for name in chosen if name in inexact]:
        raise SourceError(
            f"'{lost[0]}' of '{asset.spec.table}' has more digits than can be read exactly",
            asset=asset.name,
            place=asset.place,
            mend="Name the columns to read without it, or make a view there that casts it to text.",
        )
    return {name: _exact(name, kinds[name]) for name in chosen}


def _target(engine: DuckDB, connection: Connection, scanner: str, *, asset: Asset, alias: str, folder: Path) -> str:
    if scanner in ("sqlite", "duckdb"):
        path = path_of(connection, folder, asset=asset.name)
        kind = ", TYPE sqlite" if scanner == "sqlite" else ""
        return f"{literal(str(path))} AS {quoted(alias)} (READ_ONLY{kind})"
    parts = urlsplit(connection.url)
    password = connection.options.get("password") or (unquote(parts.password) if parts.password else None)
    said = {
        "host": parts.hostname,
        "port": parts.port,
        "dbname": unquote(parts.path.lstrip("/")) or None,
        "user": connection.options.get("user") or (unquote(parts.username) if parts.username else None),
    }
    words = {_WORDS[scanner][word]: str(value) for word, value in said.items() if value is not None}
    words |= dict(parse_qsl(parts.query))  # sslmode, the folder of a socket, and whatever else its library knows
    if scanner == "postgres":
        words = {"connect_timeout": str(CONNECT_S_MAX), "application_name": "pumphouse", **words}
    elif "unix_socket" in words:
        words["socket"] = words.pop("unix_socket")
    text = " ".join(f"{word}={_word(value)}" for word, value in words.items())
    secret = ""
    if password is not None:
        engine.execute(f"CREATE OR REPLACE SECRET {quoted(alias)} (TYPE {scanner}, PASSWORD {literal(str(password))})")
        secret = f", SECRET {quoted(alias)}"
    return f"{literal(text)} AS {quoted(alias)} (TYPE {scanner}, READ_ONLY{secret})"


def _word(value: str) -> str:
    """A value as libpq and DuckDB's MySQL read it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'" if not value or any(mark in value for mark in " '\\=") else value


def _too_large(engine: DuckDB, asset: Asset, *, alias: str, scanner: str) -> frozenset[str]:
    if scanner not in _ASKED:
        return frozenset()
    parts = asset.spec.table.split(".")
    schema, name = parts if len(parts) == 2 else (None, parts[-1])
    asked = _ASKED[scanner].format(
        table=literal(".".join(map(quoted, parts))),
        schema=literal(schema) if schema else "DATABASE()",
        name=literal(name),
    )
    found = engine.execute(_LARGE[scanner].format(alias=literal(alias), asked=literal(asked)))
    return frozenset(row[0] for row in found)


def _exact(name: str, kind: str) -> str:
    """A column as Arrow can carry it: a time with a zone would lose the zone."""
    if kind == "TIME WITH TIME ZONE":
        return f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}"
    return quoted(name)
