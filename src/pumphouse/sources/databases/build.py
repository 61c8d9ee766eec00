"""Tables of a database, read-only. The Arrow batches as fetched are the raw form: each is stored before it is read.

How far a table was read is kept as the database wrote it, and compared by the database: `WHERE cursor >= ... ORDER BY
cursor`. Rows without a cursor come every time; a key makes that harmless.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.databases import DatabaseTable
from pumphouse.errors import ConfigError
from pumphouse.lake.context import Built, Connection, Context
from pumphouse.sources.databases import postgresql, sqlite
from pumphouse.sources.databases.query import Selection, Table
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.landing import gather
from pumphouse.sources.rows import from_bytes, to_bytes
from pumphouse.sources.spool import Spool


def build(asset: Asset, context: Context) -> Built:
    """The rows of one table of a database."""
    spec: DatabaseTable = asset.spec

    def read(visit: Visit, spool: Spool) -> None:
        with closing(_stored(visit) if visit.recorded else _fetched(asset, context, visit)) as exchanges:
            columns = next(exchanges)
            schema = pa.ipc.read_schema(pa.py_buffer(visit.body(columns)))
            spool.declare({field.name: None if pa.types.is_null(field.type) else field.type for field in schema})
            for exchange in exchanges:
                spool.add_columns(from_bytes(visit.body(exchange)), raw=exchange.sha)
                if spool.is_full:
                    break

    return gather(asset, context, read, cursor=spec.cursor, history=spec.history)


def _stored(visit: Visit) -> Generator[Exchange]:
    for exchange in visit.recorded.manifest.exchanges if visit.recorded else ():
        visit.note(exchange)
        yield exchange


def _fetched(asset: Asset, context: Context, visit: Visit) -> Generator[Exchange]:
    """The table's columns, then its batches, each as it is stored."""
    spec: DatabaseTable = asset.spec
    connection = context.connection(spec.connection)
    selection = Selection(
        asset=asset.name, table=spec.table, cursor=spec.cursor, since=visit.cursor, order=asset.common.key
    )
    with _opened(connection, selection, folder=context.folder) as table:
        yield visit.keep("TABLE", f"{spec.table}: columns", table.schema.serialize().to_pybytes())
        for number, batch in enumerate(table.batches, 1):
            yield visit.keep("TABLE", f"{spec.table}: batch {number}", to_bytes(batch))


def _opened(connection: Connection, selection: Selection, *, folder: Path) -> AbstractContextManager[Table]:
    match urlsplit(connection.url).scheme:
        case "sqlite":
            return sqlite.opened(connection, selection, folder=folder)
        case "postgresql" | "postgres":
            return postgresql.opened(connection, selection)
        case other:
            raise ConfigError(
                f"connection '{connection.name}' is a '{other}' and no database that is known",
                asset=selection.asset,
                mend="url is sqlite:///path or postgresql://user@host/database.",
            )
