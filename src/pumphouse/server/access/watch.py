"""Looks at what runs, again and again: has it had its time, does anybody take its rows, may its visitor be here?"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from pumphouse.server.access.turns import Turns

LOOK_S = 0.1
IDLE_S = 10.0
"""How long the thread that looks stays when nothing runs."""

log = logging.getLogger("pumphouse.server")


class Running(Protocol):
    """What is looked at."""

    def look(self, now: float) -> None:
        """End it, where it has to."""
        ...


class Watch:
    """Has a thread of its own as long as something runs. Used from many threads at once."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._is_looking = False
        self._wanted = threading.Event()

    def add(self, run: Running) -> None:
        """Look at this one until it is removed."""
        with self._lock:
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
