"""The clock beside the server: what is due is run, once after any downtime, while reading goes on."""

from __future__ import annotations

import logging
import threading

from pumphouse.errors import LakeBusy, PumphouseError
from pumphouse.project.project import Project

TICK_S = 5.0
log = logging.getLogger("pumphouse")


class Scheduler(threading.Thread):
    """A thread that runs what is due every `tick_s` seconds until `stop`. A tick that finds another run is left out."""

    def __init__(self, project: Project, *, tick_s: float = TICK_S) -> None:
        super().__init__(name="scheduler", daemon=True)
        self._project = project
        self._tick_s = tick_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Tick until told to stop. A failed run is in the log and told to the declared place; the clock goes on."""
        while not self._stopped.is_set():
            try:
                self._project.run_due()
            except LakeBusy:
                log.info("another run is under way; what is due waits for it")
            except PumphouseError as error:
                log.error("what is due could not be run: %s", error)
            except Exception:  # the clock's outermost edge: it must not stop
                log.exception("what is due could not be run")
            self._stopped.wait(self._tick_s)

    def stop(self) -> None:
        """Stop after the run that is under way, and wait for it."""
        self._stopped.set()
        self.join()
