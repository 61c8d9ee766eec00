"""What predictions were worth in the unit that people count in, beside acting on nobody and on everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.declare.rollouts import Worth
from pumphouse.models.intervals import Mean, mean_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthOf:
    """What acting by the predictions brought for each of them, on average, in `unit`.

    `against_nobody` is that itself, since acting on nobody brings nothing; `against_everybody` is how much more it is
    than acting on all. `assumption` says what all of it rests on.
    """

    version: str
    role: str
    unit: str
    acted: int
    rows: int
    total: float
    against_nobody: Mean
    against_everybody: Mean
    assumption: str


def worth_of(
    declared: Worth,
    predictions: NDArray[np.float64],
    outcomes: NDArray[np.float64],
    entities: NDArray[np.uint64],
    *,
    version: str,
    role: str,
    label: str,
    is_chance: bool,
) -> WorthOf:
    """The worth of predictions whose outcome is known. A number brings `gain` for each one of its outcome."""
    import numpy as np

    each = declared.gain * outcomes - declared.cost
    acted = predictions > declared.act_above
    brought = np.where(acted, each, 0.0)
    return WorthOf(
        version=version,
        role=role,
        unit=declared.unit,
        acted=int(acted.sum()),
        rows=len(outcomes),
        total=float(brought.sum()),
        against_nobody=mean_of(brought, entities),
        against_everybody=mean_of(brought - each, entities),
        assumption=assumption(declared, label, is_chance=is_chance),
    )


def assumption(declared: Worth, label: str, *, is_chance: bool) -> str:
    """The sentence that says what a worth rests on."""
    over = f"{declared.act_above:.0%}" if is_chance else f"{declared.act_above:,g}"
    brings = f"where '{label}' came true" if is_chance else f"for each one of '{label}'"
    return (
        f"Assumes that everybody predicted above {over} is acted on, that each costs {declared.cost:,g} {declared.unit}"
        f" and it brings {declared.gain:,g} {declared.unit} {brings} and nothing else, and that acting does not change"
        " what comes."
    )
