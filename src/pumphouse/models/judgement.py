"""What a rollout's predictions were worth, once what they were about has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError
from pumphouse.features.moments import AS_OF, entity_numbers
from pumphouse.lake.lake import Lake
from pumphouse.models.predictions import predictions_of
from pumphouse.models.quality import Quality, quality
from pumphouse.models.registry import Version, parse_version, version

if TYPE_CHECKING:
    import pyarrow as pa

PRECEDES_MAX = "1 day"
"""An outcome judges the last prediction made at its moment or at most this long before: a label asks at midnight, a
request comes during the day."""

Role = Literal["live", "shadow"]


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

    `waiting` counts predictions whose outcome is not certain yet, or that no outcome asks about.
    """

    rollout: str
    outcome: str
    snapshot: int
    versions: tuple[VersionJudgement, ...]
    waiting: int


def judge(lake: Lake, assets: Mapping[str, Asset], rollout: Asset, *, snapshot: int | None = None) -> Judgement:
    """The rollout's predictions against its outcome, for each version that answered or listened.

    Each outcome judges the last prediction of a version for the same entity that preceded it by at most PRECEDES_MAX.
    Raises BuildError where the rollout declares no outcome.
    """
    if rollout.spec.outcome is None:
        raise BuildError(
            f"rollout '{rollout.name}' has no outcome to be judged by",
            asset=rollout.name,
            place=rollout.place,
            mend='Name the label: ph.rollout(..., outcome="<label>").',
        )
    label = assets[rollout.spec.outcome]
    at = lake.snapshot() if snapshot is None else snapshot
    table = predictions_of(rollout.name)
    if not lake.has(table, snapshot=at) or not lake.has(label.name, snapshot=at):
        return Judgement(rollout=rollout.name, outcome=label.name, snapshot=at, versions=(), waiting=0)
    inputs = {"predictions": lake.scan(table, snapshot=at), "outcomes": lake.scan(label.name, snapshot=at)}
    met = lake.engine.read(Query(text=_met(label), inputs=inputs)).read_all()
    waiting = lake.engine.read(Query(text=_waiting(label), inputs=inputs)).read_all()
    return Judgement(
        rollout=rollout.name,
        outcome=label.name,
        snapshot=at,
        versions=tuple(_each_version(lake, label, met)),
        waiting=waiting["n"][0].as_py(),
    )


def _about(entity: tuple[str, ...]) -> str:
    """SQL: whether an outcome `o` can judge a prediction `p`."""
    same = " AND ".join(f"p.{quoted(key)} = o.{quoted(key)}" for key in entity)
    return f"{same} AND p.{AS_OF} <= o.{AS_OF} AND p.{AS_OF} > o.{AS_OF} - INTERVAL '{PRECEDES_MAX}'"


def _waiting(label: Asset) -> str:
    """SQL: how many predictions no outcome can judge yet. One whose place a later one took does not wait."""
    certain = f"o.{quoted(label.name)} IS NOT NULL"
    return f"""
    SELECT count(*) AS n FROM predictions p
    WHERE NOT EXISTS (SELECT 1 FROM outcomes o WHERE {_about(label.spec.entity)} AND {certain})
    """


def _met(label: Asset) -> str:
    """SQL: one row for each outcome and each version that had predicted it in either role."""
    entity = label.spec.entity
    keys = ", ".join(f"o.{quoted(key)}" for key in entity)
    return f"""
    WITH said AS (
        SELECT *, 'live' AS heard, version AS by, prediction AS chance FROM predictions
        UNION ALL
        SELECT *, 'shadow' AS heard, shadow_version AS by, shadow_prediction AS chance FROM predictions
    )
    SELECT p.prediction_id, p.heard, p.by, p.chance, p.{AS_OF} AS said_at, {keys},
           CAST(o.{quoted(label.name)} AS BIGINT) AS outcome
    FROM outcomes o JOIN said p
      ON {_about(entity)}
    WHERE p.chance IS NOT NULL AND o.{quoted(label.name)} IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY {keys}, o.{AS_OF}, p.heard, p.by ORDER BY p.{AS_OF} DESC, p.prediction_id DESC) = 1
    ORDER BY p.heard, p.by, {keys}, p.{AS_OF}
    """


def _each_version(lake: Lake, label: Asset, met: pa.Table) -> list[VersionJudgement]:
    from pyarrow import compute

    judgements = []
    pairs = met.group_by(["heard", "by"]).aggregate([]).sort_by([("heard", "ascending"), ("by", "ascending")])
    for pair in pairs.to_pylist():
        mine = met.filter(
            compute.and_(compute.equal(met["heard"], pair["heard"]), compute.equal(met["by"], pair["by"]))
        )
        made: Version = version(lake, *parse_version(pair["by"]))
        span = compute.min_max(mine["said_at"]).as_py()
        judgements.append(
            VersionJudgement(
                version=pair["by"],
                role=pair["heard"],
                first=span["min"],
                last=span["max"],
                quality=quality(
                    mine["chance"].to_numpy(),
                    mine["outcome"].to_numpy(),
                    guess=made.rate,
                    groups=entity_numbers(mine, label.spec.entity),
                ),
            )
        )
    return judgements
