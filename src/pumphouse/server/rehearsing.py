"""The page of what cleaning does to a table, step by step."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import UnknownName
from pumphouse.server.shared import admitted, reads, shared

DIFF_ROWS = 10_000
"""Rows of the input that the page looks at: it is made while somebody waits. The command line looks at all."""


def diff(request: Request) -> Response:
    """`/assets/NAME/diff`: for each step how many cells it changes, before and after, what it declines and why."""
    here, name = shared(request), request.path_params["name"]
    visitor = reads(request)
    cleaned = here.require(visitor, name, kind="clean", called="cleaned table")
    policies = here.desk.policies
    if not all(policies.sees_whole(visitor, one) for one in (name, cleaned.inputs[0])):
        raise UnknownName(f"there is no cleaned table '{name}'", asset=name)
    way = admitted(request, cleaned.inputs[0], door="page")
    found = here.project.diff(name, sample=DIFF_ROWS)
    way.seen(snapshot=found.snapshot, rows=found.rows_in, detail=f"diff {name}")
    return here.drawing.page(
        "diff.html", who=visitor.who, snapshot=found.snapshot, found=found, assets=here.known(visitor)
    )
