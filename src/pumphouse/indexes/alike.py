"""Rows with words that one with a star or a ~ stands for, by how near they are, without a score for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.indexes import values

if TYPE_CHECKING:
    import tantivy


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """A query in which one such word is all that scores rows.

    A row's score is by how many of the steps it is found, and more where it has the word as it was typed.
    """

    steps: Sequence[Sequence[tantivy.Query]]
    """For each column what finds words like it, the nearest ones first; each finds all that those before it do."""
    itself: tantivy.Query | None
    """What finds the word as it was typed, in the last column, where that scores rows more."""
    is_nested: bool
    """Whether there is one column, of which each step finds the rows that have the word as it was typed."""
    rest: Sequence[tantivy.Query]
    """What rows have to be besides."""

    def worth(self, score: float) -> tantivy.Query | None:
        """What finds rows with at least this score; None where that takes scores."""
        import tantivy

        if not score.is_integer():
            return None
        least = int(score)
        if len(self.steps) == 1 and least <= len(self.steps[0]):
            return self.within(self.steps[0][-least])
        every = [(tantivy.Occur.Should, one) for column in self.steps for one in column]
        return self.within(tantivy.Query.boolean_query(every, minimum_number_should_match=least))

    def within(self, query: tantivy.Query) -> tantivy.Query:
        """Those of the rows that it finds which are as they have to be besides."""
        return values.every([query, *self.rest])
