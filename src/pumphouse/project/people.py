"""Who is named in grants: people and the groups of pumphouse.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pumphouse.declare.grants import EVERYONE
from pumphouse.errors import Fault, did_you_mean
from pumphouse.graph.assets import Graph


def group_faults(graph: Graph, groups: Mapping[str, Sequence[str]]) -> list[Fault]:
    """A fault for each name in a grant that looks like a group, and is none.

    Who is no group is a person, and people are declared nowhere: only what is spelled nearly like a group is told,
    unless a group has a person of that name.
    """
    people = {one for members in groups.values() for one in members}
    return [
        Fault(
            what=f"'{asset.name}' grants to '{name}', which is no group",
            place=asset.place,
            mend=f"{near} If it is a person, put them into a group of pumphouse.toml.",
            asset=asset.name,
        )
        for asset in graph.assets.values()
        if asset.kind == "grant"
        for name in asset.spec.to
        if name != EVERYONE and name not in groups and name not in people and (near := did_you_mean(name, groups))
    ]
