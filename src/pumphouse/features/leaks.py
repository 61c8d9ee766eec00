"""A training set looked over for features that could only be known afterwards.

What is point in time by its declarations can still leak: a source declares that its rows were known when they happened,
and a column of theirs was filled in later ("refunded", "closed_at"). Such a column knows the answer. That shows in the
training set: alone it tells the label almost without a mistake, or it is null just where the label is false. It may be
right all the same, so it is said and nothing is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pumphouse.declare.asset import Asset
from pumphouse.features.frames import column_forms
from pumphouse.features.point_in_time import FeatureDefinition, feature_shape
from pumphouse.features.times import is_assumed
from pumphouse.features.training_sets import TrainingData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AUC_MIN = 0.99
"""From here on a column that ranks the label alone is suspicious."""
CORRELATION_MIN = 0.999
MISTAKES_MAX = 0.01
"""The share of the rarer answers that a rule may get wrong and still count as knowing the label."""
ROWS_MIN = 20
"""Of each answer; with fewer, chance alone separates them."""


def leaks(data: TrainingData, features: Sequence[FeatureDefinition], assets: Mapping[str, Asset]) -> tuple[str, ...]:
    """What could only have been known afterwards, each with the reason and how to look; empty where nothing shows."""
    return (*_told_by_values(data, features, assets), *_told_by_lineage(data, features, assets))


def _told_by_values(
    data: TrainingData, features: Sequence[FeatureDefinition], assets: Mapping[str, Asset]
) -> Iterator[str]:
    import numpy as np

    label = data.y.to_numpy()
    for name, form in column_forms(data.rows.schema, data.columns).items():
        null = data.X[name].isna().to_numpy()
        there = ~null
        values = data.X[name].to_numpy(dtype=np.float64) if form == "number" else _codes(data, name)
        knows = None
        if data.task == "chance" and _equal(null, label):
            knows = f"'{name}' is null where '{data.label}' is {_word(label[null])} and there where it is not"
        elif data.task == "number" and form == "number":
            strength = _correlation(values[there], label[there])
            if strength >= CORRELATION_MIN:
                knows = f"'{name}' is '{data.label}' but for its scale (correlation {strength:.4f})"
        elif data.task == "chance" and form == "number":
            ranks = _auc(values[there], label[there])
            if max(ranks, 1 - ranks) >= AUC_MIN:
                apart = f"{max(ranks, 1 - ranks):.1%} of the time"
                knows = f"'{name}' alone tells a true '{data.label}' from a false one {apart}"
        elif data.task == "chance" and _decides(values[there].astype(np.int64), label[there]):
            knows = f"'{name}' alone tells '{data.label}' almost without a mistake"
        if knows:
            yield f"{knows}; could it be known only afterwards? {_where_to_look(name, data, features, assets)}"


def _told_by_lineage(
    data: TrainingData, features: Sequence[FeatureDefinition], assets: Mapping[str, Asset]
) -> Iterator[str]:
    for feature in features:
        for name in feature_shape(feature).inputs:
            if path := _path_to(data.label, name, assets):
                yield (
                    f"feature '{feature.name}' reads '{name}', which is made from the label '{data.label}'"
                    f"{_by(path)}: what it says of a moment is certain only when its label has matured."
                    f" Look when its rows were known: pumphouse query 'SELECT *, _known_at FROM {name} LIMIT 9'"
                )


def _path_to(label: str, name: str, assets: Mapping[str, Asset]) -> tuple[str, ...]:
    """The tables from `name` up to the label's or to what was predicted of it; empty where there is no such way."""
    waiting: list[tuple[str, ...]] = [(name,)]
    seen = {name}
    while waiting:
        path = waiting.pop(0)
        asset = assets.get(path[-1])
        if path[-1] == label or (asset is not None and getattr(asset.spec, "outcome", None) == label):
            return path
        for upper in asset.inputs if asset is not None else ():
            if upper not in seen:
                seen.add(upper)
                waiting.append((*path, upper))
    return ()


def _by(path: tuple[str, ...]) -> str:
    return f" ({' <- '.join(path)})" if len(path) > 1 else ""


def _where_to_look(
    column: str, data: TrainingData, features: Sequence[FeatureDefinition], assets: Mapping[str, Asset]
) -> str:
    feature = next(each for each in features if column in feature_shape(each).values)
    inputs = feature_shape(feature).inputs
    label = assets.get(data.label)
    shared = [name for name in inputs if is_assumed(name, assets) and label is not None and name in label.inputs]
    said = (
        f"'{shared[0]}', which the label reads too, only assumes that its rows were known when they happened. "
        if shared
        else ""
    )
    return f"{said}Look at what fills it: pumphouse show {feature.name}"


def _equal(null: NDArray[np.bool_], label: NDArray[np.int64]) -> bool:
    """Whether null tells the label, one way or the other."""
    if min(null.sum(), (~null).sum()) < ROWS_MIN:
        return False
    rarer = min(int(label.sum()), len(label) - int(label.sum()))
    mistakes = int((null != label.astype(bool)).sum())
    return min(mistakes, len(label) - mistakes) <= MISTAKES_MAX * rarer


def _word(label: NDArray[np.int64]) -> str:
    return "true" if label.mean() > 0.5 else "false"


def _auc(values: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    """The chance that a true one has the higher value, equal ones counted half; a half where too few tell it."""
    import numpy as np

    positives = int(label.sum())
    negatives = len(label) - positives
    if min(positives, negatives) < ROWS_MIN:
        return 0.5
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[label == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _correlation(values: NDArray[np.float64], label: NDArray[np.float64]) -> float:
    import numpy as np

    if len(values) < ROWS_MIN or not np.isfinite(values).all() or values.std() == 0 or label.std() == 0:
        return 0.0
    return abs(float(np.corrcoef(values, label)[0, 1]))


def _decides(codes: NDArray[np.int64], label: NDArray[np.int64]) -> bool:
    """Whether the value of a text tells the label, and comes often enough that this is no chance."""
    import numpy as np

    rarer = min(int(label.sum()), len(label) - int(label.sum()))
    if rarer < ROWS_MIN:
        return False
    often = np.bincount(codes)
    if len(often) * ROWS_MIN > len(label):
        return False
    true = np.bincount(codes, weights=label)
    return float(np.minimum(true, often - true).sum()) <= MISTAKES_MAX * rarer


def _codes(data: TrainingData, name: str) -> NDArray[np.float64]:
    import numpy as np

    return np.unique(data.X[name].fillna("").to_numpy(dtype=str), return_inverse=True)[1].astype(np.float64)
