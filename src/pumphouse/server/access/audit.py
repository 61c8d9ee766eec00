"""The access log as the doors write it: reads that end at the same time go to the disk together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pumphouse.errors import LakeError, PumphouseError
from pumphouse.lake.state import Access

TOGETHER_MAX = 1_000


class Audit:
    """Writes reads to the access log; they are on the disk when `write` returns. Used from many threads at once."""

    def __init__(self, store: Callable[[Sequence[Access]], None]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[_Entry] = []

    def write(self, *reads: Access) -> None:
        """Have reads on the disk. Raises what the store raises."""
        if not reads:
            return
        mine = _Entry(reads)
        with self._lock:
            self._waiting.append(mine)
        while not mine.is_done:
            with self._writing:  # whoever comes in first writes for all who wait; the others find theirs done
                if not mine.is_done:
                    self._write_together()
        if mine.failure is not None:
            raise mine.failure

    def _write_together(self) -> None:
        with self._lock:
            together, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
        failure: PumphouseError | None = LakeError("the access log can't be written")
        try:
            self._store([read for entry in together for read in entry.reads])
            failure = None
        except PumphouseError as error:  # it is theirs to raise
            failure = error
        finally:
            for entry in together:
                entry.failure = failure
                entry.is_done = True


class _Entry:
    def __init__(self, reads: Sequence[Access]) -> None:
        self.reads = reads
        self.failure: PumphouseError | None = None
        self.is_done = False
