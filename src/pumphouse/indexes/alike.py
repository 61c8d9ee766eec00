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
    rest: Sequence[tantivy.Query]
    """What rows have to be besides."""

    def worth(self, score: float) -> tantivy.Query | None:
        """What finds rows with at least this score; None where that takes scores."""
        import tantivy

        if not score.is_integer():
            return None
        least = int(score)
        if len(self.steps) == 1 and least <= len(self.steps[0]):
            return values.every([self.steps[0][-least], *self.rest])
        every = [(tantivy.Occur.Should, one) for column in self.steps for one in column]
        return values.every([tantivy.Query.boolean_query(every, minimum_number_should_match=least), *self.rest])
