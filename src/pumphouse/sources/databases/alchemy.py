"""MariaDB, MySQL, SQL Server, Oracle and whatever else SQLAlchemy has a dialect for: rows, read-only.

What a driver of MySQL's protocol would make of its text is left aside: the text is the raw form, and Arrow reads it.
So a day such as 0000-00-00 or a number of 65 digits is what the database wrote. Other drivers give Python values.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import pyarrow as pa

from pumphouse.errors import ConfigError, MissingExtra, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.columns import BIG, MOMENT, NAIVE
from pumphouse.sources.databases.query import Selection, Table, without_secrets
from pumphouse.sources.databases.stored import Fetched, chunks, of_arrow, of_rows
from pumphouse.sources.rows import column_of, refuse_names

if TYPE_CHECKING:
    from sqlalchemy import Connection as Session
    from sqlalchemy import Engine

CONNECT_S_MAX = 10
SILENT_S_MAX = 600
"""How long a server may say nothing: it may be sorting."""
ROWS_BUFFERED = 1_000
MYSQL = frozenset({"mysql", "mariadb"})
KNOWN = (str, bool, int, float, Decimal, bytes, bytearray, UUID, datetime, date, time, dict, list, tuple, type(None))

# MySQL's numbers of its types. What is in neither comes as text, or as bytes where it has no letters.
BIT, BIGINT, DECIMALS = 16, 8, frozenset({0, 246})
TYPES: dict[int, pa.DataType] = {
    **dict.fromkeys((1, 2, 3, 9, 13), pa.int64()),
    **dict.fromkeys((4, 5), pa.float64()),
    **dict.fromkeys((10, 14), pa.date32()),
    7: MOMENT,
    12: NAIVE,
}


@contextmanager
def opened(connection: Connection, selection: Selection) -> Iterator[Table]:
    """The selected rows, in one transaction. Raises SourceError naming host and database, never the password."""
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingExtra(error.name or "sqlalchemy", extra="databases", purpose="Reading this database") from None
    parts = urlsplit(connection.url)
    where = f"{parts.hostname or 'the local socket'}{parts.path}"
    try:
        with ExitStack() as stack:
            engine = _engine(connection)
            stack.callback(engine.dispose)
            session = stack.enter_context(engine.connect())
            if engine.dialect.name in MYSQL:
                session.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            stack.callback(session.rollback)
            yield _table(session, selection)
    except sqlalchemy.exc.NoSuchModuleError:
        raise ConfigError(
            f"connection '{connection.name}' is a '{parts.scheme}' and no database that is known",
            asset=selection.asset,
            mend="url is sqlite:///path, duckdb:///path, postgresql://user@host/database, mysql://..., or what"
            " SQLAlchemy has a dialect for.",
        ) from None
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"connection '{connection.name}' needs the package '{error.name}'",
            asset=selection.asset,
            mend=f"Install it: pip install {error.name}",
        ) from None
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError) as error:
        raise SourceError(
            f"connection '{connection.name}': {where} can't be reached or read: {_said(error, connection)}",
            asset=selection.asset,
            mend="Is it up, and do its user and password hold? What was committed stands; run it again.",
        ) from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise SourceError(
            f"connection '{connection.name}': {where} refuses: {_said(error, connection)}",
            asset=selection.asset,
            mend="Look at the table's name and its columns, or at the query.",
        ) from None


def _engine(connection: Connection) -> Engine:
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    url = make_url(connection.url)
    if url.drivername in MYSQL:
        url = url.set(drivername=f"{url.drivername}+pymysql")
    options = connection.options
    url = url.set(username=options.get("user", url.username), password=options.get("password", url.password))
    settings: dict[str, Any] = {}
    if url.drivername.endswith("+pymysql"):
        try:
            from pymysql.converters import encoders
        except ImportError as error:
            raise MissingExtra(error.name or "pymysql", extra="databases", purpose="Reading MySQL or MariaDB") from None
        settings = {
            "conv": encoders,  # and no decoders: nothing is made of what the server wrote
            "connect_timeout": CONNECT_S_MAX,
            "read_timeout": SILENT_S_MAX,
            "init_command": "SET time_zone = '+00:00'",
        }
    return create_engine(url, connect_args=settings, poolclass=NullPool)


def _said(error: Any, connection: Connection) -> str:
    """What the driver said, without the statement and the parameters."""
    return without_secrets(getattr(error, "orig", None) or error, connection)


def _table(session: Session, selection: Selection) -> Table:
    quote = session.dialect.identifier_preparer.quote_identifier
    is_text = session.dialect.driver == "pymysql"
    found = session.execute(_statement(f"SELECT * FROM {selection.relation(quote)} WHERE 1 = 0"))
    about: list[Any] = list(found.cursor.description)
    found.close()
    names = [column[0] for column in about]
    refuse_names(names, asset=selection.asset)
    forms: dict[str, pa.DataType | None] = dict.fromkeys(names)
    columns = {name: quote(name) for name in names}
    numbers: set[str] = set()
    if is_text:
        for name, code, _, _, length, scale, _ in about:
            forms[name] = _form(code, length or 0, scale or 0)
            if code in (BIT, BIGINT):
                numbers.add(name)
            if code == BIT:
                columns[name] = f"{quote(name)} + 0 AS {quote(name)}"
    missing = [name for name in selection.key if name not in forms]
    read = partial(_read, session, asset=selection.asset, is_text=is_text, numbers=numbers)
    keys = None
    if selection.lists_keys and not missing:
        keys = partial(
            read,
            selection.of_keys.sql(", ".join(columns[name] for name in selection.key), mark="", quote=quote),
            {},
            {name: forms[name] for name in selection.key},
        )
    sql = selection.sql(", ".join(columns.values()), mark=SINCE, quote=quote)
    parameters = {} if selection.starts_over else {"since": selection.since}
    return Table(forms=forms, ranges=(partial(read, sql, parameters, forms),), keys=keys)


SINCE = "\x00since"
"""Where the value goes, until colons that are none of ours are marked."""


def _statement(sql: str) -> Any:  # SQLAlchemy's own
    from sqlalchemy import text

    return text(sql.replace(":", r"\:").replace(SINCE, ":since"))


def _form(code: int, length: int, scale: int) -> pa.DataType | None:
    """The type of a column of MySQL; None where only the values tell: signed or not, letters or bytes."""
    if code in (BIGINT, BIT):
        return None
    if code in DECIMALS:
        precision = length - 1 - (scale > 0)  # the sign and the point
        return pa.decimal128(max(precision, scale, 1), scale) if precision <= BIG.precision else pa.string()
    return TYPES.get(code)


def _read(
    session: Session,
    sql: str,
    parameters: Mapping[str, Any],
    forms: Mapping[str, pa.DataType | None],
    *,
    asset: str,
    is_text: bool,
    numbers: Collection[str],
) -> Generator[Fetched]:
    options = {"stream_results": True, "max_row_buffer": ROWS_BUFFERED}
    with session.execute(_statement(sql), parameters, execution_options=options) as rows:
        for chunk in chunks(rows.fetchmany):
            columns = zip(forms, zip(*chunk, strict=True), strict=True)
            if is_text:
                named = {name: pa.array(values) for name, values in columns}
                yield of_arrow(pa.RecordBatch.from_pydict(named), numbers=numbers)
            else:
                yield of_rows({name: column_of(_known(values), name=name, asset=asset) for name, values in columns})


def _known(values: tuple[Any, ...]) -> list[Any]:
    """The values, with those of types that are none here as the text that they are."""
    if all(issubclass(kind, KNOWN) for kind in set(map(type, values))):
        return list(values)
    return [
        value if isinstance(value, KNOWN) else bytes(value) if isinstance(value, memoryview) else str(value)
        for value in values
    ]
