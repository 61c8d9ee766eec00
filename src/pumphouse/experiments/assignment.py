"""Which arm a unit gets: a function of the experiment's name and the unit alone, the same everywhere and for ever."""

from __future__ import annotations

from collections.abc import Sequence

from pumphouse.declare.asset import Asset
from pumphouse.declare.shares import place
from pumphouse.errors import BuildError

Arms = Sequence[tuple[str, float]]
"""Each arm with its weight, the control first."""


def assign(experiment: str, unit: int | str, arms: Arms) -> str:
    """The arm of a unit, each as often as its weight says: `assign("badge", 7, (("control", 1), ("badge", 1)))`.

    Two experiments split the same units independently of each other, and 7 and "7" are one unit.
    """
    left = place(experiment, unit_text(unit)) * sum(weight for _, weight in arms)
    for name, weight in arms:
        left -= weight
        if left < 0:
            return name
    return arms[-1][0]  # rounding can leave the very last place a hair above the sum


def unit_text(unit: object) -> str:
    """A unit as text, the way exposures keep it. Raises BuildError for what is neither a whole number nor text."""
    if isinstance(unit, bool) or not isinstance(unit, int | str) or unit == "":
        raise BuildError(f"a unit is a whole number or text, not {unit!r}", mend="Give the key of who is compared.")
    return str(unit)


def arms_of(experiment: Asset) -> tuple[tuple[str, float], ...]:
    """The declared arms, the control first. Raises BuildError where there is nothing to compare."""
    arms: tuple[tuple[str, float], ...] = experiment.spec.arms
    if len(arms) < 2 or not all(weight > 0 for _, weight in arms):
        raise BuildError(
            f"experiment '{experiment.name}' needs two arms or more, each with a weight above 0",
            asset=experiment.name,
            place=experiment.place,
            mend='arms={"control": 1, "badge": 1}; the first is what the others are compared with.',
        )
    return arms
