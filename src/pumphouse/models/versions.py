"""A fitted estimator becomes a version: its bytes, what it was made from and how good it is, in one commit."""

from __future__ import annotations

import inspect
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.errors import BuildError
from pumphouse.features.frames import column_forms, frame
from pumphouse.features.leaks import leaks
from pumphouse.features.moments import AS_OF, entity_numbers
from pumphouse.features.training_sets import TrainingData
from pumphouse.features.values import World, definitions, feature_query, feature_values, request_columns
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.models.estimators import described, form_of, keep, packages, parameters, plain, predictions
from pumphouse.models.pins import pin_live
from pumphouse.models.quality import Quality, quality
from pumphouse.models.registry import Version, versions

if TYPE_CHECKING:
    import pyarrow as pa

WARNINGS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How good a model was that was fitted without some of the entities, on those; `rows` is what was measured."""

    quality: Quality
    rows: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """An estimator, with what is known of how it came about."""

    estimator: Any  # of any form
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]
    training_s: float | None
    held_out: HeldOut | None
    origin: str = ""
    warned: tuple[str, ...] = ()


def store(asset: Asset, context: Context, data: TrainingData, fitted: Fitted) -> Built:
    """Store what was fitted as the model's next version, with its training set. The first version goes live at once.

    Raises BuildError for an estimator that can't be kept or can't answer.
    """
    blobs, estimator = context.lake.blobs, fitted.estimator
    kept = keep(estimator, data.X, task=data.task)
    features = definitions(asset.spec.features, context.assets)
    number = len(versions(context.lake, asset.name)) + 1
    version = Version(
        model=asset.name,
        number=number,
        sha=blobs.put(kept.data),
        at=context.now,
        snapshot=data.snapshot,
        doc=asset.common.doc,
        estimator=described(estimator, format=kept.format),
        label=data.label,
        entity=_entity(asset, data),
        # Its features' text is pinned with it: editing a feature must not change what a trained model is asked with.
        features=tuple(replace(each, place=None) for each in features),
        columns=dict(column_forms(data.rows.schema, data.columns)),
        fingerprint=asset.fingerprint,
        rows=data.rows.num_rows,
        positives=int(data.y.sum()) if data.task == "chance" else None,
        unlabelled=data.unlabelled,
        assumed=data.assumed,
        training_set=blobs.put(data.parquet()),
        packages=packages(estimator, format=kept.format),
        on_training_rows=measured(estimator, data, guess=float(data.y.mean())).quality,
        held_out=fitted.held_out.quality if fitted.held_out else None,
        task=data.task,
        format=kept.format,
        parameters=parameters(estimator, format=kept.format),
        request=request_columns(features),
        typical=_typical(data),
        example=_example(data),
        actor=context.actor,
        types={name: str(data.rows.schema.field(name).type) for name in data.columns},
        settings={name: plain(value) for name, value in fitted.settings.items()},
        metrics=dict(fitted.metrics),
        source=_source(context) if not fitted.origin else "",
        training_s=fitted.training_s,
        held_out_rows=blobs.put(_parquet(fitted.held_out.rows)) if fitted.held_out else None,
        origin=fitted.origin,
        leaks=leaks(data, features, context.assets),
    )
    told = (
        *version.leaks,
        *_unvarying(data),
        *_stranger(asset, context, data, estimator),
        *dict.fromkeys(fitted.warned),
    )
    commit = context.begin(asset)
    detail = {"format": 1, "version": msgspec.to_builtins(version)}
    commit.artefact(version.name, version.sha, detail, read_at=data.snapshot)
    if number == 1:
        pin_live(commit, version.sha, number, actor=context.actor)
    commit.detail(version=number, training_set=version.training_set)
    seen = data.rows.num_rows + data.unlabelled
    counts = Counts(rows_in=seen, rows_out=data.rows.num_rows, dropped=data.unlabelled)
    return Built.of(
        asset.name, commit.publish(counts), counts=counts, note=_note(version), warnings=told[:WARNINGS_MAX]
    )


def measured(estimator: Any, data: TrainingData, *, guess: float) -> HeldOut:
    """How good an estimator is on a set, row by row and in sum, against saying `guess` for everyone."""
    import pyarrow as pa

    found = predictions(estimator, data.X, format=form_of(estimator), task=data.task)
    outcomes = data.y.to_numpy().astype("float64")
    groups = entity_numbers(data.rows, data.entity)
    rows = data.rows.select([*data.entity, AS_OF])
    return HeldOut(
        quality=quality(found, outcomes, guess=guess, groups=groups, task=data.task),
        rows=rows.append_column("prediction", pa.array(found)).append_column("outcome", pa.array(outcomes)),
    )


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


def _typical(data: TrainingData) -> dict[str, float | str | None]:
    """The median of each number and the most frequent text, of equally frequent ones the first; None without any."""
    found: dict[str, float | str | None] = {}
    for name, form in column_forms(data.rows.schema, data.columns).items():
        known = data.X[name].dropna()
        if known.empty:
            found[name] = None
        else:
            found[name] = float(known.median()) if form == "number" else str(sorted(known.mode())[0])
    return found


def _example(data: TrainingData) -> dict[str, float | str | None]:
    """The newest row with the fewest gaps, null where there is one."""
    gaps = data.X.isna().sum(axis=1).to_numpy()
    at = len(gaps) - 1 - int(gaps[::-1].argmin())
    row = data.X.iloc[at].to_dict()
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def _source(context: Context) -> str:
    """The text of the training function, its decorator included."""
    assert context.declaration is not None
    assert context.declaration.function is not None
    try:
        return inspect.getsource(context.declaration.function)
    except OSError:  # it was made where no file holds it
        return ""


def _stranger(asset: Asset, context: Context, data: TrainingData, estimator: Any) -> tuple[str, ...]:
    """A warning where the estimator can't answer for an entity that nobody knows, as some day a request will ask."""
    import pyarrow as pa

    moment = data.moments.slice(data.moments.num_rows - 1)
    for at, name in enumerate(moment.column_names):
        if name in data.entity:
            value = pa.array([_new_value(data.moments[name])], moment[name].type)
            moment = moment.set_column(at, name, value)
    world = World(engine=context.engine, scan=context.scan, assets=context.assets, functions=context.functions)
    query = feature_query(world, definitions(asset.spec.features, context.assets))
    inputs = frame(feature_values(query, moment), data.columns)
    try:
        predictions(estimator, inputs, format=form_of(estimator), task=data.task)
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


def _parquet(rows: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    return buffer.getvalue()


def _note(version: Version) -> str:
    said = f"{version.name} learned from {version.rows:,} moments"
    if version.origin:
        said = f"{version.name} is {version.origin}, and was measured on {version.rows:,} moments"
    if version.unlabelled:
        said += f"; {version.unlabelled:,} without a label left out"
    if version.assumed:
        said += "; when rows were known is assumed"
    return said + (
        "; it is live" if version.number == 1 else f"; to make it live: pumphouse model promote {version.name}"
    )
