"""How sure a number is: intervals in which rows of one entity count as one observation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTITIES_FEW = 30
"""With fewer entities than this nothing is said of a mean: the interval would promise what it can't keep."""
SURE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over `rows` of so many `entities`, with its interval; all None where there are too few of them."""

    rows: int
    entities: int
    value: float | None
    low: float | None
    high: float | None

    @property
    def is_above(self) -> bool | None:
        """Whether it is above 0, or None where the interval holds 0 or there are too few to tell."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return None if self.low <= 0 <= self.high else self.value > 0


def sided(gain: float, low: float, high: float) -> tuple[str, float, float, float]:
    """By how much an error is smaller or larger, with the ends of its interval in that direction."""
    return ("smaller", gain, low, high) if gain >= 0 else ("larger", -gain, -high, -low)


def mean_of(
    values: NDArray[np.float64], entities: NDArray[np.uint64], *, looks: int = 1, few: int = ENTITIES_FEW
) -> Mean:
    """The mean with an interval that holds the truth in 95 of 100 cases.

    With `looks`, all of so many intervals together hold theirs in 95 of 100 (Bonferroni). Source: Liang and Zeger 1986.
    """
    import numpy as np

    _, numbers = np.unique(entities, return_inverse=True)
    clusters = int(numbers.max()) + 1 if len(values) else 0
    if clusters < few:
        return Mean(rows=len(values), entities=clusters, value=None, low=None, high=None)
    value = float(values.mean())
    sums = np.bincount(numbers, weights=values - value)
    error = math.sqrt(float((sums**2).sum()) * clusters / (clusters - 1)) / len(values)
    reach = NormalDist().inv_cdf(1 - (1 - SURE) / 2 / looks) * error
    return Mean(rows=len(values), entities=clusters, value=value, low=value - reach, high=value + reach)


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95% interval of a share that was seen among so many. Source: Wilson 1927."""
    z = NormalDist().inv_cdf(1 - (1 - SURE) / 2)
    scale = 1 + z * z / count
    middle = (share + z * z / (2 * count)) / scale
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / scale
    # Where all or none came true, the end is that very share; rounding must not pass it.
    return min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))
