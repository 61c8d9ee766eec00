"""Clients' connections, below gRPC: it waits for whoever does not read, and pyarrow offers no other way to end that."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import unquote

import psutil

_TCP_INFO: int = getattr(socket, "TCP_INFO", -1)  # not every system has it
_RECEIVED = struct.Struct("=128xQ")
"""How many bytes were received, in Linux's TCP_INFO."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One of a client's."""

    peer: str
    """From where: "127.0.0.1:40001" or "[::1]:40001"."""
    _file: int

    def received(self) -> int:
        """How many bytes its client has sent; 0 where the system does not tell, or it has ended."""
        with suppress(OSError, struct.error), self._socket() as connection:
            found: int = _RECEIVED.unpack(connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RECEIVED.size))[0]
            return found
        return 0

    def hang_up(self) -> None:
        """End it."""
        with suppress(OSError), self._socket() as connection:
            connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        with socket.socket(fileno=os.dup(self._file)) as connection:
            if _shown(*connection.getpeername()[:2]) != self.peer:
                raise OSError("it has ended, and its number is another's")
            yield connection


def connections(port: int) -> list[Connection]:
    """Those to a port of this process."""
    return [
        Connection(peer=_shown(*one.raddr), _file=one.fd)
        for one in psutil.Process().net_connections(kind="tcp")
        if one.fd >= 0 and one.raddr and one.laddr.port == port
    ]


def peer_of(name: str) -> str:
    """A peer as gRPC names it, "ipv4:127.0.0.1:40001" or "ipv6:%5B::1%5D:40001", as connections have it."""
    return unquote(name).partition(":")[2]


def hang_up(port: int, *, peer: str | None = None) -> None:
    """End all connections to a port, or the one of a peer as gRPC names it."""
    for one in connections(port):
        if peer is None or one.peer == peer_of(peer):
            one.hang_up()


def _shown(host: str, port: int) -> str:
    host = host.removeprefix("::ffff:")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
