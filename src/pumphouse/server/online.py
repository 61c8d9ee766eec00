"""Online stores over HTTP: the newest features of one entity or of many, and newer values of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.errors import BadRequest
from pumphouse.features.online.store import OnlineStore
from pumphouse.project.online import OnlineValues, Value, key_of, values_of
from pumphouse.server.access.admitted import Admitted
from pumphouse.server.replies import body_of, json_reply
from pumphouse.server.shared import admitted, shared, visitor_of

KEYS_MAX = 1_000


class Keys(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /online/NAME` takes."""

    keys: list[dict[str, Any]]  # the entity's columns


class Newer(msgspec.Struct, forbid_unknown_fields=True):
    """What `PUT /online/NAME` takes."""

    key: dict[str, Any]  # the entity's columns
    values: dict[str, Value]


async def one(request: Request) -> Response:
    """`GET /online/NAME?customer_id=7`: values, their states and their moment, for who may read or predict."""
    way, now = _way(request), datetime.now(UTC)

    def asked() -> Response:
        store = shared(request).project.online(way.asset)
        entity = {name: _typed(store, name, text) for name, text in request.query_params.items()}
        return json_reply(_reply(store, _read(way, store, [entity], now=now)[0], now=now))

    return await anyio.to_thread.run_sync(asked)


async def many(request: Request) -> Response:
    """`POST /online/NAME` with `{"keys": [...]}`: the same for up to KEYS_MAX entities, in their order."""
    way, now = _way(request), datetime.now(UTC)
    keys = (await body_of(request, Keys)).keys
    if len(keys) > KEYS_MAX:
        raise BadRequest(f"{len(keys):,} keys were sent", mend=f"Ask about up to {KEYS_MAX:,} at once.")

    def asked() -> Response:
        store = shared(request).project.online(way.asset)
        found = _read(way, store, keys, now=now)
        return json_reply({"entities": [_reply(store, each, now=now) for each in found]})

    return await anyio.to_thread.run_sync(asked)


async def put(request: Request) -> Response:
    """`PUT /online/NAME` with `{"key": {...}, "values": {...}}`: newer values, on disk before it is answered."""
    way = admitted(request, request.path_params["name"], act="update", door="online")
    shared(request).require_usable(way.visitor, way.asset, kind="online")
    newer = await body_of(request, Newer)

    def told() -> Response:
        store, now = shared(request).project.online(way.asset), datetime.now(UTC)
        store.put(key_of(way.asset, store, newer.key), newer.values, at=now)
        way.seen(snapshot=store.generation.snapshot, rows=1, detail=f"put {', '.join(newer.values)}")
        return json_reply({"as_of": now})

    return await anyio.to_thread.run_sync(told)


def _way(request: Request) -> Admitted:
    """A caller of predictions may see what they are made from."""
    act = "predict" if visitor_of(request).scope == "predict" else "read"
    way = admitted(request, request.path_params["name"], act=act, door="online")
    if act == "predict":
        shared(request).require_usable(way.visitor, way.asset, kind="online")
    else:
        shared(request).require(way.visitor, way.asset, kind="online", called="online")
    return way


def _read(way: Admitted, store: OnlineStore, keys: Sequence[Mapping[str, Any]], *, now: datetime) -> list[OnlineValues]:
    found = values_of(way.asset, store, keys, now=now)
    way.seen(snapshot=store.generation.snapshot, rows=len(found))
    return found


def _reply(store: OnlineStore, found: OnlineValues, *, now: datetime) -> dict[str, Any]:  # JSON
    return {
        "entity": found.entity,
        "values": found.values,
        "states": found.states,
        "as_of": found.as_of,
        "age_s": None if found.as_of is None else (now - found.as_of).total_seconds(),
        "snapshot": found.snapshot,
        "generation": store.generation.number,
    }


def _typed(store: OnlineStore, name: str, text: str) -> int | str:
    """A value of the address as the column has it; what is no number stays text, and is refused as such."""
    whole = store.entity_types.get(name) == "int64" and text.removeprefix("-").isdecimal() and text.isascii()
    return int(text) if whole and len(text) <= len(str(-(2**63))) else text
