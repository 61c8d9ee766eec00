"""Pages from templates. Everything that is put into one is escaped; there is no way around it in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from pumphouse.catalog.finding import used_in_words
from pumphouse.catalog.words import ago
from pumphouse.server.files import WebFiles

CELL_CHARACTERS_MAX = 200


class Drawing:
    """Draws the pages of one project."""

    def __init__(self, project: str, *, zone: str) -> None:
        self.files = WebFiles()
        self._zone = ZoneInfo(zone)
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "ago": lambda moment, now: ago(moment, now=now),
            "use": lambda used, now: used_in_words(used, now=now),
            "iso": datetime.isoformat,
            "number": "{:,}".format,
            "exact": lambda moment: moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S %Z"),
        }
        self._templates.globals |= {"file": self.files.address, "project": project}

    def page(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
    ) -> Response:
        """A page. `values` is what its template names."""
        values = {"here": "", "who": "", "now": self.now(), **values}
        text = self._templates.get_template(template).render(values)
        return Response(text, status_code=status, headers=dict(headers or {}), media_type="text/html")

    def now(self) -> datetime:
        """This moment, in the project's time zone: "yesterday" is a day there."""
        return datetime.now(self._zone)


def data_block(value: Any) -> Markup:  # JSON
    """A value as JSON inside a `<script type="application/json">`, where no text of it can end the script."""
    text = json.dumps(value)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def cell(value: Any) -> str | None:  # any value a table holds
    """A value as a person reads it, cut where it is very long."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            text = f"{value:,.6g}" if abs(value) < 1e15 else str(value)
        case int() | Decimal():
            text = str(value)
        case datetime():
            text = value.isoformat(sep=" ", timespec="seconds" if not value.microsecond else "microseconds")
        case bytes():
            text = value[:CELL_CHARACTERS_MAX].hex()
        case _:
            text = str(value)
    return text if len(text) <= CELL_CHARACTERS_MAX else text[:CELL_CHARACTERS_MAX] + "…"
