"""Drift: whether what a model sees or says is no longer what it learned from, beyond what chance would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTS = 10
VALUES_MAX = 20
"""Texts that are told apart, the most frequent ones; all others are one."""
MODERATE, LARGE = 0.1, 0.25
"""From here on a population stability index (PSI) is called moderate, and large: a convention of credit scoring."""
ALARM = 0.01
"""The share of looks, over all columns together, in which chance alone raises an alarm."""
SMOOTHING = 0.5
"""Added to each cell of a PSI, which would be infinite at an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How the distribution of one column moved, from `rows_before` to `rows_now`.

    `psi` is the population stability index, `psi_by_chance` what it would be on average if nothing had moved.
    `distance` is the Kolmogorov-Smirnov distance (0..1), None for text. `p` is how often chance alone moves so much
    (Pearson's test over the same parts; rows of one entity count as one). `moved` is its verdict with the number of
    columns taken into account, and with a PSI of at least MODERATE: enough rows make any difference sure.
    """

    column: str
    of: Literal["feature", "prediction", "outcome"]
    rows_before: int
    rows_now: int
    missing_before: float
    missing_now: float
    psi: float
    psi_by_chance: float
    distance: float | None
    p: float
    moved: Literal["no", "moderately", "much"] = "no"


def drift_of_numbers(
    column: str,
    of: Literal["feature", "prediction", "outcome"],
    before: NDArray[np.float64],
    now: NDArray[np.float64],
    *,
    share_before: float = 1.0,
    share_now: float = 1.0,
) -> Drift:
    """Drift of numbers, NaN where there is none, over tenths of `before` and the missing as a part of its own.

    `share_before` and `share_now` say how many entities there are for each row.
    """
    import numpy as np

    known_before, known_now = before[~np.isnan(before)], now[~np.isnan(now)]
    both = np.concatenate([known_before, known_now])
    few = np.unique(both)
    # Values of a handful are parts themselves; else an edge lies at each tenth of what there was before.
    edges = (
        few[:-1]
        if len(few) <= PARTS
        else np.unique(np.quantile(known_before if len(known_before) else both, np.arange(1, PARTS) / PARTS))
    )
    counts = []
    for values, known in ((before, known_before), (now, known_now)):
        places = np.searchsorted(edges, known, side="left")
        counts.append([*np.bincount(places, minlength=len(edges) + 1), len(values) - len(known)])
    distance = _distance(known_before, known_now) if len(known_before) and len(known_now) else None
    return _drift(column, of, np.array(counts, float), (share_before, share_now), distance)


def drift_of_texts(
    column: str, before: list[str | None], now: list[str | None], *, share_before: float = 1.0, share_now: float = 1.0
) -> Drift:
    """Drift of a feature that is text, over its most frequent values, all others as one, and the missing."""
    from collections import Counter

    import numpy as np

    told = [Counter(value for value in values if value is not None) for values in (before, now)]
    frequent = [value for value, _ in (told[0] + told[1]).most_common(VALUES_MAX)]
    counts = [
        [
            *(one[value] for value in frequent),
            one.total() - sum(one[value] for value in frequent),
            len(all_) - one.total(),
        ]
        for one, all_ in zip(told, (before, now), strict=True)
    ]
    return _drift(column, "feature", np.array(counts, float), (share_before, share_now), None)


def judged_together(drifts: list[Drift]) -> list[Drift]:
    """The same with `moved`, which takes into account how many columns were looked at. Source: Holm 1979."""
    from dataclasses import replace

    order = sorted(range(len(drifts)), key=lambda place: drifts[place].p)
    told = list(drifts)
    for rank, place in enumerate(order):
        if drifts[place].p > ALARM / (len(drifts) - rank):
            break
        psi = drifts[place].psi
        if psi >= MODERATE:
            told[place] = replace(drifts[place], moved="much" if psi >= LARGE else "moderately")
    return told


def _drift(
    column: str,
    of: Literal["feature", "prediction", "outcome"],
    counts: NDArray[np.float64],
    shares: tuple[float, float],
    distance: float | None,
) -> Drift:
    """A drift from the rows in each part, before and now; the last part is the missing."""
    import numpy as np
    from scipy.stats import chi2

    totals = counts.sum(axis=1)
    used = counts[:, counts.sum(axis=0) > 0]
    parts = used.shape[1]
    smoothed = (used + SMOOTHING) / (totals[:, None] + SMOOTHING * parts)
    psi = float(((smoothed[1] - smoothed[0]) * np.log(smoothed[1] / smoothed[0])).sum())
    observations = used * np.array(shares)[:, None]  # rows of one entity are alike: they count as one
    each = observations.sum(axis=1)
    expected = each[:, None] * observations.sum(axis=0)[None, :] / each.sum()
    statistic = float(((observations - expected) ** 2 / expected).sum())
    return Drift(
        column=column,
        of=of,
        rows_before=int(totals[0]),
        rows_now=int(totals[1]),
        missing_before=float(counts[0, -1] / totals[0]),
        missing_now=float(counts[1, -1] / totals[1]),
        psi=psi,
        psi_by_chance=float((parts - 1) * (1 / each[0] + 1 / each[1])),
        distance=distance,
        p=float(chi2.sf(statistic, parts - 1)) if parts > 1 else 1.0,
    )


def _distance(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """The largest difference between the two distribution functions."""
    import numpy as np

    at = np.concatenate([before, now])
    reached = [np.searchsorted(np.sort(one), at, side="right") / len(one) for one in (before, now)]
    return float(np.abs(reached[0] - reached[1]).max())
