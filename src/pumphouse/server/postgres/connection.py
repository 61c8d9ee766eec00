"""One connection's bytes: read as they are wanted, written no faster than they are taken."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress

from pumphouse.server.postgres.messages import BrokenMessage

READ_AHEAD_BYTES_MAX = 256 * 1024
"""How much may be read of what a client sends before it is wanted."""
UNSENT_BYTES_MAX = 256 * 1024
"""How much may wait to be sent before the next rows are made."""


class Gone(Exception):
    """The client has left."""


class Connection(asyncio.Protocol):
    """The bytes of one client. Used from the loop's thread."""

    def __init__(self, on_client: Callable[[Connection], None]) -> None:
        self._on_client = on_client
        self._buffer = bytearray()
        self._wanted = 0
        self._arrived: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._reading = True
        self._transport: asyncio.Transport | None = None
        self.gone = False
        """Whether the client has left."""
        self.on_gone: Callable[[], None] = _nothing
        """Called when the client leaves."""
        self.secure = False
        """Whether what is sent is encrypted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there, or TLS begins."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=UNSENT_BYTES_MAX)
        first = self._transport is None
        self._transport = transport
        if first:
            self._on_client(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._buffer += data
        if self._arrived and len(self._buffer) >= self._wanted:
            self._wake()
        if self._reading and len(self._buffer) > max(READ_AHEAD_BYTES_MAX, self._wanted) and self._transport:
            self._reading = False
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends nothing any more: it is gone."""
        self._leave()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        self._leave()

    def pause_writing(self) -> None:
        """Enough waits to be sent."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """More may be sent."""
        self._writable.set()

    async def take(self, count: int) -> bytes:
        """The next bytes. Raises Gone where they don't come any more."""
        if len(self._buffer) < count:
            self._wanted = count
            if not self._reading and self._transport:
                self._reading = True
                self._transport.resume_reading()
            if self.gone:
                raise Gone
            self._arrived = asyncio.get_running_loop().create_future()
            try:
                await self._arrived
            finally:
                self._arrived, self._wanted = None, 0
            if len(self._buffer) < count:
                raise Gone
        data = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        if not self._reading and len(self._buffer) < READ_AHEAD_BYTES_MAX and self._transport and not self.gone:
            self._reading = True
            self._transport.resume_reading()
        return data

    async def framed(self, *, bytes_max: int) -> tuple[bytes, bytes]:
        """The letter and the content of the next message. Raises BrokenMessage where it is longer than is taken."""
        letter = await self.take(1)
        return letter, await self.sized(bytes_max=bytes_max)

    async def sized(self, *, bytes_max: int) -> bytes:
        """What follows after its size."""
        (size,) = struct.unpack(">I", await self.take(4))
        if size < 4:
            raise BrokenMessage("a message is shorter than its length")
        if size > bytes_max:
            raise BrokenMessage(f"a message of {size:,} bytes is not taken here, only up to {bytes_max:,}")
        return await self.take(size - 4)

    @property
    def has_unread(self) -> bool:
        """Whether something came that nobody has read."""
        return bool(self._buffer)

    def write(self, data: bytes | memoryview) -> None:
        """Send, now or soon."""
        if self._transport and not self.gone:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until little waits to be sent. Raises Gone where nobody takes it any more."""
        await self._writable.wait()
        if self.gone:
            raise Gone

    async def start_tls(self, context: ssl.SSLContext, *, timeout_s: float) -> None:
        """Encrypt from here on. Raises Gone where the client can't."""
        assert self._transport is not None
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=timeout_s
            )
        except (OSError, ConnectionError) as error:
            raise Gone from error
        if transport is None:
            raise Gone
        transport.set_write_buffer_limits(high=UNSENT_BYTES_MAX)
        self._transport, self.secure = transport, True

    def close(self) -> None:
        """Send what waits to be sent, and end it."""
        if self._transport:
            with suppress(OSError):
                self._transport.close()

    def abort(self) -> None:
        """End it now."""
        if self._transport:
            self._transport.abort()

    def _leave(self) -> None:
        if not self.gone:
            self.gone = True
            self._writable.set()
            self._wake()
            self.on_gone()

    def _wake(self) -> None:
        if self._arrived and not self._arrived.done():
            self._arrived.set_result(None)


def _nothing() -> None:
    pass
