"""What a rollout's predictions were worth, once what they were about has happened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query, Scan
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError
from pumphouse.features.moments import AS_OF
from pumphouse.lake.lake import Lake
from pumphouse.models.outcomes import outcomes_of
from pumphouse.models.predictions import predictions_of
from pumphouse.models.quality import Quality, quality
from pumphouse.models.registry import Version, parse_version, version

if TYPE_CHECKING:
    import pyarrow as pa

PRECEDES_MAX = "1 day"
"""An outcome judges the last prediction made at its moment or at most this long before: a label asks at midnight, a
request comes during the day."""

ROWS_MAX = 2_000_000
"""Rows that are judged one by one. Of more, a share of the entities is, whole and always the same."""
TOLD = "what was told"
Role = Literal["live", "canary", "challenger", "shadow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionJudgement:
    """How good one version was, in one role, over the moments from `first` to `last`."""

    version: str
    role: Role
    first: datetime
    last: datetime
    quality: Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How good a rollout's predictions were by what happened, at one snapshot.

    `outcome` is the label, or TOLD where there is none. `waiting` counts predictions whose outcome is not certain yet,
    or that no outcome asks about; `early` those among them of which something was told before they matured.
    """

    rollout: str
    outcome: str
    snapshot: int
    versions: tuple[VersionJudgement, ...]
    waiting: int
    early: int = 0


def judge(lake: Lake, assets: Mapping[str, Asset], rollout: Asset, *, snapshot: int | None = None) -> Judgement:
    """The rollout's predictions against what came true, for each version that answered or listened.

    An outcome that was told of a prediction (`POST /outcomes/NAME`) judges it, the one that was known last; for all
    others the label does: each of its rows judges the last prediction of a version for the same entity that preceded it
    by at most PRECEDES_MAX. Neither counts before the label's `matures` has passed. Raises BuildError where there is
    neither.
    """
    at = lake.snapshot() if snapshot is None else snapshot
    found = judged_rows(lake, assets, rollout, snapshot=at)
    label = assets[rollout.spec.outcome] if rollout.spec.outcome else None
    return Judgement(
        rollout=rollout.name,
        outcome=label.name if label else TOLD,
        snapshot=at,
        versions=tuple(_each_version(lake, found.rows)) if found else (),
        waiting=found.waiting if found else 0,
        early=found.early if found else 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRows:
    """Predictions beside what came true, at one snapshot.

    `rows` has `prediction_id`, `role`, `version`, `chance`, AS_OF, `entity` (a number for each), `known_entity`,
    `fallback`, `latency_ms` (null for scores), the entity's columns, `outcome` and `told` (whether it was told, not the
    label's), in order of role, version, moment and id. `share` of all entities are among them: all, unless there are
    more than ROWS_MAX rows.
    """

    rows: pa.Table
    waiting: int
    early: int
    share: float


def judged_rows(lake: Lake, assets: Mapping[str, Asset], rollout: Asset, *, snapshot: int) -> JudgedRows | None:
    """Each prediction that can be judged, once for each version and role; None where nothing was predicted yet.

    Raises BuildError where the rollout declares no outcome and none was told.
    """
    table, told = predictions_of(rollout.name), outcomes_of(rollout.name)
    label = assets[rollout.spec.outcome] if rollout.spec.outcome else None
    if label is None and not lake.has(told, snapshot=snapshot):
        raise BuildError(
            f"rollout '{rollout.name}' has no outcome to be judged by",
            asset=rollout.name,
            place=rollout.place,
            mend='Name the label: ph.rollout(..., outcome="<label>"), or tell what happened: '
            f"POST /outcomes/{rollout.name}.",
        )
    if not lake.has(table, snapshot=snapshot):
        return None
    inputs = {"predictions": lake.scan(table, snapshot=snapshot)}
    if lake.has(told, snapshot=snapshot):
        inputs["told"] = lake.scan(told, snapshot=snapshot)
    if label is not None and lake.has(label.name, snapshot=snapshot):
        inputs["outcomes"] = lake.scan(label.name, snapshot=snapshot)
    if (last := _newest_version(lake, inputs["predictions"])) is None:
        return None
    asked = _Asked(
        label=label if "outcomes" in inputs else None,
        matures=label.spec.matures if label else None,
        told="told" in inputs,
        entity=tuple(last.entity),
        horizon=_committed_at(lake, snapshot),
    )

    def read(text: str) -> pa.Table:
        return lake.engine.fork().read(Query(text=text, inputs=inputs)).read_all()

    counted = read(_counted(asked)).to_pylist()[0]
    share = min(1.0, ROWS_MAX / max(1, counted["predictions"]))
    rows = read(_met(asked, share=share))
    return JudgedRows(rows=rows, waiting=counted["waiting"], early=counted["early"], share=share)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the SQL of a judgement depends on."""

    label: Asset | None
    matures: str | None
    told: bool
    entity: tuple[str, ...]
    horizon: datetime | None
    """When the snapshot was committed: what had matured by then is certain."""


def _committed_at(lake: Lake, snapshot: int) -> datetime | None:
    """When the last build up to a snapshot was committed."""
    builds = (one for asset in lake.builds() for one in lake.history(asset) if one.snapshot <= snapshot)
    return max((one.at for one in builds if one.at), default=None)


def _newest_version(lake: Lake, predictions: Scan) -> Version | None:
    text = f"SELECT arg_max(version, {AS_OF}) AS version FROM predictions"
    read = lake.engine.fork().read(Query(text=text, inputs={"predictions": predictions})).read_all()
    name = read["version"][0].as_py()
    return version(lake, *parse_version(name)) if name else None


def _told(asked: _Asked) -> str:
    """SQL: one row for each prediction of which something was told: the outcome that was known last.

    One that names an entity is about its last prediction before it happened, no longer before than the label matures.
    """
    if not asked.told:
        return (
            "SELECT CAST(NULL AS VARCHAR) AS prediction_id, CAST(NULL AS DOUBLE) AS outcome,"
            f" CAST(NULL AS TIMESTAMPTZ) AS {AS_OF} LIMIT 0"
        )
    same = " AND ".join(f"p.{quoted(key)} = t.{quoted(key)}" for key in asked.entity)
    since = f"AND p.{AS_OF} > t.at - INTERVAL {literal(asked.matures)}" if asked.matures else ""
    keys = ", ".join(map(quoted, asked.entity))
    return f"""
    WITH of_entity AS (
        SELECT p.prediction_id, t.outcome, t.known_at, t.outcome_id
        FROM (SELECT *, coalesce(happened_at, known_at) AS at FROM told WHERE prediction_id IS NULL) t
        JOIN (SELECT prediction_id, {AS_OF}, {keys} FROM predictions) p
          ON {same} AND p.{AS_OF} <= t.at {since}
        QUALIFY row_number() OVER (PARTITION BY t.outcome_id ORDER BY p.{AS_OF} DESC, p.prediction_id DESC) = 1
    ),
    each_told AS (
        SELECT prediction_id, outcome, known_at, outcome_id FROM told WHERE prediction_id IS NOT NULL
        UNION ALL SELECT * FROM of_entity
    )
    SELECT e.prediction_id, e.outcome, p.{AS_OF}
    FROM each_told e JOIN predictions p USING (prediction_id)
    QUALIFY row_number() OVER (PARTITION BY e.prediction_id ORDER BY e.known_at DESC, e.outcome_id DESC) = 1
    """


def _is_mature(asked: _Asked, as_of: str) -> str:
    if asked.matures is None or asked.horizon is None:
        return "true"
    return f"{as_of} + INTERVAL {literal(asked.matures)} <= {literal(asked.horizon)}"


def _about(asked: _Asked) -> str:
    """SQL: whether a row `o` of the label can judge a prediction `p`."""
    same = " AND ".join(f"p.{quoted(key)} = o.{quoted(key)}" for key in asked.entity)
    return f"{same} AND p.{AS_OF} <= o.{AS_OF} AND p.{AS_OF} > o.{AS_OF} - INTERVAL '{PRECEDES_MAX}'"


def _said(asked: _Asked, *, share: float) -> str:
    """SQL: what each version said in each role, of a share of the entities."""
    keys = ", ".join(map(quoted, asked.entity))
    nobody = " AND ".join(f"{quoted(key)} IS NULL" for key in asked.entity)
    own = f"prediction_id, {AS_OF}, {keys}, entity, known_entity, fallback, latency_ms"
    chosen = "" if share >= 1 else f"WHERE entity % 1000000 < {math.floor(share * 1_000_000)}"
    return f"""
    WITH chosen AS (
        SELECT *, CASE WHEN {nobody} THEN hash(prediction_id) ELSE hash({keys}) END AS entity
        FROM predictions {chosen})
    SELECT {own}, coalesce(role, 'live') AS heard, version AS by, prediction AS chance FROM chosen
    UNION ALL
    SELECT {own}, 'shadow', shadow_version, shadow_prediction FROM chosen WHERE shadow_version IS NOT NULL
    """


def _judged(asked: _Asked) -> str:
    """SQL: one row for each prediction, role and version that something can judge."""
    columns = (
        f"p.prediction_id, p.heard AS role, p.by AS version, p.chance, p.{AS_OF}, p.entity, p.known_entity,"
        f" p.fallback, p.latency_ms, {', '.join(f'p.{quoted(key)}' for key in asked.entity)}"
    )
    by_told = f"""
    SELECT {columns}, t.outcome, true AS told
    FROM said p JOIN told_of t USING (prediction_id)
    WHERE p.chance IS NOT NULL AND {_is_mature(asked, f"p.{AS_OF}")}
    """
    if asked.label is None:
        return by_told
    keys = ", ".join(f"o.{quoted(key)}" for key in asked.entity)
    value = f"o.{quoted(asked.label.name)}"
    return f"""
    {by_told}
    UNION ALL
    SELECT * FROM (
        SELECT {columns}, CAST({value} AS DOUBLE) AS outcome, false AS told
        FROM outcomes o JOIN said p ON {_about(asked)}
        WHERE p.chance IS NOT NULL AND {value} IS NOT NULL
        QUALIFY row_number() OVER (
            PARTITION BY {keys}, o.{AS_OF}, p.heard, p.by ORDER BY p.{AS_OF} DESC, p.prediction_id DESC) = 1
    ) WHERE prediction_id NOT IN (SELECT prediction_id FROM told_of)
    """


def _met(asked: _Asked, *, share: float) -> str:
    """SQL: the rows of a judgement, of a share of the entities."""
    return f"""
    WITH told_of AS MATERIALIZED ({_told(asked)}), said AS ({_said(asked, share=share)}), judged AS ({_judged(asked)})
    FROM judged ORDER BY role, version, {AS_OF}, prediction_id
    """


def _counted(asked: _Asked) -> str:
    """SQL: how many predictions there are, and how many wait.

    One waits whose outcome is not certain yet, or that nothing asks about. One whose place a later one took does not.
    """
    by_label = (
        f"ANTI JOIN (FROM outcomes WHERE {quoted(asked.label.name)} IS NOT NULL) o ON {_about(asked)}"
        if asked.label
        else ""
    )
    return f"""
    WITH told_of AS MATERIALIZED ({_told(asked)}),
         certain AS (FROM told_of t WHERE {_is_mature(asked, f"t.{AS_OF}")})
    SELECT (SELECT count(*) FROM predictions) AS predictions,
           (SELECT count(*) FROM predictions p ANTI JOIN certain c USING (prediction_id) {by_label}) AS waiting,
           (SELECT count(*) FROM told_of) - (SELECT count(*) FROM certain) AS early
    """


def _each_version(lake: Lake, met: pa.Table) -> list[VersionJudgement]:
    import numpy as np
    from pyarrow import compute

    judgements = []
    pairs = met.group_by(["role", "version"]).aggregate([]).sort_by([("role", "ascending"), ("version", "ascending")])
    for pair in pairs.to_pylist():
        is_of = compute.and_(compute.equal(met["role"], pair["role"]), compute.equal(met["version"], pair["version"]))
        mine = met.filter(is_of)
        made: Version = version(lake, *parse_version(pair["version"]))
        span = compute.min_max(mine[AS_OF]).as_py()
        judgements.append(
            VersionJudgement(
                version=pair["version"],
                role=pair["role"],
                first=span["min"],
                last=span["max"],
                quality=quality(
                    mine["chance"].to_numpy(),
                    mine["outcome"].to_numpy(),
                    guess=made.guess,
                    groups=np.unique(mine["entity"].to_numpy(), return_inverse=True)[1],
                    task=made.task,
                ),
            )
        )
    return judgements
