"""Where the marks of a small chart stand: numbers for an SVG, with no drawing library in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 26
SQUARE = 260
TICKS = 4
SERIES_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A place on an axis, and what stands beside it."""

    at: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value with its interval, in the chart's own coordinates; `said` is told to who asks."""

    x: float
    y: float
    low: float
    high: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The marks of one line; `number` chooses its colour."""

    name: str
    number: int
    marks: Sequence[Mark]

    @property
    def points(self) -> str:
        """The line through the marks."""
        return " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in self.marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A chart: its lines and its axes."""

    width: int
    height: int
    series: Sequence[Series]
    across: Sequence[Tick]
    up: Sequence[Tick]
    zero: float | None
    """Where 0 is upwards, if it is in the chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An interval on a line from 0 to 100, for a cell of a table."""

    low: float
    high: float
    at: float
    zero: float


def over_time(lines: Sequence[tuple[str, Sequence[tuple[datetime, float, float, float, str]]]]) -> Plot | None:
    """A chart of values with intervals over time; None where there are fewer than two moments."""
    shown = [(name, points) for name, points in lines[:SERIES_MAX] if points]
    moments = sorted({point[0] for _, points in shown for point in points})
    if len(moments) < 2:
        return None
    low = min(0.0, *(point[2] for _, points in shown for point in points))
    high = max(0.0, *(point[3] for _, points in shown for point in points))
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    first, span = moments[0], (moments[-1] - moments[0]).total_seconds()

    def x(moment: datetime) -> float:
        return LEFT + 8 + (WIDTH - LEFT - RIGHT - 16) * (moment - first).total_seconds() / span

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    step = max(1, math.ceil(len(moments) / 5))
    form = "%b %Y" if span > 120 * 86_400 else "%-d %b"
    return Plot(
        width=WIDTH,
        height=HEIGHT,
        series=[
            Series(
                name=name,
                number=number,
                marks=[
                    Mark(x=x(at) + 5 * number, y=y(value), low=y(least), high=y(most), said=said)
                    for at, value, least, most, said in points
                ],
            )
            for number, (name, points) in enumerate(shown)
        ],
        across=[Tick(at=x(at), said=at.strftime(form)) for at in moments[::step]],
        up=[Tick(at=y(value), said=f"{value:.3g}") for value in ticks],
        zero=y(0.0),
    )


def against(points: Sequence[tuple[float, float, float, float, str]], *, percent: bool) -> Plot | None:
    """A square chart of what came (with its interval) against what was said; None where all of it is one point."""
    values = [value for point in points for value in point[:4]]
    low, high = (0.0, max(values)) if percent else (min(values), max(values))
    if high <= low:
        return None
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    side = SQUARE - LEFT - RIGHT

    def x(value: float) -> float:
        return LEFT + side * (value - low) / (high - low)

    def y(value: float) -> float:
        return TOP + side * (high - value) / (high - low)

    said = [f"{value:.0%}" if percent else f"{value:,.4g}" for value in ticks]
    return Plot(
        width=SQUARE,
        height=side + TOP + BOTTOM,
        series=[
            Series(
                name="",
                number=0,
                marks=[
                    Mark(x=x(told), y=y(came), low=y(least), high=y(most), said=what)
                    for told, came, least, most, what in points
                ],
            )
        ],
        across=[Tick(at=x(value), said=text) for value, text in zip(ticks, said, strict=True)],
        up=[Tick(at=y(value), said=text) for value, text in zip(ticks, said, strict=True)],
        zero=None,
    )


def bars(intervals: Sequence[tuple[float, float, float] | None]) -> list[Bar | None]:
    """(low, value, high) on one common line that holds 0 too."""
    known = [one for one in intervals if one is not None]
    low = min(0.0, *(one[0] for one in known)) if known else 0.0
    high = max(0.0, *(one[2] for one in known)) if known else 0.0
    scale = 100 / (high - low) if high > low else 0.0
    return [
        None
        if one is None
        else Bar(low=(one[0] - low) * scale, high=(one[2] - low) * scale, at=(one[1] - low) * scale, zero=-low * scale)
        for one in intervals
    ]


def nice_ticks(low: float, high: float) -> list[float]:
    """Round numbers from one not above `low` to one not below `high`, about TICKS steps apart."""
    if high <= low:
        return [low]
    rough = (high - low) / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]
