"""Scores: a prediction for every entity, as a table, by the versions that are live."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from pumphouse.declare.asset import Asset
from pumphouse.engines.parameters import literal
from pumphouse.engines.parquet import ParquetFiles
from pumphouse.features.moments import AS_OF
from pumphouse.features.times import KNOWN_AT
from pumphouse.features.values import World, refuse_without_request
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.models.batch import Answers, answered, panel
from pumphouse.models.predictions import prediction_schema, predictions_of

if TYPE_CHECKING:
    import pyarrow as pa

SCORE_COLUMNS = ("prediction", "version", "shadow_prediction", "shadow_version")


def build(asset: Asset, context: Context) -> Built:
    """Score everybody whom the features' inputs knew when `$today` began, on all cores, in bounded memory.

    One row per entity: its columns, `as_of`, `prediction` (0..1), `version`, and the shadow's two, null without one.
    A canary and a challenger answer for the entities of their share. The same rows join the rollout's predictions, so
    that a later outcome can judge them; they take the place of what this table said of the same moment by the same
    version. Raises UnknownName where the model has no version yet, BuildError where features come with a request.
    """
    import pyarrow as pa

    rollout = context.assets[asset.spec.rollout]
    world = World(engine=context.engine, scan=context.scan, assets=context.assets, functions=context.functions)
    asked = panel(context.lake, rollout, world)
    for one in (asked.live, *asked.others.values()):
        refuse_without_request(one.query, (), what=f"'{asset.name}', which asks {one.version.name} about everybody,")
    live, as_of = asked.live.version, context.start_of_today
    schema = prediction_schema(live)
    entity = tuple(live.entity)
    columns = [*entity, AS_OF, *SCORE_COLUMNS]
    scored = pa.schema([*(schema.field(name) for name in columns), pa.field(KNOWN_AT, schema.field(AS_OF).type)])
    outputs = {"scores": scored, "predictions": schema}
    # What a score is derived from is what was known at its moment, and the versions that said it.
    known_at = max([as_of, *(arm.version.at for arm in asked.arms.answering)])
    prefix = f"{asset.name}/{as_of.isoformat()}/"
    rows = failed = 0

    def predictions(said: Answers) -> pa.RecordBatch:
        shadow = asked.shadow.version.name if asked.shadow else None
        return _predictions(said, schema, prefix=prefix, shadow=shadow, snapshot=context.snapshot, actor=context.actor)

    with ExitStack() as stack:
        stem = f"{asset.name}_{uuid.uuid4().hex}"
        files = {
            name: stack.enter_context(ParquetFiles(context.lake.staging(), f"{stem}_{name}", columns_of, key=entity))
            for name, columns_of in outputs.items()
        }
        for batch in stack.enter_context(closing(answered(asked, as_of=as_of, then=predictions))):
            files["predictions"].write(batch)
            known = pa.repeat(pa.scalar(known_at, scored.field(KNOWN_AT).type), batch.num_rows)
            files["scores"].write(batch.select(columns).append_column(KNOWN_AT, known))
            rows += batch.num_rows
            failed += batch.num_rows - batch["fallback"].null_count
            context.progress(rows)
        written = {name: file.close() for name, file in files.items()}
    commit = context.begin(asset)
    commit.replace(asset.name, written["scores"], key=entity)
    versions = ", ".join(literal(arm.version.name) for arm in asked.arms.answering)
    said_before = (
        f"{AS_OF} = {literal(as_of)} AND version IN ({versions}) AND starts_with(prediction_id, {literal(prefix)})"
    )
    commit.replace_where(predictions_of(rollout.name), written["predictions"], where=said_before)
    commit.detail(version=live.name, as_of=as_of.isoformat())
    counts = Counts(rows_in=rows, rows_out=rows)
    by = ", ".join([live.name, *(f"{role} {one.version.name}" for role, one in asked.others.items())])
    note = f"by {by} as of {as_of:%Y-%m-%d %H:%M %Z}"
    said = f"{failed:,} entities of another arm were answered by {live.name}: their own version can't be asked"
    warnings = (said,) if failed else ()
    return Built.of(asset.name, commit.publish(counts), counts=counts, note=note, warnings=warnings)


def _predictions(
    said: Answers, schema: pa.Schema, *, prefix: str, shadow: str | None, snapshot: int, actor: str
) -> pa.RecordBatch:
    """The rows of the rollout's predictions. An id is the scores' name, moment, version and entity."""
    import pyarrow as pa
    from pyarrow import compute

    values = said.values
    count = values.num_rows
    entity = [name for name in values.schema.names if name in schema.names and name != AS_OF]
    keys = [_in_id(values[name]) for name in entity]
    key = compute.binary_join_element_wise(*keys, "/")
    arrays = {
        **{name: values[name] for name in (*entity, AS_OF)},
        "prediction_id": compute.binary_join_element_wise(prefix, said.versions, "/", key, ""),
        "prediction": said.predictions,
        "version": said.versions,
        "shadow_prediction": said.shadow,
        "shadow_version": pa.repeat(shadow, count) if shadow else pa.nulls(count, pa.string()),
        "snapshot": pa.repeat(pa.scalar(snapshot, pa.int64()), count),
        "known_entity": pa.repeat(pa.scalar(True), count),  # noqa: FBT003  # a value, not a switch
        "features": said.features,
        "role": said.roles,
        "fallback": said.fallbacks,
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
