"""How good chances were, against what happened: against a guess that knows only how often it happens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Z_95 = 1.959963984540054
"""The normal distribution's 97.5th percentile: an estimate give or take this many standard errors is a 95% interval."""
CHANCE_MIN = 1e-15
"""A chance of exactly 0 or 1 that was wrong would make the log loss infinite; it is moved in by this much."""
TOP_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Numbers about a set of chances and outcomes. None where it can't be told, because all outcomes are alike.

    `brier` is the mean of (chance - outcome)^2, smaller is better; `brier_of_guess` is that of saying `guess` for
    everyone. `gain` is how much smaller it is than the guess's, with its 95% interval; rows of one entity count as one
    observation (clustered standard error). `auc` is the chance that of two entities, one with and one without the
    outcome, the one with it got the higher number. `lift` is how many times as often the outcome came among the tenth
    with the highest chances as among all.
    """

    rows: int
    positives: int
    rate: float
    mean_chance: float
    guess: float
    brier: float
    brier_of_guess: float
    gain: float
    gain_low: float
    gain_high: float
    log_loss: float
    auc: float | None
    lift: float | None

    @property
    def beats_guess(self) -> bool | None:
        """Whether the chances are better than the guess, or None where the interval holds both."""
        return None if self.gain_low <= 0 <= self.gain_high else self.gain > 0


def quality(
    chances: NDArray[np.float64], outcomes: NDArray[np.int64], *, guess: float, groups: NDArray[np.int64] | None = None
) -> Quality:
    """The quality of `chances` (0..1) against `outcomes` (0 or 1), at least one. `groups` numbers the rows' entities.

    `guess` is how often the outcome came in what the model learned from. Source: Brier 1950; Mann and Whitney 1947;
    Liang and Zeger 1986 for the clustered standard error.
    """
    import numpy as np

    rows, positives = len(outcomes), int(outcomes.sum())
    losses = (chances - outcomes) ** 2
    gains = (guess - outcomes) ** 2 - losses
    gain = float(gains.mean())
    error = _standard_error(gains, groups)
    clipped = np.clip(chances, CHANCE_MIN, 1 - CHANCE_MIN)
    return Quality(
        rows=rows,
        positives=positives,
        rate=positives / rows,
        mean_chance=float(chances.mean()),
        guess=guess,
        brier=float(losses.mean()),
        brier_of_guess=float(((guess - outcomes) ** 2).mean()),
        gain=gain,
        gain_low=gain - Z_95 * error,
        gain_high=gain + Z_95 * error,
        log_loss=float(-np.where(outcomes == 1, np.log(clipped), np.log1p(-clipped)).mean()),
        auc=_auc(chances, outcomes),
        lift=_lift(chances, outcomes),
    )


def _standard_error(values: NDArray[np.float64], groups: NDArray[np.int64] | None) -> float:
    """The standard error of the mean, with the values of one group counted as one observation."""
    import numpy as np

    off = values - values.mean()
    sums = off if groups is None else np.bincount(groups, weights=off)
    if len(sums) < 2:
        return math.inf
    return math.sqrt(float((sums**2).sum()) * len(sums) / (len(sums) - 1)) / len(values)


def _auc(chances: NDArray[np.float64], outcomes: NDArray[np.int64]) -> float | None:
    """The area under the ROC curve: the rank sum of the positives; equal chances share their rank."""
    import numpy as np

    positives = int(outcomes.sum())
    negatives = len(outcomes) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(chances, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[place]
    above = float(ranks[outcomes == 1].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def _lift(chances: NDArray[np.float64], outcomes: NDArray[np.int64]) -> float | None:
    """How many times the overall rate the top tenth has. Rows equal to the last one that fits count in proportion."""
    import numpy as np

    positives = int(outcomes.sum())
    if not positives:
        return None
    top = math.ceil(len(outcomes) * TOP_SHARE)
    limit = np.sort(chances)[-top]
    above, level = chances > limit, chances == limit
    hits = float(outcomes[above].sum()) + (top - int(above.sum())) * float(outcomes[level].mean())
    return (hits / top) / (positives / len(outcomes))
