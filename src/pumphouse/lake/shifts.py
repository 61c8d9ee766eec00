"""Whether a column's values are distributed otherwise than before, beyond what chance would do.

The values are sorted into parts, and the parts' shares compared: by the population stability index how much they moved,
by Pearson's test how often chance alone would move them so much. Sources: Siddiqi, Credit Risk Scorecards (2006), for
the index; Cochran, Some methods for strengthening the common chi-squared tests (1954), for how small a part may be.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import erfc, exp, gamma, log, sqrt
from typing import TypeVar

PARTS_MAX = 10
ROWS_OF_PART_MIN = 10
"""Rows of the smaller side that a part has to have on average."""
EXPECTED_MIN = 5.0
"""Rows that a value has to have on the smaller side to be a part of its own (Cochran 1954)."""
VALUES_MAX = 20
"""Texts that are told apart, the most frequent; all others are one part."""
ROWS_MIN = 30
"""With fewer on either side nothing is said."""
CHANCE = 0.001
"""The share of looks in which chance alone may raise an alarm."""
SMOOTHING = 0.5
"""Added to each part, whose logarithm would be infinite at none."""

Part = TypeVar("Part", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How the shares moved: the population stability index, and how often chance alone moves them as much."""

    psi: float
    p: float


def parts_of(rows: int) -> int:
    """Into how many parts numbers are sorted, where the smaller side has so many rows."""
    return max(2, min(PARTS_MAX, rows // ROWS_OF_PART_MIN))


def pooled(before: Mapping[Part, int], now: Mapping[Part, int]) -> list[tuple[int, int]]:
    """The rows of each part on both sides; values too rare to be told apart are one part together."""
    smaller = min(sum(before.values()), sum(now.values())) / (sum(before.values()) + sum(now.values()))
    both = {part: before.get(part, 0) + now.get(part, 0) for part in {**before, **now}}
    frequent = sorted(both, key=lambda part: -both[part])[:VALUES_MAX]
    kept = [part for part in frequent if both[part] * smaller >= EXPECTED_MIN]
    counts = [(before.get(part, 0), now.get(part, 0)) for part in kept]
    rest = (
        sum(before.values()) - sum(count for count, _ in counts),
        sum(now.values()) - sum(count for _, count in counts),
    )
    return [*counts, rest] if any(rest) else counts


def shift(counts: Sequence[tuple[int, int]]) -> Shift:
    """The shift between two sides, from the rows that each has in each part."""
    used = [pair for pair in counts if any(pair)]
    totals = [sum(pair[side] for pair in used) for side in (0, 1)]
    if len(used) < 2 or not all(totals):
        return Shift(psi=0.0, p=1.0)
    psi, statistic = 0.0, 0.0
    for pair in used:
        shares = [(pair[side] + SMOOTHING) / (totals[side] + SMOOTHING * len(used)) for side in (0, 1)]
        psi += (shares[1] - shares[0]) * log(shares[1] / shares[0])
        for side in (0, 1):
            expected = totals[side] * sum(pair) / sum(totals)
            statistic += (pair[side] - expected) ** 2 / expected
    return Shift(psi=psi, p=_chance(statistic, len(used) - 1))


def _chance(statistic: float, freedom: int) -> float:
    """How often a chi-squared variable of so many degrees of freedom is larger; in closed form."""
    half = statistic / 2
    if half <= 0:
        return 1.0
    if half > 700:  # exp(-700) is the last that a double holds
        return 0.0
    if freedom % 2 == 0:
        term = total = 1.0
        for step in range(1, freedom // 2):
            term *= half / step
            total += term
        return exp(-half) * total
    total = erfc(sqrt(half))
    for step in range(1, (freedom + 1) // 2):
        total += exp(-half) * half ** (step - 1) * sqrt(half) / gamma(step + 0.5)
    return total
