"""Answers: predictions that were given one by one. They are logged before they are given, and reach the lake here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from pumphouse.declare.asset import Asset
from pumphouse.errors import RequestRefused
from pumphouse.features.moments import AS_OF
from pumphouse.lake.context import Built
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access
from pumphouse.lake.streams import flush, texts_stay
from pumphouse.models.predictions import Prediction, decode, encode, prediction_schema, predictions_of
from pumphouse.models.registry import parse_version, version
from pumphouse.models.waiting import Call, Outcome

if TYPE_CHECKING:
    import pyarrow as pa


def stream_of(rollout: str) -> str:
    """The stream of the lake's state in which a rollout's answers are logged."""
    return f"predictions/{rollout}"


def shadow_key(id: str) -> str:
    """The key of what the shadow said of a prediction, in the same stream. No prediction's id holds a tab."""
    return f"{id}\tshadow"


def log_answers(
    lake: Lake, rollout: str, calls: Sequence[tuple[Call, Sequence[Prediction]]], *, ended: float
) -> list[Outcome]:
    """Log the answers of some calls and who read them, in one transaction; what each call is given, once it is on disk.

    Where an id that the call chose is in the log already, what was said then is given again. It is refused where that
    was about another entity.
    """
    stream = stream_of(rollout)
    timed = [
        [replace(answer, latency_ms=round((ended - call.began) * 1000, 3)) for answer in answers]
        for call, answers in calls
    ]
    reads = [
        Access(
            at=call.at,
            who=call.who,
            door=call.door,
            asset=rollout,
            snapshot=answers[0].snapshot,
            rows=len(answers),
            detail=answers[0].id,
        )
        for (call, _), answers in zip(calls, timed, strict=True)
        if call.who is not None
    ]
    lake.state.append(
        stream,
        [(answer.id, encode(answer)) for answers in timed for answer in answers],
        at=calls[0][0].at,
        reads=reads,
    )
    chosen = [row.id for call, _ in calls for row in call.rows if row.repeatable]
    if not chosen:
        return [tuple(answers) for answers in timed]
    kept = {id: decode(body) for id, body in lake.state.bodies(stream, chosen).items()}
    hidden = kept.keys() - without_hidden(lake, kept).keys()
    return [_repeated(rollout, answers, kept, hidden) for answers in timed]


def without_hidden(lake: Lake, predictions: Mapping[str, Prediction]) -> dict[str, Prediction]:
    """Those of the predictions, by id, that are not about somebody who is hidden."""
    import pyarrow as pa

    if not predictions:
        return {}
    names = dict.fromkeys(name for each in predictions.values() for name in each.entity)
    columns: dict[str, pa.Array] = {"prediction_id": pa.array(predictions)}
    for name in names:
        values = [each.entity.get(name) for each in predictions.values()]
        is_text = any(isinstance(value, str) for value in values)
        columns[name] = pa.array([str(value) for value in values] if is_text else values)
    shown = lake.without_hidden(pa.table(columns))
    return {key: predictions[key] for key in shown["prediction_id"].to_pylist()}


def _repeated(
    rollout: str, answers: Sequence[Prediction], kept: Mapping[str, Prediction], hidden: Collection[str]
) -> Outcome:
    for answer in answers:
        if answer.id in hidden:
            return RequestRefused(
                f"the prediction '{answer.id}' is about somebody who is hidden",
                asset=rollout,
                mend="Ask without an id: who is hidden is answered as one whom nobody knows.",
            )
        if kept.get(answer.id, answer).entity != answer.entity:
            return RequestRefused(
                f"the prediction_id '{answer.id}' was given for another entity",
                asset=rollout,
                mend="Give each request an id of its own; repeat one only where its answer was lost.",
            )
    return tuple(kept.get(answer.id, answer) for answer in answers)


def flush_predictions(lake: Lake, rollout: Asset, *, run: str, actor: str, accept_schema: bool = False) -> Built:
    """Move the answers that were logged since the last time into the table `<rollout>__predictions`.

    Their columns are those of the versions that gave them, whatever the rollout names by now. Where an entity's column
    has once been text, it stays so.
    """
    table = predictions_of(rollout.name)
    columns = texts_stay(
        [lake.stored_schema(table)] if lake.has(table) else [],
        lambda name: prediction_schema(version(lake, *parse_version(name))),
    )
    return flush(
        lake,
        stream_of(rollout.name),
        table=table,
        key=("prediction_id",),
        decode=decode,
        schema_of=lambda prediction: columns(prediction.version),
        batch_of=_batch,
        said="answers kept",
        run=run,
        actor=actor,
        accept_schema=accept_schema,
    )


def _batch(predictions: Sequence[Prediction], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    rows = [_row(prediction) for prediction in predictions]
    for name in predictions[0].entity:
        if schema.field(name).type == pa.string():
            rows = [{**row, name: None if row[name] is None else str(row[name])} for row in rows]
    return pa.RecordBatch.from_pylist(rows, schema=schema)


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
        "role": prediction.role,
        "fallback": prediction.fallback,
        "features_from": prediction.features_from,
        "features_as_of": prediction.features_as_of or prediction.as_of,
        "latency_ms": prediction.latency_ms,
        "caller": prediction.caller,
    }
