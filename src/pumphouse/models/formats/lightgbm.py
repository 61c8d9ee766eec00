"""LightGBM, kept as its own text format. Text features are categories to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pumphouse.errors import BuildError, MissingExtra
from pumphouse.models.formats.format import Task, answered, can_not_say, kind_of, not_fitted, one_each
from pumphouse.models.formats.text import as_categories

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

ONE_THREAD_ROWS_MAX = 256
"""For so few rows, waking other threads takes longer than the work."""


def accepts(estimator: Any) -> bool:
    """Whether it is a Booster or one of LightGBM's classes for scikit-learn."""
    return type(estimator).__module__.startswith("lightgbm.")


def dump(estimator: Any) -> bytes:
    """The model as text; of one that stopped early, up to its best iteration."""
    text: str = _booster(estimator).model_to_string()
    return text.encode()


def load(data: bytes) -> Any:
    """The Booster in the text."""
    library = _library()
    try:
        return library.Booster(model_str=data.decode())
    except (library.basic.LightGBMError, UnicodeDecodeError, ValueError) as error:
        raise BuildError("the model is no text of LightGBM's", mend="Train it anew.") from error


def predict(estimator: Any, inputs: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    """The chance of label 1, or the number."""

    library = _library()
    is_booster = isinstance(estimator, library.Booster)
    if not is_booster and hasattr(estimator, "predict_proba") != (task == "chance"):
        raise can_not_say(estimator, task)
    booster = _booster(estimator)
    names = booster.feature_name()
    # A model of a part of the columns is asked about that part; one fitted on an array takes them as they stand.
    asked = as_categories(inputs[names] if set(names) <= set(inputs.columns) else inputs)
    threads = {"num_threads": 1} if len(inputs) <= ONE_THREAD_ROWS_MAX else {}
    try:
        answers = estimator.predict(asked, **threads) if is_booster else answered(estimator, asked, task)
    except (library.basic.LightGBMError, ValueError) as error:
        raise BuildError(
            f"{kind_of(estimator)} can't answer: {str(error).strip().splitlines()[0]}",
            mend='Fit it on train.X; text columns as categories: train.X.astype({"channel": "category"}).',
        ) from error
    return one_each(answers, estimator, task)


def parameters(estimator: Any) -> dict[str, Any]:
    """What was set, and how many trees it came to."""
    booster = _booster(estimator)
    given = booster.params if estimator is booster else estimator.get_params()
    return {**given, "trees": booster.num_trees()}


def described(estimator: Any) -> str:
    """scikit-learn's way to write it; of a Booster, its trees and what was set."""
    booster = _booster(estimator)
    if estimator is not booster:
        return repr(estimator)
    given = ", ".join(f"{name}={value!r}" for name, value in booster.params.items())
    return f"lightgbm.Booster({given}) with {booster.num_trees()} trees"


def packages(estimator: Any) -> dict[str, str]:
    """LightGBM."""
    return {"lightgbm": _library().__version__}


def _booster(estimator: Any) -> Any:
    library = _library()
    if isinstance(estimator, library.Booster):
        return estimator
    try:
        return estimator.booster_
    except (AttributeError, library.sklearn.LGBMNotFittedError) as error:
        raise not_fitted(estimator) from error


def _library() -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtra("lightgbm", extra="boosters", purpose="a model of LightGBM") from error
    return lightgbm
