"""The API beside its tables: search, outcomes, and whether the server is well."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import BadRequest
from pumphouse.server.replies import body_of, json_reply, number_of
from pumphouse.server.shared import admitted, shared

HITS = 20
HITS_MAX = 200
ONE_OR_MANY: Any = dict[str, Any] | list[dict[str, Any]]


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
        shared(request).require_usable(way.visitor, name, kind="rollout")
        result = shared(request).project.outcomes(name, told, caller=way.visitor.who)
        return json_reply({"taken": result.taken, "already": result.already})

    return await anyio.to_thread.run_sync(taken)


def health(request: Request) -> Response:
    """`GET /health`, for anybody: the lake can be read."""
    shared(request).project.lake.snapshot()
    return json_reply({"status": "ok"})
