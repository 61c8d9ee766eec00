""" "Did you mean": a query that finds nothing, or nearly nothing, with its rarest words as they are in the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pumphouse.indexes import values, words
from pumphouse.indexes.excerpts import READ_CHARACTERS_MAX, distance_of
from pumphouse.indexes.fields import ROW
from pumphouse.indexes.lookup import Lookup

if TYPE_CHECKING:
    import tantivy

    from pumphouse.indexes.manifest import Manifest
    from pumphouse.indexes.queries import Words

FEW = 2
"""A query that finds no more has a suggestion, if another one finds more."""
BETTER_TIMES = 10
"""A word that is there is put right only where the other one is so many times as frequent."""
WORDS_MAX = 5
"""How many words of a query are looked at."""
ROWS_MAX = 20
"""How many rows with a word like it are read for each of them."""
NEAR_MAX = 8
"""How many of the words found are compared by how frequent they are."""
LETTERS_MIN = 3
"""Shorter words are like too many others."""

Rows = Callable[[list[int]], Mapping[int, Mapping[str, Any]]]


def suggestion(
    query: str,
    *,
    asked: Lookup,
    index: tantivy.Index,
    manifest: Manifest,
    total: int,
    rows: Rows,
    again: Callable[[str], Lookup],
) -> str | None:
    """The query with other words, by which it finds more; None where there is none.

    The words are those of rows that are there, and within the filters beside the query, so that nothing is told of
    others.
    """
    changes: list[tuple[int, str, str]] = []
    searcher = index.searcher()
    near = {node: _near(node, asked=asked, index=index, manifest=manifest) for node in asked.words[:WORDS_MAX]}
    read = rows(sorted({row for found in near.values() for row in found}))
    for node, found in near.items():
        own = _count(node.text, node, asked=asked, index=index, manifest=manifest)
        spelled = _words_like(node, [read[row] for row in found if row in read], asked=asked, manifest=manifest)
        best = None
        for other, distance in spelled:
            count = _count(other, node, asked=asked, index=index, manifest=manifest)
            if count >= max(1, own * BETTER_TIMES) and (best is None or (distance, -count) < best[:2]):
                best = (distance, -count, other)
        if best is not None:
            changes.append((node.position + (query[node.position] == '"'), node.text, best[2]))
    other = query
    for position, text, instead in sorted(changes, reverse=True):
        other = other[:position] + instead + other[position + len(text) :]
    if other == query:
        return None
    better: int = searcher.search(again(other).query, 1).count  # type: ignore[attr-defined]  # not in the stub
    return other if better > total else None


def _fields(node: Words, manifest: Manifest) -> list[Any]:
    return [field for field in manifest.fields if field.is_text and node.column in (None, field.column)]


def _near(node: Words, *, asked: Lookup, index: tantivy.Index, manifest: Manifest) -> list[int]:
    """Rows with words like this one."""
    import tantivy

    if node.is_prefix or node.distance or node.slop:
        return []
    found: list[int] = []
    searcher = index.searcher()
    for distance in (1, 2):
        parts = []
        for field in _fields(node, manifest):
            terms = asked.analyzers[field.column].analyze(node.text)
            if len(terms) == 1 and len(terms[0]) >= LETTERS_MIN * distance:
                parts.append(tantivy.Query.fuzzy_term_query(index.schema, field.words, terms[0], distance=distance))
        if parts:
            places = searcher.search(values.every([values.any_of(parts), asked.where]), ROWS_MAX, count=False).hits
            found += [int(row or 0) for row in searcher.fast_field_values(ROW, [place for _, place in places])]
    return found


def _words_like(
    node: Words, rows: Iterable[Mapping[str, Any]], *, asked: Lookup, manifest: Manifest
) -> list[tuple[str, int]]:
    """The most frequent words of the rows that are like this one, as they are written there, and how near each is."""
    counts: Counter[tuple[str, int]] = Counter()
    for row in rows:
        for field in _fields(node, manifest):
            analyzer = asked.analyzers[field.column]
            [term, *_] = analyzer.analyze(node.text) or [""]
            text = str(row.get(field.column) or "")[:READ_CHARACTERS_MAX]
            for word, start, end in words.placed(text, analyzer):
                distance = distance_of(word, term, at_most=2)
                if 0 < distance <= min(2, len(term) // LETTERS_MIN):
                    counts[text[start:end].lower(), distance] += 1
    return [one for one, _ in counts.most_common(NEAR_MAX)]


def _count(text: str, node: Words, *, asked: Lookup, index: tantivy.Index, manifest: Manifest) -> int:
    """How many rows have a word, where the node looks for it."""
    import tantivy

    parts = [
        tantivy.Query.term_query(index.schema, field.words, term)
        for field in _fields(node, manifest)
        for term in asked.analyzers[field.column].analyze(text)[:1]
    ]
    count: int = index.searcher().search(values.every([values.any_of(parts), asked.where]), 1).count  # type: ignore[attr-defined]
    return count
