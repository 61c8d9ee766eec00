"""A chart block as an SVG drawing: four lines of TOML become a Vega-Lite chart of a block's rows.

```chart weekly_sales
data = "weekly"
mark = "bar"
x = "week"
y = "revenue_usd"
color = "region"
title = "Revenue by week"
```
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pumphouse.errors import BuildError, MissingExtra, Place, did_you_mean
from pumphouse.reports.cells import MISSING, label

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.reports.document import Block

ROWS_MAX = 5_000
"""More points than this are no longer seen, and take seconds to draw."""
MARKS = ("bar", "line", "area", "point")
WIDE_PX, NARROW_PX = 720, 340
"""A page holds each chart twice, for a desktop and for a phone, so that its text is as large as the page's."""
COLOURS = ("#17607a", "#d9772b", "#6a8f3c", "#8a5a9e", "#c04a5a", "#6b7680", "#b8962e", "#3f8f86")
"""Apart for eyes that see few colours, and in grey on paper."""
VEGA_LITE = "5.20"

_INK, _QUIET, _RULE = "#1d2733", "#5b6672", "#e3e7eb"
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_AXIS_PX = 90
_TOML_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a chart block says."""

    name: str
    data: str
    mark: str
    x: str
    y: str
    color: str | None = None
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart as two SVG texts, and what its caption adds."""

    wide: str
    narrow: str
    title: str
    note: str = ""


def read(block: Block, *, file: str, queries: tuple[str, ...]) -> Chart:
    """The chart in a block. Raises BuildError naming the line that is wrong."""
    place = Place(file=file, line=block.line)
    try:
        said = tomllib.loads(block.text)
    except tomllib.TOMLDecodeError as error:
        at = _TOML_LINE.search(str(error))
        line = block.line + (int(at[1]) - 1 if at else block.text.rstrip().count("\n"))
        raise BuildError(
            f"chart '{block.name}' is not TOML: {_TOML_LINE.sub('', str(error))}",
            place=Place(file=file, line=line),
            mend='Write key = "value", one a line.',
        ) from error
    keys = ("data", "mark", "x", "y", "color", "title")
    for key, value in said.items():
        where = Place(file=file, line=block.line + _line_of(key, block.text))
        if key not in keys:
            mend = did_you_mean(key, keys) or f"It may say {', '.join(keys)}."
            raise BuildError(f"a chart has no '{key}'", place=where, mend=mend)
        if not isinstance(value, str):
            raise BuildError(f"'{key}' of chart '{block.name}' is text in quotes, not {value!r}", place=where)
    if missing := [key for key in keys[:4] if key not in said]:
        raise BuildError(
            f"chart '{block.name}' does not say {' and '.join(missing)}",
            place=place,
            mend=f'Add a line: {missing[0]} = "..."',
        )
    for key, known in (("data", queries), ("mark", MARKS)):
        if said[key] not in known:
            mend = did_you_mean(said[key], known) or f"There are {', '.join(known) or 'no SQL blocks'}."
            where = Place(file=file, line=block.line + _line_of(key, block.text))
            raise BuildError(f"chart '{block.name}' has {key} = '{said[key]}', which is none", place=where, mend=mend)
    return Chart(name=block.name, **said)


def draw(chart: Chart, rows: pa.Table, *, zone: str) -> Drawing:
    """The chart of these rows, its moments as clocks in `zone` show them. Raises BuildError for an unknown column."""
    for column in filter(None, (chart.x, chart.y, chart.color)):
        if column not in rows.column_names:
            mend = did_you_mean(column, rows.column_names) or f"It has {', '.join(rows.column_names)}."
            raise BuildError(
                f"chart '{chart.name}' draws '{column}', which block '{chart.data}' does not have", mend=mend
            )
    axes = {"x": _Axis.of(chart.x, rows, zone), "y": _Axis.of(chart.y, rows, zone)}
    colours = rows.column(chart.color).to_pylist() if chart.color else []
    points = []
    for number, (x, y) in enumerate(zip(axes["x"].values, axes["y"].values, strict=True)):
        if x is not None and y is not None:
            points.append({"x": x, "y": y, **({"color": _named(colours[number])} if chart.color else {})})
    left_out = rows.num_rows - len(points)
    measured, by = (chart.x, chart.y) if axes["y"].kind == "nominal" else (chart.y, chart.x)
    summary = f"{label(measured)} by {label(by)}"
    title = chart.title or summary
    described = f"{chart.mark.capitalize()} chart of {summary}, {len(points):,} values."
    wide, narrow = (
        _accessible(_svg(_spec(chart, axes, points, width)), name=f"{chart.name}-{size}", title=title, about=described)
        for size, width in (("wide", WIDE_PX), ("narrow", NARROW_PX))
    )
    note = f"{left_out:,} row{'s' if left_out != 1 else ''} without a value not drawn." if left_out else ""
    return Drawing(wide=wide, narrow=narrow, title=title, note=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """A column as Vega-Lite takes it: its type, and values that JSON has a form for."""

    column: str
    kind: str
    values: list[Any]  # numbers and texts
    step_ms: int = 0
    """The smallest distance between two moments: a bar is as wide."""

    @classmethod
    def of(cls, column: str, rows: pa.Table, zone: str) -> _Axis:
        import pyarrow as pa

        kind = rows.schema.field(column).type
        values = rows.column(column).to_pylist()
        if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_time(kind):
            moments = [None if value is None else _utc_ms(value, zone) for value in values]
            distinct = sorted({moment for moment in moments if moment is not None})
            step = min((b - a for a, b in itertools.pairwise(distinct)), default=0)
            return cls(column=column, kind="temporal", values=moments, step_ms=step)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return cls(column=column, kind="quantitative", values=[_finite(value) for value in values])
        return cls(column=column, kind="nominal", values=[None if value is None else str(value) for value in values])


def _utc_ms(value: date | datetime, zone: str) -> int:
    """Milliseconds of the wall clock in `zone`, as if it were UTC's: drawn in UTC, it reads as that clock."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    elif value.tzinfo:
        value = value.astimezone(ZoneInfo(zone))
    return (value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _named(value: Any) -> str:  # any value Arrow can hold
    return MISSING if value is None else str(value)


def _finite(value: int | float | Decimal | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _spec(chart: Chart, axes: dict[str, _Axis], points: list[dict[str, Any]], width: int) -> dict[str, Any]:
    """The Vega-Lite chart, as wide as told."""
    mark: dict[str, Any] = {"type": chart.mark, "clip": False}
    if chart.mark == "line":
        mark |= {"strokeWidth": 2, "point": len(points) <= width // 20}
    elif chart.mark == "area":
        mark |= {"opacity": 0.8, "line": True}
    elif chart.mark == "point":
        mark |= {"filled": True, "size": 36, "opacity": 0.75}
    encoding: dict[str, Any] = {}
    for name, axis in axes.items():
        drawn: dict[str, Any] = (
            {"tickCount": width // 90, "labelOverlap": True, "labelSeparation": 8} if name == "x" else {}
        )
        encoding[name] = {"field": name, "type": axis.kind, "title": label(axis.column), "axis": drawn}
        if axis.kind == "temporal":
            drawn["format"] = _time_format(axis)
            encoding[name]["scale"] = {"type": "utc"}
            if chart.mark == "bar":
                band = _band_px(axis, width if name == "x" else 300)
                mark["width" if name == "x" else "height"] = band
                encoding[name]["scale"]["padding"] = band / 2 + 1
        elif axis.kind == "nominal":
            encoding[name]["sort"] = None  # as the query ordered them
            drawn["labelLimit"] = 110 if name == "x" else width // 3
        else:
            largest = max((abs(value) for value in axis.values if value is not None), default=1)
            if all(value is None or value.is_integer() for value in axis.values):  # no half people on the axis
                drawn["tickCount"] = max(1, min(drawn.get("tickCount", 7), int(largest)))
            if chart.mark in ("line", "point"):
                encoding[name]["scale"] = {"zero": False, "nice": True}
    if chart.color:
        legend = {
            "title": label(chart.color),
            "orient": "top",
            "offset": 26,
            "columns": max(1, width // 170),
            "labelLimit": 150,
        }
        encoding["color"] = {"field": "color", "type": "nominal", "sort": None, "legend": legend}
    rows = len(set(axes["y"].values))
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": width,
        "height": max(120, 24 * rows) if axes["y"].kind == "nominal" else (280 if width == WIDE_PX else 220),
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": points},
        "mark": mark,
        "encoding": encoding,
        "config": {
            "background": None,
            "font": _FONT,
            "padding": 2,
            "view": {"stroke": None},
            "range": {"category": list(COLOURS)},
            "mark": {"color": COLOURS[0]},
            "axis": {
                "labelColor": _QUIET, "titleColor": _QUIET, "labelFontSize": 12, "titleFontSize": 12,
                "titleFontWeight": "normal", "gridColor": _RULE, "domainColor": "#b4bdc6", "tickColor": "#b4bdc6",
                "labelPadding": 4, "titlePadding": 8,
            },
            "axisX": {"grid": False},
            # Above the axis and level, where it is read first and never meets the labels.
            "axisY": {"domain": False, "ticks": False, "titleAngle": 0, "titleAlign": "left", "titleX": 0, "titleY": -8,
                      "titleBaseline": "bottom"},
            "legend": {"labelColor": _INK, "titleColor": _QUIET, "labelFontSize": 12, "titleFontSize": 12,
                       "titleFontWeight": "normal"},
        },
    }  # fmt: skip


def _band_px(axis: _Axis, extent_px: int) -> float:
    """How wide a bar is on an axis of time: four fifths of the room that one step has."""
    moments = [value for value in axis.values if value is not None]
    if not moments or not axis.step_ms:
        return 40
    steps = (max(moments) - min(moments)) / axis.step_ms + 1
    return float(max(1.0, round(0.8 * (extent_px - _AXIS_PX) / steps, 2)))


def _time_format(axis: _Axis) -> str:
    """The coarsest form that tells the ticks apart."""
    moments = [value for value in axis.values if value is not None]
    days = (max(moments) - min(moments)) / 86_400_000 if moments else 0
    return "%Y" if days > 3_000 else "%b %Y" if days > 200 else "%-d %b %Y" if days > 4 else "%-d %b, %H:%M"


def _svg(spec: dict[str, Any]) -> str:
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtra("vl-convert-python", extra="reports", purpose="a chart") from error
    return str(vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[]))


def _accessible(svg: str, *, name: str, title: str, about: str) -> str:
    """The drawing with a title and a description for those who hear it, scaling with the page, its ids its own."""
    opening, rest = svg.split(">", 1)
    width, height = (re.search(rf'\b{side}="([\d.]+)"', opening) for side in ("width", "height"))
    assert width
    assert height
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width[1]} {height[1]}" role="img"'
        f' aria-labelledby="{name}-title {name}-about">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-about">{escape(about)}</desc>'
    )
    own = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", rest)
    return root + own


def _line_of(key: str, toml: str) -> int:
    found = re.search(rf"^[ \t]*{re.escape(key)}\b", toml, re.MULTILINE)
    return toml.count("\n", 0, found.start()) if found else 0
