"""Where the servers of a lake are: each leaves its doors in a file of the lake's folder for as long as it runs.

The file is locked by its server. What a server left that was killed is locked by nobody, and counts for nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pumphouse.clients.address import Address
from pumphouse.lake.locks import held

FOLDER = "serving"
"""In the lake's folder."""
LEFT_MAX = 100
"""Files that are looked at, those of the last servers first."""
_BYTES_MAX = 10_000
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # a server that listens so is here too


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The doors of a server that runs."""

    url: str
    """Of HTTP."""
    owner: str
    """Whom its own token lets in."""
    flight: int | None = None
    """The port, where the door is open."""
    postgres: int | None = None
    certificate: str | None = None
    """The file of a certificate that the server made itself."""

    def address(self, *, project: str, user: str, certificate: str | None = None) -> Address:
        """Where it is for somebody on this machine."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        return Address(
            project=project,
            user=user,
            host=_EVERYWHERE.get(host, host),
            http=parts.port or 0,
            flight=self.flight,
            postgres=self.postgres,
            tls=parts.scheme == "https",
            certificate=certificate or self.certificate,
        )


@contextmanager
def announced(lake: Path, server: Server) -> Iterator[None]:
    """Let others find a server while the `with` block lasts."""
    path = lake / FOLDER / f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}.json"
    try:
        with held(path, purpose="serve", wait_s=0) as descriptor:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(server)).encode(), 0)
            for left in _left(lake):
                if not _is_alive(left):
                    left.unlink(missing_ok=True)
            yield
    finally:
        with suppress(OSError):
            path.unlink()


def running(lake: Path) -> tuple[Server, ...]:
    """The servers of a lake that run on this machine, the last that was started first."""
    return tuple(found for path in _left(lake) if (found := _read(path)) is not None)


def _left(lake: Path) -> list[Path]:
    left = lake.glob(f"{FOLDER}/{socket.gethostname()}-*.json")
    return sorted(left, key=lambda path: path.stem.rpartition("-")[2], reverse=True)[:LEFT_MAX]


def _read(path: Path) -> Server | None:
    """What a server left; None where it runs no more."""
    if not _is_alive(path):  # what it started may hold its lock after it
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return Server(**json.loads(os.pread(descriptor, _BYTES_MAX, 0)))
        except (TypeError, ValueError):  # it is being written
            return None
    else:
        return None
    finally:
        os.close(descriptor)


def _is_alive(path: Path) -> bool:
    """Whether there is a process of the number that a file's name has."""
    try:
        os.kill(int(path.stem.split("-")[-2]), 0)
    except (IndexError, ValueError, ProcessLookupError):
        return False
    except PermissionError:  # somebody else's
        pass
    return True
