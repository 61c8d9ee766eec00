"""Skew: whether the same person at nearly the same moment got another answer, or other features, by another way."""

from __future__ import annotations

from dataclasses import dataclass

from pumphouse.engines.parameters import literal
from pumphouse.errors import PumphouseError
from pumphouse.features.moments import AS_OF
from pumphouse.models.operation import logged
from pumphouse.models.seen import Seen

PAIRS_WITHIN = "1 day"
SAMPLE_MAX = 2_000
"""Logged answers whose features are computed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """Batch beside online, for the version that answers now.

    `pairs` are answers given one by one within PAIRS_WITHIN after a score of the same entity by the same version;
    `pairs_equal` of them say the same, and they differ by `difference_mean` on average and `difference_max` at most:
    what happened in between makes a difference too. `recomputed` logged answers had their features computed again from
    the lake, for their own moment; `unequal` counts by column those that come out otherwise: of these there should be
    none.
    """

    pairs: int
    pairs_equal: int
    difference_mean: float | None
    difference_max: float | None
    recomputed: int
    unequal: dict[str, int]


def skew(what: Seen) -> tuple[Skew | None, tuple[str, ...]]:
    """How batch and online compare, None where nothing was answered one by one; and what can't be told."""
    (pairs,) = what.read(_pairs(what)).to_pylist()
    if not pairs["served"]:
        return None, ()
    unknown: tuple[str, ...] = ()
    recomputed = 0
    unequal: dict[str, int] = {}
    try:
        recomputed, unequal = _again(what)
    except PumphouseError as error:
        unknown = (f"whether logged features are what the lake gives: {error}",)
    return (
        Skew(
            pairs=pairs["pairs"],
            pairs_equal=pairs["equal"],
            difference_mean=pairs["mean"],
            difference_max=pairs["most"],
            recomputed=recomputed,
            unequal=unequal,
        ),
        unknown,
    )


def _pairs(what: Seen) -> str:
    same = " AND ".join(f's."{key}" = b."{key}"' for key in what.entity)
    of = f"version = {literal(what.version.name)} AND fallback IS NULL"
    return f"""
    WITH served AS (FROM predictions WHERE latency_ms IS NOT NULL AND {of} AND {what.is_recent}),
         pairs AS (
            SELECT abs(s.prediction - b.prediction) AS difference FROM served s
            JOIN (FROM predictions WHERE latency_ms IS NULL AND {of}) b
              ON {same} AND s.{AS_OF} >= b.{AS_OF} AND s.{AS_OF} < b.{AS_OF} + INTERVAL '{PAIRS_WITHIN}')
    SELECT (SELECT count(*) FROM served) AS served, count(*) AS pairs, count(*) FILTER (difference = 0) AS equal,
           avg(difference) AS mean, max(difference) AS most FROM pairs
    """


def _again(what: Seen) -> tuple[int, dict[str, int]]:
    """How many logged answers had their features computed again, and how many of each column were unequal."""
    import pyarrow as pa
    from pyarrow import compute

    columns = what.version.columns
    own = ", ".join(
        f"{f'TRY_CAST({logged(name)} AS DOUBLE)' if form == 'number' else logged(name)} AS logged_{number}"
        for number, (name, form) in enumerate(columns.items())
    )
    moment = f"coalesce(features_as_of, {AS_OF})"
    text = f"""
    SELECT {what.keys}, {moment} AS {AS_OF}, {own} FROM predictions
    WHERE latency_ms IS NOT NULL AND version = {literal(what.version.name)} AND {what.is_recent}
      AND features IS NOT NULL AND coalesce(features_from, 'lake') <> 'request' AND fallback IS NULL
    QUALIFY row_number() OVER (PARTITION BY {what.keys}, {moment} ORDER BY prediction_id) = 1
    ORDER BY hash(prediction_id), prediction_id LIMIT {SAMPLE_MAX}
    """
    sample = what.read(text)
    sample = sample.filter(sample[what.entity[0]].is_valid())
    if not sample.num_rows:
        return 0, {}
    values = what.features_at(sample)
    keys = [(AS_OF, "ascending"), *((key, "ascending") for key in what.entity)]
    ordered = sample.sort_by(keys)
    values = values.sort_by(keys)
    unequal = {}
    for number, (name, form) in enumerate(columns.items()):
        kind = pa.float64() if form == "number" else pa.string()
        was, is_ = ordered[f"logged_{number}"].cast(kind), values[name].cast(kind, safe=False)
        same = compute.or_(
            compute.fill_null(compute.equal(was, is_), fill_value=False), compute.and_(was.is_null(), is_.is_null())
        )
        if count := values.num_rows - int(compute.sum(same).as_py() or 0):
            unequal[name] = count
    return values.num_rows, unequal
