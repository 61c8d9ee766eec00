"""Events on their way to the disk: those that come while it is written to wait, and go there together."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import anyio
import anyio.to_thread

from pumphouse.lake.state import Arrival, Place, State
from pumphouse.sources.surveys.events import WITHDRAWN

TOGETHER_MAX = 256


class Commits:
    """Stores what arrives, many at once, in the order of arrival. Used from the server's event loop alone."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._waiting: list[tuple[Arrival, asyncio.Future[Place]]] = []
        self._working: asyncio.Task[None] | None = None
        self._one = anyio.CapacityLimiter(1)

    async def admit(self, arrival: Arrival) -> Place:
        """What stands under the arrival's key, once that is on disk."""
        told: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, told))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await told

    async def _work(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            stored = anyio.to_thread.run_sync(self._stored, [arrival for arrival, _ in together], limiter=self._one)
            (places,) = await asyncio.gather(stored, return_exceptions=True)
            for at, (_, told) in enumerate(together):
                if told.done():  # whoever asked has gone
                    continue
                if isinstance(places, BaseException):
                    told.set_exception(places)
                else:
                    told.set_result(places[at])

    def _stored(self, arrivals: list[Arrival]) -> tuple[Place, ...]:
        return self._state.admit(arrivals, at=datetime.now(UTC), freed=WITHDRAWN)
