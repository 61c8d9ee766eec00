"""Estimators of any form: kept as bytes that answer the same, and asked in one way by training, batch and service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pumphouse.errors import BuildError
from pumphouse.models.formats import lightgbm, python, skops, torch, xgboost
from pumphouse.models.formats.format import Format, Task, kind_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

FORMATS: Mapping[str, Format] = MappingProxyType(
    {"skops": skops, "lightgbm": lightgbm, "xgboost": xgboost, "torch": torch, "python": python}
)
"""Each form by its name; the first that accepts an estimator keeps it."""
COMPARED_ROWS_MAX = 1_000
BLOCK_ROWS = 64
"""Rows are asked about in multiples of this, the last one repeated. A product of matrices adds up the rows left over at
its end in another order: without this, the last bits of an answer would depend on how many were asked about."""
ROW_BY_ROW = frozenset({"lightgbm", "xgboost"})
"""Forms that look at each row by itself anyway."""
ALONE_ROWS = 8
"""Rows that are asked about one by one as well: an answer must not depend on who else is asked about."""
ALONE_TOLERANCE = 1e-5
"""What sums in another order may change (32-bit floats)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An estimator as bytes, and the name of the form that reads them."""

    format: str
    data: bytes


def form_of(estimator: Any) -> str:
    """The name of the form that keeps an estimator. Raises BuildError for what is none."""
    if estimator is None:
        raise BuildError("the model's function returned nothing", mend="End it with: return estimator.")
    for name, one in FORMATS.items():
        if one.accepts(estimator):
            return name
    raise BuildError(
        f"the model's function returned {kind_of(estimator)}, which is no estimator that can be kept",
        mend="Return one of scikit-learn, LightGBM, XGBoost or PyTorch, or a function that takes a frame.",
    )


def keep(estimator: Any, sample: pd.DataFrame, *, task: Task) -> Kept:
    """The estimator as bytes that load to one with the same predictions on `sample`, to the bit.

    Raises BuildError for one that can't say what the label asks for, that holds code of somebody else, or whose answer
    about a row depends on the other rows.
    """
    import numpy as np

    format = form_of(estimator)
    head = sample.head(COMPARED_ROWS_MAX)
    expected = predictions(estimator, head, format=format, task=task)
    data = FORMATS[format].dump(estimator)
    back = load(data, format=format)
    if not np.array_equal(predictions(back, head, format=format, task=task), expected):
        raise BuildError(
            f"{kind_of(estimator)} does not survive being stored: its predictions change",
            mend="Return another estimator.",
        )
    for row in range(min(ALONE_ROWS, len(head))):
        alone = predictions(back, head.iloc[row : row + 1], format=format, task=task)[0]
        if not np.isclose(alone, expected[row], rtol=ALONE_TOLERANCE, atol=ALONE_TOLERANCE):
            raise BuildError(
                f"{kind_of(estimator)} says {expected[row]:.6g} for a row among others and {alone:.6g} for it alone",
                mend="Take what is learned from all rows (a mean, the categories) from the training set, not from the "
                "rows that are asked about.",
            )
    return Kept(format=format, data=data)


def load(data: bytes, *, format: str) -> Any:
    """The estimator in the bytes, as `predictions` takes it. Raises BuildError where they hold a stranger's code."""
    if format not in FORMATS:
        raise BuildError(f"there is no form of models called '{format}' here", mend="Update Pumphouse.")
    return FORMATS[format].load(data)


def predictions(estimator: Any, inputs: pd.DataFrame, *, format: str, task: Task) -> NDArray[np.float64]:
    """The chance of label 1 (0..1) or the number for each row. Raises BuildError where the estimator gives another.

    All that answer go through here: training, scores, one request.
    """
    import numpy as np

    asked = inputs if format in ROW_BY_ROW else _in_blocks(inputs)
    found = FORMATS[format].predict(estimator, asked, task)
    if found.shape == (len(asked),):
        found = found[: len(inputs)]
    if found.shape != (len(inputs),):
        raise BuildError(
            f"{kind_of(estimator)} gave {found.size:,} answers for {len(inputs):,} rows",
            mend="Return one number for each row.",
        )
    if task == "chance" and not ((found >= 0) & (found <= 1)).all():  # NaN fails too
        raise BuildError(
            f"{kind_of(estimator)} gave a chance outside 0..1", mend="Look at its inputs and its parameters."
        )
    if not np.isfinite(found).all():
        raise BuildError(
            f"{kind_of(estimator)} gave a prediction that is no finite number",
            mend="Look at its inputs and its parameters.",
        )
    return found


def _in_blocks(inputs: pd.DataFrame) -> pd.DataFrame:
    import numpy as np

    count = len(inputs)
    if not count % BLOCK_ROWS:
        return inputs
    rows = np.minimum(np.arange(count + -count % BLOCK_ROWS), count - 1)
    # Of a matrix (see `arrays`) the columns stay in one piece each, as they are in a frame.
    return inputs.T.take(rows, axis=1).T if isinstance(inputs, np.ndarray) else inputs.take(rows)


def described(estimator: Any, *, format: str) -> str:
    """The estimator as its author would write it, on one line."""
    return " ".join(FORMATS[format].described(estimator).split())


def parameters(estimator: Any, *, format: str) -> dict[str, Any]:
    """What its author set, as values that JSON has; what JSON has no form for is as Python writes it."""
    return {name: plain(value) for name, value in sorted(FORMATS[format].parameters(estimator).items())}


def packages(estimator: Any, *, format: str) -> dict[str, str]:
    """Versions of the libraries that decide what a stored model says."""
    from importlib.metadata import version

    return {**FORMATS[format].packages(estimator), **{name: version(name) for name in ("numpy", "pandas")}}


def plain(value: Any) -> Any:
    """A value as JSON has it; what JSON has no form for is as Python writes it."""
    import math

    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else repr(value)
        case list() | tuple():
            return [plain(one) for one in value]
        case dict():
            return {str(name): plain(one) for name, one in value.items()}
        case _ if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number of numpy's
            return plain(value.item())
    return " ".join(repr(value).split())
