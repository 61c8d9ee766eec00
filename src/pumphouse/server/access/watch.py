"""Looks at what runs, again and again: has it had its time, does anybody take its rows, may its visitor be here?

And at the memory of this process: DuckDB does not count the texts and lists that a query makes of little, and does not
heed an interrupt before it has made those of 2,048 rows. What is stopped and goes on growing runs into a wall.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from pumphouse.errors import Overloaded, PumphouseError, TooMuch
from pumphouse.server.access.memory import Wall, resident_bytes
from pumphouse.server.access.turns import Turns

LOOK_S = 0.1
MEMORY_S = 0.02
"""How often it looks at the memory: two cores make 50 MB of text within that."""
IDLE_S = 10.0
"""How long the thread that looks stays when nothing runs."""
RUNNING_MAX = 2_000
"""Statements that have begun and not ended; each holds a connection."""
SPARE_BYTES = 192 * 1024**2
"""What this process may grow by, beyond the memory of its queries, while some run; DuckDB itself takes a tenth more."""
UNHEEDED_BYTES = 32 * 1024**2
"""By how much it grows beyond that, with something stopped, before there is a wall; and what there is within it."""
WALL_S = 1.0
"""How long a wall stands after the process last grew: what asked for nothing within that may ask again, later."""

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
        self._stopped_at = 0
        """What it held when that was stopped."""
        self._wall = Wall()
        self._wall_since, self._wall_at = 0.0, 0
        """When it was put up or the process last grew within it, and what it held then."""
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
            if self._stopped is None and not self._wanted.wait(IDLE_S):
                with self._lock:
                    if not self._running:
                        self._is_looking = False
                        return
            try:
                self._look_once()
                for _ in range(round(LOOK_S / MEMORY_S)):
                    time.sleep(MEMORY_S)
                    self._look_at_memory()
            except MemoryError:  # within the wall there is little; it comes down at a later look
                log.exception("there was no memory to look at what runs")

    def _look_once(self) -> None:
        self._turns.set_long_apart()
        with self._lock:
            running = list(self._running)
        now = time.monotonic()
        for run in running:
            try:
                run.look(now)
            except Exception:  # one that can't be looked at must not hide the others
                log.exception("a statement can't be looked at")

    def _look_at_memory(self) -> None:
        """Stop the newest work where this process grows too much, and the next once that has ended."""
        held = resident_bytes() or 0
        with self._lock:
            running = list(self._running)
        if not running:
            self._at_rest = held
        if self._stopped is not None and self._goes_on(self._stopped, held):
            return
        if held - self._at_rest <= self._growth_max:
            return
        working = [(since, run) for run in running if (since := run.works_since) is not None]
        if working:
            self._stopped, self._stopped_at = max(working, key=lambda one: one[0])[1], held
            self._stopped.end(
                TooMuch(
                    "the query needs more memory than queries may take here",
                    mend="Ask for less at once, or have it built as a table.",
                )
            )

    def _goes_on(self, stopped: Running, held: int) -> bool:
        """Whether what was stopped has not ended yet. The wall is where the process grows all the same."""
        now = time.monotonic()
        if self._wall.stands and held > self._wall_at:  # it fills what it had asked for before
            self._wall_since, self._wall_at = now, held
        if self._wall.stands and now - self._wall_since > WALL_S:
            self._wall.take_down()
            self._stopped_at = held
        grows = held - self._stopped_at > UNHEEDED_BYTES
        if grows and not self._wall.stands:
            self._wall.put_up(UNHEEDED_BYTES)
            self._wall_since, self._wall_at = now, held
        if stopped.works_since is not None:
            return True
        self._stopped = None
        self._wall.take_down()
        if not grows:  # what it held may come back later, or never
            self._at_rest = max(self._at_rest, held - self._growth_max // 2)
        return False
