"""Tables of a database, read-only. The batches as fetched are the raw form: each is stored before it is read.

How far a table was read is kept as the database wrote it, and compared by the database: `WHERE cursor >= ...`. Rows
without a cursor come every time; a key makes that harmless.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.databases import DatabaseTable
from pumphouse.errors import SourceError
from pumphouse.lake.context import Built, Connection, Context
from pumphouse.sources.databases import alchemy, duckdb_files, postgresql, sqlite
from pumphouse.sources.databases.query import Selection, Table
from pumphouse.sources.databases.ranges import ROWS, each_stored, keys_stored
from pumphouse.sources.databases.stored import columns_of
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.lag import begin_before
from pumphouse.sources.landing import gather
from pumphouse.sources.rows import Batch
from pumphouse.sources.spool import Kept, Spool

UNIQUE = "unique"
QUERY = "query"
"""The header of a table's columns that tells the query which they answered, by its SHA-256."""


def build(asset: Asset, context: Context) -> Built:
    """The rows of one table of a database."""
    spec: DatabaseTable = asset.spec

    def read(visit: Visit, spool: Spool) -> None:
        if visit.recorded:
            _refuse_another_query(asset, visit)
            _take(visit, visit.replayed(), spool, spec)
            return
        connection = context.connection(spec.connection)
        with _opened(connection, _selection(asset, visit), folder=context.folder, scratch=spool.folder) as table:
            _take(visit, _fetched(visit, table, spec, lambda: context.progress(spool.rows)), spool, spec)

    return gather(asset, context, read, cursor=spec.cursor, history=spec.history)


def _selection(asset: Asset, visit: Visit) -> Selection:
    spec: DatabaseTable = asset.spec
    begin_before(visit, spec.lag)
    return Selection(
        asset=asset.name,
        table=spec.table,
        query=spec.query,
        cursor=spec.cursor,
        since=visit.begins,
        key=asset.common.key,
        lists_keys=spec.deletes and visit.begins is not None,
    )


def _refuse_another_query(asset: Asset, visit: Visit) -> None:
    """Refuse to take the stored rows of another query for those of today's."""
    spec: DatabaseTable = asset.spec
    for exchange in visit.recorded.manifest.exchanges if visit.recorded else ():
        if exchange.headers.get(QUERY, _digest(spec)) != _digest(spec):
            raise SourceError(
                "what is stored was answered to another query",
                asset=asset.name,
                place=asset.place,
                mend=f"Ask the database again: pumphouse run {asset.name} --refetch",
            )


def _digest(spec: DatabaseTable) -> str:
    return hashlib.sha256((spec.query or spec.table).encode()).hexdigest()


def _take(visit: Visit, exchanges: Iterator[Exchange], spool: Spool, spec: DatabaseTable) -> None:
    """What was stored, into the spool: the table's columns first, then its batches."""
    about = next(exchanges)
    schema = pa.ipc.read_schema(pa.py_buffer(visit.body(about)))
    forms = {field.name: None if pa.types.is_null(field.type) else field.type for field in schema}
    spool.declare(forms)
    spool.has_unique_keys = about.headers.get(UNIQUE) == "yes"
    for exchange in exchanges:
        if exchange.method == "KEYS":
            if spec.deletes:
                spool.list_keys(*([_kept(visit, exchange, forms)] if exchange.headers.get(ROWS) != "0" else []))
        elif not spool.is_full:
            spool.add_kept(_kept(visit, exchange, forms))
        elif not visit.recorded:
            break


def _kept(visit: Visit, exchange: Exchange, forms: Mapping[str, pa.DataType | None]) -> Kept:
    read = partial(_columns, visit, exchange, forms)
    rows = exchange.headers.get(ROWS)
    return Kept(
        read=read, rows=len(next(iter(read().values())).values) if rows is None else int(rows), raw=exchange.sha
    )


def _columns(visit: Visit, exchange: Exchange, forms: Mapping[str, pa.DataType | None]) -> Batch:
    return columns_of(visit.body(exchange), forms)


def _fetched(visit: Visit, table: Table, spec: DatabaseTable, waiting: Callable[[], None]) -> Iterator[Exchange]:
    """The table's columns, then its batches, each as it is stored."""
    schema = pa.schema([(name, form or pa.null()) for name, form in table.forms.items()])
    yield visit.keep(
        "TABLE",
        f"{spec.table}: columns",
        schema.serialize().to_pybytes(),
        headers={UNIQUE: "yes" if table.has_unique_keys else "no", QUERY: _digest(spec)},
    )
    yield from each_stored(visit, table, name=spec.table, waiting=waiting)
    yield from keys_stored(visit, table, name=spec.table)


def _opened(
    connection: Connection, selection: Selection, *, folder: Path, scratch: Path
) -> AbstractContextManager[Table]:
    match urlsplit(connection.url).scheme:
        case "sqlite":
            return sqlite.opened(connection, selection, folder=folder)
        case "postgresql" | "postgres":
            return postgresql.opened(connection, selection, scratch=scratch)
        case "duckdb":
            return duckdb_files.opened(connection, selection, folder=folder)
        case _:
            return alchemy.opened(connection, selection)
