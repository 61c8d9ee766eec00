"""Shadows: what another version would have said, computed after the answer was given, so that it can't slow or fail it.

What a shadow says is a second event of the log, the same prediction with the shadow's beside it, and takes the place of
the first one in the table. It can be lost: with the process, or where answers are given faster than a shadow keeps up.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from msgspec.structs import replace as replaced

from pumphouse.lake.lake import Lake
from pumphouse.models.answering import Question, answers_of
from pumphouse.models.answers import shadow_key, stream_of
from pumphouse.models.predictions import Prediction, encode
from pumphouse.models.standing import Standing

HEARING_ROWS_MAX = 10_000
"""Predictions that wait for the shadow; those that come while as many wait have none."""
CLOSE_S_MAX = 10.0

log = logging.getLogger("pumphouse.models")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    standing: Standing
    pairs: list[tuple[Question, Prediction]]


class Shadowing:
    """Asks a rollout's shadow in a thread of its own, which begins with the first prediction."""

    def __init__(self, lake: Lake, rollout: str) -> None:
        self._lake = lake
        self._rollout = rollout
        self._heard: deque[_Heard] = deque()
        self._rows = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def hear(self, standing: Standing, said: Iterable[tuple[Question, Prediction | None]]) -> None:
        """Let the shadow hear what was asked and given. Returns at once."""
        # An id that was repeated was given what had been said before, of which the shadow has heard already.
        pairs = [(question, answer) for question, answer in said if answer and answer.as_of == question.at]
        with self._changed:
            if not pairs or self._closed or self._rows + len(pairs) > HEARING_ROWS_MAX:
                return
            self._rows += len(pairs)
            self._heard.append(_Heard(standing=standing, pairs=pairs))
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name=f"{self._rollout} shadow", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Hear no more; what was heard is answered before this returns, if the shadow is no slower than CLOSE_S_MAX."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_S_MAX)

    def _listen(self) -> None:
        while True:
            with self._changed:
                while not self._heard and not self._closed:
                    self._changed.wait()
                if not self._heard:
                    return
                heard = self._heard.popleft()
                self._rows -= len(heard.pairs)
            try:
                self._say(heard)
            except Exception:  # the outermost edge: a shadow's fault is nobody else's
                log.warning("the shadow of %s could not be asked", self._rollout, exc_info=True)

    def _say(self, heard: _Heard) -> None:
        shadow = heard.standing.shadow
        assert shadow is not None  # or nothing was heard
        asked = [replace(question, reasons=0) for question, _ in heard.pairs]
        said = answers_of(shadow, heard.standing.form, asked, snapshot=heard.standing.snapshot)
        full = [
            replaced(answer, shadow_prediction=other.prediction, shadow_version=other.version)
            for (_, answer), other in zip(heard.pairs, said, strict=True)
        ]
        self._lake.state.append(stream_of(self._rollout), [(shadow_key(one.id), encode(one)) for one in full])
