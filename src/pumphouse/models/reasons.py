"""Reasons: which features a prediction is made of, by one method for every model.

A feature's contribution is how much the prediction changes where this one feature has its typical value instead: the
training set's median or most frequent one. Features that say the same hide each other, since each is changed alone; and
contributions do not add up to the prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pumphouse.models.predictions import Reason
from pumphouse.models.registry import Version

if TYPE_CHECKING:
    from numpy.typing import NDArray

REASONS_MAX = 20
"""The most reasons that are given for one prediction."""


def with_typical(
    version: Version, arrays: Mapping[str, NDArray[Any]], numbers: Sequence[int]
) -> dict[str, NDArray[Any]]:
    """The arrays, and below them a row for each of these numbers and each column with that column's typical value."""
    import numpy as np

    columns = list(arrays)
    rows = np.repeat(np.asarray(numbers, dtype=np.int64), len(columns))
    extended = {}
    for place, name in enumerate(columns):
        changed = arrays[name][rows]
        typical = version.typical.get(name)
        changed[place :: len(columns)] = np.nan if typical is None and arrays[name].dtype != object else typical
        extended[name] = np.concatenate([arrays[name], changed])
    return extended


def reasons(
    version: Version,
    values: Mapping[str, float | str | None],
    prediction: float,
    changed: Sequence[float],
    *,
    most: int,
) -> tuple[Reason, ...]:
    """The largest contributions to a prediction; `changed` is what it is with each column's typical value, in order."""
    found = [
        Reason(feature=name, value=values[name], typical=version.typical.get(name), contribution=prediction - other)
        for name, other in zip(values, changed, strict=True)
    ]
    found.sort(key=lambda reason: (-abs(reason.contribution), reason.feature))
    return tuple(found[:most])
