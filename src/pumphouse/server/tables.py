"""Tables over HTTP: which there are, what their columns are, their rows in any format, and SQL over them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import BadRequest
from pumphouse.lake.builds import place_of
from pumphouse.lake.column_docs import docs_of
from pumphouse.server.access.desk import Statement
from pumphouse.server.access.gate import Visitor
from pumphouse.server.asked import NUMBER_MAX, OF_A_FORMAT, OF_A_TABLE, Asked, asked_of, only, options_of
from pumphouse.server.formats.chosen import JSON, accepted, ending_of, no_format
from pumphouse.server.formats.form import Format, Options
from pumphouse.server.formats.text import described
from pumphouse.server.replies import body_of, json_reply, number_of
from pumphouse.server.shared import Shared, reads, shared
from pumphouse.server.streams import RowsReply

DOOR = "http"
JSON_ROWS = 100
"""How many rows of a table come as JSON where nobody says how many; every other format has all."""
QUERY_BYTES_MAX = 2 * 1024 * 1024
"""Of a query with its values: as many in a list as the client takes have a place in it."""
OF_SQL = ("sql", "limit", "snapshot")
Number = Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /api/sql` takes."""

    sql: str
    parameters: dict[str, Any] | list[Any] = {}  # values from JSON, of `$name` or of `?` in their order
    snapshot: Number | None = None
    limit: Number | None = None


def tables(request: Request) -> Response:
    """`GET /api/tables`: every table that the visitor may see, with its columns, key and version."""
    visitor, here = reads(request), shared(request)
    only(request.query_params, ("snapshot",))
    snapshot = _snapshot(here, request)
    names = here.desk.policies.listed(visitor, snapshot=snapshot)
    found = [_about(here, visitor, name, snapshot=snapshot) for name in names]
    return json_reply({"snapshot": snapshot, "tables": found})


async def table(request: Request) -> Any:  # an ASGI application
    """`GET /api/tables/NAME`: what a table is. `GET /api/tables/NAME.csv`: its rows, in the format of the ending."""
    visitor = reads(request)
    name, form = ending_of(request.path_params["name"])
    if form is not None:
        options = options_of(request.query_params)
        return _rows(request, name, form, options, limit=None, filename=f"{name}.{form.name}")
    return await anyio.to_thread.run_sync(partial(_one, request, visitor, name))


async def rows(request: Request) -> Any:  # an ASGI application
    """`GET /api/tables/NAME/rows`: rows in the format that the header Accept asks for; JSON where it takes any."""
    reads(request)
    form, compression = accepted(request.headers.get("accept", ""))
    options = options_of(request.query_params, compression)
    return _rows(request, request.path_params["name"], form, options, limit=JSON_ROWS if form is JSON else None)


async def sql(request: Request) -> Any:  # an ASGI application
    """`POST /api/sql` with `{"sql": ...}` as JSON, or `GET /api/sql?sql=`: the rows of a query in any format."""
    visitor, here, parameters = reads(request), shared(request), request.query_params
    _, form = ending_of(request.url.path.removeprefix("/api/"))
    filename = f"sql.{form.name}" if form else None
    compression = None
    if form is None:
        if "ending" in request.path_params:
            raise no_format(request.path_params["ending"])
        form, compression = accepted(request.headers.get("accept", ""))
    if request.method == "POST":
        only(parameters, OF_A_FORMAT)
        query = await body_of(request, Query, bytes_max=QUERY_BYTES_MAX)
    else:
        only(parameters, (*OF_SQL, *OF_A_FORMAT))
        query = Query(
            sql=parameters.get("sql", ""),
            snapshot=number_of(parameters, "snapshot", most=NUMBER_MAX),
            limit=number_of(parameters, "limit", most=NUMBER_MAX),
        )

    def ask() -> Statement:
        text = query.sql.strip().rstrip(";")
        if not text:
            raise BadRequest("there is no query", mend="""Send {"sql": "SELECT ..."} as JSON, or ?sql=SELECT...""")
        if query.limit is not None:
            text = f"SELECT * FROM ({text}\n) LIMIT {query.limit}"
        return here.desk.ask(visitor, text, door=DOOR, parameters=query.parameters, snapshot=query.snapshot)

    return RowsReply(ask=ask, form=form, options=options_of(parameters, compression), filename=filename)


def _rows(
    request: Request, name: str, form: Format, options: Options, *, limit: int | None, filename: str | None = None
) -> RowsReply:
    """The rows of a table, as the address has them; `limit` where it says none."""
    visitor, here = reads(request), shared(request)
    only(request.query_params, (*OF_A_TABLE, *OF_A_FORMAT))
    asked = asked_of(request.query_params, limit=limit)
    return RowsReply(ask=partial(_asked, here, visitor, name, asked), form=form, options=options, filename=filename)


def _asked(here: Shared, visitor: Visitor, name: str, asked: Asked) -> Statement:
    snapshot = here.desk.at(asked.snapshot)
    policy = here.desk.policies.of(visitor, name, snapshot=snapshot)
    where = here.desk.condition(asked.where) if asked.where else None
    pinned = asked.snapshot if name in here.desk.policies.external else snapshot
    ask = partial(here.desk.ask, visitor, door=DOOR, parameters={}, snapshot=pinned)
    of_all = ask(Asked(select=asked.select).sql(policy, None))
    return ask(asked.sql(policy, where)).described_as(of_all)


def _one(request: Request, visitor: Visitor, name: str) -> Response:
    here = shared(request)
    only(request.query_params, ("snapshot",))
    snapshot = _snapshot(here, request)
    stem, _, ending = name.rpartition(".")
    there = here.desk.policies.visible(visitor, snapshot=snapshot)
    if name not in there and stem in there:
        raise no_format(ending)
    policy = here.desk.policies.of(visitor, name, snapshot=snapshot)  # looks at what lies elsewhere, as it is now
    about = _about(here, visitor, name, snapshot=snapshot)
    if policy.rows is None and name not in here.desk.policies.external:
        lake = here.project.lake
        about["rows"] = here.count(name, lake.versions(snapshot=snapshot)[name], snapshot=snapshot)
    return json_reply({"snapshot": snapshot, **about})


def _about(here: Shared, visitor: Visitor, name: str, *, snapshot: int) -> dict[str, Any]:  # JSON
    """What a table is for a visitor."""
    project = here.project
    policy, shown = here.desk.policies.told(visitor, name, snapshot=snapshot)
    version = project.lake.versions(snapshot=snapshot).get(name)
    asset, docs = project.assets.get(name), docs_of(project.lake, name, snapshot=snapshot)
    columns = described(shown)
    return {
        "name": name,
        "kind": asset.kind if asset else None,
        "doc": asset.common.doc if asset else "",
        "key": policy.key(asset),
        "version": place_of(version)[1] if version is not None else None,
        "columns": [{**one, "doc": docs.get(one["name"], "")} for one in columns],
    }


def _snapshot(here: Shared, request: Request) -> int:
    return here.desk.at(number_of(request.query_params, "snapshot", most=NUMBER_MAX))
