"""The clock beside the server: what is due is run, once after any downtime, while reading goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from pumphouse.errors import LakeBusy, PumphouseError
from pumphouse.project.project import Project
from pumphouse.project.upkeep import Watch
from pumphouse.project.upkeep_runs import run_upkeep_due

TICK_S = 5.0
log = logging.getLogger("pumphouse")


class Scheduler:
    """Runs what is due every `tick_s` seconds until `stop`, and beside it, in a thread of its own, the lake's upkeep.

    A tick that finds another run, or another upkeep, is left out.
    """

    def __init__(self, project: Project, *, tick_s: float = TICK_S) -> None:
        self._tick_s = tick_s
        self._stopped = threading.Event()
        watch = Watch(stops=self._stopped.is_set)
        self._threads = [
            threading.Thread(name=name, target=self._tick, args=(what, work), daemon=True)
            for name, what, work in (
                ("scheduler", "what is due", project.run_due),
                ("upkeep", "the upkeep of the lake", lambda: run_upkeep_due(project, watch=watch)),
            )
        ]

    def start(self) -> None:
        """Begin to tick."""
        for thread in self._threads:
            thread.start()

    def is_alive(self) -> bool:
        """Whether it ticks still."""
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Stop after the run that is under way, and the table of an upkeep, and wait for them."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _tick(self, what: str, work: Callable[[], object]) -> None:
        """Tick until told to stop. A failed run is in the log and told to the declared place; the clock goes on."""
        while not self._stopped.is_set():
            try:
                work()
            except LakeBusy:
                log.info("another run is under way; %s waits for it", what)
            except PumphouseError as error:
                log.error("%s could not be run: %s", what, error)
            except Exception:  # the clock's outermost edge: it must not stop
                log.exception("%s could not be run", what)
            self._stopped.wait(self._tick_s)
