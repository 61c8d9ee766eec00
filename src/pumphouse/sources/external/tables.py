"""Tables that stay where they are, as one engine reads them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, Scan
from pumphouse.engines.parameters import quoted
from pumphouse.errors import ConfigError, PumphouseError, SourceError, did_you_mean
from pumphouse.lake.context import Connection
from pumphouse.sources.external.databases import SCANNERS, attach, columns, relation
from pumphouse.sources.external.files import dataset

ATTACH_S_MAX = 3.0
"""How long an engine that is to be locked waits for databases; who is late is attached to another, once it answers."""


class ExternalTables:
    """The external tables of a project, for an engine that their databases are attached to. Used from many threads.

    A database is attached when a table of it is read first. Of an engine that is to be locked, `attach` attaches all
    before that; what can't be reached then says so when it is read, as long as this engine lasts.
    """

    def __init__(
        self, engine: DuckDB, assets: Mapping[str, Asset], connections: Mapping[str, Connection], *, folder: Path
    ) -> None:
        self._engine = engine
        self._assets = {name: asset for name, asset in assets.items() if asset.kind == "external"}
        self._connections = connections
        self._folder = folder
        self._locks = {one.spec.connection: threading.Lock() for one in self._assets.values()}
        self._failed: dict[str, PumphouseError] = {}
        self._refused: dict[str, tuple[float, SourceError]] = {}
        """When a database could not be attached last, and why."""
        self._attached: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the tables, in order."""
        return tuple(sorted(self._assets))

    def place_of(self, name: str) -> str:
        """What is up or down with a table: its connection, or the table itself where it has none."""
        connection: str | None = self._assets[name].spec.connection
        return name if connection is None else f"connection {connection}"

    def attach(self) -> None:
        """Attach every database, once, for ATTACH_S_MAX at most: what fails is told when a table of it is read."""
        places: dict[str, list[Asset]] = {}
        for asset in self._assets.values():
            if asset.spec.table is not None:
                places.setdefault(asset.spec.connection, []).append(asset)
                late = f"connection '{asset.spec.connection}' did not answer within {ATTACH_S_MAX:.0f} s"
                self._failed[asset.name] = SourceError(late, asset=asset.name, place=asset.place)
        threads = [threading.Thread(target=self._try, args=(tables,), daemon=True) for tables in places.values()]
        until = time.monotonic() + ATTACH_S_MAX
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def has_failed(self, name: str) -> bool:
        """Whether the table's database could not be attached while that was possible."""
        return name in self._failed

    def scan(self, name: str, *, snapshot: int) -> Scan:
        """The table's rows as they are now, for queries that read the lake at a snapshot.

        Raises SourceError where it can't be reached, or not be read exactly.
        """
        asset = self._assets[name]
        if asset.spec.pattern is not None:
            return self._of_files(asset, snapshot)
        connection = self._connection(asset)
        if name in self._failed:
            raise self._failed[name]
        self._attach(asset)
        scanner = SCANNERS[urlsplit(connection.url).scheme.partition("+")[0]]
        place = {"alias": _alias(connection.name), "scanner": scanner}
        read = columns(self._engine.fork(), asset, connection=connection, **place)
        text = f"SELECT {', '.join(read.values())} FROM {relation(asset, **place)}"
        schema = self._engine.fork().schema(Query(text=text))
        return Scan(table=name, snapshot=snapshot, schema=schema, relation=text, is_live=True)

    def shape(self, name: str) -> Scan:
        """The table's columns as they are now, without its rows: to ask of it asks nothing of where it lies.

        Raises SourceError where it can't be reached, or not be read exactly.
        """
        scan = self.scan(name, snapshot=0)
        engine = self._engine.fork()
        for called, files in scan.datasets:
            engine.connection.register(called, files)
        described = engine.execute(f"DESCRIBE {scan.relation}")
        cells = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(column)}" for column, kind, *_ in described)
        return replace(scan, relation=f"SELECT {cells} WHERE false", datasets=())

    def _of_files(self, asset: Asset, snapshot: int) -> Scan:
        connection = self._connection(asset) if asset.spec.connection else None
        files = dataset(asset, folder=self._folder, connection=connection)
        chosen = asset.spec.columns or tuple(files.schema.names)
        called = f"external {asset.name}"
        return Scan(
            table=asset.name,
            snapshot=snapshot,
            schema=pa.schema([files.schema.field(name) for name in chosen]),
            relation=f"SELECT {', '.join(map(quoted, chosen))} FROM {quoted(called)}",
            datasets=((called, files),),
            is_live=True,
        )

    def _try(self, tables: list[Asset]) -> None:
        """Attach the database of some tables."""
        try:
            self._attach(tables[0])
        except PumphouseError as error:
            self._failed.update(dict.fromkeys((one.name for one in tables), error))
        else:
            for one in tables:
                self._failed.pop(one.name, None)

    def _attach(self, asset: Asset) -> None:
        """Attach a table's database. Who waits for one that others wait for already is told what they are."""
        name, began = asset.spec.connection, time.monotonic()
        if asset.spec.table is None:
            return
        with self._locks[name]:
            if name in self._attached:
                return
            at, error = self._refused.get(name, (began, None))
            if error is not None and at > began:
                raise SourceError(error.what, asset=asset.name, place=asset.place, mend=error.mend)
            connection = self._connection(asset)
            try:
                attach(self._engine.fork(), connection, asset=asset, alias=_alias(name), folder=self._folder)
            except SourceError as refused:
                self._refused[name] = time.monotonic(), refused
                raise
            self._attached.add(name)

    def _connection(self, asset: Asset) -> Connection:
        name = asset.spec.connection
        if name not in self._connections:
            raise ConfigError(
                f"external table '{asset.name}' is of connection '{name}', which pumphouse.toml does not have",
                asset=asset.name,
                place=asset.place,
                mend=did_you_mean(name, self._connections) or f"Add [connections.{name}] with its url.",
            )
        return self._connections[name]


def _alias(connection: str) -> str:
    return f"external {connection}"
