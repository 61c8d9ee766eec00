"""The page of what cleaning does to a table, step by step."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.server.shared import admitted, reads, shared

DIFF_ROWS = 10_000
"""Rows of the input that the page looks at: it is made while somebody waits. The command line looks at all."""


def diff(request: Request) -> Response:
    """`/assets/NAME/diff`: for each step how many cells it changes, before and after, what it declines and why."""
    here, name = shared(request), request.path_params["name"]
    cleaned = [one.name for one in here.project.assets.values() if one.kind == "clean"]
    if name not in cleaned:
        raise UnknownName(f"there is no cleaned table '{name}'", mend=did_you_mean(name, cleaned))
    way = admitted(request, here.project.assets[name].inputs[0], door="page")
    found = here.project.diff(name, sample=DIFF_ROWS)
    way.seen(snapshot=found.snapshot, rows=found.rows_in, detail=f"diff {name}")
    return here.drawing.page(
        "diff.html", who=reads(request).who, snapshot=found.snapshot, found=found, assets=here.project.assets
    )
