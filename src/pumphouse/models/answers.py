"""Answers: predictions that were given one by one. They are logged before they are given, and reach the lake here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.features.moments import AS_OF
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Event
from pumphouse.models.predictions import Prediction, decode, prediction_schema, predictions_of
from pumphouse.models.registry import live

if TYPE_CHECKING:
    import pyarrow as pa

EVENTS_PER_BATCH = 10_000


def stream_of(rollout: str) -> str:
    """The stream of the lake's state in which a rollout's answers are logged."""
    return f"predictions/{rollout}"


def flush_predictions(lake: Lake, rollout: Asset, *, run: str, actor: str) -> Built:
    """Move the answers that were logged since the last time into the table `<rollout>__predictions`.

    Each arrives once, by its id: the cursor moves in the same commit, and two who flush at once write the same rows.
    """
    table = predictions_of(rollout.name)
    last = lake.history(table)
    after = int(last[-1].cursor) if last else 0
    newest = after
    if not lake.state.events(stream_of(rollout.name), after=after, limit=1):
        return Built(asset=table, snapshot=None)
    schema = prediction_schema(live(lake, rollout.spec.model))

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal newest
        while events := lake.state.events(stream_of(rollout.name), after=newest, limit=EVENTS_PER_BATCH):
            yield _batch(events, schema)
            newest = events[-1].seq

    written = lake.stage(batches(), schema, stem=f"{table}_{uuid.uuid4().hex}")
    commit = Commit(lake, table, run=run, actor=actor)
    commit.upsert(table, written, key=("prediction_id",))
    commit.cursor(newest)
    built = commit.publish(Counts(rows_in=written.rows, rows_out=written.rows))
    return Built(
        asset=table,
        snapshot=built.snapshot if built else None,
        counts=built.counts if built else Counts(),
        note=f"{written.rows:,} answers kept",
    )


def _batch(events: tuple[Event, ...], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([_row(decode(event.body)) for event in events], schema=schema)


def _row(prediction: Prediction) -> dict[str, object]:
    return {
        "prediction_id": prediction.id,
        **prediction.entity,
        AS_OF: prediction.as_of,
        "prediction": prediction.prediction,
        "version": prediction.version,
        "shadow_prediction": prediction.shadow_prediction,
        "shadow_version": prediction.shadow_version,
        "snapshot": prediction.snapshot,
        "known_entity": prediction.known_entity,
        "features": msgspec.json.encode(prediction.features).decode(),
    }
