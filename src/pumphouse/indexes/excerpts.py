"""The part of a text in which words were found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from pumphouse.indexes import words

if TYPE_CHECKING:
    import tantivy

CHARACTERS_MAX = 200
READ_CHARACTERS_MAX = 20_000
"""How much of a text is looked at. Ten so long take 90 to 500 ms of CPU, ten of 300 characters 0.7 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Pieces of a text, each with whether it is a word that was looked for."""

    pieces: tuple[tuple[str, bool], ...]

    @property
    def html(self) -> str:
        """The excerpt for a page: escaped, with words found in `<mark>`."""
        return "".join(f"<mark>{escape(text)}</mark>" if found else escape(text) for text, found in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Which words of a text are marked."""

    terms: frozenset[str] = frozenset()
    starts: frozenset[str] = frozenset()
    like: frozenset[tuple[str, int]] = frozenset()
    """Words, and in how many letters others may differ from them."""

    def within(self, text: str, analyzer: tantivy.TextAnalyzer) -> frozenset[str]:
        """The words of the text that are marked, and perhaps others."""
        if not self.starts and not self.like:
            return self.terms
        found = {word for word, _, _ in words.placed(text, analyzer)}
        alike = {one for one in found if one.startswith(tuple(self.starts))}
        for word, distance in self.like:
            alike |= {one for one in found if distance_of(one, word, at_most=distance) <= distance}
        return self.terms | alike


def excerpt(text: str, *, marks: Marks, analyzer: tantivy.TextAnalyzer) -> Excerpt | None:
    """Where the text holds most of the words to be marked, or None where it holds none of them."""
    read = text[:READ_CHARACTERS_MAX]
    found = words.marks(read, marks.within(read, analyzer), analyzer)
    if not found:
        return None
    within = _best(found)
    start, end = _around(text, within[0][0], within[-1][1])
    pieces: list[tuple[str, bool]] = []
    at = start
    for first, last in _joined((one[0], one[1]) for one in within):
        pieces += [(text[at:first], False), (text[first:last], True)]
        at = last
    pieces.append((text[at:end], False))
    return Excerpt(pieces=tuple(piece for piece in pieces if piece[0]))


def _best(found: Sequence[tuple[int, int, str]]) -> Sequence[tuple[int, int, str]]:
    """Those near to each other that are the most different terms, then the most, then the first."""
    best, rank, first = found[:1], (1, 1), 0
    counts: Counter[str] = Counter()
    for number, (_, end, term) in enumerate(found):
        counts[term] += 1
        while first < number and end - found[first][0] > CHARACTERS_MAX:
            counts -= Counter([found[first][2]])
            first += 1
        if (len(counts), number + 1 - first) > rank:
            best, rank = found[first : number + 1], (len(counts), number + 1 - first)
    return best


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    """As much of the text on both sides as there is room for, in whole words."""
    room = max(0, CHARACTERS_MAX - (end - start))
    first = max(0, min(start - room // 2, len(text) - CHARACTERS_MAX))
    last = min(len(text), max(end, first + CHARACTERS_MAX))
    if first > 0 and (space := text.find(" ", first - 1, start)) >= 0:
        first = space + 1
    if last < len(text) and (space := text.rfind(" ", end, last + 1)) >= 0:
        last = space
    return first, last


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that touch each other as one."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def distance_of(one: str, other: str, *, at_most: int) -> int:
    """In how many letters two words differ, where two that are swapped count once; or more than `at_most`."""
    if abs(len(one) - len(other)) > at_most:
        return at_most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, last, row = row, before, [number]
        for at, against in enumerate(other, 1):
            cost = min(before[at] + 1, row[at - 1] + 1, before[at - 1] + (letter != against))
            if number > 1 and at > 1 and letter == other[at - 2] and one[number - 2] == against:
                cost = min(cost, last[at - 2] + 1)
            row.append(cost)
        if min(*row, *before) > at_most:
            return at_most + 1
    return row[-1]
