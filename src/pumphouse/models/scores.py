"""Scores: a prediction for every entity, as a table, by the versions that are live."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from pumphouse.declare.asset import Asset
from pumphouse.engines.parameters import literal
from pumphouse.engines.parquet import ParquetFiles
from pumphouse.features.moments import AS_OF
from pumphouse.features.values import World
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.models.batch import Answers, answered
from pumphouse.models.predictions import loaded, prediction_schema, predictions_of, ready, ready_shadow
from pumphouse.models.registry import Version, live, live_shadow

if TYPE_CHECKING:
    import pyarrow as pa

SCORE_COLUMNS = ("prediction", "version", "shadow_prediction", "shadow_version")


def build(asset: Asset, context: Context) -> Built:
    """Score everybody whom the features' inputs knew when `$today` began, on all cores, in bounded memory.

    One row per entity: its columns, `as_of`, `prediction` (0..1), `version`, and the shadow's two, null without one.
    The same rows join the rollout's predictions, so that a later outcome can judge them; they take the place of what
    this table said of the same moment by the same version. Raises UnknownName where the model has no version yet.
    """
    import pyarrow as pa

    rollout = context.assets[asset.spec.rollout]
    world = World(engine=context.engine, scan=context.scan, assets=context.assets, functions=context.functions)
    answers = ready(loaded(context.lake, live(context.lake, rollout.spec.model)), world)
    listening = live_shadow(context.lake, rollout)
    shadow = ready_shadow(loaded(context.lake, listening) if listening else None, world)
    as_of = context.start_of_today
    schema = prediction_schema(answers.version)
    entity = tuple(answers.version.entity)
    columns = [*entity, AS_OF, *SCORE_COLUMNS]
    outputs = {"scores": pa.schema([schema.field(name) for name in columns]), "predictions": schema}
    prefix = f"{asset.name}/{as_of.isoformat()}/{answers.version.name}/"
    rows = 0

    def predictions(said: Answers) -> pa.RecordBatch:
        return _predictions(
            said,
            schema,
            prefix=prefix,
            version=answers.version,
            shadow=shadow.version if shadow else None,
            snapshot=context.snapshot,
            actor=context.actor,
        )

    with ExitStack() as stack:
        stem = f"{asset.name}_{uuid.uuid4().hex}"
        files = {
            name: stack.enter_context(ParquetFiles(context.lake.staging(), f"{stem}_{name}", columns_of))
            for name, columns_of in outputs.items()
        }
        for batch in stack.enter_context(closing(answered(answers, shadow, as_of=as_of, then=predictions))):
            files["predictions"].write(batch)
            files["scores"].write(batch.select(columns))
            rows += batch.num_rows
            context.progress(rows)
        written = {name: file.close() for name, file in files.items()}
    commit = context.begin(asset)
    commit.replace(asset.name, written["scores"], key=entity)
    said_before = (
        f"{AS_OF} = {literal(as_of)} AND version = {literal(answers.version.name)}"
        f" AND starts_with(prediction_id, {literal(prefix)})"
    )
    commit.replace_where(predictions_of(rollout.name), written["predictions"], where=said_before)
    commit.detail(version=answers.version.name, as_of=as_of.isoformat())
    counts = Counts(rows_in=rows, rows_out=rows)
    note = f"by {answers.version.name} as of {as_of:%Y-%m-%d %H:%M %Z}"
    return Built.of(asset.name, commit.publish(counts), counts=counts, note=note)


def _predictions(
    said: Answers,
    schema: pa.Schema,
    *,
    prefix: str,
    version: Version,
    shadow: Version | None,
    snapshot: int,
    actor: str,
) -> pa.RecordBatch:
    """The rows of the rollout's predictions. An id is the scores' name, moment, version and entity."""
    import pyarrow as pa
    from pyarrow import compute

    values = said.values
    count = values.num_rows
    keys = [_in_id(values[name]) for name in version.entity]
    arrays = {
        **{name: values[name] for name in (*version.entity, AS_OF)},
        "prediction_id": compute.binary_join_element_wise(prefix, compute.binary_join_element_wise(*keys, "/"), ""),
        "prediction": said.live,
        "version": pa.repeat(version.name, count),
        "shadow_prediction": said.shadow,
        "shadow_version": pa.repeat(shadow.name, count) if shadow else pa.nulls(count, pa.string()),
        "snapshot": pa.repeat(pa.scalar(snapshot, pa.int64()), count),
        "known_entity": pa.repeat(pa.scalar(True), count),  # noqa: FBT003  # a value, not a switch
        "features": pa.nulls(count, pa.string()),
        "role": pa.repeat("live", count),
        "fallback": pa.nulls(count, pa.string()),
        "features_from": pa.repeat("lake", count),
        "features_as_of": values[AS_OF],
        "latency_ms": pa.nulls(count, pa.float64()),
        "caller": pa.repeat(actor, count),
    }
    return pa.table({name: arrays[name] for name in schema.names}).cast(schema).combine_chunks().to_batches()[0]


def _in_id(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Keys as text in which a slash is written %2F, so that no two entities have one id."""
    import pyarrow as pa
    from pyarrow import compute

    if not pa.types.is_string(keys.type):
        return keys.cast(pa.string())
    return compute.replace_substring(compute.replace_substring(keys, "%", "%25"), "/", "%2F")
