"""Predictions that were given, found again by their ids: in the log, else in the rollout's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import literal
from pumphouse.features.moments import AS_OF
from pumphouse.lake.lake import Lake
from pumphouse.models.answers import stream_of, without_hidden
from pumphouse.models.predictions import Prediction, decode, predictions_of
from pumphouse.models.registry import parse_version, version

IDS_PER_QUERY = 1_000
_FEATURES = msgspec.json.Decoder(dict[str, float | str | None])


def kept(lake: Lake, rollout: Asset, ids: Sequence[str]) -> dict[str, Prediction]:
    """The predictions of these ids that there are, by id; those of hidden people are not among them.

    A score of an earlier version of Pumphouse has no `features`: they were not stored with it.
    """
    logged = {key: decode(body) for key, body in lake.state.bodies(stream_of(rollout.name), ids).items()}
    found = without_hidden(lake, logged)
    missing = iter(dict.fromkeys(key for key in ids if key not in logged))
    table = predictions_of(rollout.name)
    if lake.has(table):
        scan = lake.scan(table)
        while some := list(islice(missing, IDS_PER_QUERY)):
            named = ", ".join(map(literal, some))
            text = f"SELECT * FROM predictions WHERE prediction_id IN ({named})"
            for row in lake.engine.fork().read(Query(text=text, inputs={"predictions": scan})).read_all().to_pylist():
                found[row["prediction_id"]] = _prediction(lake, row)
    return found


def _prediction(lake: Lake, row: Mapping[str, Any]) -> Prediction:
    entity = version(lake, *parse_version(row["version"])).entity
    return Prediction(
        id=row["prediction_id"],
        entity={name: row[name] for name in entity},
        as_of=row[AS_OF],
        prediction=row["prediction"],
        version=row["version"],
        shadow_prediction=row["shadow_prediction"],
        shadow_version=row["shadow_version"],
        snapshot=row["snapshot"],
        features=_FEATURES.decode(row["features"]) if row["features"] else {},
        known_entity=row["known_entity"],
        role=row.get("role") or "live",
        fallback=row.get("fallback"),
        features_from=row.get("features_from") or "lake",
        features_as_of=row.get("features_as_of"),
        latency_ms=row.get("latency_ms"),
        caller=row.get("caller"),
    )
