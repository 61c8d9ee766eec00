"""Owners and tags of assets that pumphouse.toml names, beside those that they declare themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from pumphouse.declare.asset import Common
from pumphouse.errors import ConfigError, did_you_mean
from pumphouse.graph.assets import Graph

Patterns = Mapping[str, Sequence[str]]
"""Owners or tags, each with names of assets, or patterns of names: "crm_*"."""


def labelled(graph: Graph, *, owners: Patterns, tags: Patterns) -> Graph:
    """The assets with these owners and tags. An owner that an asset declares stays, and its own tags come first.

    Raises ConfigError for a pattern that names nothing, and where one asset would have two owners.
    """
    owned = _named(graph, owners, table="owners")
    tagged = _named(graph, tags, table="tags")
    for name, found in owned.items():
        if len(found) > 1:
            both = " and ".join(f"'{one}'" for one in found)
            raise ConfigError(f"[owners] gives '{name}' to {both}", asset=name, mend="Name it once.")
    if not owned and not tagged:
        return graph

    def common(name: str, own: Common) -> Common:
        owner = own.owner or next(iter(owned.get(name, ())), None)
        return replace(own, owner=owner, tags=tuple(dict.fromkeys([*own.tags, *tagged.get(name, ())])))

    assets = {name: replace(asset, common=common(name, asset.common)) for name, asset in graph.assets.items()}
    return replace(graph, assets=assets)


def _named(graph: Graph, patterns: Patterns, *, table: str) -> dict[str, list[str]]:
    """For each asset, what it is given."""
    found: dict[str, list[str]] = {}
    for label, names in patterns.items():
        for pattern in names:
            these = [name for name in graph.assets if fnmatchcase(name, pattern)]
            if not these:
                mend = did_you_mean(pattern, graph.assets) or "Take it out, or write a pattern such as crm_*."
                raise ConfigError(f"[{table}] {label} names '{pattern}', and there is no such asset", mend=mend)
            for name in these:
                found.setdefault(name, []).append(label)
    return {name: list(dict.fromkeys(labels)) for name, labels in found.items()}
