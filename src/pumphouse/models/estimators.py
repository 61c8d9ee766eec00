"""Estimators as bytes and back: skops for scikit-learn, so that loading a model runs no stranger's code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pumphouse.errors import BuildError, MissingExtra

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

TRUSTED = re.compile(r"sklearn\.[\w.]+|numpy\.dtype")
"""Types that skops doesn't know by heart and that are safe to load: scikit-learn's own."""
COMPARED_ROWS_MAX = 1_000


def dump(estimator: Any, sample: pd.DataFrame) -> bytes:  # whatever a training function returned
    """The estimator as bytes that load to one with the same predictions on `sample`.

    Raises BuildError for an estimator that can't say chances, is not scikit-learn's, or holds code of somebody else.
    """
    io = _skops()
    if not hasattr(estimator, "predict_proba"):
        raise BuildError(
            f"the model's function returned {_kind(estimator)}, which can't say a chance",
            mend="Return a fitted scikit-learn classifier with predict_proba, alone or as the end of a pipeline.",
        )
    if not type(estimator).__module__.startswith("sklearn."):
        raise BuildError(
            f"the model's function returned {_kind(estimator)}, which is not of scikit-learn",
            mend="Return a scikit-learn classifier, such as LogisticRegression or HistGradientBoostingClassifier.",
        )
    data: bytes = io.dumps(estimator)
    head = sample.head(COMPARED_ROWS_MAX)
    if not (chances(load(data), head) == chances(estimator, head)).all():
        raise BuildError(
            f"{_kind(estimator)} does not survive being stored: its predictions change",
            mend="Return another estimator.",
        )
    return data


def load(data: bytes) -> Any:  # an estimator of scikit-learn
    """The estimator in the bytes. Raises BuildError where they would run code that is not scikit-learn's."""
    io = _skops()
    unknown = sorted(io.get_untrusted_types(data=data))
    strange = [name for name in unknown if not TRUSTED.fullmatch(name)]
    if strange:
        raise BuildError(
            f"the model holds code that is not scikit-learn's: {', '.join(strange)}",
            mend="Compute it in a feature, or use a step of scikit-learn; loading a model must run no stranger's code.",
        )
    return io.loads(data, trusted=unknown)


def chances(estimator: Any, inputs: pd.DataFrame) -> NDArray[np.float64]:  # as `load` returns it
    """The chance of label 1 for each row, 0..1. Raises BuildError where the estimator gives anything else."""
    import numpy as np

    if list(estimator.classes_) != [0, 1]:
        raise BuildError(
            f"{_kind(estimator)} was fitted on other labels than 0 and 1",
            mend="Fit it on train.X and train.y as they are.",
        )
    try:
        found = np.asarray(estimator.predict_proba(inputs), dtype=np.float64)[:, 1]
    except ValueError as error:  # what scikit-learn raises for null or text where it takes neither
        reason = str(error).strip().splitlines()[0]
        raise BuildError(
            f"{_kind(estimator)} can't answer: {reason}",
            mend="Put a step before it that fills what is missing: make_pipeline(SimpleImputer(), ...).",
        ) from error
    if not ((found >= 0) & (found <= 1)).all():  # NaN fails too
        raise BuildError(
            f"{_kind(estimator)} gave a chance outside 0..1", mend="Look at its inputs and its parameters."
        )
    return found


def packages() -> dict[str, str]:
    """Versions of the libraries that decide what a stored model says."""
    from importlib.metadata import version

    return {name: version(name) for name in ("scikit-learn", "skops", "numpy", "pandas")}


def described(estimator: Any) -> str:  # as `load` returns it
    """The estimator as its author would write it, on one line."""
    return " ".join(repr(estimator).split())


def _kind(estimator: Any) -> str:  # whatever it is
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"


def _skops() -> Any:  # the library has no types
    try:
        import skops.io as skops_io
    except ImportError as error:
        raise MissingExtra("skops", extra="models", purpose="storing a model") from error
    return skops_io
