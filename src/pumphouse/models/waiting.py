"""Requests that wait for an answer: never more than a bound, taken in batches, and each answered once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pumphouse.errors import Overloaded
from pumphouse.features.online.store import Key
from pumphouse.models.answering import Question
from pumphouse.models.asked import Row
from pumphouse.models.predictions import Prediction

BATCH_ROWS_MAX = 1_024
"""Rows that are answered together; a request alone may have fewer or as many as it may."""

LINGER_S = 0.005
"""How long a batch waits for those that were answered last to ask again; nobody waits who comes later."""
_STEP = timedelta(microseconds=1)

Outcome = tuple[Prediction, ...] | Exception
"""An answer for each row, logged, or why there is none."""


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """One request. `done` is called once, from a thread of the predictor's; both functions return at once."""

    rows: tuple[Row, ...]
    at: datetime
    began: float
    """By the monotonic clock, in seconds, as is the deadline."""
    deadline: float
    who: str | None
    door: str
    reasons: int
    done: Callable[[Outcome], None]
    end: Callable[[], None]
    """Called after `done`, once for all requests with an equal one that were answered together."""
    taken: bool = False
    """Whether somebody answers it already: of two that could, the first does."""


def give(outcomes: Iterable[tuple[Call, Outcome]]) -> None:
    """Tell those who asked what became of it."""
    ends: dict[Callable[[], None], None] = {}
    for call, outcome in outcomes:
        call.done(outcome)
        ends[call.end] = None
    for end in ends:
        end()


def questions(calls: Iterable[Call]) -> list[Question]:
    """What the calls ask: each row at its call's moment, or later by as many microseconds as the entity came before."""
    taken: set[tuple[Key | None, datetime]] = set()
    found = []
    for call in calls:
        for row in call.rows:
            at = call.at
            while (row.key, at) in taken:
                at += _STEP
            taken.add((row.key, at))
            found.append(Question(row=row, at=at, who=call.who, reasons=call.reasons))
    return found


class Waiting:
    """The requests of one rollout that nobody has answered yet."""

    def __init__(self, *, rollout: str, calls_max: int, patience_s: float) -> None:
        self._rollout = rollout
        self._calls_max = calls_max
        self._patience_s = patience_s
        self._is_idle = False  # `late` sleeps until it is told of a request
        self._lock = threading.Lock()
        self._queued: deque[Call] = deque()
        self._unanswered: deque[Call] = deque()  # in the order of their deadlines; those taken leave from the front
        self._count = 0
        self._answered = 0  # since the last batch was taken
        self._wanted = 1  # so many are waited for, for a moment
        self._came = False  # since `late` last looked
        self._closed = False
        self._arrived = threading.Condition(self._lock)
        self._timed = threading.Condition(self._lock)

    def put(self, call: Call) -> None:
        """Let a request wait. Raises Overloaded where as many wait as may, or nobody answers any more."""
        with self._lock:
            if self._closed or self._count >= self._calls_max:
                waiting = "it is being closed" if self._closed else f"{self._count:,} requests wait already"
                raise Overloaded(
                    f"'{self._rollout}' takes no more now: {waiting}",
                    asset=self._rollout,
                    mend="Ask again in a moment.",
                )
            self._count += 1
            self._queued.append(call)
            if self._is_idle:
                self._is_idle = False
                self._timed.notify()
            self._came = True
            self._unanswered.append(call)
            if len(self._queued) >= self._wanted:
                self._arrived.notify()

    def take(self) -> list[Call]:
        """All that wait, up to BATCH_ROWS_MAX rows, once there are some; none when it was closed.

        Who was answered last is likely to ask again at once, so as many are waited for, for up to LINGER_S.
        """
        until = time.monotonic() + LINGER_S
        with self._lock:
            self._wanted = max(self._answered + len(self._queued), 1)
            self._answered = 0
            while True:
                while len(self._queued) < self._wanted and not self._closed:
                    if not self._arrived.wait(until - time.monotonic() if self._wanted > 1 else None):
                        self._wanted = 1
                batch: list[Call] = []
                rows = 0
                while self._queued and (not batch or rows + len(self._queued[0].rows) <= BATCH_ROWS_MAX):
                    call = self._queued.popleft()
                    if not call.taken:
                        batch.append(call)
                        rows += len(call.rows)
                if batch or self._closed:
                    return batch

    def claim(self, calls: Iterable[Call]) -> list[Call]:
        """Those of the requests that nobody else answers; nobody will from now on."""
        with self._lock:
            mine = [call for call in calls if not call.taken]
            self._settle(mine)
            return mine

    def late(self) -> list[Call]:
        """Requests whose deadline has passed, claimed, as soon as there are some; none when it was closed."""
        with self._lock:
            while not self._closed:
                self._forget_taken()
                if not self._unanswered:
                    # Whoever comes from now on is in time for as long: nobody need wake this thread for each.
                    self._is_idle = not self._came
                    self._came = False
                    self._timed.wait(None if self._is_idle else self._patience_s)
                    continue
                now = time.monotonic()
                due = []
                for call in self._unanswered:
                    if call.deadline > now:
                        break
                    if not call.taken:
                        due.append(call)
                if due:
                    self._settle(due)
                    return due
                self._timed.wait(self._unanswered[0].deadline - now)
            return []

    def close(self) -> list[Call]:
        """Take no more, and let `take` and `late` end; the requests that still waited, claimed."""
        with self._lock:
            self._closed = True
            left = [call for call in self._unanswered if not call.taken]
            self._settle(left)
            self._arrived.notify_all()
            self._timed.notify_all()
            return left

    def _settle(self, calls: Sequence[Call]) -> None:
        for call in calls:
            call.taken = True
        self._count -= len(calls)
        self._answered += len(calls)
        self._forget_taken()

    def _forget_taken(self) -> None:
        while self._unanswered and self._unanswered[0].taken:
            self._unanswered.popleft()
