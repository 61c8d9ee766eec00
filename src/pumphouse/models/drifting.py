"""Which columns of a rollout drifted: what its newest predictions saw, said, and what came, against what was before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pumphouse.engines.parameters import literal
from pumphouse.errors import PumphouseError
from pumphouse.features.moments import AS_OF
from pumphouse.lake.lake import Lake
from pumphouse.models.drift import Drift, drift_of_numbers, drift_of_texts, judged_together
from pumphouse.models.operation import logged
from pumphouse.models.seen import SAMPLE_MAX, WINDOW, Seen

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_FEW = 50
"""With fewer rows nothing is said of drift."""


def drifts(lake: Lake, what: Seen, judged: pa.Table | None) -> tuple[tuple[Drift, ...], tuple[str, ...]]:
    """How features, predictions and outcomes of the window moved, and what can't be told.

    Features and outcomes are compared with the training set of the version; predictions with the first days of the same
    version, since what it says of the rows it learned from is surer than it can be of others.
    """
    features, unknown = _of_features(what)
    found = [*features, *_of_predictions(what), *_of_outcomes(what, judged)]
    return tuple(judged_together(found)), unknown


def _of_features(what: Seen) -> tuple[list[Drift], tuple[str, ...]]:
    from pyarrow import compute

    columns = what.version.columns
    own = ", ".join(
        f"{f'TRY_CAST({logged(name)} AS DOUBLE)' if form == 'number' else logged(name)} AS feature_{number}"
        for number, (name, form) in enumerate(columns.items())
    )
    text = f"""
    SELECT {what.keys}, {AS_OF}, features IS NOT NULL AS logged, {own} FROM predictions
    WHERE {what.is_recent} AND version = {literal(what.version.name)}
    ORDER BY hash(prediction_id), prediction_id LIMIT {SAMPLE_MAX}
    """
    sample = what.read(text)
    told = sample.filter(sample["logged"])
    now = {name: told[f"feature_{number}"] for number, name in enumerate(columns)}
    entities = _entities(told, what)
    rows = told.num_rows
    rest = sample.filter(compute.invert(sample["logged"]))
    unknown: tuple[str, ...] = ()
    if rest.num_rows:
        try:
            values = what.features_at(rest)
        except PumphouseError as error:
            unknown = (f"drift of features that were not logged: {error}",)
        else:
            now = {name: _joined(now[name], values[name], form) for name, form in columns.items()}
            entities += _entities(values, what)
            rows += values.num_rows
    if rows < ROWS_FEW:
        return [], (*unknown, f"drift of features: {rows} predictions are too few")
    share_before, share_now = _entities(what.training, what) / what.training.num_rows, min(1.0, entities / rows)
    found = []
    for name, form in columns.items():
        if form == "text":
            before = what.training[name].to_pylist()
            found.append(
                drift_of_texts(name, before, now[name].to_pylist(), share_before=share_before, share_now=share_now)
            )
        else:
            found.append(_numbers(name, "feature", what.training[name], now[name], share_before, share_now))
    return found, unknown


def _of_predictions(what: Seen) -> list[Drift]:
    """The newest days of the version against its first, which must lie before them."""
    text = f"""
    WITH own AS (FROM predictions WHERE version = {literal(what.version.name)}),
         span AS (SELECT min({AS_OF}) AS first, max({AS_OF}) AS last,
                         least(INTERVAL '{WINDOW}', (max({AS_OF}) - min({AS_OF})) / 2) AS long FROM own)
    SELECT {AS_OF} > last - long AS is_now, prediction, {what.keys} FROM own, span
    WHERE last > first AND ({AS_OF} > last - long OR {AS_OF} < first + long)
    ORDER BY hash(prediction_id), prediction_id LIMIT {SAMPLE_MAX * 2}
    """
    rows = what.read(text)
    is_now = rows["is_now"].to_numpy()
    before, now = rows.filter(~is_now), rows.filter(is_now)
    if min(before.num_rows, now.num_rows) < ROWS_FEW:
        return []
    shares = [_entities(part, what) / part.num_rows for part in (before, now)]
    return [_numbers("prediction", "prediction", before["prediction"], now["prediction"], *shares)]


def _of_outcomes(what: Seen, judged: pa.Table | None) -> list[Drift]:
    """What came true of the newest days that are judged against the label in the training set."""
    from pyarrow import compute

    if judged is None or not judged.num_rows:
        return []
    newest = compute.max(judged[AS_OF]).as_py()
    days = int(WINDOW.split()[0])
    recent = judged.filter(compute.greater(judged[AS_OF], newest - timedelta(days=days)))
    if recent.num_rows < ROWS_FEW:
        return []
    label = what.version.label
    before = _entities(what.training, what) / what.training.num_rows
    now = len(set(recent["entity"].to_pylist())) / recent.num_rows
    return [_numbers(label, "outcome", what.training[label], recent["outcome"], before, now)]


def _numbers(
    name: str,
    of: Literal["feature", "prediction", "outcome"],
    before: pa.ChunkedArray,
    now: pa.ChunkedArray,
    share_before: float,
    share_now: float,
) -> Drift:
    import pyarrow as pa

    arrays = [values.cast(pa.float64(), safe=False).to_numpy() for values in (before, now)]
    return drift_of_numbers(name, of, *arrays, share_before=share_before, share_now=share_now)


def _joined(first: pa.ChunkedArray, second: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    import pyarrow as pa

    kind = pa.float64() if form == "number" else pa.string()
    return pa.chunked_array([*first.cast(kind).chunks, *second.cast(kind, safe=False).chunks], kind)


def _entities(rows: pa.Table, what: Seen) -> int:
    return int(rows.group_by(list(what.entity)).aggregate([]).num_rows)
