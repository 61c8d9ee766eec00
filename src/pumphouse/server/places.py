"""How many answers with rows are open at once: each holds memory of the engine until its last row is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from pumphouse.errors import Cancelled, Overloaded

ALL_MAX = 32
"""Open at once; some 15 MB each."""
EACH_MAX = 24
"""Open at once for one visitor, so that whoever reads slowly leaves places for others."""
WAITING_MAX = 2_000
WAIT_S = 120.0


class Places:
    """Places for open answers, first come first served. Used from the server's event loop alone."""

    def __init__(
        self,
        *,
        all_max: int = ALL_MAX,
        each_max: int = EACH_MAX,
        waiting_max: int = WAITING_MAX,
        wait_s: float = WAIT_S,
    ) -> None:
        self._all = anyio.CapacityLimiter(all_max)
        self._each_max = each_max
        self._each: dict[str, anyio.CapacityLimiter] = {}
        self._here: Counter[str] = Counter()
        self._waiting = 0
        self._waiting_max = waiting_max
        self._wait_s = wait_s

    @asynccontextmanager
    async def place(self, who: str, *, waiting: anyio.CancelScope) -> AsyncIterator[None]:
        """Hold a place of a visitor's, once there is one. Cancelling `waiting` gives the waiting up.

        Raises Overloaded where too many wait, or where it takes too long; Cancelled where the waiting was given up.
        """
        if self._waiting >= self._waiting_max:
            raise _overloaded()
        own = self._each.setdefault(who, anyio.CapacityLimiter(self._each_max))
        self._here[who] += 1
        held: list[anyio.CapacityLimiter] = []
        me = object()
        try:
            waiting.deadline = anyio.current_time() + self._wait_s
            self._waiting += 1
            try:
                with waiting:
                    for limiter in (own, self._all):
                        await limiter.acquire_on_behalf_of(me)
                        held.append(limiter)
            finally:
                self._waiting -= 1
            if len(held) < 2:
                raise _overloaded() if anyio.current_time() >= waiting.deadline else Cancelled("whoever asked has gone")
            yield
        finally:
            for limiter in held:
                limiter.release_on_behalf_of(me)
            self._here[who] -= 1
            if not self._here[who]:
                del self._here[who], self._each[who]


def _overloaded() -> Overloaded:
    return Overloaded("more read here than can at once", mend="Ask again in a few seconds.")
