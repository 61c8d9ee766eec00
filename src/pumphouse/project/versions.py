"""The version of everything that an asset can read: a table's last change, a rollout's last change of who answers."""

from __future__ import annotations

from pumphouse.declare.rollouts import Rollout
from pumphouse.graph.assets import Graph
from pumphouse.graph.plan import reads, version_of
from pumphouse.lake.lake import Lake

_DECIDING = {"live", "canary", "stopped"}
"""What a build's detail names where it changes who answers."""


def current_versions(graph: Graph, lake: Lake, *, snapshot: int | None = None) -> dict[str, int]:
    """The version of each table and rollout at a snapshot; without one, at the newest."""
    versions = lake.versions(snapshot=snapshot)
    for asset in graph.assets.values():
        if isinstance(asset.spec, Rollout):
            challenger = asset.spec.challenger.model if asset.spec.challenger else None
            decided = [name for name in (asset.spec.model, asset.spec.shadow, challenger, asset.name) if name]
            pinned = [
                build.snapshot for name in decided for build in lake.history(name) if _DECIDING & build.detail.keys()
            ]
            if pinned:
                versions[asset.name] = max(pinned)
    return versions


def input_versions(graph: Graph, lake: Lake, name: str, *, snapshot: int) -> dict[str, int]:
    """The versions that a build of an asset reads at a snapshot, to be recorded with it."""
    versions = current_versions(graph, lake, snapshot=snapshot)
    committed = lake.builds()
    found = {one: version_of(graph, one, committed=committed, versions=versions) for one in reads(graph, name)}
    return {one: version for one, version in found.items() if version is not None}
