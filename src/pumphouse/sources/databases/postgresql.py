"""PostgreSQL by ADBC: Arrow as the driver makes it of a binary COPY, in read-only transactions of one moment.

A column whose type is none here is cast to text by the server. A large table is read in ranges of its blocks, each on a
connection of its own that has taken over the snapshot of the first: by DuckDB's scanner, where that is exact.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import duckdb
import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import MissingExtra, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.columns import BIG, MOMENT, NAIVE
from pumphouse.sources.databases import scanner
from pumphouse.sources.databases.query import Selection, Table, without_secrets
from pumphouse.sources.databases.stored import Fetched, of_arrow
from pumphouse.sources.rows import refuse_names

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection as Session

CONNECT_S_MAX = 10
LOCKED_S_MAX = 30
SILENT_S_MAX = 60
"""How long a server may be gone from the network before that is noticed."""
DRIVER = "[libpq]"
"""With this begins what goes wrong while rows come, whatever type of error it is then."""
DOMAINS_DEEP_MAX = 10
RANGE_BLOCKS = 4_096
READERS_MAX = 4
BATCH_BYTES = 8 * 1024 * 1024
"""About how much of a table each reader holds at a time."""
SCANNED_BYTES = 4 * 1024 * 1024
"""The same of the scanner, which holds it in more than one form."""
TID_RANGES_SINCE = 140_000
"""The version of PostgreSQL from which a range of blocks is read without reading the rest."""
SAMPLE_BLOCKS = 64
"""Of a table, to see how wide its rows are."""
ROW_BYTES_MAX = 512
"""How wide they may be for the scanner, as text and on average: it holds thousands at a time, however wide they are."""
ASIDE_BYTES_MAX = 16 * 1024 * 1024
"""How much of a table may be in long values, which the server keeps aside, for its rows not to be called wide."""
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "synchronize_seqscans": "off",  # a table that did not change comes in the same order
    "lock_timeout": f"{LOCKED_S_MAX}s",
}

# What is read as it is; the text of numeric becomes a number here, and all else is text.
READ_AS = {
    "bool": pa.bool_(),
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "float4": pa.float64(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "name": pa.string(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": NAIVE,
    "timestamptz": MOMENT,
    "bytea": pa.binary(),
}
UNSCANNABLE = frozenset({"bpchar"})
"""Of these types DuckDB's scanner changes values."""
CAST_TO = {"oid": ("int8", pa.int64()), "float4": ("float8", pa.float64()), "name": ("text", pa.string())}


@contextmanager
def opened(connection: Connection, selection: Selection, *, scratch: Path) -> Iterator[Table]:
    """The selected rows, as of one moment. Raises SourceError naming host and database, never the password.

    `scratch` is a folder for rows that are not stored yet.
    """
    try:
        import adbc_driver_postgresql.dbapi
    except ImportError as error:
        raise MissingExtra(
            error.name or "adbc-driver-postgresql", extra="databases", purpose="Reading PostgreSQL"
        ) from None
    with _told(connection, selection), ExitStack() as stack:
        session = stack.enter_context(adbc_driver_postgresql.dbapi.connect(address(connection), autocommit=True))
        _begin(session)
        yield _table(session, connection, selection, scratch=scratch, stack=stack)


def address(connection: Connection) -> str:
    """The url for the driver: with the password of the options, and with bounds where the url sets none itself."""
    parts = urlsplit(connection.url)
    given = dict(parse_qsl(parts.query))  # sslmode, host of a socket, and whatever else libpq knows
    password = connection.options.get("password") or (unquote(parts.password) if parts.password else None)
    user = connection.options.get("user")
    who = quote(str(user), safe="") if user else parts.netloc.rpartition("@")[0].partition(":")[0]
    secret = f":{quote(str(password), safe='')}" if password is not None else ""
    netloc = f"{who}{secret}@{parts.netloc.rpartition('@')[2]}"
    bounds = {
        "connect_timeout": CONNECT_S_MAX,
        "application_name": "pumphouse",
        "keepalives_idle": SILENT_S_MAX // 2,
        "keepalives_interval": SILENT_S_MAX // 6,
        "keepalives_count": 3,
        "tcp_user_timeout": SILENT_S_MAX * 1000,
    }
    return f"postgresql://{netloc}{parts.path}?{urlencode({**bounds, **given}, quote_via=quote)}"


@contextmanager
def _told(connection: Connection, selection: Selection) -> Iterator[None]:
    from adbc_driver_manager import Error, OperationalError

    parts = urlsplit(connection.url)
    where = f"{parts.hostname or 'the local socket'}{parts.path}"
    try:
        yield
    except (OperationalError, OSError) as error:
        if isinstance(error, OSError) and DRIVER not in str(error):
            raise
        how = "can't be reached" if isinstance(error, OperationalError) else "broke off"
        raise SourceError(
            f"connection '{connection.name}': {where} {how}: {_said(error, connection)}",
            asset=selection.asset,
            mend="Is it up, and do its user and password hold? What was committed stands; run it again.",
        ) from None
    except duckdb.Error as error:
        raise SourceError(
            f"connection '{connection.name}': {where} broke off: {_said(error, connection)}",
            asset=selection.asset,
            mend="Is it up, and is there room on this disk? What was committed stands; run it again.",
        ) from None
    except (Error, pa.ArrowException) as error:
        if isinstance(error, pa.ArrowException) and DRIVER not in str(error):
            raise
        raise SourceError(
            f"connection '{connection.name}': {where} refuses: {_said(error, connection)}",
            asset=selection.asset,
            mend="Look at the table's name and its columns, or at the query.",
        ) from None


def _said(error: Exception, connection: Connection) -> str:
    """What the server said, without what the driver says around it."""
    said = str(error).replace(address(connection), "the database")
    text = without_secrets(said, connection).partition(" Query was: ")[0].partition(" LINE 1: ")[0]
    text = re.sub(r"^([A-Z_]+: )?(\[libpq\] )?(Execution error \[\w+\]: )?", "", text)
    return re.sub(r"^(Failed to [^:]*: )?((ERROR|FATAL): )?", "", text)


def _begin(session: Session, *, snapshot: str | None = None) -> None:
    """A read-only transaction, in which values are written one way whatever the server is set to."""
    _run(session, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if snapshot:
        _run(session, f"SET TRANSACTION SNAPSHOT {literal(snapshot)}")
    for name, value in SETTINGS.items():
        _run(session, f"SET LOCAL {name} = {literal(value)}")


def _run(session: Session, sql: str) -> None:
    with session.cursor() as cursor:
        cursor.execute(sql)


def _rows(session: Session, sql: str) -> list[dict[str, Any]]:
    with session.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_record_batch().read_all().to_pylist()  # type: ignore[no-any-return]


def _table(session: Session, connection: Connection, selection: Selection, *, scratch: Path, stack: ExitStack) -> Table:
    forms, columns, kinds = _columns(session, selection)
    refuse_names(forms, asset=selection.asset)
    mark = "" if selection.starts_over else literal(selection.since)
    numbers = frozenset(name for name, form in forms.items() if form is None)
    read = partial(_read, session, numbers=numbers)
    keys = None
    if selection.lists_keys:
        named = ", ".join(f"{columns[name]}" if name in columns else quoted(name) for name in selection.key)
        keys = partial(read, selection.of_keys.sql(named, mark=""))
    unique = _has_unique_key(session, selection)
    blocks = _blocks(session, selection) if selection.starts_over and (unique or not selection.key) else 0
    if blocks < 2 * RANGE_BLOCKS:
        sql = selection.sql(", ".join(columns.values()), mark=mark)
        return Table(forms=forms, ranges=(partial(read, sql),), keys=keys, has_unique_keys=unique)
    (exported,) = _rows(session, "SELECT pg_export_snapshot() AS snapshot")
    apart = partial(_read_apart, connection, snapshot=exported["snapshot"], selection=selection, numbers=numbers)
    if UNSCANNABLE.isdisjoint(kinds) and _is_for_scanner(session, selection, blocks):
        with suppress(MissingExtra):
            engine = stack.enter_context(scanner.attached(address(connection)))
            apart = partial(
                _scan,
                connection,
                engine,
                forms=forms,
                snapshot=exported["snapshot"],
                selection=selection,
                scratch=scratch,
            )
    starts = range(0, blocks, RANGE_BLOCKS)
    ranges = tuple(
        partial(
            apart,
            f"SELECT {', '.join(columns.values())} FROM {selection.relation()} WHERE ctid >= '({start},0)'"
            + (f" AND ctid < '({start + RANGE_BLOCKS},0)'" if start != starts[-1] else ""),
        )
        for start in starts
    )
    readers = int(connection.options.get("readers", min(READERS_MAX, os.cpu_count() or 1)))
    return Table(forms=forms, ranges=ranges, keys=keys, readers=readers, has_unique_keys=unique)


def _columns(
    session: Session, selection: Selection
) -> tuple[dict[str, pa.DataType | None], dict[str, str], frozenset[str]]:
    """The columns with their types, how each is selected, and what the database calls their types."""
    with session.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {selection.relation()} LIMIT 0")
        names = cursor.fetch_record_batch().schema.names
    if not names:
        return {}, {}, frozenset()
    asked = ", ".join(f"pg_typeof(q.{quoted(name)})::oid::int8 AS c{nth}" for nth, name in enumerate(names))
    (oids,) = _rows(session, f"SELECT {asked} FROM (SELECT 1) one LEFT JOIN {_aliased(selection)} ON false")
    digits = _digits(session, selection)
    forms: dict[str, pa.DataType | None] = {}
    columns: dict[str, str] = {}
    kinds: set[str] = set()
    for name, oid in zip(names, oids.values(), strict=True):
        kind, modifier = _base(session, oid, digits.get(name, -1))
        forms[name], columns[name] = _form(quoted(name), kind, modifier)
        kinds.add(kind)
    return forms, columns, frozenset(kinds)


def _aliased(selection: Selection) -> str:
    return f"({selection.query.strip().rstrip(';')}\n) q" if selection.query else f"{selection.relation()} q"


def _digits(session: Session, selection: Selection) -> dict[str, int]:
    """The type modifiers of a table's columns: how many digits a numeric has."""
    if selection.query is not None:
        return {}
    found = _rows(
        session,
        "SELECT attname::text AS name, atttypmod::int8 AS modifier FROM pg_attribute"
        f" WHERE attrelid = {literal(selection.relation())}::regclass AND attnum > 0 AND NOT attisdropped",
    )
    return {row["name"]: row["modifier"] for row in found}


def _base(session: Session, oid: int, modifier: int) -> tuple[str, int]:
    """The name of a type, and its modifier; of a domain, those of what it is made of."""
    for _ in range(DOMAINS_DEEP_MAX):
        (row,) = _rows(
            session,
            "SELECT typname::text AS name, typtype::text AS sort, typbasetype::int8 AS base,"
            f" typtypmod::int8 AS modifier FROM pg_type WHERE oid = {oid}",
        )
        if row["sort"] != "d":
            return row["name"], modifier
        oid, modifier = row["base"], row["modifier"]
    return "", -1


def _form(name: str, kind: str, modifier: int) -> tuple[pa.DataType | None, str]:
    if kind in CAST_TO:
        target, form = CAST_TO[kind]
        return form, f"{name}::{target} AS {name}"
    if kind in READ_AS:
        return READ_AS[kind], name
    if kind == "numeric":
        precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
        is_held = modifier >= 0 and precision <= BIG.precision and scale <= precision
        beyond = modifier >= 0 and not is_held
        form = pa.decimal128(precision, scale) if is_held else pa.string() if beyond else None
        return form, f"{name}::text AS {name}"
    return pa.string(), f"{name}::text AS {name}"


def _has_unique_key(session: Session, selection: Selection) -> bool:
    """Whether a unique index covers the declared key, or a part of it, without a condition."""
    if selection.query is not None or not selection.key:
        return False
    found = _rows(
        session,
        "SELECT i.indexrelid::int8 AS nth, a.attname::text AS name FROM pg_index i"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey[0:i.indnkeyatts - 1])"
        f" WHERE i.indrelid = {literal(selection.relation())}::regclass AND i.indisunique AND i.indisvalid"
        " AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL",
    )
    indexes: dict[int, set[str]] = {}
    for row in found:
        indexes.setdefault(row["nth"], set()).add(row["name"])
    return any(names <= set(selection.key) for names in indexes.values())


def _blocks(session: Session, selection: Selection) -> int:
    """How many blocks a table has; 0 for what has none of its own, or where a range of them is no quicker."""
    if selection.query is not None:
        return 0
    (row,) = _rows(
        session,
        "SELECT CASE WHEN relkind IN ('r', 'm') AND current_setting('server_version_num')::int >="
        f" {TID_RANGES_SINCE} AND NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhparent = c.oid)"
        " THEN pg_relation_size(oid) / current_setting('block_size')::int8 ELSE 0 END AS blocks"
        f" FROM pg_class c WHERE oid = {literal(selection.relation())}::regclass",
    )
    return int(row["blocks"])


def _is_for_scanner(session: Session, selection: Selection, blocks: int) -> bool:
    """Whether the scanner reads a table's text as it is, and its rows are not wide."""
    relation = selection.relation()
    (row,) = _rows(
        session,
        "SELECT current_setting('server_encoding') = 'UTF8'"
        f" AND (reltoastrelid = 0 OR pg_relation_size(reltoastrelid) <= {ASIDE_BYTES_MAX}) AS is_so"
        f" FROM pg_class c WHERE oid = {literal(relation)}::regclass",
    )
    if not row["is_so"]:
        return False
    (sample,) = _rows(
        session,
        f"SELECT avg(octet_length(s::text))::int8 AS row_bytes FROM {relation} s"
        f" TABLESAMPLE SYSTEM ({min(100 * SAMPLE_BLOCKS / blocks, 100)}) REPEATABLE (0)",
    )
    return sample["row_bytes"] is not None and sample["row_bytes"] <= ROW_BYTES_MAX


def _read(session: Session, sql: str, *, numbers: frozenset[str]) -> Generator[Fetched]:
    with session.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
        cursor.execute(sql)
        for batch in cursor.fetch_record_batch():
            if batch.num_rows:
                yield of_arrow(batch, numbers=numbers)


def _read_apart(
    connection: Connection, sql: str, *, snapshot: str, selection: Selection, numbers: frozenset[str]
) -> Generator[Fetched]:
    import adbc_driver_postgresql.dbapi

    with (
        _told(connection, selection),
        adbc_driver_postgresql.dbapi.connect(address(connection), autocommit=True) as session,
    ):
        _begin(session, snapshot=snapshot)
        yield from _read(session, sql, numbers=numbers)


def _scan(
    connection: Connection,
    engine: DuckDB,
    sql: str,
    *,
    forms: Mapping[str, pa.DataType | None],
    snapshot: str,
    selection: Selection,
    scratch: Path,
) -> Generator[Fetched]:
    with _told(connection, selection):
        yield from scanner.read(
            engine, sql, forms=forms, snapshot=snapshot, settings=SETTINGS, folder=scratch, batch_bytes=SCANNED_BYTES
        )
