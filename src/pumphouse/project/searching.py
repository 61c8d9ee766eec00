"""A search by meaning, by somebody who may see all of the index."""

from __future__ import annotations

from typing import Unpack

from pumphouse.errors import BadRequest
from pumphouse.graph.assets import Graph
from pumphouse.indexes.searching import Found
from pumphouse.indexes.semantic import search_by_meaning
from pumphouse.project.reading import Reader
from pumphouse.project.search_calls import SearchOptions, index_of


def found_by_meaning(reader: Reader, graph: Graph, index: str, question: str, **asked: Unpack[SearchOptions]) -> Found:
    """What an index finds with the function that it declares, recorded as read. Raises as `search_by_meaning` does."""
    name = index_of(index, {name: one.spec.table for name, one in reader.indexes.items()})
    if asked.get("order", "score") != "score" or asked.get("facets") or asked.get("after"):
        what = "what is found by meaning has no other order, no facets and no further pages"
        raise BadRequest(what, mend="Leave out order, facets and after; or semantic.")
    found = search_by_meaning(
        reader.lake,
        reader.indexes[name],
        question,
        embed=graph.declaration(name).function,
        where=asked.get("where"),
        limit=asked.get("limit", 10),
        snapshot=asked.get("snapshot"),
    )
    reader.record((name, found.table), found.snapshot, len(found.hits), detail=question)
    return found
