"""How a rollout does: how good it was over time and for whom, what it saw, how fast, who asks, and what it is worth.

All of it is as of one snapshot, apart from who read it, which is in the access log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import SqlFunction
from pumphouse.errors import BuildError
from pumphouse.features.moments import AS_OF
from pumphouse.features.values import World
from pumphouse.lake.lake import Lake
from pumphouse.models.calibration import Calibration, calibration
from pumphouse.models.drift import Drift
from pumphouse.models.drifting import drifts
from pumphouse.models.formats.format import Task
from pumphouse.models.intervals import Mean, mean_of
from pumphouse.models.judgement import TOLD, judged_rows
from pumphouse.models.operation import Operation, operation
from pumphouse.models.predictions import predictions_of
from pumphouse.models.registry import parse_version, version
from pumphouse.models.seen import seen
from pumphouse.models.segments import Segment, segments
from pumphouse.models.skew import Skew, skew
from pumphouse.models.worth import WorthOf, worth_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

PERIODS_MAX = 60
"""Bins of quality over time; of more, the newest are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """How much smaller the squared error of a version's predictions was than that of its guess, over some moments.

    The guess says the training set's mean for everyone. `first` and `last` are the moments of the first and last
    prediction among them.
    """

    version: str
    role: str
    first: datetime
    last: datetime
    gain: Mean
    squared_error: float
    squared_error_of_guess: float
    said: float
    came: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """How a rollout does, at one snapshot. Parts that can't be told are empty, and `unknown` says why."""

    rollout: str
    outcome: str
    task: Task
    snapshot: int
    version: str | None
    """The one that gave the newest live prediction; what is not said of each version is said of this one."""
    first: datetime | None
    last: datetime | None
    predictions: int
    judged: int
    waiting: int
    early: int
    share: float
    """Of the entities that are judged: 1, unless there are too many rows."""
    overall: tuple[Gain, ...]
    period: str
    over_time: tuple[Gain, ...]
    segments: tuple[Segment, ...]
    calibration: Calibration | None
    worth: tuple[WorthOf, ...]
    operation: Operation | None
    drift: tuple[Drift, ...]
    skew: Skew | None
    unknown: tuple[str, ...]


def performance(
    lake: Lake,
    assets: Mapping[str, Asset],
    rollout: Asset,
    *,
    now: datetime,
    functions: tuple[SqlFunction, ...] = (),
    snapshot: int | None = None,
) -> Performance:
    """How a rollout does at a snapshot; `now` is asked only for who read it in the days before."""
    at = lake.snapshot() if snapshot is None else snapshot
    world = World(
        engine=lake.engine.fork(), scan=lambda name: lake.scan(name, snapshot=at), assets=assets, functions=functions
    )
    unknown: list[str] = []
    if not lake.has(predictions_of(rollout.name), snapshot=at):
        return _nothing(rollout, at)
    what = seen(lake, world, rollout)
    if what is None:
        return _nothing(rollout, at)
    try:
        found = judged_rows(lake, assets, rollout, snapshot=at)
    except BuildError as error:
        found = None
        unknown.append(str(error))
    rows = found.rows if found else None
    groups = _groups(rows) if rows is not None else {}
    gains = {pair: _gains(lake, mine) for pair, mine in groups.items()}
    period, over_time = _over_time(groups, gains)
    label, task = rollout.spec.outcome or TOLD, what.version.task
    live = groups.get((what.version.name, "live"))
    told, missing = drifts(lake, what, live)
    compared, missing_too = skew(what)
    unknown += [*missing, *missing_too]
    return Performance(
        rollout=rollout.name,
        outcome=label,
        task=task,
        snapshot=at,
        version=what.version.name,
        first=what.first,
        last=what.last,
        predictions=what.predictions,
        judged=rows.num_rows if rows is not None else 0,
        waiting=found.waiting if found else what.predictions,
        early=found.early if found else 0,
        share=found.share if found else 1.0,
        overall=tuple(_gain(pair, mine, gains[pair]) for pair, mine in groups.items()),
        period=period,
        over_time=over_time,
        segments=segments(lake, what, live, gains[what.version.name, "live"]) if live is not None else (),
        calibration=calibration(*_arrays(live), is_chance=task == "chance") if live is not None else None,
        worth=tuple(
            worth_of(rollout.spec.worth, *_arrays(mine), version=by, role=role, label=label, is_chance=task == "chance")
            for (by, role), mine in groups.items()
        )
        if rollout.spec.worth
        else (),
        operation=operation(lake, what, rollout, now=now),
        drift=told,
        skew=compared,
        unknown=tuple(unknown),
    )


def _nothing(rollout: Asset, snapshot: int) -> Performance:
    return Performance(
        rollout=rollout.name, outcome=rollout.spec.outcome or TOLD, task="chance", snapshot=snapshot, version=None,
        first=None, last=None, predictions=0, judged=0, waiting=0, early=0, share=1.0, overall=(), period="",
        over_time=(), segments=(), calibration=None, worth=(), operation=None, drift=(), skew=None,
        unknown=("nothing was predicted yet",),
    )  # fmt: skip


def _groups(rows: pa.Table) -> dict[tuple[str, str], pa.Table]:
    """The rows of each version and role; live ones first."""
    from pyarrow import compute

    pairs = rows.group_by(["version", "role"]).aggregate([]).to_pylist()
    roles = ("live", "canary", "challenger", "shadow")
    ordered = sorted(
        ((one["version"], one["role"]) for one in pairs),
        key=lambda pair: (roles.index(pair[1]), *parse_version(pair[0])),
    )
    return {
        (by, role): rows.filter(compute.and_(compute.equal(rows["version"], by), compute.equal(rows["role"], role)))
        for by, role in ordered
    }


def _arrays(rows: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint64]]:
    return rows["chance"].to_numpy(), rows["outcome"].to_numpy(), rows["entity"].to_numpy()


def _gains(lake: Lake, rows: pa.Table) -> NDArray[np.float64]:
    """How much smaller the squared error of each row is than the guess's."""
    said, came, _ = _arrays(rows)
    guess = version(lake, *parse_version(rows["version"][0].as_py())).guess
    gains: NDArray[np.float64] = (guess - came) ** 2 - (said - came) ** 2
    return gains


def _gain(pair: tuple[str, str], rows: pa.Table, gains: NDArray[np.float64]) -> Gain:
    from pyarrow import compute

    said, came, entities = _arrays(rows)
    span = compute.min_max(rows[AS_OF]).as_py()
    error = float(((said - came) ** 2).mean())
    return Gain(
        version=pair[0],
        role=pair[1],
        first=span["min"],
        last=span["max"],
        gain=mean_of(gains, entities),
        squared_error=error,
        squared_error_of_guess=error + float(gains.mean()),
        said=float(said.mean()),
        came=float(came.mean()),
    )


def _over_time(
    groups: Mapping[tuple[str, str], pa.Table], gains: Mapping[tuple[str, str], NDArray[np.float64]]
) -> tuple[str, tuple[Gain, ...]]:
    """The gain in each day, week or month of the predictions' moments (UTC), for each version and role."""
    import numpy as np
    from pyarrow import compute

    if not groups:
        return "", ()
    spans = [compute.min_max(rows[AS_OF]).as_py() for rows in groups.values()]
    days = max(span["max"] for span in spans) - min(span["min"] for span in spans)
    period = "day" if days <= timedelta(days=14) else "week" if days <= timedelta(days=120) else "month"
    found = []
    for pair, rows in groups.items():
        starts = compute.floor_temporal(rows[AS_OF], unit=period).to_numpy()
        for start in np.unique(starts)[-PERIODS_MAX:]:
            of = starts == start
            found.append(_gain(pair, rows.filter(of), gains[pair][of]))
    return period, tuple(found)
