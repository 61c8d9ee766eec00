"""Which assets are made from which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pumphouse.declare.asset import Asset


def made_from(assets: Mapping[str, Asset]) -> Mapping[str, tuple[str, ...]]:
    """The assets that are made from each one directly, in order of name. Facts about others make nothing."""
    readers: dict[str, list[str]] = {}
    for name, asset in sorted(assets.items()):
        if asset.kind not in ("check", "contract", "bet", "grant"):
            for one in asset.inputs:
                if one != name:
                    readers.setdefault(one, []).append(name)
    return {name: tuple(found) for name, found in readers.items()}


def nearest_first(name: str, edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """All that the edges lead to from `name`, the fewest steps away first."""
    reached: dict[str, None] = {name: None}
    waiting = [name]
    while waiting:
        following = [other for one in waiting for other in edges.get(one, ()) if other not in reached]
        waiting = list(dict.fromkeys(following))
        reached |= dict.fromkeys(waiting)
    return tuple(reached)[1:]
