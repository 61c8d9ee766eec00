"""Calibration: of those of whom 20% was said, did it come true for 20%?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.models.intervals import mean_of, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """About a tenth of the rows, by their prediction: what was said on average, what came, and between what it lies."""

    rows: int
    entities: int
    said: float
    came: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The tenths, and how far what was said is from what came on average, weighted by rows (the ECE).

    `error_by_chance` is what that would be on average if every prediction were just right: below it nothing is wrong.
    Source: Naeini et al. 2015, with tenths of equal size.
    """

    parts: tuple[Part, ...]
    error: float
    error_by_chance: float


def calibration(
    predictions: NDArray[np.float64],
    outcomes: NDArray[np.float64],
    entities: NDArray[np.uint64],
    *,
    is_chance: bool,
) -> Calibration:
    """How what was said compares with what came, in tenths of equal size; equal predictions stay together.

    A part's interval is Wilson's for chances, with as many observations as there are entities; else the mean's.
    """
    import numpy as np

    edges = np.unique(np.quantile(predictions, np.arange(1, PARTS) / PARTS))
    place = np.searchsorted(edges, predictions, side="left")
    parts, errors, noises = [], 0.0, 0.0
    for number in range(len(edges) + 1):
        of = place == number
        rows = int(of.sum())
        if not rows:
            continue
        said, came = float(predictions[of].mean()), float(outcomes[of].mean())
        count = len(np.unique(entities[of]))
        if is_chance:
            low, high = wilson(came, count)
            deviation = math.sqrt(float((predictions[of] * (1 - predictions[of])).mean()) / count)
        else:
            mean = mean_of(outcomes[of], entities[of], few=2)
            low, high = (came, came) if mean.low is None or mean.high is None else (mean.low, mean.high)
            deviation = float(outcomes[of].std()) / math.sqrt(count)
        errors += rows * abs(came - said)
        noises += rows * deviation * math.sqrt(2 / math.pi)  # the mean of a normal's distance from 0
        parts.append(Part(rows=rows, entities=count, said=said, came=came, low=low, high=high))
    return Calibration(parts=tuple(parts), error=errors / len(outcomes), error_by_chance=noises / len(outcomes))
