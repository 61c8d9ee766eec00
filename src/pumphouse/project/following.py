"""What follows a table without being built for each change of it: an index, whose searches read the few rows since."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from pumphouse.graph.assets import Graph
from pumphouse.indexes.standing import Left, left
from pumphouse.lake.builds import Build
from pumphouse.lake.lake import Lake


def left_to_searches(
    graph: Graph, lake: Lake, *, versions: Mapping[str, int], now: datetime, targets: Collection[str] = ()
) -> dict[str, Left]:
    """The indexes that a run leaves as they are, and what of their tables; those of `targets` are asked for."""
    builds = lake.builds()
    found = {}
    for name, asset in graph.assets.items():
        if asset.kind == "search" and name in builds and name not in targets and asset.spec.table in versions:
            one = left(lake, asset, builds[name], version=versions[asset.spec.table], now=now)
            if one is not None:
                found[name] = one
    return found


def as_followed(
    builds: Mapping[str, Build], names: Collection[str], *, versions: Mapping[str, int]
) -> dict[str, Build]:
    """The builds as if those of these names had read what is there now."""
    return {
        name: replace(build, inputs={one: versions.get(one, at) for one, at in build.inputs.items()})
        if name in names
        else build
        for name, build in builds.items()
    }
