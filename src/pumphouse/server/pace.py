"""How fast one address may send: enough for a class that answers at once, too little to fill a disk by."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from starlette.types import Scope

from pumphouse.server.replies import TooMany, headers_of

AT_ONCE_MAX = 300
PER_SECOND = 5.0
ADDRESSES_MAX = 10_000


class Pace:
    """A bucket for each address, which empties with each request and fills with time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def hold(self, address: str | None) -> None:
        """Count one request of an address, or of this machine itself. Raises TooMany where they come too fast."""
        if address is None:
            return
        now = self._clock()
        left, at = self._left.pop(address, (float(AT_ONCE_MAX), now))
        left = min(left + (now - at) * PER_SECOND, AT_ONCE_MAX)
        while len(self._left) >= ADDRESSES_MAX:
            self._left.pop(next(iter(self._left)))  # who came least recently
        self._left[address] = max(left - 1, 0.0), now
        if left < 1:
            raise TooMany("too much is sent from your address", mend="Send it again in a few seconds.")


def address_of(scope: Scope) -> str | None:
    """Who sends, by the address they come from; None for this machine.

    A proxy on this machine is believed about whom it speaks for; whoever else says so is not.
    """
    host = (scope.get("client") or ("",))[0]
    try:
        if not ipaddress.ip_address(host).is_loopback:
            return str(host)
    except ValueError:
        return str(host)
    forwarded = headers_of(scope).get(b"x-forwarded-for", b"").decode("latin-1")
    return forwarded.rpartition(",")[2].strip()[:64] or None
