"""What comes in is bounded and parsed here; what goes wrong becomes a status and a sentence here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from pumphouse.errors import (
    AccessDenied,
    BadRequest,
    LakeBusy,
    Late,
    MissingExtra,
    Overloaded,
    PumphouseError,
    QueryError,
    RequestError,
    RequestRefused,
    SnapshotExpired,
    TooMuch,
    Uncheckable,
    UnknownName,
    Unreachable,
)

BODY_BYTES_MAX = 64 * 1024
BODY_S = 30.0
"""How long the body of a request may take to arrive."""
FAR_TIMES = 16
"""A body that is said to be so many times what is taken is not read; whoever sends another hears the answer."""
JSON = "application/json"
PAGE_METHODS = ("GET", "HEAD")

Body = TypeVar("Body")


class TooLarge(BadRequest):
    """More was sent than is taken."""


class TooSlow(RequestError):
    """What was announced did not arrive in time."""


class NotAcceptable(RequestError):
    """It can't be had in any of the formats that are accepted."""


class TooMany(RequestError):
    """One address sends faster than it may."""


class Conflict(RequestError):
    """Something else stands where this would go."""


class Gone(RequestError):
    """What is asked for was there and may not be handed out any more."""


_STATUS: tuple[tuple[type[PumphouseError], int], ...] = (
    (TooLarge, 413),
    (NotAcceptable, 406),
    (TooSlow, 408),
    (Conflict, 409),
    (Gone, 410),
    (SnapshotExpired, 410),
    (TooMany, 429),
    (BadRequest, 400),
    (QueryError, 400),
    (TooMuch, 422),
    (RequestRefused, 422),
    (Uncheckable, 422),
    (UnknownName, 404),
    (AccessDenied, 403),
    (LakeBusy, 503),
    (Overloaded, 503),
    (Unreachable, 503),
    (Late, 504),
    (MissingExtra, 501),
    (RequestError, 400),
)


def status_of(error: PumphouseError) -> int:
    """The HTTP status that says the same."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def json_reply(value: Any, *, status: int = 200) -> Response:  # whatever msgspec writes: rows of any type
    """A value as JSON: decimals and times as text, so that none is rounded."""
    return Response(msgspec.json.encode(value, enc_hook=str), status_code=status, media_type=JSON)


def is_page(request: Request) -> bool:
    """Whether the answer is for a person's eyes."""
    return request.method in PAGE_METHODS and "text/html" in request.headers.get("accept", "")


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by their names in small letters; of several with one name the first, as everywhere here."""
    return dict(reversed(scope["headers"]))


async def body_of(request: Request, kind: type[Body], *, bytes_max: int = BODY_BYTES_MAX) -> Body:
    """The request's JSON as `kind`. Raises TooLarge beyond `bytes_max`, BadRequest for anything else."""
    return await json_of(request.scope, request.receive, kind, bytes_max=bytes_max)


async def json_of(scope: Scope, receive: Receive, kind: type[Body], *, bytes_max: int) -> Body:
    """The same of what a request is made from."""
    headers = headers_of(scope)
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != JSON.encode():
        raise BadRequest("this takes JSON", mend=f"Send it with the header Content-Type: {JSON}.")
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > FAR_TIMES * bytes_max):
        raise _too_large(bytes_max)
    try:
        async with asyncio.timeout(BODY_S):
            data = await _received(receive, bytes_max)
    except TimeoutError as error:
        raise TooSlow(f"what was announced did not arrive within {BODY_S:g} seconds", mend="Send it again.") from error
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise BadRequest(f"this can't be read: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"this can't be read as JSON: {error}") from error


async def _received(receive: Receive, bytes_max: int) -> bytes:
    data = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        data = data + chunk if data else chunk
        more = message.get("more_body", False)
        if len(data) > bytes_max:
            raise _too_large(bytes_max)
    return data


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"more than {bytes_max // 1024} KiB were sent", mend="Send less at once.")


def number_of(parameters: Mapping[str, str], name: str, *, most: int) -> int | None:
    """A whole number of the address, or None where it is not given. Raises BadRequest for anything else."""
    text = parameters.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most):
        raise BadRequest(f"{name} is '{text[:40]}'", mend=f"Give a whole number up to {most:,}.")
    return int(text)
