"""The tables as features are computed from them outside a build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pumphouse.cleaning.functions import sql_functions
from pumphouse.declare.asset import Asset
from pumphouse.features.values import World
from pumphouse.lake.lake import Lake


def newest_world(lake: Lake, assets: Mapping[str, Asset], *, folder: Path) -> World:
    """The newest tables, read by the engine that serves predictions. `folder` is the project's."""
    snapshot = lake.snapshot()
    return World(
        engine=lake.engine.fork(),
        scan=lambda name: lake.scan(name, snapshot=snapshot),
        assets=assets,
        functions=sql_functions(folder),
    )
