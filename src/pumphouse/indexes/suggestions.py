""" "Did you mean": a query that finds nothing, or nearly nothing, with its rarest words as they are in the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.indexes import values, words
from pumphouse.indexes.excerpts import READ_CHARACTERS_MAX, distance_of
from pumphouse.indexes.fields import ROW, Field
from pumphouse.indexes.lookup import Lookup
from pumphouse.indexes.ordering import count_of

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
ROWS_MAX = 10
"""How many rows with a word like it are read for each of them: words of one other letter, and then of two."""
NEAR_MAX = 8
"""How many of the words found are compared by how frequent they are."""
LETTERS_MIN = 3
"""Shorter words are like too many others."""

Rows = Callable[[list[int], Collection[str]], Mapping[int, Mapping[str, Any]]]
"""Rows by their ids, with at least these columns."""


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
    others. Words with one letter changed go before those with two.
    """
    table = _Table(asked=asked, index=index, manifest=manifest)
    whole = [one for one in asked.words[:WORDS_MAX] if not (one.is_prefix or one.distance or one.slop)]
    least = {node: max(1, BETTER_TIMES * table.count(node.text, node)) for node in whole}
    instead: dict[Words, str] = {}
    for distance in (1, 2):
        near = {node: table.near(node, distance, least=least[node]) for node in whole if node not in instead}
        ids = sorted({row for found in near.values() for row in found})
        read = rows(ids, table.texts) if ids else {}
        for node, found in near.items():
            spelled = table.like(node, [read[row] for row in found if row in read])
            counted = [(letters, -table.count(other, node), other) for other, letters in spelled]
            best = min((one for one in counted if -one[1] >= least[node]), key=lambda one: one[:2], default=None)
            if best is not None:
                instead[node] = best[2]
    other = query
    for node, text in sorted(instead.items(), key=lambda one: one[0].position, reverse=True):
        position = node.position + (query[node.position] == '"')
        other = other[:position] + text + other[position + len(node.text) :]
    if other == query:
        return None
    better: int = index.searcher().search(again(other).query, 1).count  # type: ignore[attr-defined]  # not in the stub
    return other if better > total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What is asked of the rows that there are, within the filters beside the query."""

    asked: Lookup
    index: tantivy.Index
    manifest: Manifest

    @property
    def texts(self) -> list[str]:
        return [field.column for field in self.manifest.fields if field.is_text]

    def fields(self, node: Words) -> list[Field]:
        """Where a node's word is looked for."""
        return [field for field in self.manifest.fields if field.is_text and node.column in (None, field.column)]

    def near(self, node: Words, distance: int, *, least: int) -> list[int]:
        """Some rows with words like this one, without it; none where they are too few for a word to be in `least`."""
        import tantivy

        schema, searcher = self.index.schema, self.index.searcher()
        parts = []
        for field in self.fields(node):
            terms = self.asked.analyzers[field.column].analyze(node.text)
            if len(terms) == 1 and len(terms[0]) >= LETTERS_MIN * distance:
                like = tantivy.Query.fuzzy_term_query(schema, field.words, terms[0], distance=distance)
                itself = tantivy.Query.term_query(schema, field.words, terms[0], "basic")
                parts.append(tantivy.Query.boolean_query([(tantivy.Occur.Must, like), (tantivy.Occur.MustNot, itself)]))
        if not parts or least > searcher.num_docs:
            return []
        found = searcher.search(values.every([values.any_of(parts), self.asked.where]), ROWS_MAX)
        alone = least - least // BETTER_TIMES  # a row may have the word itself too
        if found.count < alone:  # type: ignore[attr-defined]  # not in the stub
            return []
        return [int(row or 0) for row in searcher.fast_field_values(ROW, [place for _, place in found.hits])]

    def like(self, node: Words, rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
        """The most frequent words of rows that are like this one, as they are written, and how near each is."""
        counts: Counter[tuple[str, int]] = Counter()
        for row in rows:
            for field in self.fields(node):
                analyzer = self.asked.analyzers[field.column]
                [term, *_] = analyzer.analyze(node.text) or [""]
                text = str(row.get(field.column) or "")[:READ_CHARACTERS_MAX]
                for word, start, end in words.placed(text, analyzer):
                    distance = distance_of(word, term, at_most=2)
                    if 0 < distance <= min(2, len(term) // LETTERS_MIN):
                        counts[text[start:end].lower(), distance] += 1
        return [one for one, _ in counts.most_common(NEAR_MAX)]

    def count(self, text: str, node: Words) -> int:
        """How many rows have a word, where the node looks for it."""
        import tantivy

        parts = [
            tantivy.Query.term_query(self.index.schema, field.words, term, "basic")
            for field in self.fields(node)
            for term in self.asked.analyzers[field.column].analyze(text)[:1]
        ]
        return count_of(self.index, values.every([values.any_of(parts), self.asked.where]))
