"""Ending a client's connection: gRPC waits for whoever does not read, and pyarrow offers no other way to end that."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import psutil


def hang_up(port: int, *, peer: str | None = None) -> None:
    """End all connections to our port, or the one of a peer as gRPC names it: "ipv4:127.0.0.1:40001"."""
    for one in psutil.Process().net_connections(kind="tcp"):
        if one.fd < 0 or one.laddr.port != port or not one.raddr:
            continue
        if peer is None or peer.endswith(f":{one.raddr.port}"):
            with suppress(OSError), socket.socket(fileno=os.dup(one.fd)) as connection:
                connection.shutdown(socket.SHUT_RDWR)
