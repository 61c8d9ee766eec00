"""Which pairs of rows are compared at all: those that have something in common that few rows have."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from pumphouse.cleaning.table_steps.likeness import Kind, beginnings
from pumphouse.errors import BuildError

_COLUMN = re.compile(r"\bc\d+\b")
PAIRS_PER_ROW_MAX = 20
"""Pairs for each row that one rule may bring together; a rule that would bring more is made narrower."""
PAIRS_MAX = 50_000_000
"""Pairs that all rules together may bring to be compared."""
RULES_MAX = 30
PAIRS_ALWAYS = 10_000
"""So many are compared in small tables too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Rows that are equal in all of these expressions are compared: so many pairs."""

    parts: tuple[str, ...]
    pairs: int

    @property
    def columns(self) -> set[str]:
        """The columns of which it says that they are equal, or begin so."""
        return {column for part in self.parts for column in _COLUMN.findall(part)}

    @property
    def condition(self) -> str:
        """The rule as Splink has it."""
        return " AND ".join(f"{_of('l', part)} = {_of('r', part)}" for part in self.parts)


def rules(kinds: Sequence[Kind], *, rows: int, pairs: Callable[[tuple[str, ...]], int]) -> list[Rule]:
    """The rules for a table of so many rows, the narrowest first; `pairs` counts what one would bring together.

    Columns are c0, c1, ... in the order of their kinds. A column that few rows share is a rule by itself; the others,
    and how values begin, are rules two by two. None where nothing is shared. Raises BuildError where every rule would
    bring too many.
    """
    most = min(max(PAIRS_PER_ROW_MAX * rows, PAIRS_ALWAYS), PAIRS_MAX)
    columns = [f"c{place}" for place in range(len(kinds))]
    alone = [Rule(parts=(column,), pairs=pairs((column,))) for column in columns]
    chosen = sorted((rule for rule in alone if 0 < rule.pairs <= most), key=lambda rule: (rule.pairs, rule.parts))
    wide = [rule.parts[0] for rule in alone if rule.pairs > most]
    begin = [part for kind, column in zip(kinds, columns, strict=True) for part in beginnings(kind, column)]
    together = [
        Rule(parts=parts, pairs=pairs(parts))
        for parts in combinations([*wide, *begin], 2)
        if set(_COLUMN.findall(parts[0])) != set(_COLUMN.findall(parts[1]))
    ]
    fits = (rule for rule in together if 0 < rule.pairs <= most)
    fitting = sorted(fits, key=lambda rule: (rule.pairs, rule.parts))
    total = 0
    kept = []
    for rule in [*chosen, *fitting][:RULES_MAX]:
        if total + rule.pairs <= PAIRS_MAX:
            kept.append(rule)
            total += rule.pairs
    if not kept and any(rule.pairs for rule in (*alone, *together)):
        fewest = min(rule.pairs for rule in (*alone, *together) if rule.pairs)
        raise BuildError(
            f"dedupe(like=...) would compare at least {fewest:,} pairs of {rows:,} rows, and {most:,} is the most:"
            " every column has the same few values again and again",
            mend="Compare a column that tells rows apart too, or first merge what is equal: dedupe(on=[...]).",
        )
    return kept


def _of(side: str, part: str) -> str:
    return _COLUMN.sub(rf"{side}.\g<0>", part)
