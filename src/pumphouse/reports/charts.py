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

import re
import tomllib
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from pumphouse.engines.python_values import python_values
from pumphouse.errors import BuildError, Place, did_you_mean
from pumphouse.reports.cells import MISSING, label
from pumphouse.reports.vega import COLOURS, NARROW_PX, WIDE_PX, Axis, spec, svg

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.reports.document import Block

ROWS_MAX = 5_000
"""More points than this are no longer seen, and take seconds to draw."""
MARKS = ("bar", "line", "area", "point")
TEXTS_MAX = 60
"""How many texts an axis may have: more can't be read."""
SERIES_MAX = len(COLOURS)

_REFERENCE = re.compile(r'\bid="|url\(#|href="#')
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
    axes = {"x": Axis.of(chart.x, rows, zone), "y": Axis.of(chart.y, rows, zone)}
    colours = python_values(rows.column(chart.color)) if chart.color else [None] * rows.num_rows
    points: list[dict[str, Any]] = []  # numbers and texts
    for x, y, colour in zip(axes["x"].values, axes["y"].values, colours, strict=True):
        if x is not None and y is not None:
            points.append({"x": x, "y": y, "color": MISSING if colour is None else str(colour)})
    for name, most in (("x", TEXTS_MAX), ("y", TEXTS_MAX), ("color", SERIES_MAX)):
        count = len({point[name] for point in points})
        if count > most and (name == "color" or axes[name].kind == "nominal"):
            what = f"chart '{chart.name}' has {count:,} different texts as {name}, and {most} can be told apart"
            raise BuildError(what, mend=f"Take the first {most} in block '{chart.data}', or call the rest 'other'.")
    left_out = rows.num_rows - len(points)
    measured, by = (chart.x, chart.y) if axes["y"].kind == "nominal" else (chart.y, chart.x)
    summary = f"{label(measured)} by {label(by)}"
    title = chart.title or summary
    described = f"{chart.mark.capitalize()} chart of {summary}, {len(points):,} values."
    wide, narrow = (
        _accessible(
            svg(spec(mark=chart.mark, axes=axes, color=chart.color, points=points, width=width)),
            name=f"{chart.name}-{size}",
            title=title,
            about=described,
        )
        for size, width in (("wide", WIDE_PX), ("narrow", NARROW_PX))
    )
    note = f"{left_out:,} row{'s' if left_out != 1 else ''} without a value not drawn." if left_out else ""
    return Drawing(wide=wide, narrow=narrow, title=title, note=note)


def _accessible(drawing: str, *, name: str, title: str, about: str) -> str:
    """The drawing with a title and a description for those who hear it, scaling with the page, its ids its own."""
    opening, rest = drawing.split(">", 1)
    width, height = (re.search(rf'\b{side}="([\d.]+)"', opening) for side in ("width", "height"))
    assert width
    assert height
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width[1]} {height[1]}" role="img"'
        f' aria-labelledby="{name}-title {name}-about">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-about">{escape(about)}</desc>'
    )
    # In tags only: the texts between them are a stranger's, and stay as they are.
    return root + re.sub(r"<[^>]*>", lambda tag: _REFERENCE.sub(rf"\g<0>{name}-", tag[0]), rest)


def _line_of(key: str, toml: str) -> int:
    found = re.search(rf"^[ \t]*{re.escape(key)}\b", toml, re.MULTILINE)
    return toml.count("\n", 0, found.start()) if found else 0
