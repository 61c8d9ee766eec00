"""A statement that begins before its rows are asked for.

A client asks for the columns first, and for the rows once it has those. What is found in between it need not wait for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pumphouse.engines.texts import Columns
from pumphouse.errors import PumphouseError
from pumphouse.server.access.desk import Result, Statement
from pumphouse.server.access.gate import Visitor

AHEAD_S = 1.0
"""How long a statement works ahead for a client that does not ask for its rows; later it begins anew."""
OPENED_S = 0.002
"""How long its columns are waited for: what opens within that need not be asked for them beside, and for what takes
longer the client's next call is on its way meanwhile."""
STOP_S = 5.0
"""How long one that was ended may take to stop."""
AHEAD_MAX, AHEAD_OF_ONE_MAX = 8, 4
"""Statements that work ahead at the same time: everybody's, and one visitor's. Others begin when they are asked for."""


class Begun:
    """One statement that works ahead, until somebody takes it or it is ended."""

    def __init__(self, result: Result) -> None:
        self._statement = result.statement
        self._began_at = time.monotonic()
        self._lock = threading.Lock()
        self._result: Result | None = result
        self._columns: Columns | None = None
        self._opened = threading.Event()
        """It has its columns, or never will."""
        self._thread = threading.Thread(target=self._work, args=(result,), name="flight ahead", daemon=True)
        self._thread.start()

    @property
    def visitor(self) -> Visitor:
        """Whose it is."""
        return self._statement.visitor

    def is_of(self, statement: Statement) -> bool:
        """Whether it is this statement, as it is checked now."""
        return self._statement.is_same(statement)

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has taken it, nor ended it."""
        return self._result is not None

    def columns(self) -> Columns | None:
        """Its columns, where they are there within OPENED_S.

        None too where several have one name: whoever asks the engine for them alone is told another for each.
        """
        self._opened.wait(OPENED_S)
        found = self._columns
        return found if found is not None and len({name.lower() for name in found.names}) == len(found.names) else None

    def take(self) -> Result | None:
        """What has begun, for who asks for the rows now; None where it has ended."""
        with self._lock:
            result, self._result = self._result, None
        if result is None or result.ended is None:
            return result
        result.withdraw()
        return None

    def look(self) -> None:
        """End it where nobody has taken it for AHEAD_S."""
        if time.monotonic() - self._began_at > AHEAD_S:
            self.end()

    def end(self) -> None:
        """End it, unless it was taken."""
        with self._lock:
            result, self._result = self._result, None
        if result is not None:
            result.withdraw()

    def join(self) -> None:
        """Wait until it works no more: Python ends with an abort where a thread is in DuckDB then."""
        self._thread.join(STOP_S)

    def _work(self, result: Result) -> None:
        try:
            with suppress(PumphouseError):  # whoever takes it gets it too
                self._columns = result.columns
        finally:
            self._opened.set()


@contextmanager
def ended_on_failure(begun: Begun | None) -> Iterator[None]:
    """End it where what is done meanwhile fails."""
    try:
        yield
    except Exception:
        if begun is not None:
            begun.end()
        raise
