"""Training: a plain function gets a training set and returns an estimator; what it returns becomes a version."""

from __future__ import annotations

import inspect
import math
import re
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pumphouse.declare.asset import Asset
from pumphouse.errors import BuildError
from pumphouse.features.training_sets import TrainingData, training_set
from pumphouse.lake.context import Built, Context
from pumphouse.models.versions import Fitted, HeldOut, measured, store

METRICS_MAX = 100
TEXT_REFUSED = re.compile("could not convert string to float|bad pandas dtypes|DataFrame.dtypes for data must be")
"""What scikit-learn, LightGBM and XGBoost say of text."""
TEXT_MEND = (
    "train.X has text in {columns}. Encode it in the first step of a pipeline, make_column_transformer((OneHotEncoder("
    "handle_unknown='ignore'), {columns}), remainder='passthrough'); to a booster it is .astype('category')."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Returned:
    """What the function gave, and how long it took."""

    estimator: Any  # of any form
    metrics: Mapping[str, float]
    training_s: float


def build(asset: Asset, context: Context) -> Built:
    """Train a model and store it as its next version, with its training set. The first version goes live at once.

    Its quality is measured twice: on the rows it learned from, and, by fitting again on four fifths of the entities, on
    the other fifth. Raises BuildError where there is nothing to learn or the function returns what can't be stored.
    """
    data = training_set(context, asset)
    settings = _settings(asset, context)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        returned = _fit(asset, context, data, settings)
        try:
            fitted = Fitted(
                estimator=returned.estimator,
                settings=settings,
                metrics=returned.metrics,
                training_s=returned.training_s,
                held_out=_held_out(asset, context, data, settings),
                warned=tuple(str(each.message) for each in caught),
            )
            return store(asset, context, data, fitted)
        except BuildError as error:
            raise BuildError(error.what, asset=asset.name, place=error.place or asset.place, mend=error.mend) from error


def _settings(asset: Asset, context: Context) -> dict[str, Any]:
    """The function's keyword-only parameters: what pumphouse.toml says, else their defaults."""
    given = inspect.signature(_function(context)).parameters.values()
    own = {one.name: one.default for one in given if one.kind is one.KEYWORD_ONLY}
    return {name: context.settings.get(name, default) for name, default in own.items()}


def _fit(asset: Asset, context: Context, data: TrainingData, settings: Mapping[str, Any]) -> _Returned:
    wanted = [parameter for parameter, service in asset.services if service == "TrainingSet"]
    if not wanted:
        raise BuildError(
            f"the function of model '{asset.name}' takes no training set",
            asset=asset.name,
            place=asset.place,
            mend=f"Write it as def {asset.name}(train: ph.TrainingSet): ... .",
        )
    began = time.perf_counter()
    # A set of its own: what the function does to its frame must not change what is measured and stored.
    try:
        returned = _function(context)(**{name: replace(data) for name in wanted}, **settings)
    except (ValueError, TypeError) as error:
        texts = [name for name in data.columns if data.X[name].dtype.kind not in "bifu"]
        if texts and TEXT_REFUSED.search(str(error)):
            error.add_note(TEXT_MEND.format(columns=texts))
        raise
    training_s = time.perf_counter() - began
    if not isinstance(returned, tuple):
        return _Returned(estimator=returned, metrics={}, training_s=training_s)
    if len(returned) != 2 or not _are_metrics(returned[1]):
        raise BuildError(
            f"the function of model '{asset.name}' returned a tuple that is not (estimator, numbers by name)",
            asset=asset.name,
            place=asset.place,
            mend='Return the estimator, or with what you measured: return estimator, {"auc": 0.8}.',
        )
    metrics = {name: float(value) for name, value in returned[1].items()}
    return _Returned(estimator=returned[0], metrics=metrics, training_s=training_s)


def _held_out(asset: Asset, context: Context, data: TrainingData, settings: Mapping[str, Any]) -> HeldOut | None:
    try:
        larger, smaller = data.split(by="entity")
    except BuildError:  # too few entities for two parts
        return None
    if larger.y.nunique() < 2 or (data.task == "chance" and smaller.y.nunique() < 2):
        return None
    return measured(_fit(asset, context, larger, settings).estimator, smaller, guess=float(larger.y.mean()))


def _function(context: Context) -> Any:  # what the declaration was made with
    assert context.declaration is not None  # the runner hands it in
    assert context.declaration.function is not None
    return context.declaration.function


def _are_metrics(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= METRICS_MAX
        and all(isinstance(name, str) and _is_number(one) for name, one in value.items())
    )


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, ValueError):
        return False
