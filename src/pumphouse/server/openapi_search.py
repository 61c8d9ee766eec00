"""OpenAPI of search. Only indexes that the visitor may search are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pumphouse.server.formats.chosen import JSON
from pumphouse.server.openapi_tables import (
    CONTENT,
    FORMAT,
    LIMIT,
    OF_FORMATS,
    SNAPSHOT,
    operation,
    parameter,
    reference,
)
from pumphouse.server.searching import FACETS_MAX, HITS, HITS_MAX, WHERE_MAX

Document = dict[str, Any]  # JSON

_HIT = {
    "type": "object",
    "properties": {
        "key": {"type": "array", "description": "The values of the table's key."},
        "score": {"type": ["number", "null"], "description": "BM25; none where another order was asked for."},
        "row": {"type": "object"},
        "excerpts": {
            "type": "object",
            "description": "For each column with words that were looked for: pieces, each with whether it is one.",
            "additionalProperties": {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}},
        },
    },
    "required": ["key", "score", "row", "excerpts"],
    "additionalProperties": False,
}
_FACET = {
    "type": "object",
    "properties": {
        "counts": {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}},
        "others": {"type": "integer", "description": "Rows with a value that is not listed."},
        "missing": {"type": "integer", "description": "Rows with none."},
    },
    "required": ["counts", "others", "missing"],
    "additionalProperties": False,
}
SCHEMAS: Document = {
    "Hits": {
        "type": "object",
        "properties": {
            "snapshot": {"type": "integer", "description": "The snapshot of the lake that this is as of."},
            "table": {"type": "string", "description": "The table whose rows they are."},
            "total": {"type": "integer", "description": "How many rows match; the hits are the first of them."},
            "scanned": {"type": "integer", "description": "How many rows were read for this beside the index."},
            "hits": {"type": "array", "items": _HIT},
            "facets": {
                "type": "object",
                "description": "By column, its values with how many of all rows that match have each.",
                "additionalProperties": _FACET,
            },
            "after": {"type": ["string", "null"], "description": "Give it back for the next page."},
            "suggestion": {
                "type": ["string", "null"],
                "description": "Another query, where this finds next to nothing.",
            },
        },
        "required": ["snapshot", "table", "total", "scanned", "hits", "facets", "after", "suggestion"],
        "additionalProperties": False,
    }
}


def search_paths(names: Sequence[str]) -> Document:
    """The paths of indexes with these names."""
    if not names:
        return {}
    name = parameter("name", "The index.", {"type": "string", "enum": list(names)}, where="path")
    words = parameter(
        "q", "What to look for; * is everything.", {"type": "string", "minLength": 1, "maxLength": 1000}, required=True
    )
    words["example"] = 'refund AND "late delivery"'
    where = parameter(
        "where",
        "COLUMN=VALUE that a row has to have, or COLUMN>=VALUE, >, <, <=; given again for another column.",
        {"type": "array", "items": {"type": "string", "pattern": "^[^=<>]+(=|[<>]=?)"}, "maxItems": WHERE_MAX},
    )
    sort = parameter(
        "sort",
        "The best first (score), the newest first (newest), or columns: amount desc, opened_at.",
        {"type": "string"},
    )
    facet = parameter(
        "facet",
        "A column whose values are counted, opened_at by month too; without it those that are declared.",
        {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": FACETS_MAX},
    )
    semantic = parameter(
        "semantic",
        "1 finds by meaning and by words, of an index that declares a function for it; without sort, facet and after.",
        {"type": "integer", "enum": [0, 1]},
    )
    after = parameter("after", "Where the page begins, as the one before said.", {"type": "string"})
    limit = parameter(
        "limit", "How many hits.", {"type": "integer", "minimum": 1, "maximum": HITS_MAX, "default": HITS}
    )
    content = {JSON.media: {"schema": reference("Hits")}}
    return {
        "/api/search/{name}": {
            "get": operation(
                "search",
                "The rows that match, the best first.",
                [name, words, where, sort, facet, limit, after, semantic, SNAPSHOT],
                content,
            )
        },
        "/api/search/{name}.{format}": {
            "get": operation(
                "search_file",
                "All rows that match, with their score, as a file.",
                [name, FORMAT, words, LIMIT, SNAPSHOT, *OF_FORMATS],
                CONTENT,
            )
        },
    }
