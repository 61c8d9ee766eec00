"""What builds of reports made, as it was made: the page, and the rows behind it as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import UnknownName
from pumphouse.lake.builds import Artefact
from pumphouse.lake.forgotten import hidden_since
from pumphouse.lake.lake import Lake
from pumphouse.server.replies import Gone
from pumphouse.server.shared import admitted, shared

REPORT_PAGE = "page.html"
"""The artefact of a report that is its page, as `reports.build` names it."""
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
    )
}
FILE_HEADERS = {"Content-Disposition": "attachment"}


def page(request: Request) -> Response:
    """`/reports/NAME?snapshot=`: the page that a report's build made. It may run nothing and load nothing."""
    return _made(request, REPORT_PAGE, lambda data: 1, media_type="text/html", headers=PAGE_HEADERS)


def rows(request: Request) -> Response:
    """`/reports/NAME/FILE.csv?snapshot=`: the rows of one block of a report, to be kept."""
    return _made(request, request.path_params["file"], _rows_of_csv, media_type="text/csv", headers=FILE_HEADERS)


def _made(
    request: Request, file: str, count: Callable[[bytes], int], *, media_type: str, headers: Mapping[str, str]
) -> Response:
    """A file that a report's build made, of the newest snapshot or of one that is asked for."""
    here, name = shared(request), request.path_params["name"]
    way = admitted(request, name, door="report")
    here.require(way.visitor, name, kind="report", called="report")
    made = [one for one in here.project.lake.artefacts(name) if one.name == file]
    asked = request.query_params.get("snapshot")
    wanted = made if asked is None else [one for one in made if str(one.snapshot) == asked]
    if not wanted:
        when = f" of snapshot {asked[:20]}" if asked else ""
        known = ", ".join(str(one.snapshot) for one in made[-5:])
        mend = f"There are those of {known}." if made else f"Build it: pumphouse run {name}"
        raise UnknownName(f"report '{name}' has no '{file}'{when}", asset=name, mend=mend)
    _refuse_forgotten(here.project.lake, wanted[-1])
    data = here.project.lake.blobs.get(wanted[-1].sha)
    way.seen(snapshot=wanted[-1].snapshot, rows=count(data))
    return Response(data, media_type=media_type, headers=dict(headers))


def _refuse_forgotten(lake: Lake, made: Artefact) -> None:
    """Raise Gone for what may show somebody who was hidden after it was made."""
    # Of its build only the moment is known, which a snapshot takes somewhat earlier or later.
    builds = [(abs(one.at - made.at), one) for one in lake.history(made.asset) if one.at is not None]
    build = min(builds, key=lambda found: found[0])[1] if builds else None
    if build is not None and (table := hidden_since(lake, build)) is not None:
        raise Gone(
            f"'{made.name}' of report '{made.asset}' was made at snapshot {made.snapshot} from '{table}', and"
            " somebody in there was hidden since",
            asset=made.asset,
            mend=f"Make it anew: pumphouse run {made.asset}",
        )


def _rows_of_csv(data: bytes) -> int:
    return sum(1 for _ in csv.reader(io.StringIO(data.decode("utf-8-sig")))) - 1
