"""The API beside its tables and its search: outcomes, and whether the server is well."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.server.replies import body_of, json_reply
from pumphouse.server.shared import admitted, shared

ONE_OR_MANY: Any = dict[str, Any] | list[dict[str, Any]]


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
