"""A chart as Vega-Lite takes it, and its drawing as SVG. Nothing is fetched and no script is left in it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pumphouse.engines.python_values import python_values
from pumphouse.errors import MissingExtra
from pumphouse.reports.cells import label

if TYPE_CHECKING:
    import pyarrow as pa

WIDE_PX, NARROW_PX = 720, 340
"""A page holds each chart twice, for a desktop and for a phone, so that its text is as large as the page's."""
COLOURS = ("#17607a", "#d9772b", "#6a8f3c", "#8a5a9e", "#c04a5a", "#6b7680", "#b8962e", "#3f8f86")
"""Apart for eyes that see few colours, and in grey on paper."""
VEGA_LITE = "5.20"

_INK, _QUIET, _RULE = "#1d2733", "#5b6672", "#e3e7eb"
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_AXIS_PX = 90
_LETTER_PX = 7
"""About how wide a letter of an axis's label is."""
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A column as Vega-Lite takes it: its type, and values that JSON has a form for."""

    column: str
    kind: str
    values: list[Any]  # numbers and texts
    step_ms: int = 0
    """The smallest distance between two moments: a bar is as wide."""

    @classmethod
    def of(cls, column: str, rows: pa.Table, zone: str) -> Axis:
        import pyarrow as pa

        kind = rows.schema.field(column).type
        values = python_values(rows.column(column))
        if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_time(kind):
            # A text is infinity or a year far off, which no axis holds.
            moments = [_utc_ms(value, zone) if isinstance(value, date) else None for value in values]
            distinct = sorted({moment for moment in moments if moment is not None})
            step = min((b - a for a, b in itertools.pairwise(distinct)), default=0)
            return cls(column=column, kind="temporal", values=moments, step_ms=step)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return cls(column=column, kind="quantitative", values=[_finite(value) for value in values])
        return cls(column=column, kind="nominal", values=[None if value is None else str(value) for value in values])


def spec(
    *, mark: str, axes: Mapping[str, Axis], color: str | None, points: Sequence[Mapping[str, Any]], width: int
) -> dict[str, Any]:
    """The Vega-Lite chart of points with `x`, `y` and `color`, `width` pixels wide. `color` is the column behind it."""
    drawn_as: dict[str, Any] = {"type": mark}
    if mark == "line":
        drawn_as |= {"strokeWidth": 2, "point": len(points) <= width // 20}
    elif mark == "area":
        drawn_as |= {"opacity": 0.8, "line": True}
    elif mark == "point":
        drawn_as |= {"filled": True, "size": 36, "opacity": 0.75}
    encoding: dict[str, Any] = {}
    for name, axis in axes.items():
        drawn: dict[str, Any] = (
            {"tickCount": width // 90, "labelOverlap": True, "labelSeparation": 8} if name == "x" else {}
        )
        encoding[name] = {"field": name, "type": axis.kind, "title": label(axis.column), "axis": drawn}
        if axis.kind == "temporal":
            drawn["format"] = _time_format(axis)
            encoding[name]["scale"] = {"type": "utc"}
            if mark == "bar":
                band = _band_px(axis, width if name == "x" else 300)
                drawn_as["width" if name == "x" else "height"] = band
                encoding[name]["scale"]["padding"] = band / 2 + 1
        elif axis.kind == "nominal":
            encoding[name]["sort"] = None  # as the query ordered them
            drawn["labelLimit"] = 110 if name == "x" else width // 3
            if name == "x" and _fit_side_by_side(axis, width):
                drawn["labelAngle"] = 0
        else:
            largest = max((abs(value) for value in axis.values if value is not None), default=1)
            if all(value is None or value.is_integer() for value in axis.values):  # no half people on the axis
                drawn["tickCount"] = max(1, min(drawn.get("tickCount", 7), int(largest)))
            if mark in ("line", "point"):
                encoding[name]["scale"] = {"zero": False, "nice": True}
    if color:
        legend = {
            "title": label(color),
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
        "data": {"values": list(points)},
        "mark": drawn_as,
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


def svg(chart: Mapping[str, Any]) -> str:
    """The drawing of a Vega-Lite chart, the same bytes for the same chart."""
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtra("vl-convert-python", extra="reports", purpose="a chart") from error
    return str(vl_convert.vegalite_to_svg(dict(chart), vl_version=VEGA_LITE, allowed_base_urls=[]))


def _utc_ms(value: date | datetime, zone: str) -> int:
    """Milliseconds of the wall clock in `zone`, as if it were UTC's: drawn in UTC, it reads as that clock."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    elif value.tzinfo:
        value = value.astimezone(ZoneInfo(zone))
    return (value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _finite(value: int | float | Decimal | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _band_px(axis: Axis, extent_px: int) -> float:
    """How wide a bar is on an axis of time: four fifths of the room that one step has."""
    moments = [value for value in axis.values if value is not None]
    if not moments or not axis.step_ms:
        return 40
    steps = (max(moments) - min(moments)) / axis.step_ms + 1
    return float(max(1.0, round(0.8 * (extent_px - _AXIS_PX) / steps, 2)))


def _fit_side_by_side(axis: Axis, width: int) -> bool:
    """Whether the labels of texts can be read level, without turning one's head."""
    texts = {str(value) for value in axis.values}
    longest = max(map(len, texts), default=0)
    return (longest + 1) * _LETTER_PX * len(texts) <= width - _AXIS_PX


def _time_format(axis: Axis) -> str:
    """The coarsest form that tells the ticks apart."""
    moments = [value for value in axis.values if value is not None]
    days = (max(moments) - min(moments)) / _DAY_MS if moments else 0
    return "%Y" if days > 3_000 else "%b %Y" if days > 200 else "%-d %b %Y" if days > 4 else "%-d %b, %H:%M"
