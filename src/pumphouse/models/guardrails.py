"""Guardrails: what a process sees of its arms, and when it is sure enough that one of them has to stop.

An arm is judged again and again, so a test that errs once in a hundred looks would stop every arm some day. Look k may
err with a chance of at most 6 / (pi k)^2 times FALSE_STOPS_MAX, shared by the guardrails; over all looks that is
FALSE_STOPS_MAX at most (Bonferroni), however long the arm answers. Sources of the bounds, none of which assumes how
anything is distributed:

- errors: whether so many failures among so many requests can come of a share within the bound, by the binomial
  distribution (Clopper and Pearson 1934);
- latency: the 99th percentile is above the bound where more than one in a hundred requests takes longer, which is the
  same question (the order statistics' bound of a quantile);
- shift: the Kolmogorov-Smirnov distance of two samples, less how far each may lie from what it is a sample of
  (Dvoretzky, Kiefer and Wolfowitz 1956, with the constant of Massart 1990).
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pumphouse.declare.rollouts import Guardrails
from pumphouse.features.online.store import Key
from pumphouse.models.predictions import Role
from pumphouse.models.rollouts import Arm, Arms, Stop

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FALSE_STOPS_MAX = 0.01
"""The chance at most that an arm that keeps within its guardrails is ever stopped by one process."""
REQUESTS_MIN = 100
"""Requests of an arm, or entities of each of two arms, before anything is judged."""
LOOK_EVERY_REQUESTS = 50
WINDOW_REQUESTS = 4_000
"""An arm is judged by the last so many requests, so that one that breaks late is found as well."""
WINDOW_ENTITIES = 4_000
"""The shift is judged by the last prediction for each of so many entities: one who asks often counts once."""
NEW_REQUESTS = 10_000
NEW_FOR = timedelta(days=1)
"""A version that was just made live is rolled back for errors in its first so many requests, within this time."""
STOPS_KEPT_MAX = 100
CLOSE_S_MAX = 30.0
P99 = 0.99

_GUARDRAILS = 3


class Watch:
    """What one process has seen of a rollout's arms. Feed it with `saw`; ask `heeded` who still answers.

    Where a guardrail is broken the arm is out of `heeded` at once, and `stop` is called once, in a thread of its own,
    to make it so for everybody. Threads share a watch. The shadow is never stopped: it only listens.
    """

    def __init__(self, guardrails: Guardrails, *, stop: Callable[[Stop], None]) -> None:
        import scipy.special  # noqa: F401  # now, not while somebody waits for an answer

        self._guardrails = guardrails
        self._stop = stop
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._stops: deque[Stop] = deque(maxlen=STOPS_KEPT_MAX)
        self._telling: list[threading.Thread] = []

    def saw(
        self,
        arms: Arms,
        role: Role,
        *,
        keys: Sequence[Key],
        predictions: Sequence[float | None],
        failed: Sequence[bool],
        latency_ms: Sequence[float],
        now: datetime,
    ) -> Stop | None:
        """Requests that an arm was asked: for whom, what it said (None: nothing), how it failed, how long it took.

        A stop where this was one too many.
        """
        with self._lock:
            arm = arms.arm(role)
            seen = self._seen.setdefault(arm.pin, _Seen())
            seen.add(keys, predictions, failed, latency_ms, slow_ms=self._guardrails.latency_ms_p99)
            self._forget_others(arms)
            if not seen.is_due() or any(stop.pin == arm.pin for stop in self._stops):
                return None
            broken = self._broken(arms, arm, seen, now=now)
            if broken is not None:
                self._stops.append(broken)
                self._telling = [thread for thread in self._telling if thread.is_alive()]
                self._telling.append(
                    threading.Thread(target=self._stop, args=(broken,), name=f"stops {broken.version}")
                )
                self._telling[-1].start()
            return broken

    def heeded(self, arms: Arms) -> Arms:
        """The arms without those that were stopped here, whether or not the lake says so yet."""
        for stop in tuple(self._stops):
            arms = arms.without(stop)
        return arms

    def close(self) -> None:
        """Wait until what was stopped is so for everybody."""
        for thread in tuple(self._telling):
            thread.join(CLOSE_S_MAX)

    def _broken(self, arms: Arms, arm: Arm, seen: _Seen, *, now: datetime) -> Stop | None:
        """The first guardrail that is surely broken. The live version is only judged while it is new, and by errors."""
        alpha = FALSE_STOPS_MAX / _GUARDRAILS * 6 / (math.pi * seen.looks) ** 2
        found: list[tuple[Literal["errors", "latency_ms_p99", "shift"], float, float, float, int]] = []
        bounds = self._guardrails
        if arm.role == "live":
            if arms.before is None or seen.requests > NEW_REQUESTS or now - arm.since > NEW_FOR:
                return None
            bounds = Guardrails(errors=bounds.errors, latency_ms_p99=None, shift=None)
        if bounds.errors is not None:
            failures, of = seen.failures()
            if is_surely_above(failures, of, bounds.errors, alpha=alpha):
                found.append(("errors", bounds.errors, failures / of, share_at_least(failures, of, alpha=alpha), of))
        if bounds.latency_ms_p99 is not None:
            slow, of = seen.slow()
            if is_surely_above(slow, of, 1 - P99, alpha=alpha):
                p99, sure = seen.latency(slow, of, alpha=alpha)
                found.append(("latency_ms_p99", bounds.latency_ms_p99, p99, sure, of))
        live = self._seen.get(arms.live.pin)
        if bounds.shift is not None and live is not None:
            here, there = seen.predictions(), live.predictions()
            if min(len(here), len(there)) >= REQUESTS_MIN:
                far = distance(here, there)
                sure = far - sampled_within(len(here), alpha=alpha / 2) - sampled_within(len(there), alpha=alpha / 2)
                if sure > bounds.shift:
                    found.append(("shift", bounds.shift, far, sure, min(len(here), len(there))))
        for guardrail, bound, value, sure, of in found:
            return Stop(
                rollout=arms.rollout,
                role=arm.role,
                version=arm.version.name,
                pin=arm.pin,
                guardrail=guardrail,
                bound=bound,
                seen=value,
                sure=sure,
                requests=of,
                at=now,
            )
        return None

    def _forget_others(self, arms: Arms) -> None:
        pins = {arm.pin for arm in arms.answering} | {stop.pin for stop in self._stops}
        for pin in self._seen.keys() - pins:
            del self._seen[pin]


class _Seen:
    """The last requests of one arm, and the last prediction for each of its last entities."""

    def __init__(self) -> None:
        self.requests = 0
        self.looks = 0
        self._looked_at = 0
        self._failed: deque[bool] = deque(maxlen=WINDOW_REQUESTS)
        self._latency_ms: deque[float] = deque(maxlen=WINDOW_REQUESTS)
        self._slow_ms = math.inf
        self._said: dict[Key, float] = {}

    def add(
        self,
        keys: Sequence[Key],
        predictions: Sequence[float | None],
        failed: Sequence[bool],
        latency_ms: Sequence[float],
        *,
        slow_ms: float | None,
    ) -> None:
        self.requests += len(keys)
        self._failed.extend(failed)
        self._latency_ms.extend(latency_ms)
        self._slow_ms = math.inf if slow_ms is None else slow_ms
        for key, said in zip(keys, predictions, strict=True):
            if said is not None:
                self._said.pop(key, None)  # the last to come is the last in order
                self._said[key] = said
        while len(self._said) > WINDOW_ENTITIES:
            del self._said[next(iter(self._said))]

    def is_due(self) -> bool:
        """Whether it is time for another look; it counts as one then."""
        if self.requests < REQUESTS_MIN or self.requests - self._looked_at < LOOK_EVERY_REQUESTS:
            return False
        self.looks += 1
        self._looked_at = self.requests
        return True

    def failures(self) -> tuple[int, int]:
        return sum(self._failed), len(self._failed)

    def slow(self) -> tuple[int, int]:
        return sum(each > self._slow_ms for each in self._latency_ms), len(self._latency_ms)

    def latency(self, slow: int, of: int, *, alpha: float) -> tuple[float, float]:
        """The 99th percentile of the latencies, and what it surely is at least."""
        ordered = sorted(self._latency_ms)
        # The smallest number of slower ones that is still sure to be more than one in a hundred.
        enough = next(n for n in range(1, slow + 1) if is_surely_above(n, of, 1 - P99, alpha=alpha))
        return ordered[min(of - 1, math.ceil(P99 * of) - 1)], ordered[of - enough]

    def predictions(self) -> NDArray[np.float64]:
        import numpy as np

        return np.fromiter(self._said.values(), np.float64, len(self._said))


def is_surely_above(count: int, of: int, bound: float, *, alpha: float) -> bool:
    """Whether `count` among `of` comes of a share above `bound`, but for a chance of `alpha` (Clopper-Pearson)."""
    from scipy.special import betainc

    # The chance of so many or more where the share is the bound; beyond what a float can say it is 0.
    return count / of > bound and bool(betainc(count, of - count + 1, bound) <= alpha)


def share_at_least(count: int, of: int, *, alpha: float) -> float:
    """The share that `count` among `of` come of at least, but for a chance of `alpha` (Clopper-Pearson)."""
    from scipy.special import betaincinv

    return float(betaincinv(count, of - count + 1, alpha)) if count else 0.0


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The Kolmogorov-Smirnov distance of two samples: how far apart their shares below any value are at most."""
    import numpy as np

    one, other = np.sort(one), np.sort(other)
    values = np.concatenate([one, other])
    below = np.searchsorted(one, values, side="right") / len(one)
    return float(np.abs(below - np.searchsorted(other, values, side="right") / len(other)).max())


def sampled_within(size: int, *, alpha: float) -> float:
    """How far a sample's distribution lies at most from what it is a sample of, but for a chance of `alpha`."""
    return math.sqrt(math.log(2 / alpha) / (2 * size))
