"""The statistics of a verdict, on means and variances alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pumphouse.errors import MissingExtra

POWER = 0.8
"""How often a change of the size asked about would be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a test needs to know of one arm's units: how many, their mean, their variance (with n - 1)."""

    units: int
    mean: float
    variance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The second mean minus the first, with its interval at `confidence` and the p-value of there being none."""

    difference: float
    low: float
    high: float
    p_value: float
    confidence: float

    @property
    def is_found(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def welch(first: Sample, second: Sample, *, confidence: float) -> Difference:
    """Welch's t-test of two means whose variances may differ. Source: Welch 1947; Satterthwaite 1946.

    Two samples without any variance have the difference they show.
    """
    difference = second.mean - first.mean
    parts = (first.variance / first.units, second.variance / second.units)
    error = math.sqrt(sum(parts))
    if error == 0:
        p_value = 1.0 if difference == 0 else 0.0
        return Difference(
            difference=difference, low=difference, high=difference, p_value=p_value, confidence=confidence
        )
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (first.units - 1) + parts[1] ** 2 / (second.units - 1))
    t = _scipy().t
    reach = float(t.ppf((1 + confidence) / 2, freedom)) * error
    return Difference(
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p_value=float(2 * t.sf(abs(difference) / error, freedom)),
        confidence=confidence,
    )


def size_mismatch(counts: Sequence[int], weights: Sequence[float]) -> float:
    """The p-value of arms of these sizes under the planned weights, by Pearson's chi-squared test.

    Source: Fabijan et al. 2019, who take less than 0.001 as a sign that something is broken.
    """
    total, planned = sum(counts), sum(weights)
    return float(_scipy().chisquare(counts, [total * weight / planned for weight in weights]).pvalue)


def units_needed(sample: Sample, *, change: float, confidence: float) -> int | None:
    """Units that each arm needs to find a difference of `change` with POWER; None where there is nothing to find.

    Source: the two-sample formula for means, as in van Belle 2008.
    """
    if change == 0:
        return None
    norm = _scipy().norm
    reach = float(norm.ppf((1 + confidence) / 2) + norm.ppf(POWER))
    return math.ceil(2 * sample.variance * (reach / change) ** 2)


def _scipy() -> Any:  # the library has no types
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtra("scipy", extra="experiments", purpose="a verdict") from error
    return stats
