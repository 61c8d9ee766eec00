"""Building an experiment: measure each metric in each arm at the run's snapshot, and store the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
from sqlglot import exp

from pumphouse.declare.asset import Asset
from pumphouse.declare.learning import Mean
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError, UnknownName, did_you_mean
from pumphouse.experiments.assignment import arms_of
from pumphouse.experiments.exposures import exposures_of
from pumphouse.experiments.statistics import Sample
from pumphouse.experiments.verdicts import Measured, Verdict, decide
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake
from pumphouse.lake.times import EventTime, event_column, form_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERDICT = "verdict"
"""The name of the artefact."""


def build(asset: Asset, context: Context) -> Built:
    """Judge an experiment on the exposures and metrics that the lake has at the run's snapshot.

    A unit counts in a metric once its days have passed when `$today` begins; without a row it counts as 0. Raises
    BuildError where a metric's table doesn't say when its rows happened.

    An event given by its day came after an exposure on that day, for the day ended after it (docs/decisions/0004): what
    was bought that morning counts too, in every arm alike.
    """
    arms = arms_of(asset)
    exposed, others = _exposed(asset, context)
    verdict = decide(
        asset.name,
        arms=arms,
        exposed=exposed,
        metrics=tuple(_measured(asset, context, name, metric) for name, metric in asset.spec.metrics),
        guardrails=tuple(_measured(asset, context, name, metric) for name, metric in asset.spec.guardrails),
        snapshot=context.snapshot,
        today=context.today,
    )
    stored = msgspec.json.encode(verdict)
    commit = context.begin(asset)
    commit.artefact(VERDICT, context.lake.blobs.put(stored), {"outcome": verdict.outcome}, read_at=context.snapshot)
    units = sum(exposed.values())
    counts = Counts(rows_in=units + others, rows_out=units, dropped=others)
    warned = (
        (f"{others:,} exposures have no '{asset.spec.unit}', which was not the unit then; left out",) if others else ()
    )
    return Built.of(asset.name, commit.publish(counts), counts=counts, note=verdict.headline, warnings=warned)


def last_verdict(lake: Lake, experiment: str) -> Verdict:
    """The newest verdict on an experiment. Raises UnknownName where there is none."""
    found = [each for each in lake.artefacts(experiment) if each.name == VERDICT]
    if not found:
        raise UnknownName(
            f"experiment '{experiment}' has no verdict yet",
            asset=experiment,
            mend=f"Run it: pumphouse run {experiment}",
        )
    return msgspec.json.decode(lake.blobs.get(found[-1].sha), type=Verdict)


def _exposed(asset: Asset, context: Context) -> tuple[dict[str, int], int]:
    """How many units met each arm; and how many rows are of something else, which was the unit before."""
    table, unit = exposures_of(asset.name), asset.spec.unit
    counts = dict.fromkeys((name for name, _ in asset.spec.arms), 0)
    if not context.lake.has(table, snapshot=context.snapshot):
        return counts, 0
    if not _has_units(asset, context):
        return counts, context.lake.count(table, snapshot=context.snapshot)
    text = f"""
    SELECT arm, count({quoted(unit)}) AS units, count(*) - units AS others
    FROM {quoted(table)} GROUP BY arm ORDER BY arm
    """
    rows = context.engine.read(context.query(text, table)).read_all().to_pylist()
    counts |= {row["arm"]: row["units"] for row in rows if row["units"]}
    return counts, sum(row["others"] for row in rows)


def _has_units(asset: Asset, context: Context) -> bool:
    """Whether anything was exposed that is one of the experiment's units, as it is declared now."""
    table = exposures_of(asset.name)
    return context.lake.has(table, snapshot=context.snapshot) and asset.spec.unit in context.scan(table).columns


def _measured(asset: Asset, context: Context, name: str, metric: Mean) -> Measured:
    """The metric's sample in each arm: per unit the sum of the column over the days from its exposure on."""
    import numpy as np

    exposures, unit = exposures_of(asset.name), asset.spec.unit
    days = f"{metric.within_days} days"
    definition = f"sum of {metric.table}.{metric.column} per {unit} within {days} of exposure"
    event = _event_time(asset, context, metric)
    _refuse_missing(asset, context, metric)
    if not _has_units(asset, context):
        return Measured(name=name, definition=definition, samples={}, left_out=0)
    exposed = exp.column("exposed_at", table="e")
    after = event.within("t", exposed, exp.Add(this=exposed, expression=exp.Interval(this=exp.Literal.string(days))))
    # Sums are taken in a fixed order, so that the same rows give the same last digit.
    text = f"""
    SELECT e.arm, e.{quoted(unit)} AS unit,
           any_value(e.exposed_at) + INTERVAL {literal(days)} <= {literal(context.start_of_today)} AS over,
           coalesce(sum(CAST(t.amount AS DOUBLE) ORDER BY t.amount), 0) AS total
    FROM {quoted(exposures)} AS e
    LEFT JOIN (
        SELECT CAST({quoted(unit)} AS VARCHAR) AS unit, {quoted(event.event)},
               {quoted(metric.column)} AS amount
        FROM {quoted(metric.table)}
    ) AS t ON t.unit = e.{quoted(unit)} AND {after.sql("duckdb")}
    WHERE e.{quoted(unit)} IS NOT NULL
    GROUP BY ALL ORDER BY ALL
    """
    rows = context.engine.read(context.query(text, exposures, metric.table)).read_all()
    over = rows.filter(rows["over"])
    arms, totals = np.array(over["arm"].to_pylist(), dtype=str), over["total"].to_numpy()
    if not np.isfinite(totals).all():
        raise BuildError(
            f"metric '{name}' of experiment '{asset.name}' has values that are no numbers",
            asset=asset.name,
            place=asset.place,
            mend=f"Leave NaN and infinity out where '{metric.table}' is made.",
        )
    samples = {str(arm): _sample(totals[arms == arm]) for arm in np.unique(arms)}
    return Measured(name=name, definition=definition, samples=samples, left_out=rows.num_rows - over.num_rows)


def _sample(totals: NDArray[np.float64]) -> Sample:
    variance = float(totals.var(ddof=1)) if len(totals) > 1 else math.nan
    return Sample(units=len(totals), mean=float(totals.mean()), variance=variance)


def _event_time(asset: Asset, context: Context, metric: Mean) -> EventTime:
    """How a metric's table says when a row's event happened."""
    event = event_column(metric.table, context.assets)
    schema = context.scan(metric.table).schema if event else None
    form = form_of(schema.field(event).type) if schema and event in schema.names else None
    if event is None or form is None:
        raise BuildError(
            f"experiment '{asset.name}' can't measure {metric.table}.{metric.column}: "
            f"'{metric.table}' doesn't say which column is the time of a row's event",
            asset=asset.name,
            place=context.assets[metric.table].place,
            mend=f'Declare it in {metric.table}: time = {{ event = "<column of days or times>" }}.',
        )
    return EventTime(event=event, form=form)


def _refuse_missing(asset: Asset, context: Context, metric: Mean) -> None:
    known = context.scan(metric.table).columns
    for column in (asset.spec.unit, metric.column):
        if column not in known:
            raise BuildError(
                f"experiment '{asset.name}' measures '{metric.table}', which has no column '{column}'",
                asset=asset.name,
                place=asset.place,
                mend=did_you_mean(column, known) or f"It has {', '.join(known)}.",
            )
