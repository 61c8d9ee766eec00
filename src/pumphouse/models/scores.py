"""Scores: a prediction for every entity, as a table, by the versions that are live."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pumphouse.declare.asset import Asset
from pumphouse.features.moments import AS_OF
from pumphouse.features.values import World, entities_query
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.models.predictions import chances_of_both, loaded, prediction_schema, predictions_of, ready, ready_shadow
from pumphouse.models.registry import live, live_shadow

if TYPE_CHECKING:
    import pyarrow as pa

SCORE_COLUMNS = ("prediction", "version", "shadow_prediction", "shadow_version")


def build(asset: Asset, context: Context) -> Built:
    """Score everybody whom the features' inputs knew when `$today` began, in batches.

    One row per entity: its columns, `as_of`, `prediction` (0..1), `version`, and the shadow's two, null without one.
    The same rows join the rollout's predictions, so that a later outcome can judge them. Raises UnknownName where the
    model has no version yet.
    """
    import pyarrow as pa

    rollout = context.assets[asset.spec.rollout]
    world = World(engine=context.engine, scan=context.scan, assets=context.assets, functions=context.functions)
    answers = ready(loaded(context.lake, live(context.lake, rollout.spec.model)), world)
    listening = live_shadow(context.lake, rollout)
    shadow = ready_shadow(loaded(context.lake, listening) if listening else None, world)
    as_of = context.start_of_today
    entity = tuple(answers.version.entity)
    schema = prediction_schema(answers.version)
    columns = [*entity, AS_OF, *SCORE_COLUMNS]
    rows = 0

    def score(batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        nonlocal rows
        values, own, listened = chances_of_both(answers, shadow, pa.Table.from_batches([batch]))
        count = values.num_rows
        keys = zip(*(values[name].to_pylist() for name in entity), strict=True)
        prefix = f"{asset.name}/{as_of.isoformat()}/{answers.version.name}"
        arrays = {
            **{name: values[name] for name in (*entity, AS_OF)},
            "prediction_id": pa.array([f"{prefix}/{'/'.join(map(str, key))}" for key in keys], pa.string()),
            "prediction": own,
            "version": pa.repeat(answers.version.name, count),
            "shadow_prediction": listened,
            "shadow_version": pa.repeat(shadow.version.name, count) if shadow else pa.nulls(count, pa.string()),
            "snapshot": pa.repeat(pa.scalar(context.snapshot, pa.int64()), count),
            "known_entity": pa.repeat(pa.scalar(True), count),  # noqa: FBT003  # a value, not a switch
            "features": pa.nulls(count, pa.string()),
            "role": pa.repeat("live", count),
            "fallback": pa.nulls(count, pa.string()),
            "features_from": pa.repeat("lake", count),
            "features_as_of": values[AS_OF],
            "latency_ms": pa.nulls(count, pa.float64()),
            "caller": pa.repeat(context.actor, count),
        }
        predicted = (
            pa.table({name: arrays[name] for name in schema.names}).cast(schema).combine_chunks().to_batches()[0]
        )
        rows += count
        context.progress(rows)
        return {"scores": predicted.select(columns), "predictions": predicted}

    written = context.engine.map(
        entities_query(answers.query, as_of=as_of),
        score,
        outputs={"scores": pa.schema([schema.field(name) for name in columns]), "predictions": schema},
        folder=context.lake.staging(),
        stem=f"{asset.name}_{uuid.uuid4().hex}",
    )
    commit = context.begin(asset)
    commit.replace(asset.name, written["scores"], key=entity)
    commit.upsert(predictions_of(rollout.name), written["predictions"], key=("prediction_id",))
    commit.detail(version=answers.version.name, as_of=as_of.isoformat())
    counts = Counts(rows_in=rows, rows_out=rows)
    note = f"by {answers.version.name} as of {as_of:%Y-%m-%d %H:%M %Z}"
    return Built.of(asset.name, commit.publish(counts), counts=counts, note=note)
