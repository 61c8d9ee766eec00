"""Opening the online store that an asset of kind "online" is published to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pumphouse.declare.asset import Asset
from pumphouse.features.online.files import FileStore
from pumphouse.features.online.generations import current
from pumphouse.features.online.store import OnlineStore
from pumphouse.lake.context import Connection
from pumphouse.lake.lake import Lake


def home_of(lake: Lake, name: str) -> Path:
    """The folder of an online store's generations."""
    return lake.folder / "online" / name


def open_store(asset: Asset, lake: Lake, connections: Mapping[str, Connection]) -> OnlineStore | None:
    """The store that an asset is published to; None where it never was. It follows what is published later."""
    home = home_of(lake, asset.name)
    return FileStore(asset.name, home) if current(home) is not None else None
