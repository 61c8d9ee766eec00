"""What is known of the rows that match before any is looked at: how many at most, and between which values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.indexes import values, words
from pumphouse.indexes.queries import Both, Either, Node, Range, Words

if TYPE_CHECKING:
    import tantivy

    from pumphouse.indexes.manifest import Manifest

Reach = tuple[float | None, float | None]
"""The lowest and the highest value, where one is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A bound on the rows that match, and for columns of numbers between which values those lie."""

    most: int
    reach: Mapping[str, Reach]


def estimate(
    node: Node, *, searcher: tantivy.Searcher, manifest: Manifest, analyzers: Mapping[str | None, tantivy.TextAnalyzer]
) -> Estimate:
    """What a query's tree says that has been read, so that its columns and values are right."""
    everything = searcher.num_docs

    def most(node: Node) -> int:
        match node:
            case Both():
                return min(map(most, node.nodes))
            case Either():
                return min(everything, sum(map(most, node.nodes)))
            case Words() if not (node.is_prefix or node.distance):
                columns = [node.column] if node.column else [one.column for one in manifest.fields if one.is_text]
                return min(everything, sum(_rows_of(node.text, column) for column in columns))
            case _:
                return everything

    def _rows_of(text: str, column: str) -> int:
        field = manifest.by_column[column]
        if not field.is_text:
            return everything
        typed = words.typed(text, analyzers[field.language])
        if typed.is_begun:
            return everything
        return min((searcher.doc_freq(field.words, term) for term in typed.terms), default=everything)

    return Estimate(most=most(node), reach=_reach(node, manifest))


def _reach(node: Node, manifest: Manifest) -> dict[str, Reach]:
    match node:
        case Range():
            field = manifest.by_column[node.column]
            low = values.lowest(field, node.low.text, is_included=node.low.is_included) if node.low else None
            high = values.highest(field, node.high.text, is_included=node.high.is_included) if node.high else None
            return _of_numbers(node.column, low.value if low else None, high.value if high else None)
        case Words(column=str(column)) if not manifest.by_column[column].is_text and not node.is_prefix:
            one = values.span(manifest.by_column[column], node.text)
            return _of_numbers(column, one.first, one.last)
        case Both():
            found: dict[str, Reach] = {}
            for part in node.nodes:
                for column, reach in _reach(part, manifest).items():
                    found[column] = narrower(found.get(column, (None, None)), reach)
            return found
        case _:
            return {}


def narrower(one: Reach, other: Reach) -> Reach:
    """What lies in both."""
    lows = [end for end in (one[0], other[0]) if end is not None]
    highs = [end for end in (one[1], other[1]) if end is not None]
    return max(lows, default=None), min(highs, default=None)


def _of_numbers(column: str, low: values.Value | None, high: values.Value | None) -> dict[str, Reach]:
    if isinstance(low, str | bool) or isinstance(high, str | bool):
        return {}
    return {column: (low, high)}
