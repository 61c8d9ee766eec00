"""Opening the online store that an asset of kind "online" is published to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pumphouse.declare.asset import Asset
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.features.online.files import FileStore
from pumphouse.features.online.generations import current
from pumphouse.features.online.redis import RedisStore, client_of
from pumphouse.features.online.redis import current as redis_current
from pumphouse.features.online.store import OnlineStore
from pumphouse.lake.context import Connection
from pumphouse.lake.lake import Lake


def home_of(lake: Lake, name: str) -> Path:
    """The folder of an online store's generations."""
    return lake.folder / "online" / name


def open_store(asset: Asset, lake: Lake, connections: Mapping[str, Connection]) -> OnlineStore | None:
    """The store that an asset is published to; None where it never was. It follows what is published later."""
    if asset.spec.to is not None:
        client = client_of(connection_of(asset, connections))
        return RedisStore(asset.name, client) if redis_current(asset.name, client) is not None else None
    home = home_of(lake, asset.name)
    return FileStore(asset.name, home) if current(home) is not None else None


def connection_of(asset: Asset, connections: Mapping[str, Connection]) -> Connection:
    """The connection that a store is shared over. Raises UnknownName."""
    name: str = asset.spec.to
    if name not in connections:
        raise UnknownName(
            f"there is no connection '{name}'",
            asset=asset.name,
            place=asset.place,
            mend=did_you_mean(name, connections)
            or f'Add [connections.{name}] with url = "redis://..." to pumphouse.toml.',
        )
    return connections[name]
