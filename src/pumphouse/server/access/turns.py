"""Whose turn it is: how many statements the engine works on at once, first come first served.

Each piece of work (up to the next batch) takes a turn. Work that turns out to be long is set apart, so that short
statements need not wait behind it, up to a number of those too.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from pumphouse.errors import Overloaded

SHORT_MAX = 8
"""Pieces of work that run at once; each has a thread of its own, so that none waits for another's end."""
LONG_MAX = 8
"""Long ones beside them."""
LONG_S = 0.5
WAITING_MAX = 2_000
WAIT_S = 30.0
"""How long a statement waits for its first turn. One that has begun waits on: its rows are half given out."""


@dataclass(slots=True, eq=False)
class Turn:
    """One statement's place in the line."""

    state: Literal["out", "waiting", "short", "long"] = "out"
    since: float = 0.0
    _called: threading.Event = field(default_factory=threading.Event)


class Turns:
    """Hands out turns. Used from many threads at once."""

    def __init__(self, *, short_max: int = SHORT_MAX, long_max: int = LONG_MAX) -> None:
        self._short_max = short_max
        self._long_max = long_max
        self._lock = threading.Lock()
        self._waiting: deque[Turn] = deque()
        self._short: set[Turn] = set()
        self._long: set[Turn] = set()

    def take(self, turn: Turn, *, wait_s: float | None) -> None:
        """Wait until it is this one's turn, or `leave` calls it away. Raises Overloaded where that takes too long."""
        with self._lock:
            if len(self._short) < self._short_max and not self._waiting:
                self._begin(turn)
                return
            if wait_s is not None and len(self._waiting) >= WAITING_MAX:
                raise _overloaded()
            turn.state = "waiting"
            turn._called.clear()
            self._waiting.append(turn)
        called = turn._called.wait(wait_s)
        if called:
            return
        with self._lock:
            if turn.state != "waiting":
                return
            self._waiting.remove(turn)
            turn.state = "out"
        raise _overloaded()

    def give(self, turn: Turn) -> None:
        """End a turn; the next one begins."""
        with self._lock:
            self._short.discard(turn)
            self._long.discard(turn)
            turn.state = "out"
            self._call()

    def leave(self, turn: Turn) -> None:
        """Call somebody out of the line; who has a turn keeps it."""
        with self._lock:
            if turn.state == "waiting":
                self._waiting.remove(turn)
                turn.state = "out"
                turn._called.set()

    def set_long_apart(self) -> None:
        """Let others have the turns of what has worked for longer than LONG_S."""
        now = time.monotonic()
        with self._lock:
            for turn in [one for one in self._short if now - one.since > LONG_S]:
                if len(self._long) >= self._long_max:
                    break
                self._short.remove(turn)
                self._long.add(turn)
                turn.state = "long"
            self._call()

    def _begin(self, turn: Turn) -> None:
        turn.state = "short"
        turn.since = time.monotonic()
        self._short.add(turn)

    def _call(self) -> None:
        while self._waiting and len(self._short) < self._short_max:
            turn = self._waiting.popleft()
            self._begin(turn)
            turn._called.set()


def _overloaded() -> Overloaded:
    return Overloaded("more is asked at once than the server answers", mend="Ask again in a moment.")
