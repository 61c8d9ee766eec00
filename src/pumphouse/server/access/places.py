"""How many answers are open at once, whatever door they leave by: each holds memory of the engine until its last row.

    with desk.places.ask(who) as place:     # in the line, or with a place by now; nobody waits yet
        place.wait()                        # in a thread; or `await place.held()` where an event loop goes on
        ...

Of those that wait, the visitor with the fewest open is next, and of those the one who came first.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter, deque
from concurrent.futures import Future
from types import TracebackType
from typing import Literal

from pumphouse.errors import Cancelled, Overloaded

ALL_MAX = 32
"""Open at once; some 15 MB each."""
EACH_MAX = 24
"""Open at once for one visitor, so that whoever reads slowly leaves places for others."""
WAITING_MAX = 2_000
WAIT_S = 120.0


class Place:
    """A place of a visitor's, or their waiting for one. `leave` ends either, from any thread, as often as you like."""

    def __init__(self, places: Places, who: str, number: int) -> None:
        self.who = who
        self.number = number
        self.state: Literal["waiting", "held", "left"] = "held"
        self.called: Future[None] | None = None
        """Done once it is held; it fails where it was left before."""
        self._places = places

    @property
    def is_held(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.state == "held"

    def wait(self) -> None:
        """Wait in this thread. Raises Overloaded where it takes too long, Cancelled where it was left."""
        if self.called is not None:
            try:
                self.called.result(self._places.wait_s)
            except TimeoutError:
                self.leave()
                raise overloaded() from None

    async def held(self) -> None:
        """Wait in an event loop of asyncio. Raises what `wait` raises."""
        if self.called is not None:
            try:
                async with asyncio.timeout(self._places.wait_s):
                    await asyncio.wrap_future(self.called)
            except TimeoutError:
                self.leave()
                raise overloaded() from None

    def leave(self) -> None:
        """Give it back, or wait no longer."""
        self._places.leave(self)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()


class Places:
    """Places for open answers. Used from many threads at once."""

    def __init__(
        self,
        *,
        all_max: int = ALL_MAX,
        each_max: int = EACH_MAX,
        waiting_max: int = WAITING_MAX,
        wait_s: float = WAIT_S,
    ) -> None:
        self.wait_s = wait_s
        self._all_max = all_max
        self._each_max = each_max
        self._waiting_max = waiting_max
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._held: Counter[str] = Counter()
        self._held_count = 0
        self._waiting: dict[str, deque[Place]] = {}
        self._waiting_count = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._waiting_count

    def ask(self, who: str) -> Place:
        """A place of a visitor's: held, or in the line. Raises Overloaded where too many wait."""
        with self._lock:
            place = Place(self, who, next(self._numbers))
            if self._held_count < self._all_max and self._held[who] < self._each_max:
                self._hold(place)
                return place
            if self._waiting_count >= self._waiting_max:
                raise overloaded()
            place.state, place.called = "waiting", Future()
            place.called.set_running_or_notify_cancel()  # who waits no longer says so by `leave`
            self._waiting.setdefault(who, deque()).append(place)
            self._waiting_count += 1
        return place

    def leave(self, place: Place) -> None:
        """See `Place.leave`."""
        with self._lock:
            was, place.state = place.state, "left"
            if was == "waiting":
                self._out_of_line(place)
            elif was == "held":
                self._held_count -= 1
                self._held[place.who] -= 1
                if not self._held[place.who]:
                    del self._held[place.who]
            called = self._next() if was == "held" else None
        if was == "waiting" and place.called is not None:
            place.called.set_exception(Cancelled("whoever asked has gone"))
        if called is not None and called.called is not None:
            called.called.set_result(None)

    def _next(self) -> Place | None:
        """Who has the place that was given back."""
        free = [line[0] for who, line in self._waiting.items() if self._held[who] < self._each_max]
        if not free:
            return None
        place = min(free, key=lambda one: (self._held[one.who], one.number))
        self._out_of_line(place)
        self._hold(place)
        return place

    def _hold(self, place: Place) -> None:
        place.state = "held"
        self._held[place.who] += 1
        self._held_count += 1

    def _out_of_line(self, place: Place) -> None:
        line = self._waiting[place.who]
        line.remove(place)
        self._waiting_count -= 1
        if not line:
            del self._waiting[place.who]


def overloaded() -> Overloaded:
    """What is said to whoever has waited in vain."""
    return Overloaded("more read here than can at once", mend="Ask again in a few seconds.")
