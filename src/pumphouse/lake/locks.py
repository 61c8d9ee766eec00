"""One at a time, across threads and processes: a lock that names its holder and goes when its holder dies."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pumphouse.errors import LakeBusy, MissingExtra

POLL_S = 0.02
APPLICATION_NAME_MAX = 63
"""Bytes of it that PostgreSQL keeps."""


@contextmanager
def held(path: Path, *, purpose: str, wait_s: float) -> Iterator[int]:
    """Hold the lock at `path` inside the `with` block, which is given the lock's descriptor.

    Waits at most `wait_s` for another holder, then raises LakeBusy naming it. The lock is the operating system's, so a
    killed holder leaves nothing behind. A process that is handed the descriptor holds the lock too, until it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + wait_s
        pause = POLL_S / 4
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LakeBusy(
                        f"{purpose} has to wait: {_holder(descriptor)}",
                        mend="Wait for it, or try again with a longer --wait.",
                    ) from None
                time.sleep(pause)
                pause = min(pause * 1.5, POLL_S * 5)
        with suppress(OSError):  # on a full disk it is held without a name
            _name_holder(descriptor, purpose)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def held_in_postgres(url: str, *, name: str, purpose: str, wait_s: float) -> Iterator[None]:
    """Hold a lock of the catalogue's PostgreSQL inside the `with` block, so that machines that share it take turns.

    It goes with the connection, so a killed holder leaves nothing behind. Raises LakeBusy naming the holder.
    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra("psycopg", extra="postgres", purpose="A catalogue in PostgreSQL") from error
    number = int.from_bytes(hashlib.sha256(f"pumphouse {name}".encode()).digest()[:4], "big")
    who = f"{purpose} by {getpass.getuser()} on {socket.gethostname()}"
    with psycopg.connect(url, autocommit=True, application_name=who[:APPLICATION_NAME_MAX]) as db:
        deadline = time.monotonic() + wait_s
        while not _first(db.execute("SELECT pg_try_advisory_lock(%s)", [number])):
            if time.monotonic() >= deadline:
                holder = _first(
                    db.execute(
                        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                        " WHERE l.locktype = 'advisory' AND l.granted AND l.objid = %s",
                        [number],
                    )
                )
                raise LakeBusy(
                    f"{purpose} has to wait: {holder or 'another process holds it'}",
                    mend="Wait for it, or try again with a longer --wait.",
                )
            time.sleep(POLL_S)
        try:
            yield
        finally:
            with suppress(psycopg.Error):  # a connection that ends gives it back as well, some time later
                db.execute("SELECT pg_advisory_unlock(%s)", [number])


def _first(cursor: Any) -> Any:  # psycopg is not always installed, so its types are not known here
    row = cursor.fetchone()
    return row[0] if row else None


def _name_holder(descriptor: int, purpose: str) -> None:
    holder = {
        "who": getpass.getuser(),
        "host": socket.gethostname(),
        "process": os.getpid(),
        "purpose": purpose,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return (
            f"{holder['purpose']} by {holder['who']} on {holder['host']}, process {holder['process']},"
            f" since {holder['since']}"
        )
    except (ValueError, KeyError):
        return "another process holds it"
