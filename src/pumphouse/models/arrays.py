"""Estimators of scikit-learn that are asked with plain arrays: for a few rows that takes a fraction of a frame's time.

A frame's column names are checked at every step of a pipeline. Where an estimator goes by the columns' places alone, a
copy of it without their names says the same to the last bit, and only where it was seen to is it used.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pumphouse.features.frames import frame_of
from pumphouse.models.estimators import predictions
from pumphouse.models.registry import Version

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMPARED_ROWS = 64
_SPREAD = 3.0


def on_arrays(estimator: Any, version: Version) -> Any | None:  # of scikit-learn
    """The estimator as it may be asked with arrays; None where it can't, or was seen to say something else."""
    import numpy as np

    if version.format != "skops" or set(version.columns.values()) != {"number"} or _goes_by_names(estimator):
        return None
    nameless = copy.deepcopy(estimator)
    for one in _steps(nameless):
        one.__dict__.pop("feature_names_in_", None)
    chance = np.random.default_rng(0)
    centre = np.array([_number(version.typical.get(name)) for name in version.columns])
    rows = centre + chance.normal(0, _SPREAD, (COMPARED_ROWS, len(centre))) * np.maximum(np.abs(centre), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in (1, 2, COMPARED_ROWS):
            arrays = {name: rows[:count, place].copy() for place, name in enumerate(version.columns)}
            try:
                same = np.array_equal(said(nameless, arrays, version), _said_of_frame(estimator, arrays, version))
            except Exception:  # noqa: BLE001  # whatever a library raises here, it is asked with frames
                return None
            if not same:
                return None
    return nameless


def said(nameless: Any, arrays: Mapping[str, NDArray[Any]], version: Version) -> NDArray[np.float64]:
    """What an estimator of `on_arrays` says of each row."""
    import numpy as np

    # In memory as the numbers of a frame are, since a sum's last bit depends on it.
    matrix: Any = np.stack([arrays[name] for name in version.columns]).T
    return predictions(nameless, matrix, format=version.format, task=version.task)


def _said_of_frame(estimator: Any, arrays: Mapping[str, NDArray[Any]], version: Version) -> NDArray[np.float64]:
    return predictions(estimator, frame_of(arrays), format=version.format, task=version.task)


def _steps(estimator: Any) -> list[Any]:
    """The estimator, and each step where it is a pipeline."""
    steps = getattr(estimator, "steps", None) or []
    return [estimator, *(one for _, step in steps for one in _steps(step))]


def _goes_by_names(estimator: Any) -> bool:
    """Whether any part chooses columns, which it may do by their names."""
    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(
        hasattr(one, "transformers") or getattr(one, "categorical_features", None) not in (None, "from_dtype")
        for one in parts
    )


def _number(value: float | str | None) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
