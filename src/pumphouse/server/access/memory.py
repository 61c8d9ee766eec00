"""How much memory this process has, and a wall that it does not pass."""

from __future__ import annotations

import os
import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int | None:
    """What of the machine's memory this process holds; None where the system does not tell."""
    return _statm(1)


class Wall:
    """While it stands, what asks for much memory at once is told that there is none; DuckDB ends a statement so.

    It is the system's limit of this process's addresses. Whoever asks for little still gets it: what DuckDB asks for
    comes in pieces of up to 16 MB, and the first that does not fit ends the statement. No use of it from many threads.
    """

    def __init__(self) -> None:
        self._before: int | None = None

    @property
    def stands(self) -> bool:
        """Whether it was raised, and not lowered since."""
        return self._before is not None

    def put_up(self, spare_bytes: int) -> None:
        """Let the process have this much more than it has now. Does nothing where the system does not tell."""
        held = _statm(0)
        if held is None:
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        if self._before is None:
            self._before = soft
        most = held + spare_bytes
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))

    def take_down(self) -> None:
        """Let it have again what it might have before."""
        if self._before is not None:
            resource.setrlimit(resource.RLIMIT_AS, (self._before, resource.getrlimit(resource.RLIMIT_AS)[1]))
            self._before = None


def _statm(field: int) -> int | None:
    try:
        return int(_STATM.read_bytes().split()[field]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None
