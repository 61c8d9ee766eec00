"""How often an API may be asked: as its connection says, and as its answers say."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from threading import Lock

from pumphouse.errors import ConfigError
from pumphouse.lake.context import Connection

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
PAUSE_S_MAX = 120.0
"""A longer pause that an answer's headers ask for is not waited for: the server says no itself, and for how long."""
EPOCH_FROM = 1_000_000_000
"""A reset from here on is a moment, and below a number of seconds."""
_DRAFT = re.compile(r"\b(?:r|remaining)=(\d+).*?\b(?:t|reset)=(\d+)")


class Rate:
    """Turns for requests: evenly spaced where the connection says `rate = "10/s"`, paused where an answer says so."""

    def __init__(self, connection: Connection) -> None:
        self._gap_s = _gap_s(connection)
        self._next = 0.0
        self._lock = Lock()

    def wait(self) -> None:
        """Come back when it is this request's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap_s
        if turn > now:
            time.sleep(turn - now)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Pause until the server's own count begins anew, where an answer says that nothing of it is left."""
        pause_s = pause_of(headers)
        if pause_s:
            with self._lock:
                self._next = max(self._next, time.monotonic() + min(pause_s, PAUSE_S_MAX))


def pause_of(headers: Mapping[str, str]) -> float:
    """Seconds until more may be asked, 0 where more may be asked now.

    Reads `RateLimit` (IETF draft), and `RateLimit-Remaining` with `RateLimit-Reset`, also as `X-RateLimit-...`.
    """
    remaining, reset = "", ""
    if drafted := _DRAFT.search(headers.get("ratelimit", "")):
        remaining, reset = drafted.groups()
    for prefix in ("ratelimit", "x-ratelimit", "x-rate-limit"):
        remaining = remaining or headers.get(f"{prefix}-remaining", "").strip()
        reset = reset or headers.get(f"{prefix}-reset", "").strip()
    try:
        if not remaining or float(remaining) >= 1 or not reset:
            return 0.0
        at = float(reset)
        if at >= EPOCH_FROM:  # measured by the server's own clock, which it sends along
            at -= parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, at)


def _gap_s(connection: Connection) -> float:
    given = connection.options.get("rate")
    if given is None:
        return 0.0
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?/ ?(s|min|h)", str(given))
    if not found or float(found[1]) == 0:
        raise ConfigError(
            f"connection '{connection.name}' has a rate of {given!r}", mend='It is like "10/s", "100/min" or "5000/h".'
        )
    return SECONDS[found[2]] / float(found[1])
