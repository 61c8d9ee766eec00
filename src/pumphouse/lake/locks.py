"""One at a time, across threads and processes: a lock that names its holder and goes when its holder dies."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pumphouse.errors import LakeBusy

POLL_S = 0.02


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
        _name_holder(descriptor, purpose)
        yield descriptor
    finally:
        os.close(descriptor)


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
