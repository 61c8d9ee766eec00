"""The door for whoever speaks PostgreSQL: it listens in a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from urllib.parse import quote

from pumphouse.errors import ConfigError
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate
from pumphouse.server.certificates import Certificate
from pumphouse.server.doors import Door
from pumphouse.server.postgres.asking import DOOR
from pumphouse.server.postgres.catalogue.catalogues import Catalogues
from pumphouse.server.postgres.connection import Connection
from pumphouse.server.postgres.hall import Catalogue, Hall, Limits
from pumphouse.server.postgres.scram import end_point_of
from pumphouse.server.postgres.session import Session
from pumphouse.server.served import ServedProject

BACKLOG = 512
STOP_TIMEOUT_S = 10.0
"""How long sessions may take to end once the door closes."""


def open_postgres(
    project: ServedProject,
    gate: Gate,
    desk: Desk,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    certificate: Certificate | None = None,
    catalogue: Catalogue | None = None,
    limits: Limits | None = None,
) -> Door:
    """The door, open. `port=0` takes a free one. Raises ConfigError where the port is taken.

    With a certificate it takes encrypted connections only.
    """
    hall = Hall(
        project=project,
        gate=gate,
        desk=desk,
        catalogue=catalogue or Catalogues(project),
        limits=limits or Limits(),
        tls=_tls(certificate) if certificate else None,
        end_point=end_point_of(certificate.chain) if certificate else None,
    )
    listening = _Listening(hall, host, port)
    thread = threading.Thread(target=listening.run, name="postgres door", daemon=True)
    thread.start()
    listening.ready.wait()
    if listening.failure is not None:
        raise ConfigError(
            f"the server can't listen for PostgreSQL at {host}:{port}: {listening.failure.strerror}",
            mend="Is another server running? Choose another port, or 0 for a free one.",
        ) from listening.failure

    def close() -> None:
        listening.stop()
        thread.join()
        hall.shut()

    shown = f"[{host}]" if ":" in host else host
    user, database = quote(gate.owner.who, safe=""), quote(project.name, safe="")
    return Door(name=DOOR, url=f"postgresql://{user}@{shown}:{listening.port}/{database}", close=close)


class _Listening:
    """The loop that takes connections."""

    def __init__(self, hall: Hall, host: str, port: int) -> None:
        self.hall = hall
        self.host = host
        self.port = port
        self.ready = threading.Event()
        self.failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ends: asyncio.Event | None = None
        self._sessions: dict[asyncio.Task[None], Session] = {}

    def run(self) -> None:
        """Take connections until it is stopped."""
        asyncio.run(self._run())

    def stop(self) -> None:
        """Take no more, and end those that are there."""
        assert self._loop is not None
        assert self._ends is not None
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._ends.set)

    async def _run(self) -> None:
        self._loop, self._ends = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await self._loop.create_server(
                lambda: Connection(self._enter), self.host, self.port, backlog=BACKLOG
            )
        except OSError as error:
            self.failure = error
            self.ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self._ends.wait()
        server.close()
        for session in list(self._sessions.values()):
            session.end()
        if self._sessions:
            await asyncio.wait(list(self._sessions), timeout=STOP_TIMEOUT_S)

    def _enter(self, connection: Connection) -> None:
        session = Session(connection, self.hall)
        self.hall.connections += 1
        task = asyncio.get_running_loop().create_task(session.run())
        self._sessions[task] = session
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self.hall.connections -= 1
        del self._sessions[task]
        if not task.cancelled():
            task.exception()


def _tls(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate.chain, certificate.key)
    return context
