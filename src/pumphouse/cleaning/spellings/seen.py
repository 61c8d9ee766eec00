"""What was seen of a column of categories when its step was fitted: all its values, and which are likely one.

A row of the fit is a line of the file that nobody accepted yet: the spelling as its group, what it is likely a spelling
of as its value (itself where it is like no other), and the evidence.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pumphouse.cleaning.spellings.keys import words
from pumphouse.cleaning.spellings.merges import Merges, written_as
from pumphouse.cleaning.spellings.proposals import (
    BLOCK_VALUES_MAX,
    METHODS,
    PHONETIC,
    SOUND_LETTERS_MAX,
    block_keys,
    is_near,
    propose,
)
from pumphouse.cleaning.step import text
from pumphouse.cleaning.table_step import FitRow
from pumphouse.engines.parameters import quoted

if TYPE_CHECKING:
    from pumphouse.cleaning.staged import Staged

KNOWN_MAX = 10_000
"""Different values that a column of categories may have: of one with more nothing is learnt."""
LETTERS_SHOWN_MAX = 40
UNLIKE = "not seen before: a new category, or a spelling of one that is known"


def learn(staged: Staged, column: str, *, step: str) -> list[FitRow]:
    """A row for each different value of a column; one that says so where there are more than KNOWN_MAX."""
    staged.require(column)
    cell = quoted(column)
    counted = f"SELECT {cell} AS value, count(*) AS times FROM staged WHERE {cell} IS NOT NULL GROUP BY {cell}"
    counts: dict[str, int] = defaultdict(int)
    for batch in staged.engine.read(staged.query(f"{counted} LIMIT {KNOWN_MAX + 1}")):
        for value, times in zip(text(batch.column(0), step=step).to_pylist(), batch.column(1).to_pylist(), strict=True):
            counts[value] += times
    if len(counts) > KNOWN_MAX:
        return [FitRow(step=step, column=column, evidence=f"more than {KNOWN_MAX:,} different values")]
    rows: dict[str, int] = defaultdict(int)
    for value, times in counts.items():
        rows[written_as(value)] += times
    rows.pop("", None)
    proposed = {one.variant: one for one in propose(rows)}
    return [
        FitRow(step=step, column=column, group=value, value=proposed[value].value, evidence=proposed[value].note)
        if value in proposed
        else FitRow(step=step, column=column, group=value, value=value, evidence=_rows(times))
        for value, times in sorted(rows.items())
    ]


def known(fit: Sequence[FitRow]) -> tuple[str, ...] | None:
    """The values that were there, those first that are no spelling of another. None where there were too many."""
    if any(row.group is None for row in fit):
        return None
    rows = sorted((row.group != row.value, row.group or "") for row in fit)
    return tuple(value for _, value in rows)


def told(fit: Sequence[FitRow], merges: Merges, *, column: str, file: str) -> list[str]:
    """How many groups of spellings wait to be accepted, and how that is done; that there were too many values."""
    name = column.partition(".")[2]
    if any(row.group is None for row in fit):
        return [f"{name} has more than {KNOWN_MAX:,} different values, so that no category was learnt"]
    settled = merges.values.keys() | merges.known
    groups = {row.value for row in fit if row.group != row.value and row.group not in settled}
    if not groups:
        return []
    wait = "1 group of spellings waits" if len(groups) == 1 else f"{len(groups):,} groups of spellings wait"
    return [f"{name}: {wait} to be accepted (pumphouse categories {shlex.quote(column)} --file {shlex.quote(file)})"]


class Likeness:
    """Values that are known, to look up which of them another one may be a spelling of. The first ones go first."""

    def __init__(self, values: Sequence[str]) -> None:
        self.values = values

    def reason(self, value: str) -> str:
        """Why a value that was not seen before is declined."""
        like = self.nearest(value)
        if like is None or len(like) > LETTERS_SHOWN_MAX:
            return UNLIKE
        return f"not seen before: a new category, or a spelling of '{like}'"

    def nearest(self, value: str) -> str | None:
        """The value that is like it, by the first method that finds one."""
        for method, key in METHODS:
            like = self._by_key[method].get(key(value)) if key(value) else None
            if like is not None and not (method == PHONETIC and abs(len(value) - len(like)) > SOUND_LETTERS_MAX):
                return like
        letters = " ".join(words(value))
        places = {
            place
            for key in block_keys(letters)
            if len(block := self._blocks.get(key, ())) <= BLOCK_VALUES_MAX
            for place in block
        }
        near = (self.values[place] for place in sorted(places))
        return next((one for one in near if is_near(letters, " ".join(words(one)), value, one)), None)

    @cached_property
    def _by_key(self) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, dict[str, str]] = {method: {} for method, _ in METHODS}
        for method, key in METHODS:
            for value in self.values:
                found[method].setdefault(key(value), value)
        return found

    @cached_property
    def _blocks(self) -> Mapping[str, Sequence[int]]:
        blocks: dict[str, list[int]] = defaultdict(list)
        for place, value in enumerate(self.values):
            for key in block_keys(" ".join(words(value))):
                blocks[key].append(place)
        return blocks


def _rows(times: int) -> str:
    return f"{times} row{'s' if times != 1 else ''}"
