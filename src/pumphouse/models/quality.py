"""How good predictions were by what happened: against a guess that knows only the mean of the training set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.models.formats.format import Task

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
    """Numbers about a set of predictions and what happened.

    `squared_error` is the mean of (prediction - outcome)^2, of chances the Brier score; smaller is better.
    `squared_error_of_guess` is that of saying `guess` for everyone. `gain` is how much smaller it is than the guess's,
    with its 95% interval; rows of one entity count as one observation (clustered standard error). `absolute_error` is
    the mean of |prediction - outcome|, in the label's unit.

    Of chances alone, and None for numbers: `positives`; `log_loss`; `auc`, the chance that of two rows, one with and
    one without the outcome, the one with it got the higher number; `lift`, how many times as often the outcome came
    among the tenth with the highest chances as among all. The last two are None as well where all outcomes are alike.
    """

    task: Task
    rows: int
    positives: int | None
    mean_outcome: float
    mean_prediction: float
    guess: float
    squared_error: float
    squared_error_of_guess: float
    gain: float
    gain_low: float
    gain_high: float
    absolute_error: float
    log_loss: float | None
    auc: float | None
    lift: float | None

    @property
    def beats_guess(self) -> bool | None:
        """Whether the predictions are better than the guess, or None where the interval holds both."""
        return None if self.gain_low <= 0 <= self.gain_high else self.gain > 0


def quality(
    predictions: NDArray[np.float64],
    outcomes: NDArray[np.int64] | NDArray[np.float64],
    *,
    guess: float,
    groups: NDArray[np.int64] | None = None,
    task: Task = "chance",
) -> Quality:
    """The quality of predictions against what happened, at least one. `groups` numbers the rows' entities.

    With the task "chance", predictions are 0..1 and outcomes 0 or 1. `guess` is the mean outcome in what the model
    learned from: of chances, how often it came. Source: Brier 1950; Mann and Whitney 1947; Liang and Zeger 1986 for the
    clustered standard error.
    """
    import numpy as np

    outcomes = outcomes.astype(np.float64)
    losses = (predictions - outcomes) ** 2
    of_guess = (guess - outcomes) ** 2
    gain, error = mean_difference(of_guess, losses, groups)
    is_chance = task == "chance"
    clipped = np.clip(predictions, CHANCE_MIN, 1 - CHANCE_MIN)
    return Quality(
        task=task,
        rows=len(outcomes),
        positives=int(outcomes.sum()) if is_chance else None,
        mean_outcome=float(outcomes.mean()),
        mean_prediction=float(predictions.mean()),
        guess=guess,
        squared_error=float(losses.mean()),
        squared_error_of_guess=float(of_guess.mean()),
        gain=gain,
        gain_low=gain - Z_95 * error,
        gain_high=gain + Z_95 * error,
        absolute_error=float(np.abs(predictions - outcomes).mean()),
        log_loss=float(-np.where(outcomes == 1, np.log(clipped), np.log1p(-clipped)).mean()) if is_chance else None,
        auc=_auc(predictions, outcomes) if is_chance else None,
        lift=_lift(predictions, outcomes) if is_chance else None,
    )


def mean_difference(
    larger: NDArray[np.float64], smaller: NDArray[np.float64], groups: NDArray[np.int64] | None
) -> tuple[float, float]:
    """The mean of `larger - smaller`, row by row, and its standard error; rows of one group are one observation."""
    differences = larger - smaller
    return float(differences.mean()), _standard_error(differences, groups)


def _standard_error(values: NDArray[np.float64], groups: NDArray[np.int64] | None) -> float:
    """The standard error of the mean, with the values of one group counted as one observation."""
    import numpy as np

    off = values - values.mean()
    sums = off if groups is None else np.bincount(groups, weights=off)
    if len(sums) < 2:
        return math.inf
    return math.sqrt(float((sums**2).sum()) * len(sums) / (len(sums) - 1)) / len(values)


def _auc(chances: NDArray[np.float64], outcomes: NDArray[np.float64]) -> float | None:
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


def _lift(chances: NDArray[np.float64], outcomes: NDArray[np.float64]) -> float | None:
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
