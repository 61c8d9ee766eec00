"""The API: tables as JSON or Arrow, search, outcomes, and whether the server is well."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import anyio
import anyio.to_thread
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.engines.python_values import python_rows
from pumphouse.errors import BadRequest
from pumphouse.lake.builds import place_of
from pumphouse.server.access.desk import Result, Statement
from pumphouse.server.replies import body_of, json_reply, number_of
from pumphouse.server.shared import admitted, reads, shared

ARROW = "application/vnd.apache.arrow.stream"
JSON_ROWS = 100
JSON_ROWS_MAX = 10_000
"""JSON is made in memory; Arrow streams, so its rows have no bound."""
ROWS_MAX = 2**62
HITS = 20
HITS_MAX = 200
ONE_OR_MANY: Any = dict[str, Any] | list[dict[str, Any]]


def tables(request: Request) -> Response:
    """`GET /api/tables`: every table with its columns, key and version."""
    reads(request)
    project = shared(request).project
    snapshot = project.lake.snapshot()
    found = []
    for name, version in sorted(project.lake.versions(snapshot=snapshot).items()):
        asset = project.assets.get(name)
        schema = project.lake.schema(name, snapshot=snapshot)
        shown = pa.schema([field for field in schema if field.name not in HIDDEN_COLUMNS])
        found.append(
            {
                "name": name,
                "kind": asset.kind if asset else None,
                "doc": asset.common.doc if asset else "",
                "key": list(asset.common.key) if asset else [],
                "version": place_of(version)[1],
                "columns": _columns(shown),
            }
        )
    return json_reply({"snapshot": snapshot, "tables": found})


def rows(request: Request) -> Response:
    """`GET /api/tables/NAME/rows?columns=&limit=&snapshot=`: rows as JSON, or as Arrow for who accepts that."""
    asked = request.query_params
    arrow = ARROW in request.headers.get("accept", "")
    limit = number_of(asked, "limit", most=ROWS_MAX if arrow else JSON_ROWS_MAX)
    chosen = admitted(request, request.path_params["name"], door="arrow" if arrow else "http").rows(
        columns=list(dict.fromkeys(filter(None, asked.get("columns", "").split(",")))),
        limit=limit if limit is not None or arrow else JSON_ROWS,
        snapshot=number_of(asked, "snapshot", most=ROWS_MAX),
    )
    if arrow:
        return ArrowReply(chosen)
    table = chosen.run().read_all()
    return json_reply({"snapshot": chosen.snapshot, "columns": _columns(table.schema), "rows": python_rows(table)})


def search(request: Request) -> Response:
    """`GET /api/search/NAME?q=&limit=`: what an index finds, best first."""
    name = request.path_params["name"]
    text = request.query_params.get("q", "").strip()
    if not text:
        raise BadRequest("there is nothing to look for", mend=f"Ask as /api/search/{name}?q=WORDS.")
    limit = number_of(request.query_params, "limit", most=HITS_MAX)
    found = shared(request).search(admitted(request, name, door="search"), text, limit=HITS if limit is None else limit)
    return json_reply({"snapshot": found.snapshot, "total": found.total, "rows": found.rows})


async def outcomes(request: Request) -> Response:
    """`POST /outcomes/NAME` with one outcome or a list as JSON: in the log before it is answered."""
    name = request.path_params["name"]
    way = admitted(request, name, act="predict", door="outcomes")
    sent = await body_of(request, ONE_OR_MANY)
    told: list[dict[str, Any]] = sent if isinstance(sent, list) else [sent]

    def taken() -> Response:
        shared(request).require_rollout(name)
        result = shared(request).project.outcomes(name, told, caller=way.visitor.who)
        return json_reply({"taken": result.taken, "already": result.already})

    return await anyio.to_thread.run_sync(taken)


def health(request: Request) -> Response:
    """`GET /health`, for anybody: the lake can be read."""
    shared(request).project.lake.snapshot()
    return json_reply({"status": "ok"})


class ArrowReply(StreamingResponse):
    """Rows as they are read, in Arrow's stream format. However it ends, those that were sent are counted."""

    def __init__(self, statement: Statement) -> None:
        self._parts = _parts(statement.run())
        super().__init__(self._parts, media_type=ARROW, headers={"Pumphouse-Snapshot": str(statement.snapshot)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._parts.close)


class _Pipe:
    """What Arrow writes, to be taken out again."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts = []
        return data


def _parts(result: Result) -> Generator[bytes]:
    pipe = _Pipe()
    with result, pa.ipc.new_stream(pipe, result.schema) as writer:
        yield pipe.taken()
        for batch in result:
            writer.write_batch(batch)
            yield pipe.taken()
    yield pipe.taken()


def _columns(schema: pa.Schema) -> list[dict[str, str]]:
    return [{"name": field.name, "type": str(field.type)} for field in schema]
