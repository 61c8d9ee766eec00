"""The page of how a rollout does, and the page of where one prediction came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import UnknownName
from pumphouse.models.account import interval, number, of_label, summary, worth_lines
from pumphouse.models.intervals import Mean
from pumphouse.models.performance import Performance
from pumphouse.models.trace import Trace
from pumphouse.server.access.gate import Visitor
from pumphouse.server.drawing import cell
from pumphouse.server.plots import Bar, Plot, against, bars, over_time
from pumphouse.server.shared import Shared, admitted, reads, shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A row of the table of segments."""

    by: str
    value: str
    rows: int
    gain: str
    bar: Bar | None
    said: str
    came: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformancePage:
    """What the page says of a rollout."""

    told: Performance
    summary: str
    time: Plot | None
    overall: Sequence[Who]
    calibration: Plot | None
    calibration_error: str
    calibration_by_chance: str
    segments: Sequence[Who]
    worth: Sequence[Sequence[str]]


def performance_pages(request: Request, name: str) -> list[PerformancePage]:
    """How a rollout does, or each of a model's rollouts; each is recorded as read."""
    project = shared(request).project
    found = []
    for told in project.performance(name):
        admitted(request, told.rollout, door="page").seen(
            snapshot=told.snapshot, rows=told.judged, detail="performance"
        )
        found.append(performance_page(told))
    return found


def performance_page(told: Performance) -> PerformancePage:
    """A performance, ready to be drawn."""
    pairs = dict.fromkeys((one.version, one.role) for one in told.over_time)
    lines = [
        (
            f"{by} ({role})",
            [
                (one.first, one.gain.value, one.gain.low, one.gain.high, f"{one.first:%Y-%m-%d}: {interval(one.gain)}")
                for one in told.over_time
                if (one.version, one.role) == (by, role)
                and one.gain.value is not None
                and one.gain.low is not None
                and one.gain.high is not None
            ],
        )
        for by, role in pairs
    ]
    parts = told.calibration.parts if told.calibration else ()
    points = [
        (
            one.said,
            one.came,
            one.low,
            one.high,
            f"said {of_label(told, one.said)}, came {of_label(told, one.came)}, {one.rows:,} predictions",
        )
        for one in parts
    ]
    return PerformancePage(
        told=told,
        summary=summary(told),
        time=over_time(lines),
        overall=_who(told, [(one.version, one.role, one.gain, one.said, one.came) for one in told.overall]),
        calibration=against(points, percent=told.task == "chance") if points else None,
        calibration_error=of_label(told, told.calibration.error) if told.calibration else "",
        calibration_by_chance=of_label(told, told.calibration.error_by_chance) if told.calibration else "",
        segments=_who(told, [(one.by, one.value, one.gain, one.said, one.came) for one in told.segments]),
        worth=[worth_lines(one) for one in told.worth],
    )


def trace(request: Request) -> Response:
    """`/trace/ID`: what one prediction stands on."""
    who = reads(request)
    here = shared(request)
    told = _trace(here, who, request.path_params["id"])
    for name, rows in {told.rollout: 1, **{one.table: len(one.newest) for one in told.inputs if one.newest}}.items():
        admitted(request, name, door="page").seen(
            snapshot=told.prediction.snapshot, rows=rows, detail=f"trace {told.prediction.id}"
        )
    tables = [
        (
            one,
            list(one.newest[0]) if one.newest else [],
            [[cell(value) for value in row.values()] for row in one.newest],
        )
        for one in told.inputs
    ]
    return here.drawing.page(
        "trace.html",
        who=who.who,
        told=told,
        tables=tables,
        prediction=f"{told.prediction.prediction:.1%}"
        if told.version.task == "chance"
        else number(told.prediction.prediction),
        assets=here.known(who),
        snapshot=told.prediction.snapshot,
    )


def _trace(here: Shared, visitor: Visitor, prediction: str) -> Trace:
    """What a prediction stands on. Raises UnknownName where there is none, or the visitor may not see all of that."""
    policies, rollouts = here.desk.policies, [one.name for one in here.known(visitor).values() if one.kind == "rollout"]
    mend = f"Give the id that came with it. Rollouts are: {', '.join(rollouts) or 'none'}."
    nowhere = UnknownName(f"there is no prediction '{prediction[:200]}'", mend=mend)
    try:
        told = here.project.trace(prediction)
    except UnknownName:
        raise nowhere from None
    read = (told.rollout, *(one.table for one in told.inputs))
    if not policies.sees_origin(visitor, told.rollout) or not all(policies.sees_whole(visitor, one) for one in read):
        raise nowhere
    return told


def _who(told: Performance, rows: Sequence[tuple[str, str, Mean, float, float]]) -> list[Who]:
    means = [gain for _, _, gain, _, _ in rows]
    drawn = bars(
        [
            None if one.value is None or one.low is None or one.high is None else (one.low, one.value, one.high)
            for one in means
        ]
    )
    return [
        Who(
            by=by,
            value=value,
            rows=mean.rows,
            gain=interval(mean),
            bar=bar,
            said=of_label(told, said),
            came=of_label(told, came),
        )
        for (by, value, _, said, came), mean, bar in zip(rows, means, drawn, strict=True)
    ]
