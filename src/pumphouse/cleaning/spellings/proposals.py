"""Proposing which spellings of a column are one: the most frequent is the value, the others are its variants.

Nothing is merged by a proposal. A variant is put to the value itself, never to another variant, so that no chain of
small steps leads from one thing to another.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pumphouse.cleaning.spellings.keys import digits, fingerprint, ngram_fingerprint, phonetic, words
from pumphouse.cleaning.spellings.merges import written_as

VALUES_MAX = 50_000
"""Different values that are looked at: the most frequent ones."""
BLOCK_LETTERS = 6
"""Values are compared letter by letter where they share so many in a row."""
BLOCK_VALUES_MAX = 200
"""Letters that more values share tell nothing of their likeness."""
LETTERS_PER_EDIT, EDITS_MAX = 6, 2
"""One letter may differ in 6, two in 12 and more."""
SOUND_LETTERS_MAX = 1
"""What sounds alike is as long, give or take a letter: Meyer and Maier, not Niger and Nigeria."""
FORMULA = re.compile(r"'*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet would run when it opens the file: it is not proposed, since nothing may be put in front of it."""
PHONETIC, NEAREST = "phonetic", "nearest neighbour"
METHODS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("fingerprint", fingerprint),
    ("n-gram fingerprint", ngram_fingerprint),
    (PHONETIC, phonetic),
)
"""From the surest to the least sure; the nearest neighbour comes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A spelling that is likely another one of `value`."""

    variant: str
    value: str
    method: str
    variant_count: int
    value_count: int

    @property
    def note(self) -> str:
        """The evidence, as the note of a line in the file."""
        return f"{self.method}: {self.variant_count} against {self.value_count} rows"


def propose(counts: Mapping[str, int], settled: Mapping[str, str] | None = None) -> list[Proposal]:
    """Which values are likely variants of which, by value and then by variant.

    `counts` is how many rows have each value; spaces around and between words don't count. What `settled` names is not
    proposed again: a variant has its value, and one that is its own value stays.
    """
    decided = settled or {}
    rows: dict[str, int] = defaultdict(int)
    for value, count in counts.items():
        rows[written_as(value)] += count
    ranked = sorted(rows, key=lambda value: (-rows[value], value))[:VALUES_MAX]
    rank = {value: place for place, value in enumerate(ranked) if value}
    proposals: dict[str, Proposal] = {}
    taken = set(decided.values())

    def put(variant: str, value: str, method: str) -> None:
        if variant in proposals or variant in decided or value in proposals or variant in taken:
            return
        if decided.get(value, value) != value or FORMULA.match(variant) or FORMULA.match(value):
            return
        taken.add(value)
        proposals[variant] = Proposal(
            variant=variant,
            value=value,
            method=method,
            variant_count=rows[variant],
            value_count=rows[value],
        )

    for method, key in METHODS:
        for group in _collisions(rank, key):
            free = [value for value in group if value not in proposals and decided.get(value, value) == value]
            for variant in free[1:]:
                if method == PHONETIC and abs(len(variant) - len(free[0])) > SOUND_LETTERS_MAX:
                    continue
                put(variant, free[0], method)
    for value, variant in _neighbours(rank):
        put(variant, value, NEAREST)
    return sorted(proposals.values(), key=lambda one: (rank[one.value], rank[one.variant]))


def _collisions(rank: Mapping[str, int], key: Callable[[str], str]) -> list[list[str]]:
    """Groups of values with one key, the most frequent first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for value in rank:
        if found := key(value):
            groups[found].append(value)
    return [group for group in groups.values() if len(group) > 1]


def _neighbours(rank: Mapping[str, int]) -> list[tuple[str, str]]:
    """(value, variant) of values that differ in a letter or two, never in a digit; the most frequent value first."""
    plain = {value: " ".join(words(value)) for value in rank}
    blocks: dict[str, list[str]] = defaultdict(list)
    for value, letters in plain.items():
        for gram in block_keys(letters):
            blocks[gram].append(value)
    pairs = set()
    for block in blocks.values():
        if len(block) > BLOCK_VALUES_MAX:
            continue
        for place, value in enumerate(block):
            for other in block[place + 1 :]:
                pairs.add((value, other) if rank[value] < rank[other] else (other, value))
    near = [(value, other) for value, other in pairs if is_near(plain[value], plain[other], value, other)]
    return sorted(near, key=lambda pair: (rank[pair[0]], rank[pair[1]]))


def block_keys(letters: str) -> set[str]:
    """Parts of a value's words: values that differ in a letter or two share one."""
    joined = letters.replace(" ", "")
    keys = {joined[place : place + BLOCK_LETTERS] for place in range(len(joined) - BLOCK_LETTERS + 1)}
    if LETTERS_PER_EDIT <= len(joined) < 2 * BLOCK_LETTERS:  # a letter in the middle leaves too little on each side
        half = len(joined) // 2
        keys |= {f"^{joined[:half]}", f"{joined[-half:]}$"}
    return keys


def is_near(first: str, second: str, value: str, other: str) -> bool:
    """Whether the words of `value` and of `other` differ in a letter or two, and in no digit."""
    edits = min(EDITS_MAX, min(len(first), len(second)) // LETTERS_PER_EDIT)
    return edits > 0 and is_within(first, second, edits) and digits(value) == digits(other)


def is_within(first: str, second: str, edits: int) -> bool:
    """Whether so many letters put, taken or changed make one of the other (Levenshtein 1966)."""
    if abs(len(first) - len(second)) > edits:
        return False
    place, shorter = 0, min(len(first), len(second))
    while place < shorter and first[place] == second[place]:
        place += 1
    if place == shorter:
        return True
    if not edits:
        return False
    return (
        is_within(first[place + 1 :], second[place + 1 :], edits - 1)
        or is_within(first[place + 1 :], second[place:], edits - 1)
        or is_within(first[place:], second[place + 1 :], edits - 1)
    )
