"""How a rollout's predictions are given: to whom, how fast, how old what they were made of is, who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import literal
from pumphouse.errors import PumphouseError
from pumphouse.features.moments import AS_OF
from pumphouse.features.values import entities_query
from pumphouse.lake.lake import Lake
from pumphouse.models.seen import WINDOW, Seen

CALLERS_MAX = 20
READERS_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one version in one role answered in the window: one by one (`served`), or for everybody.

    Times are milliseconds from request to answer, of those served. `features_age_s` is how long before the prediction's
    moment its features were computed, in seconds.
    """

    version: str
    role: str
    answers: int
    served: int
    fallback: int
    unknown_entity: int
    latency_ms_p50: float | None
    latency_ms_p99: float | None
    features_age_s_p50: float | None
    features_age_s_max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asked, how often in all and in the window, and when last."""

    caller: str | None
    predictions: int
    recent: int
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How predictions were given in the days (`window`) before the newest one.

    `known` entities were in the features' inputs at the newest prediction; `reached` of them have a prediction of the
    window. `missing` is the share of feature values that were null, by column, among predictions with stored features.
    `batch_ms_per_1000` is the wall time of the newest build of scores, with reading and writing; no CPU time is logged.
    `reads` are those of the access log in 30 days.
    """

    window: str
    known: int | None
    reached: int | None
    answers: tuple[Answers, ...]
    missing: dict[str, float]
    batch_ms_per_1000: float | None
    callers: tuple[Caller, ...]
    reads: dict[str, int]


def operation(lake: Lake, what: Seen, rollout: Asset, *, now: datetime) -> Operation:
    """How a rollout's predictions were given in the last days."""
    known, reached = _coverage(what)
    usage = lake.state.usage(after=now - READERS_WITHIN, until=now, asset=rollout.name)
    reads: dict[str, int] = {}
    for one in usage:
        reads[one.who] = reads.get(one.who, 0) + one.reads
    return Operation(
        window=WINDOW,
        known=known,
        reached=reached,
        answers=tuple(Answers(**row) for row in what.read(_answers(what)).to_pylist()),
        missing=_missing(what),
        batch_ms_per_1000=_batch_cost(lake, what, rollout),
        callers=tuple(Caller(**row) for row in what.read(_callers(what)).to_pylist()),
        reads=reads,
    )


def _answers(what: Seen) -> str:
    age = f"epoch({AS_OF}) - epoch(coalesce(features_as_of, {AS_OF}))"
    return f"""
    SELECT version, coalesce(role, 'live') AS role, count(*) AS answers, count(latency_ms) AS served,
           count(fallback) AS fallback, count(*) FILTER (NOT known_entity) AS unknown_entity,
           quantile_cont(latency_ms, 0.5) AS latency_ms_p50, quantile_cont(latency_ms, 0.99) AS latency_ms_p99,
           quantile_cont({age}, 0.5) AS features_age_s_p50, max({age}) AS features_age_s_max
    FROM predictions WHERE {what.is_recent} GROUP BY ALL ORDER BY answers DESC, 1, 2
    """


def _callers(what: Seen) -> str:
    return f"""
    SELECT caller, count(*) AS predictions, count(*) FILTER ({what.is_recent}) AS recent, max({AS_OF}) AS last
    FROM predictions GROUP BY caller ORDER BY recent DESC, predictions DESC, caller LIMIT {CALLERS_MAX}
    """


def _coverage(what: Seen) -> tuple[int | None, int | None]:
    """How many entities were known at the newest prediction, and how many of them have a prediction of the window."""
    try:
        entities = entities_query(what.query, as_of=what.last)
    except PumphouseError:  # what the features read is no longer there
        return None, None
    text = f"""
    SELECT count(*) AS known, count(p.reached) AS reached FROM ({entities.text}) k
    LEFT JOIN (SELECT DISTINCT {what.keys}, true AS reached FROM predictions WHERE {what.is_recent}) p
    USING ({what.keys})
    """
    inputs = {**entities.inputs, "predictions": what.predictions_scan}
    (row,) = what.world.engine.read(Query(text=text, inputs=inputs)).read_all().to_pylist()
    return row["known"], row["reached"]


def _missing(what: Seen) -> dict[str, float]:
    columns = list(what.version.columns)
    parts = ", ".join(f"avg(CAST({logged(name)} IS NULL AS INTEGER))" for name in columns)
    text = (
        f"SELECT [{parts}] AS shares FROM predictions"
        f" WHERE {what.is_recent} AND features IS NOT NULL AND version = {literal(what.version.name)}"
    )
    shares: list[Any] = what.read(text)["shares"][0].as_py()
    return {name: share for name, share in zip(columns, shares, strict=True) if share is not None}


def logged(column: str) -> str:
    """SQL: a feature's value as text in a prediction's stored `features`."""
    pointer = "/" + column.replace("~", "~0").replace("/", "~1")
    return f"json_extract_string(features, '{pointer.replace(chr(39), chr(39) * 2)}')"


def _batch_cost(lake: Lake, what: Seen, rollout: Asset) -> float | None:
    for asset in what.world.assets.values():
        if asset.kind == "scores" and asset.spec.rollout == rollout.name:
            built = {one.snapshot: one.counts.rows_out for one in lake.history(asset.name)}
            for record in lake.state.run_builds(asset=asset.name, limit=1):
                rows = built.get(record.snapshot or -1)
                if record.seconds and rows:
                    return record.seconds * 1000 / rows * 1000
    return None
