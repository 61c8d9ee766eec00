"""Rows on their way: made piece by piece as they are taken, and ended when whoever asked goes away or stops reading."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import quote

import anyio
import anyio.to_thread
import pyarrow as pa
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from pumphouse.errors import Late
from pumphouse.lake.state import Access
from pumphouse.server.access.desk import Result, Statement
from pumphouse.server.access.places import Place
from pumphouse.server.formats.chosen import encoding_of
from pumphouse.server.formats.form import Format, Options, Pipe
from pumphouse.server.shared import shared, visitor_of
from pumphouse_client.http import LIVE

WHOLE_BYTES = 256 * 1024
"""An answer up to this size is made at once, and sent with its length."""
PIECE_BYTES = 512 * 1024
"""So much of a larger one is made before it is sent."""
ENCODED_BYTES_MIN = 1_000
"""A shorter answer is not worth being compressed."""
GZIP_LEVEL = 1
VARY = "Accept, Accept-Encoding, Authorization, Cookie"


class Reading:
    """One statement that somebody reads, who may leave at any moment."""

    def __init__(self) -> None:
        self.place: Place | None = None
        """Theirs among those who read at once."""
        self._result: Result | None = None
        self._lock = threading.Lock()
        self.left = False

    def run(self, statement: Statement) -> Result:
        """Run it; where who asked has left by now, it ends at once."""
        result = statement.run(place=self.place)
        with self._lock:
            self._result, left = result, self.left
        if left:
            result.cancel()
        return result

    def leave(self) -> None:
        """End what runs."""
        with self._lock:
            self.left, result = True, self._result
        if result is not None:
            result.cancel()


@dataclass(slots=True, kw_only=True, eq=False)
class RowsReply:
    """An answer with the rows of a statement, in a format. It is an ASGI application, as every answer is."""

    ask: Callable[[], Statement]
    form: Format
    options: Options
    filename: str | None = None
    """What a browser calls the file that it keeps; None where it is shown."""
    _reading: Reading = field(default_factory=Reading)
    _parts: Generator[bytes] | None = None
    """What comes of the format; None before it has begun and when there is no more."""
    _encoder: Encoder | None = None
    _has_gone: bool = False
    """Whether whoever asked has gone."""
    _working: threading.Lock = field(default_factory=threading.Lock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises what `ask` raises, as long as nothing is sent."""
        here, who = shared(Request(scope)), visitor_of(Request(scope)).who
        self._reading.place = place = here.desk.places.ask(who)
        watching = asyncio.create_task(self._watch(receive, place))
        in_thread = partial(anyio.to_thread.run_sync, limiter=here.reading)
        try:
            with place:
                await place.held()
                try:
                    begun = await in_thread(self._locked, partial(self._begun, scope))
                    await self._send(begun, send, in_thread)
                finally:
                    self._reading.leave()
                    if self._parts is not None or self._working.locked():
                        with anyio.CancelScope(shield=True):
                            await in_thread(self._closed)
        except Exception as error:
            if self._has_gone:
                raise ClientDisconnect from error
            raise
        finally:
            watching.cancel()

    async def _watch(self, receive: Receive, place: Place) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._has_gone = True
        if not place.is_held:
            place.leave()
        self._reading.leave()

    async def _send(self, begun: Begun, send: Send, in_thread: InThread) -> None:
        await send({"type": "http.response.start", "status": begun.status, "headers": Headers(begun.headers).raw})
        piece, more = begun.body, begun.more
        while True:
            if self._has_gone:
                raise ClientDisconnect
            try:
                with anyio.fail_after(begun.stall_s):
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
            except TimeoutError as error:
                raise Late(f"nobody took what was sent for {begun.stall_s:.0f} s") from error
            if not more:
                return
            piece, more = await in_thread(self._locked, self._next)

    def _locked(self, work: Callable[[], Made]) -> Made:
        """What comes of the work, of which there is one piece at a time. Runs in a thread."""
        with self._working:
            return work()

    def _closed(self) -> None:
        """End what is left, once nobody works at it: a task that is cancelled does not wait for its thread."""
        with self._working:
            if self._parts is not None:
                self._parts.close()

    def _begun(self, scope: Scope) -> Begun:
        """The statement with the first of its rows, or with all of them where they are few. Runs in a thread."""
        asked = Headers(scope=scope)
        statement = self.ask()
        headers = self._headers(statement)
        begun = partial(Begun, headers=headers, stall_s=statement.bounds.stall_s)
        if "ETag" in headers and _is_known(asked.get("if-none-match", ""), headers["ETag"]):
            _record(statement)
            return begun(status=304)
        if scope["method"] == "HEAD":
            return begun()
        self._parts = self.form.parts(statement, self._reading.run, self.options)
        body = self._taken(WHOLE_BYTES)
        more = self._parts is not None
        encoding = encoding_of(asked.get("accept-encoding", "")) if self.form.is_text else None
        if encoding and len(body) >= ENCODED_BYTES_MIN:
            self._encoder = ENCODERS[encoding]()
            headers["Content-Encoding"] = encoding
            body = self._encoder.encoded(body) + (b"" if more else self._encoder.rest())
        if not more:
            headers["Content-Length"] = str(len(body))
        return begun(body=body, more=more)

    def _next(self) -> tuple[bytes, bool]:
        """The next piece, and whether there are more. Runs in a thread."""
        piece = self._taken(PIECE_BYTES)
        more = self._parts is not None
        if self._encoder is not None:
            piece = self._encoder.encoded(piece) + (b"" if more else self._encoder.rest())
        return piece, more

    def _taken(self, size: int) -> bytes:
        """At least so many bytes, or all that are left."""
        taken: list[bytes] = []
        for piece in self._parts or ():
            taken.append(piece)
            size -= len(piece)
            if size < 0:
                break
        else:
            self._parts = None
        return b"".join(taken)

    def _headers(self, statement: Statement) -> dict[str, str]:
        kind = f"{self.form.media}; charset=utf-8" if self.form.name == "csv" else self.form.media
        headers = {
            "Content-Type": kind,
            "Vary": VARY,
            "Pumphouse-Snapshot": LIVE if statement.is_live else str(statement.snapshot),
        }
        if statement.is_steady:
            tag = "-".join([statement.digest, self.form.name, *self.options.chosen()])
            headers["ETag"] = f'W/"{tag}"'  # rows without an order may come in another one
            headers["Cache-Control"] = "private, no-cache"
        if self.filename is not None:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(self.filename, safe='')}"
        return headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The head of an answer and its first bytes."""

    headers: dict[str, str]
    stall_s: float
    status: int = 200
    body: bytes = b""
    more: bool = False


Made = TypeVar("Made")


class InThread(Protocol):
    """Runs a function in a thread."""

    async def __call__(self, function: Callable[[Callable[[], Made]], Made], work: Callable[[], Made], /) -> Made: ...


class Encoder(Protocol):
    """Compresses on the way."""

    def encoded(self, data: bytes) -> bytes:
        """What of it can be sent by now."""
        ...

    def rest(self) -> bytes:
        """The end."""
        ...


class Gzip:
    """gzip, fast."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)

    def encoded(self, data: bytes) -> bytes:
        """What of it can be sent by now."""
        return self._zlib.compress(data)

    def rest(self) -> bytes:
        """The end."""
        return self._zlib.flush()


class Zstd:
    """Zstandard, fast."""

    def __init__(self) -> None:
        self._pipe = Pipe()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._pipe, mode="w"), "zstd")

    def encoded(self, data: bytes) -> bytes:
        """What of it can be sent by now."""
        self._stream.write(data)
        return self._pipe.taken()

    def rest(self) -> bytes:
        """The end."""
        self._stream.close()
        return self._pipe.taken()


ENCODERS: dict[str, type[Gzip] | type[Zstd]] = {"gzip": Gzip, "zstd": Zstd}


def _is_known(header: str, tag: str) -> bool:
    """Whether somebody has the rows already: tags are compared weakly, as RFC 9110 has it for If-None-Match."""
    return header.strip() == "*" or tag in (one.strip() for one in header.split(","))


def _record(statement: Statement) -> None:
    """Whoever is told that nothing has changed has read, though no row."""
    now = datetime.now(UTC)
    statement.record(
        *(
            Access(
                at=now,
                who=statement.visitor.who,
                door=statement.door,
                asset=name,
                snapshot=statement.snapshot,
                rows=0,
                detail="not modified",
            )
            for name in statement.tables
        )
    )
