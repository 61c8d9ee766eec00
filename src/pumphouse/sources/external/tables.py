"""Tables that stay where they are, as one engine reads them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, Scan
from pumphouse.engines.parameters import quoted
from pumphouse.errors import ConfigError, PumphouseError, did_you_mean
from pumphouse.lake.context import Connection
from pumphouse.sources.external.databases import SCANNERS, attach, columns, relation
from pumphouse.sources.external.files import dataset


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
        self._lock = threading.Lock()
        self._failed: dict[str, PumphouseError] = {}
        self._attached: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the tables, in order."""
        return tuple(sorted(self._assets))

    def attach(self) -> None:
        """Attach every database, once: what fails is told when a table of it is read."""
        for asset in self._assets.values():
            try:
                self._attach(asset)
            except PumphouseError as error:
                self._failed[asset.name] = error

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

    def _attach(self, asset: Asset) -> None:
        name = asset.spec.connection
        with self._lock:
            if asset.spec.table is not None and name not in self._attached:
                connection = self._connection(asset)
                attach(self._engine, connection, asset=asset, alias=_alias(name), folder=self._folder)
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
