"""PostgreSQL by psycopg: one read-only transaction, rows by a cursor on the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa

from pumphouse.engines.parameters import quoted
from pumphouse.errors import MissingExtra, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.columns import BIG, MOMENT, NAIVE
from pumphouse.sources.databases.query import Selection, Table
from pumphouse.sources.rows import Batch, column_of, refuse_names
from pumphouse.sources.spool import BATCH_ROWS

if TYPE_CHECKING:
    import psycopg

CONNECT_S_MAX = 10
KINDS: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "float4": pa.float64(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "date": pa.date32(),
    "timestamp": NAIVE,
    "timestamptz": MOMENT,
    "bytea": pa.binary(),
}


@contextmanager
def opened(connection: Connection, selection: Selection) -> Iterator[Table]:
    """The selected rows, as of one moment. Raises SourceError naming host and database, never the password."""
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra(error.name or "psycopg", extra="postgres", purpose="Reading PostgreSQL") from None
    parts = urlsplit(connection.url)
    where = f"{parts.hostname or 'the local socket'}{parts.path}"
    try:
        with psycopg.connect(**_parameters(connection)) as database, database.cursor(name="pumphouse") as rows:
            database.read_only = True
            database.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield _table(database, rows, selection)
    except psycopg.OperationalError as error:
        raise SourceError(
            f"connection '{connection.name}': {where} can't be reached: {_said(error, connection)}",
            asset=selection.asset,
            mend="Is it up, and do its user and password hold?",
        ) from None
    except psycopg.Error as error:
        raise SourceError(
            f"connection '{connection.name}': {where} refuses: {_said(error, connection)}",
            asset=selection.asset,
            mend="Look at the table's name and its columns.",
        ) from None


def _parameters(connection: Connection) -> dict[str, Any]:
    """What psycopg is told; the password of the options counts before one in the url."""
    parts = urlsplit(connection.url)
    password = connection.options.get("password") or (unquote(parts.password) if parts.password else None)
    given = {
        "host": parts.hostname,
        "port": parts.port,
        "user": unquote(parts.username) if parts.username else None,
        "password": password,
        "dbname": unquote(parts.path.lstrip("/")) or None,
        "connect_timeout": CONNECT_S_MAX,
        "application_name": "pumphouse",
        "options": "-c TimeZone=UTC",
        **dict(parse_qsl(parts.query)),  # sslmode, host of a socket
    }
    return {name: value for name, value in given.items() if value is not None}


def _said(error: Exception, connection: Connection) -> str:
    text = " ".join(str(error).split())
    for secret in (connection.options.get("password"), urlsplit(connection.url).password):
        if secret:
            text = text.replace(str(secret), "***")
    return text


def _table(database: psycopg.Connection[Any], rows: psycopg.ServerCursor[Any], selection: Selection) -> Table:
    about = database.execute(f"SELECT * FROM {selection.name} LIMIT 0").description or []
    kinds = {column.name: _kind(database, column) for column in about}
    refuse_names(kinds, asset=selection.asset)
    # What has no type here (uuid, json, inet, arrays, intervals...) comes as the text that PostgreSQL writes for it.
    columns = ", ".join(
        quoted(name) if kind is not None else f"{quoted(name)}::text AS {quoted(name)}" for name, kind in kinds.items()
    )
    schema = pa.schema([(name, kind or pa.string()) for name, kind in kinds.items()])
    parameters = {} if selection.cursor is None or selection.since is None else {"since": selection.since}
    rows.execute(selection.sql(columns, mark="%(since)s"), parameters)
    return Table(schema=schema, batches=_batches(rows, schema.names, asset=selection.asset))


def _kind(database: psycopg.Connection[Any], column: psycopg.Column) -> pa.DataType | None:
    known = database.adapters.types.get(column.type_code)
    if known is not None and known.name == "numeric" and known.oid == column.type_code:
        if column.precision is None:
            return pa.null()
        return pa.decimal128(column.precision, column.scale or 0) if column.precision <= BIG.precision else None
    # An array has its element's entry; its own number differs.
    return KINDS.get(known.name) if known is not None and known.oid == column.type_code else None


def _batches(rows: psycopg.ServerCursor[Any], names: list[str], *, asset: str) -> Iterator[Batch]:
    while chunk := rows.fetchmany(BATCH_ROWS):
        yield {
            name: column_of(list(values), name=name, asset=asset)
            for name, values in zip(names, zip(*chunk, strict=True), strict=True)
        }
