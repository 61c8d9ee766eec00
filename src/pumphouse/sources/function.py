"""Sources written as a function: a generator over services that yields rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from types import GeneratorType
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.sources import FunctionSource
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Built, Context
from pumphouse.sources.fetch import Visit
from pumphouse.sources.http.asking import asking
from pumphouse.sources.http.service import CursorValue, HttpConnection
from pumphouse.sources.lag import begin_before
from pumphouse.sources.landing import gather
from pumphouse.sources.pieces import in_larger
from pumphouse.sources.rows import Batch, are_dicts, batch_of, batch_of_arrow, from_bytes, to_bytes
from pumphouse.sources.spool import ROWS_AT_ONCE, Spool


def build(asset: Asset, context: Context) -> Built:
    """The rows that the function yields become the table.

    A function that asks for `ph.Http` runs again over the stored answers to rebuild its table. What any other function
    yields is its raw form: it is stored before it is looked at, and a rebuild reads it without running the function.
    """
    spec: FunctionSource = asset.spec
    function = context.declaration.function if context.declaration else None
    assert function is not None  # kinds in Python come with it
    asks_http = any(service == "Http" for _, service in asset.services)

    def read(visit: Visit, spool: Spool) -> None:
        begin_before(visit, spec.lag)
        if asks_http:
            _read_answers(asset, context, function, visit, spool)
        elif visit.recorded:
            spool.has_every_column = False
            for exchange in visit.recorded.manifest.exchanges:
                spool.add_columns(from_bytes(visit.body(exchange)), raw=exchange.sha)
        else:
            _read_rows(asset, context, function, visit, spool)

    return gather(asset, context, read, cursor=spec.cursor, history=spec.history)


def _read_answers(asset: Asset, context: Context, function: Callable[..., Any], visit: Visit, spool: Spool) -> None:
    if asset.spec.connection is None:
        raise ConfigError(
            f"'{asset.name}' asks for ph.Http and names no connection",
            asset=asset.name,
            mend='Name one: @ph.source(connection="..."), and add it to pumphouse.toml.',
        )
    connection = context.connection(asset.spec.connection)
    with asking(connection, visit) as asker:
        http = HttpConnection(connection, asker)
        for rows in _yielded(asset, function, _arguments(asset, context, visit, http=http), spool):
            if isinstance(rows, list):
                spool.add_rows(rows, raw=visit.latest)
            else:
                spool.add_arrow(rows, raw=visit.latest)


def _read_rows(asset: Asset, context: Context, function: Callable[..., Any], visit: Visit, spool: Spool) -> None:
    spool.has_every_column = False  # most such functions yield dicts
    pieces = _yielded(asset, function, _arguments(asset, context, visit, http=None), spool)
    for batch in in_larger(_batches(pieces, asset=asset.name)):
        exchange = visit.keep("ROWS", f"rows {len(visit.exchanges) + 1}", to_bytes(batch))
        spool.add_columns(batch, raw=exchange.sha)


def _batches(given: Iterable[list[dict[str, Any]] | pa.RecordBatch], *, asset: str) -> Iterator[tuple[Batch, int]]:
    """What came as columns, and how many rows each batch has."""
    waiting: list[dict[str, Any]] = []
    for piece in given:
        if isinstance(piece, list):
            waiting += piece
            if len(waiting) >= ROWS_AT_ONCE:
                for start in range(0, len(waiting), ROWS_AT_ONCE):
                    some = waiting[start : start + ROWS_AT_ONCE]
                    yield batch_of(some, asset=asset), len(some)
                waiting = []
            continue
        if waiting:
            yield batch_of(waiting, asset=asset), len(waiting)
            waiting = []
        yield batch_of_arrow(piece, asset=asset), piece.num_rows
    if waiting:
        yield batch_of(waiting, asset=asset), len(waiting)


def _arguments(asset: Asset, context: Context, visit: Visit, *, http: HttpConnection | None) -> dict[str, Any]:
    given: Mapping[str, Any] = {"Http": http, "Cursor": CursorValue(visit.begins)}
    # The day is that of the visit: what is read again from stored answers asks what was asked then.
    known = {**context.settings, "today": visit.at.astimezone(ZoneInfo(context.zone)).date()}
    settings = {name: known[name] for name in asset.settings if name in known}
    return {**{parameter: given[service] for parameter, service in asset.services}, **settings}


def _yielded(
    asset: Asset, function: Callable[..., Any], arguments: dict[str, Any], spool: Spool
) -> Iterator[list[dict[str, Any]] | pa.RecordBatch]:
    """What the function yields, as lists of rows or Arrow batches, until a sample has enough."""
    yielding = function(**arguments)
    if isinstance(yielding, dict | str | bytes) or not isinstance(yielding, Iterable):
        raise _no_rows(asset, yielding, did="returned")
    with ExitStack() as stack:
        if isinstance(yielding, GeneratorType):
            stack.enter_context(closing(yielding))
        for piece in yielding:
            if isinstance(piece, dict):
                yield [piece]
            elif isinstance(piece, pa.RecordBatch):
                yield piece
            elif isinstance(piece, pa.Table):
                yield from piece.to_batches() or [pa.RecordBatch.from_pylist([], piece.schema)]
            elif isinstance(piece, pa.RecordBatchReader) or hasattr(piece, "__arrow_c_stream__"):
                yield from pa.RecordBatchReader.from_stream(piece)
            elif isinstance(piece, list) and are_dicts(piece):
                yield piece
            else:
                raise _no_rows(asset, piece, did="yielded")
            if spool.is_full:
                return


def _no_rows(asset: Asset, value: object, *, did: str) -> SourceError:
    return SourceError(
        f"'{asset.name}' {did} a value of type {type(value).__name__}",
        asset=asset.name,
        place=asset.place,
        mend="Yield a dict for each row, a list of such dicts, or Arrow in any form: yield from http.pages(...).",
    )
