"""A search by meaning, for whoever asks."""

from __future__ import annotations

from typing import Unpack

from pumphouse.declare.asset import Asset
from pumphouse.errors import BadRequest
from pumphouse.graph.assets import Graph
from pumphouse.indexes.searching import Found, SightAt
from pumphouse.indexes.semantic import search_by_meaning
from pumphouse.indexes.vectors import Embed
from pumphouse.lake.lake import Lake
from pumphouse.project.reading import Reader
from pumphouse.project.search_calls import SearchOptions, index_of


def by_meaning(
    lake: Lake,
    asset: Asset,
    question: str,
    *,
    embed: Embed | None,
    sight: SightAt | None = None,
    **asked: Unpack[SearchOptions],
) -> Found:
    """What an index finds by meaning and by words. Raises BadRequest for what that has not, and what that raises."""
    if asked.get("order", "score") != "score" or asked.get("facets") or asked.get("after"):
        what = "what is found by meaning has no other order, no facets and no further pages"
        raise BadRequest(what, mend="Leave out order, facets and after; or semantic.")
    return search_by_meaning(
        lake,
        asset,
        question,
        embed=embed,
        where=asked.get("where"),
        limit=asked.get("limit", 10),
        snapshot=asked.get("snapshot"),
        sight=sight,
    )


def found_by_meaning(reader: Reader, graph: Graph, index: str, question: str, **asked: Unpack[SearchOptions]) -> Found:
    """The same for somebody who may see all of the index, with its function in this process; recorded as read."""
    name = index_of(index, {name: one.spec.table for name, one in reader.indexes.items()})
    embed = graph.declaration(name).function
    found = by_meaning(reader.lake, reader.indexes[name], question, embed=embed, **asked)
    reader.record((name, found.table), found.snapshot, len(found.hits), detail=question)
    return found
