"""A report as one HTML page that needs nothing else: no request, no script."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pumphouse.errors import BuildError, MissingExtra, Place
from pumphouse.reports import cells

if TYPE_CHECKING:
    import jinja2

    from pumphouse.reports.charts import Chart, Drawing
    from pumphouse.reports.document import Document
    from pumphouse.reports.results import Result

TABLE_ROWS_MAX = 50
"""Rows of a block that the page shows; the CSV has all."""
CSV_BYTES_MAX = 100_000
"""A CSV up to here travels within the page."""

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table that the report reads: what it is, and the state of it that was read."""

    name: str
    doc: str
    version: int
    """The snapshot of its last change."""
    at: datetime | None
    """When that was; unknown for a table that another lake holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the page's numbers come from. The page is a function of the report's text, its rows, and this."""

    report: str
    title: str
    snapshot: int
    made_at: datetime
    zone: str
    sources: tuple[Source, ...]
    command: str
    """What makes the page again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A block as the template takes it."""

    name: str
    label: str
    columns: tuple[cells.Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    total: int
    csv: str | None
    """Address of the whole as CSV, where it is small enough to be part of the page."""


def page(
    document: Document,
    *,
    file: str,
    results: Sequence[Result],
    drawings: Sequence[tuple[Chart, Drawing]],
    provenance: Provenance,
) -> str:
    """The page. Raises BuildError where a sentence asks for a value that its block does not have."""
    environment = _environment()
    parts: Any = environment.get_template("parts.html").module  # its macros
    tables = {result.name: _table(result, zone=provenance.zone) for result in results}
    used = {chart.data for chart, _ in drawings} | {value.block for value in document.values}
    blocks = {("sql", name): "" if name in used else str(parts.table(table)) for name, table in tables.items()}
    for chart, drawing in drawings:
        blocks["chart", chart.name] = str(parts.chart(chart, drawing, tables[chart.data]))
    values = _values(document, {result.name: result for result in results}, zone=provenance.zone, file=file)
    return environment.get_template("page.html").render(
        prose=document.html(blocks=blocks, values=values),
        has_heading=document.has_heading,
        about=provenance,
        made_at=_to_the_minute(provenance.made_at, provenance.zone),
        sources=[
            (source, _to_the_minute(source.at, provenance.zone) if source.at else "") for source in provenance.sources
        ],
        tables=list(tables.values()),
        style=(_FOLDER / "page.css").read_text(),
    )


def _table(result: Result, *, zone: str) -> _Table:
    rows = result.rows.slice(0, TABLE_ROWS_MAX)
    names = rows.column_names
    columns = tuple(cells.shown(name, column, zone=zone) for name, column in zip(names, rows.columns, strict=True))
    csv = None
    if result.csv.stat().st_size <= CSV_BYTES_MAX:
        csv = "data:text/csv;charset=utf-8;base64," + base64.b64encode(result.csv.read_bytes()).decode()
    return _Table(
        name=result.name,
        label=cells.label(result.name),
        columns=columns,
        rows=tuple(zip(*(column.texts for column in columns), strict=True)),
        total=result.total,
        csv=csv,
    )


def _values(document: Document, results: Mapping[str, Result], *, zone: str, file: str) -> dict[tuple[str, str], str]:
    from markupsafe import escape

    found = {}
    for value in document.values:
        place = Place(file=file, line=value.line)
        result = results[value.block]
        if value.column not in result.rows.column_names:
            raise BuildError(
                f"block '{value.block}' has no column '{value.column}'",
                place=place,
                mend=f"It has {', '.join(result.rows.column_names)}.",
            )
        if result.total != 1:
            raise BuildError(
                f"a value in a sentence needs a block of one row; '{value.block}' has {result.total:,}", place=place
            )
        shown = cells.shown(value.column, result.rows.column(value.column), zone=zone)
        found[value.block, value.column] = (
            f'<span class="value {shown.setting}">{escape(shown.texts[0] or cells.MISSING)}</span>'
        )
    return found


def _to_the_minute(value: datetime, zone: str) -> str:
    return cells.moment(value.replace(second=0, microsecond=0), zone=zone)


def _environment() -> jinja2.Environment:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtra("jinja2", extra="reports", purpose="a report") from error
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
