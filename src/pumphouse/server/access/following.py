"""Has in force what the project's files declare now: a grant that is taken away does not live on until a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pumphouse.errors import PumphouseError
from pumphouse.project.declared import Declared

LOOK_S = 1.0
SHARE_MAX = 0.05
"""Of a core, at most, that looks at the files: in a large folder it is done less often."""

log = logging.getLogger("pumphouse.server")


class Following(threading.Thread):
    """A thread that asks for what has changed, and has it put in force, until `stop`."""

    def __init__(
        self,
        before: Declared,
        changed: Callable[[], Declared | None],
        put_in_force: Callable[[Declared], None],
        *,
        look_s: float = LOOK_S,
    ) -> None:
        """`before` is what is in force; `changed` gives what is declared otherwise by now, or None."""
        super().__init__(name="grants", daemon=True)
        self._in_force = before
        self._changed = changed
        self._put_in_force = put_in_force
        self._look_s = look_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._stopped.is_set():
            began, looked_s = time.thread_time(), 0.0
            try:
                found = self._changed()
                looked_s = 0.0 if found else time.thread_time() - began
                if found is not None and found != self._in_force:
                    self._put_in_force(found)
                    log.info("who may see what has changed, and is in force: %s", difference(self._in_force, found))
                    self._in_force = found
            except PumphouseError as error:
                log.error(
                    "the project's files have changed and can't be read. Who may see what stays as it was before: %s",
                    error,
                )
            except Exception:  # the thread's outermost edge: it must not stop
                log.exception("who may see what could not be read again, and stays as it was before")
            self._stopped.wait(max(self._look_s, looked_s / SHARE_MAX))

    def stop(self) -> None:
        """Look no more. A look that is under way ends by itself."""
        self._stopped.set()


def difference(before: Declared, now: Declared) -> str:
    """What is declared otherwise, in words for the server's log."""
    words = []
    for verb, names in (
        ("added", now.known.keys() - before.known.keys()),
        ("taken away", before.known.keys() - now.known.keys()),
        ("changed", {name for name in now.known.keys() & before.known.keys() if now.known[name] != before.known[name]}),
        ("groups", {name for name, _ in set(now.groups.items()) ^ set(before.groups.items())}),
    ):
        if names:
            words.append(f"{verb}: {', '.join(sorted(names))}")
    if now.is_open != before.is_open:
        words.append(f"a table without a grant is {'open' if now.is_open else 'closed'}")
    return "; ".join(words)
