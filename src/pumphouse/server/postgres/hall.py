"""What all sessions of the door share: the project, who is there, and the threads in which statements run."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate, Visitor
from pumphouse.server.served import ServedProject

THREADS = 64
"""Statements that do something, or wait for the desk, at the same moment. A slow reader holds none."""
SIGNING_IN_THREADS = 4
"""Whoever signs in or leaves does not wait for statements."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many may be there, and how long a session may take for what."""

    connections: int = 400
    sign_in_s: float = 30.0
    """From the first byte until it is known who they are."""
    idle_s: float = 3600.0
    """Between two statements."""
    idle_in_transaction_s: float = 600.0
    untaken_s: float = 120.0
    """How long a client may leave untaken what is sent to it."""


class Catalogue(Protocol):
    """Who answers what is asked of PostgreSQL's own catalogue."""

    def __call__(
        self,
        desk: Desk,
        visitor: Visitor,
        sql: str,
        parameters: Sequence[Any],
        *,
        settings: Mapping[str, str],
        snapshot: int | None,
    ) -> pa.Table | None:
        """Its rows, each field with its type under `types.TYPE_KEY`; None where it is no question for the catalogue.

        A parameter without a value yet is None.
        """
        ...


class Cancellable(Protocol):
    """A session as others see it."""

    def cancel(self) -> None:
        """Stop its statement."""
        ...

    def end(self) -> None:
        """End it."""
        ...


@dataclass(slots=True, kw_only=True)
class Hall:
    """The project and the door's sessions."""

    project: ServedProject
    gate: Gate
    desk: Desk
    catalogue: Catalogue | None
    tls: ssl.SSLContext | None = None
    end_point: bytes | None = None
    """The hash of the certificate, to which clients bind their proof."""
    limits: Limits = field(default_factory=Limits)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="postgres")
    )
    doorkeepers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(SIGNING_IN_THREADS, thread_name_prefix="postgres-door")
    )
    sessions: dict[int, tuple[int, Cancellable]] = field(default_factory=dict)
    connections: int = 0

    async def in_thread(self, work: Callable[..., _T], *arguments: object) -> _T:
        """What work returns that may take a while."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)

    async def at_the_door(self, work: Callable[..., _T], *arguments: object) -> _T:
        """The same for what is short, and must not wait for statements."""
        return await asyncio.get_running_loop().run_in_executor(self.doorkeepers, work, *arguments)

    def shut(self) -> None:
        """End the threads."""
        self.threads.shutdown(wait=True, cancel_futures=True)
        self.doorkeepers.shutdown(wait=True, cancel_futures=True)

    def enter(self, session: Cancellable) -> tuple[int, int]:
        """The number of a new session, and the key that cancels it. Neither can be guessed."""
        while True:
            process = secrets.randbits(31)
            if process and process not in self.sessions:
                break
        key = secrets.randbits(32)
        self.sessions[process] = key, session
        return process, key

    def leave(self, process: int) -> None:
        """The session has ended."""
        self.sessions.pop(process, None)

    def cancel(self, process: int, key: int) -> None:
        """Stop what a session runs. Whoever has not its key is told nothing."""
        expected, session = self.sessions.get(process, (0, None))
        if session is not None and hmac.compare_digest(expected.to_bytes(4, "big"), key.to_bytes(4, "big")):
            session.cancel()
