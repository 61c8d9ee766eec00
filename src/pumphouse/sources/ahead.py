"""A table that is read for the first time, staged while its rows come: their types are declared before them.

What is staged so counts only where the whole of it came and the table's shape is still the one it was begun with.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from pumphouse.engines.engine import Written
from pumphouse.errors import PumphouseError
from pumphouse.sources.shaping import Shape, Shaping
from pumphouse.sources.spool import Spool


class Staged(NamedTuple):
    """The files of a table's new rows, what is known of them, and how many rows were merged into others."""

    shaping: Shaping
    rows: Written
    merged: int


class Ahead:
    """Stages in a thread of its own once `begin` was called. Leaving the `with` block ends that, and its files go."""

    def __init__(self, shape: Callable[[Spool], Shape], stage: Callable[[Shaping], tuple[Written, int]]) -> None:
        self._shape = shape
        self._stage = stage
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="staging")
        self._spool: Spool | None = None
        self._shaping: Shaping | None = None
        self._staged: Future[tuple[Written, int]] | None = None
        self._is_taken = False

    def begin(self, spool: Spool) -> None:
        """Stage what is in the spool and comes into it. Not where its columns won't do, which is told at the end."""
        with suppress(PumphouseError):
            self._spool, self._shaping = spool, Shaping(spool, self._shape(spool))
            self._staged = self._pool.submit(self._stage, self._shaping)

    def staged(self) -> Staged | None:
        """What was staged, when all of it is; None where nothing was begun."""
        if self._staged is None or self._shaping is None:
            return None
        staged = Staged(self._shaping, *self._staged.result())
        self._is_taken = True
        return staged

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spool is not None and self._staged is not None and not self._is_taken:
            self._spool.abandon()
            if self._staged.exception() is None:
                for file in self._staged.result()[0].files:
                    file.unlink(missing_ok=True)
        self._pool.shutdown()
