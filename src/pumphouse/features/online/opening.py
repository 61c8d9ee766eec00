"""Opening the online store that an asset of kind "online" is published to, and publishing it.

The rest of this room needs numpy, which projects without online stores need not have: it is imported from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from pumphouse.declare.asset import Asset
from pumphouse.errors import MissingExtra, UnknownName, did_you_mean
from pumphouse.features.online.store import OnlineStore
from pumphouse.lake.context import Built, Connection, Context
from pumphouse.lake.lake import Lake


def build(asset: Asset, context: Context) -> Built:
    """Publish the store's next generation; see `publish.build`. Raises MissingExtra."""
    _refuse_without_numpy()
    from pumphouse.features.online import publish

    return publish.build(asset, context)


def _refuse_without_numpy() -> None:
    """Raise MissingExtra where there is no numpy."""
    if find_spec("numpy") is None:
        raise MissingExtra("numpy", extra="models", purpose="an online store")


def home_of(lake: Lake, name: str) -> Path:
    """The folder of an online store's generations."""
    return lake.folder / "online" / name


def open_store(asset: Asset, lake: Lake, connections: Mapping[str, Connection]) -> OnlineStore | None:
    """The store that an asset is published to; None where it never was. It follows what is published later."""
    _refuse_without_numpy()
    from pumphouse.features.online import files, generations, redis

    if asset.spec.to is not None:
        client = redis.client_of(connection_of(asset, connections))
        return redis.RedisStore(asset.name, client) if redis.current(asset.name, client) is not None else None
    home = home_of(lake, asset.name)
    return files.FileStore(asset.name, home) if generations.current(home) is not None else None


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
