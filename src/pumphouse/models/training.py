"""Training: a plain function gets a training set and returns an estimator; what it returns becomes a version."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.errors import BuildError
from pumphouse.features.frames import column_forms, frame
from pumphouse.features.moments import AS_OF, entity_numbers
from pumphouse.features.training_sets import TrainingData, training_set
from pumphouse.features.values import World, definitions, feature_query, feature_values
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.models.estimators import described, form_of, keep, packages, parameters, predictions
from pumphouse.models.formats.format import Task
from pumphouse.models.pins import pin_live
from pumphouse.models.quality import Quality, quality
from pumphouse.models.registry import Version, versions

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

WARNINGS_MAX = 5
TASK: Task = "chance"


def build(asset: Asset, context: Context) -> Built:
    """Train a model and store it as its next version, with its training set. The first version goes live at once.

    Its quality is measured twice: on the rows it learned from, and, by fitting again on four fifths of the entities, on
    the other fifth. Raises BuildError where there is nothing to learn or the function returns what can't be stored.
    """
    data = training_set(context, asset)
    entity = _entity(asset, data)
    if data.task != "chance":
        raise BuildError(
            f"label '{data.label}' is a number, and a model says the chance that a label is true",
            asset=asset.name,
            place=asset.place,
            mend="Make it a question with yes or no: amount > 0.",
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator = _fit(asset, context, data)
        try:
            kept = keep(estimator, data.X, task=TASK)
            on_training_rows = _quality(estimator, data, guess=_rate(data))
        except BuildError as error:
            raise BuildError(error.what, asset=asset.name, place=asset.place, mend=error.mend) from error
        held_out = _held_out(asset, context, data)
        stranger = _stranger(asset, context, data, estimator)
    number = len(versions(context.lake, asset.name)) + 1
    sha = context.lake.blobs.put(kept.data)
    version = Version(
        model=asset.name,
        number=number,
        sha=sha,
        at=context.now,
        snapshot=data.snapshot,
        doc=asset.common.doc,
        estimator=described(estimator, format=kept.format),
        label=data.label,
        entity=entity,
        # Its features' text is pinned with it: editing a feature must not change what a trained model is asked with.
        features=tuple(replace(f, place=None) for f in definitions(asset.spec.features, context.assets)),
        columns=dict(column_forms(data.rows.schema, data.columns)),
        fingerprint=asset.fingerprint,
        rows=data.rows.num_rows,
        positives=_positives(data),
        unlabelled=data.unlabelled,
        assumed=data.assumed,
        training_set=context.lake.blobs.put(data.parquet()),
        packages=packages(estimator, format=kept.format),
        on_training_rows=on_training_rows,
        held_out=held_out,
        task=TASK,
        format=kept.format,
        parameters=parameters(estimator, format=kept.format),
        actor=context.actor,
    )
    commit = context.begin(asset)
    commit.artefact(version.name, sha, {"format": 1, "version": msgspec.to_builtins(version)}, read_at=data.snapshot)
    if number == 1:
        pin_live(commit, sha, number, actor=context.actor)
    commit.detail(version=number, training_set=version.training_set)
    seen = data.rows.num_rows + data.unlabelled
    built = commit.publish(Counts(rows_in=seen, rows_out=data.rows.num_rows, dropped=data.unlabelled))
    return Built(
        asset=asset.name,
        snapshot=built.snapshot if built else None,
        counts=built.counts if built else Counts(),
        note=_note(version),
        warnings=(*_unvarying(data), *stranger, *dict.fromkeys(str(each.message) for each in caught))[:WARNINGS_MAX],
    )


def _fit(asset: Asset, context: Context, data: TrainingData) -> Any:  # whatever the function returns
    function = context.declaration.function if context.declaration else None
    assert function is not None  # the runner hands in what was declared with it
    wanted = [parameter for parameter, service in asset.services if service == "TrainingSet"]
    if not wanted:
        raise BuildError(
            f"the function of model '{asset.name}' takes no training set",
            asset=asset.name,
            place=asset.place,
            mend=f"Write it as def {asset.name}(train: ph.TrainingSet): ... .",
        )
    parameters = inspect.signature(function).parameters.values()
    asked = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    settings = {name: context.settings[name] for name in asked & context.settings.keys()}
    # A set of its own: what the function does to its frame must not change what is measured and stored.
    return function(**{name: replace(data) for name in wanted}, **settings)


def _held_out(asset: Asset, context: Context, data: TrainingData) -> Quality | None:
    try:
        larger, smaller = data.split(by="entity")
    except BuildError:  # too few entities for two parts
        return None
    if not _has_both(larger) or not _has_both(smaller):
        return None
    return _quality(_fit(asset, context, larger), smaller, guess=_rate(larger))


def _stranger(asset: Asset, context: Context, data: TrainingData, estimator: Any) -> tuple[str, ...]:
    """A warning where the estimator can't answer for an entity that nobody knows, as some day a request will ask."""
    import pyarrow as pa

    known = data.moments.slice(data.moments.num_rows - 1)
    columns = {name: pa.array([_new_value(data.moments[name])], known[name].type) for name in data.entity}
    moment = pa.table({**columns, AS_OF: known[AS_OF]})
    world = World(engine=context.engine, scan=context.scan, assets=context.assets, functions=context.functions)
    query = feature_query(world, definitions(asset.spec.features, context.assets))
    try:
        _answers(estimator, frame(feature_values(query, moment), data.columns))
    except BuildError as error:
        return (f"an unknown {', '.join(data.entity)} will get no answer: {error}",)
    return ()


def _unvarying(data: TrainingData) -> tuple[str, ...]:
    """A warning where columns are the same at every moment: nothing can be learned from them."""
    import pyarrow.compute as pc

    same = [name for name in data.columns if pc.count_distinct(data.rows[name], mode="all").as_py() < 2]
    if not same or data.rows.num_rows < 2:
        return ()
    told = (
        f"{', '.join(same)} {'is' if len(same) == 1 else 'are'} the same at all {data.rows.num_rows:,} moments;"
        " were the rows it is made from known by then? A source of old data that is loaded today says so with"
        ' time={"event": ..., "known": ...}'
    )
    return (told,)


def _new_value(column: pa.ChunkedArray) -> int | str:
    """A value that is not in the column, which holds whole numbers or text."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    span = compute.min_max(column).as_py()
    if pa.types.is_string(column.type):
        return f"{span['max']}?"
    return int(span["max"] + 1 if span["max"] < np.iinfo(column.type.to_pandas_dtype()).max else span["min"] - 1)


def _quality(estimator: Any, data: TrainingData, *, guess: float) -> Quality:  # whatever the function returned
    groups = entity_numbers(data.rows, data.entity)
    return quality(_answers(estimator, data.X), data.y.to_numpy(), guess=guess, groups=groups, task=TASK)


def _answers(estimator: Any, inputs: pd.DataFrame) -> NDArray[np.float64]:  # whatever the function returned
    return predictions(estimator, inputs, format=form_of(estimator), task=TASK)


def _entity(asset: Asset, data: TrainingData) -> dict[str, str]:
    import pyarrow as pa

    schema = data.moments.schema
    for name in data.entity:
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_string(kind)):
            raise BuildError(
                f"'{name}' of label '{data.label}' is {kind}; an entity is a whole number or text",
                asset=asset.name,
                place=asset.place,
                mend=f"CAST({name} AS VARCHAR) in the label and in its features.",
            )
    return {name: str(schema.field(name).type) for name in data.entity}


def _positives(data: TrainingData) -> int:
    return int(data.y.to_numpy().sum())


def _rate(data: TrainingData) -> float:
    return _positives(data) / len(data.y)


def _has_both(data: TrainingData) -> bool:
    return 0 < _positives(data) < len(data.y)


def _note(version: Version) -> str:
    said = f"{version.name} learned from {version.rows:,} moments"
    if version.unlabelled:
        said += f"; {version.unlabelled:,} without a label left out"
    if version.assumed:
        said += "; when rows were known is assumed"
    return said + (
        "; it is live" if version.number == 1 else f"; to make it live: pumphouse model promote {version.name}"
    )
