"""Looks at what runs, again and again: has it had its time, does anybody take its rows, may its visitor be here?

And at the memory of this process: DuckDB does not count the texts and lists that a query makes of little.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from pumphouse.errors import Overloaded, PumphouseError, TooMuch
from pumphouse.server.access.memory import resident_bytes
from pumphouse.server.access.turns import Turns

LOOK_S = 0.1
IDLE_S = 10.0
"""How long the thread that looks stays when nothing runs."""
RUNNING_MAX = 2_000
"""Statements that have begun and not ended; each holds a connection."""
SPARE_BYTES = 1024**3
"""What this process may grow by, beyond the memory of its queries, while some run."""

log = logging.getLogger("pumphouse.server")


class Running(Protocol):
    """What is looked at."""

    def look(self, now: float) -> None:
        """End it, where it has to."""
        ...

    @property
    def works_since(self) -> float | None:
        """When the work began that it does now; None where it does none."""
        ...

    def end(self, why: PumphouseError) -> None:
        """Stop it."""
        ...


class Watch:
    """Has a thread of its own as long as something runs. Used from many threads at once."""

    def __init__(self, turns: Turns, *, memory_bytes: int) -> None:
        self._turns = turns
        self._growth_max = memory_bytes + SPARE_BYTES
        self._at_rest = 0
        """What this process held when nothing ran."""
        self._stopped: Running | None = None
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._is_looking = False
        self._wanted = threading.Event()

    def add(self, run: Running) -> None:
        """Look at this one until it is removed. Raises Overloaded where there are too many."""
        with self._lock:
            if len(self._running) >= RUNNING_MAX:
                raise Overloaded("more queries are open than the server holds", mend="Ask again in a moment.")
            self._running.add(run)
            self._wanted.set()
            if self._is_looking:
                return
            self._is_looking = True
        threading.Thread(target=self._look, name="watch of statements", daemon=True).start()

    def remove(self, run: Running) -> None:
        """Look no longer at this one."""
        with self._lock:
            self._running.discard(run)
            if not self._running:
                self._wanted.clear()

    def _look(self) -> None:
        self._at_rest = resident_bytes() or 0
        while True:
            if not self._wanted.wait(IDLE_S):
                with self._lock:
                    if not self._running:
                        self._is_looking = False
                        return
            time.sleep(LOOK_S)
            self._turns.set_long_apart()
            with self._lock:
                running = list(self._running)
            now = time.monotonic()
            for run in running:
                try:
                    run.look(now)
                except Exception:  # one that can't be looked at must not hide the others
                    log.exception("a statement can't be looked at")
            self._look_at_memory(running)

    def _look_at_memory(self, running: list[Running]) -> None:
        """Stop the newest work where this process grows too much, and the next once that has ended."""
        held = resident_bytes() or 0
        if not running:
            self._at_rest = held
        if held - self._at_rest <= self._growth_max:
            return
        if self._stopped is not None:
            if self._stopped.works_since is None:  # what it held may come back later, or never
                self._stopped = None
                self._at_rest = held - self._growth_max // 2
            return
        working = [(since, run) for run in running if (since := run.works_since) is not None]
        if working:
            self._stopped = max(working, key=lambda one: one[0])[1]
            self._stopped.end(
                TooMuch(
                    "the query needs more memory than queries may take here",
                    mend="Ask for less at once, or have it built as a table.",
                )
            )
