"""The limits of a build that runs in a thread: its time, and the end of the run."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Engine
from pumphouse.errors import BuildError, BuildTimeout

WATCH_S = 0.1


class Limits:
    """Ends what is done in its `with` block once that takes too long or the run is stopped, and says why.

    A query is interrupted, again and again, since one that begins next knows nothing of it; what goes row by row calls
    `check`. Raises BuildTimeout, or BuildError where the run was stopped.
    """

    def __init__(self, asset: Asset, engine: Engine, *, stop: threading.Event) -> None:
        self._asset = asset
        self._engine = engine
        self._stop = stop
        self._deadline = time.monotonic() + asset.common.timeout_s if asset.common.timeout_s else None
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._interrupt, daemon=True)

    def check(self) -> None:
        """Raise where the build has to end."""
        if self._is_late():
            raise BuildTimeout(
                f"'{self._asset.name}' took longer than {self._asset.common.timeout_s:g} s",
                asset=self._asset.name,
                place=self._asset.place,
                mend="Give it longer with timeout_s, or less to do.",
            )
        if self._stop.is_set():
            raise BuildError(f"'{self._asset.name}' was stopped with the run", asset=self._asset.name)

    def __enter__(self) -> Limits:
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._watch.join()
        if error is not None:  # whatever an interrupted query looks like from there
            self.check()

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _interrupt(self) -> None:
        while not self._done.wait(WATCH_S):
            if self._is_late() or self._stop.is_set():
                self._engine.interrupt()
