"""One server for pages, the API, forms and predictions: in this process, on this machine unless told otherwise."""

from __future__ import annotations

import asyncio
import gc
import getpass
import re
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from pumphouse.clients.address import PORT
from pumphouse.errors import ConfigError
from pumphouse.project.declared import Declared
from pumphouse.server.access.desk import Bounds, Desk
from pumphouse.server.access.following import Following
from pumphouse.server.access.gate import Gate
from pumphouse.server.access.policies import Policies
from pumphouse.server.app import app_of
from pumphouse.server.certificates import Certificate
from pumphouse.server.doors import Door
from pumphouse.server.flight.door import open_flight
from pumphouse.server.postgres.door import open_postgres
from pumphouse.server.served import ServedProject
from pumphouse_client.http import is_loopback

TOKEN_FORM = re.compile(r"[A-Za-z0-9_-]{16,}")
"""It travels in addresses and cookies."""
SWITCH_S = 0.001
"""How long one thread may keep the interpreter while others wait for it: requests come in while others are answered."""
CONNECTIONS_MAX, CONNECTIONS_WAITING_MAX = 512, 1024
"""How many connections over HTTP are heard at once, idle ones among them, and how many more the system holds."""
HEADERS_TIMEOUT_S = 10
"""How long a connection may take to say what it asks: whoever sends nothing takes a place of others."""
STOP_TIMEOUT_S = 10
"""How long requests that are under way may take to end once the server is told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A server that answers. `stop` may be called from any thread, and returns at once."""

    url: str
    token: str
    stop: Callable[[], None]
    doors: tuple[Door, ...] = ()
    """The protocols beside HTTP."""

    @property
    def entrance(self) -> str:
        """The address that signs a browser in."""
        return f"{self.url}/?token={self.token}"


def serve(
    project: ServedProject,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    owner: str | None = None,
    token: str | None = None,
    certificate: Certificate | None = None,
    flight_port: int | None = None,
    postgres_port: int | None = None,
    on_ready: Callable[[Serving], None],
) -> None:
    """Serve until SIGTERM, SIGINT or `Serving.stop`; requests under way are finished, for STOP_TIMEOUT_S at most.

    `on_ready` is called once it answers, in a thread of its own, and may use it; when it raises, the server ends.
    `port=0` takes a free one. `token` lets the `owner` in, under whose name their reads are logged; without them it is
    a new one, and the system's user. Signals are heard in the main thread only. Arrow Flight SQL is spoken at
    `flight_port` and PostgreSQL's protocol at `postgres_port`, where there is one.

    Raises ConfigError where the port is taken, and where what people read would cross a network in the clear: `host` is
    not this machine and there is no `certificate`.
    """
    if not is_loopback(host) and certificate is None:
        raise ConfigError(
            f"'{host}' can be reached from other machines, and what they read would cross the network in the clear",
            mend="Name a certificate and its key, or stay on 127.0.0.1 and put a TLS proxy before it.",
        )
    token = token or secrets.token_urlsafe(24)
    if not TOKEN_FORM.fullmatch(token):
        raise ConfigError("the token is not 16 or more letters, digits, - and _", mend="Leave it out to have one made.")
    address = _address(host, port)
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # what is there by now stays: it is not looked through for garbage again and again
    gate = Gate(project.lake, owner=owner or getpass.getuser(), token=token, groups=project.groups)
    desk = Desk(
        project.lake,
        Policies(
            project.lake,
            project.assets,
            groups=project.groups,
            is_open=project.is_open,
            external=project.external(project.lake.engine.fork()),
        ),
        project=project.name,
        external=project.external,
        search=lambda call, asked, at, sight: project.matching(call.index, asked, snapshot=at, sight=sight),
        functions=project.functions,
        settings=project.settings,
        admits=gate.admits,
        bounds=Bounds(seconds=project.limits.seconds, rows=project.limits.rows),
        memory=project.limits.memory,
        threads=project.limits.threads,
    )
    following = Following(project.declared, project.declarations.changed, partial(_put_in_force, gate, desk))
    with ExitStack() as stack:
        stack.callback(project.close)
        stack.callback(desk.close)
        following.start()
        stack.callback(following.stop)
        doors = []
        for opened, wanted in ((open_flight, flight_port), (open_postgres, postgres_port)):
            if wanted is not None:
                at, free = _address(host, wanted)
                doors.append(opened(project, gate, desk, host=at, port=free, certificate=certificate))
                stack.callback(doors[-1].close)
        serving = _serve(
            project,
            gate,
            desk,
            address=address,
            token=token,
            certificate=certificate,
            doors=tuple(doors),
            on_ready=on_ready,
        )
        asyncio.run(serving)


def _put_in_force(gate: Gate, desk: Desk, declared: Declared) -> None:
    gate.regroup(declared.groups)
    desk.put_in_force(desk.policies.with_declared(declared))


async def _serve(
    project: ServedProject,
    gate: Gate,
    desk: Desk,
    *,
    address: tuple[str, int],
    token: str,
    certificate: Certificate | None,
    doors: tuple[Door, ...],
    on_ready: Callable[[Serving], None],
) -> None:
    from granian.constants import Interfaces, SSLProtocols
    from granian.http import HTTP1Settings
    from granian.server.embed import Server

    app = app_of(project, gate, desk, port=address[1], secure=certificate is not None)
    server = Server(
        app,
        address=address[0],
        port=address[1],
        interface=Interfaces.ASGI,
        websockets=False,
        backlog=CONNECTIONS_WAITING_MAX,
        backpressure=CONNECTIONS_MAX,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_TIMEOUT_S * 1000),
        log_enabled=False,
        ssl_protocol_min=SSLProtocols.tls12,  # a respondent's phone may be old
        ssl_cert=certificate.chain if certificate else None,
        ssl_key=certificate.key if certificate else None,
    )
    server.workers_kill_timeout = STOP_TIMEOUT_S
    loop = asyncio.get_running_loop()

    def stop() -> None:
        with suppress(RuntimeError):  # it has ended
            loop.call_soon_threadsafe(server.stop)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    url = f"{'https' if certificate else 'http'}://{shown}:{address[1]}"
    serving = asyncio.create_task(server.serve())
    if not await _listens(address, serving):
        await serving
        return
    ready = asyncio.create_task(asyncio.to_thread(on_ready, Serving(url=url, token=token, stop=stop, doors=doors)))
    ready.add_done_callback(lambda done: stop() if done.exception() else None)
    # A request that does not end in time makes it a TimeoutError, and ends with the process.
    with suppress(TimeoutError):
        await serving
    await ready


async def _listens(address: tuple[str, int], serving: asyncio.Task[None]) -> bool:
    """True when connections are taken, False where the server has ended before."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(*address)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return True
    return False


def _address(host: str, port: int) -> tuple[str, int]:
    """The address to listen at, with a free port for 0. Raises ConfigError where it can't be had.

    granian shares a port with whoever else listens there and takes turns in answering, so we look first.
    """
    try:
        family, _, _, _, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found)
            ip, free = probe.getsockname()[:2]
    except OSError as error:
        raise ConfigError(
            f"the server can't listen at {host}:{port}: {error.strerror}",
            mend="Is another server running? Choose another port, or 0 for a free one.",
        ) from error
    return str(ip), int(free)
