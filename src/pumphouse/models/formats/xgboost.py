"""XGBoost, kept as its own UBJSON. Text features are categories to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pumphouse.errors import BuildError, MissingExtra
from pumphouse.models.formats.format import Task, answered, can_not_say, kind_of, not_fitted, one_each
from pumphouse.models.formats.text import as_categories

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


def accepts(estimator: Any) -> bool:
    """Whether it is a Booster or one of XGBoost's classes for scikit-learn."""
    return type(estimator).__module__.startswith("xgboost.")


def dump(estimator: Any) -> bytes:
    """The Booster as UBJSON."""
    missing = getattr(estimator, "missing", math.nan)
    if not math.isnan(missing):
        raise BuildError(
            f"{kind_of(estimator)} takes {missing} for what is missing, which its own format does not keep",
            mend="Leave `missing` out: what a feature does not know is NaN.",
        )
    return bytes(_booster(estimator).save_raw("ubj"))


def load(data: bytes) -> Any:
    """The Booster in the bytes, UBJSON or JSON."""
    library = _library()
    try:
        return library.Booster(model_file=bytearray(data))
    except library.core.XGBoostError as error:
        raise BuildError("the model is no UBJSON or JSON of XGBoost's", mend="Train it anew.") from error


def predict(estimator: Any, inputs: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    """The chance of label 1, or the number, by the trees up to the best iteration where it stopped early."""

    library = _library()
    is_booster = isinstance(estimator, library.Booster)
    if not is_booster and hasattr(estimator, "predict_proba") != (task == "chance"):
        raise can_not_say(estimator, task)
    booster = _booster(estimator)
    names = booster.feature_names
    asked = as_categories(inputs[names] if names and set(names) <= set(inputs.columns) else inputs)
    if names is None:
        asked = asked.to_numpy()  # it was fitted on an array
    try:
        if is_booster:
            matrix = library.DMatrix(asked, enable_categorical=True)
            answers = booster.predict(matrix, iteration_range=_best(booster))
        else:
            answers = answered(estimator, asked, task)
    except (library.core.XGBoostError, ValueError) as error:
        raise BuildError(
            f"{kind_of(estimator)} can't answer: {_reason(error)}",
            mend='Fit it on train.X; text columns as categories: train.X.astype({"channel": "category"}).',
        ) from error
    return one_each(answers, estimator, task)


def parameters(estimator: Any) -> dict[str, Any]:
    """What was set, and how many rounds it came to."""
    booster = _booster(estimator)
    given = {} if estimator is booster else estimator.get_params()
    return {
        **{name: value for name, value in given.items() if value is not None},
        "rounds": booster.num_boosted_rounds(),
    }


def described(estimator: Any) -> str:
    """Its class, what was set, and its rounds: scikit-learn's way would print every default."""
    given = ", ".join(f"{name}={value!r}" for name, value in parameters(estimator).items() if name != "rounds")
    return f"{type(estimator).__name__}({given}) with {_booster(estimator).num_boosted_rounds()} rounds"


def packages(estimator: Any) -> dict[str, str]:
    """XGBoost."""
    return {"xgboost": _library().__version__}


def _best(booster: Any) -> tuple[int, int]:
    """The rounds that answer; (0, 0) is all of them."""
    best = booster.attr("best_iteration")
    return (0, int(best) + 1) if best is not None else (0, 0)


def _reason(error: Exception) -> str:
    """What XGBoost complains of, without the place in its C++ and the stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rpartition("] ")[2] if lines else type(error).__name__


def _booster(estimator: Any) -> Any:
    library = _library()
    if isinstance(estimator, library.Booster):
        return estimator
    from sklearn.exceptions import NotFittedError

    try:
        return estimator.get_booster()
    except NotFittedError as error:
        raise not_fitted(estimator) from error


def _library() -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise MissingExtra("xgboost", extra="boosters", purpose="a model of XGBoost") from error
    return xgboost
