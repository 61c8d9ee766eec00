"""Predictions over HTTP: a request waits without a thread, and is answered when its prediction is in the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from pumphouse.server.replies import body_of, number_of
from pumphouse.server.served import Prediction, Predictor
from pumphouse.server.shared import Shared, visitor_of

BODY_BYTES_MAX = 1024 * 1024
"""Room for as many entities as one request may ask about."""
REASONS_MAX = 20

Outcome = Sequence[Prediction] | Exception


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature did to the prediction: how much higher it is than with the feature's typical value."""

    feature: str
    value: float | str | None
    typical: float | str | None
    contribution: float


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One prediction, as it is in the log. `features` are what the model was asked with, as of `features_as_of`."""

    prediction_id: str
    prediction: float
    version: str
    role: str
    fallback: str | None
    """Why the declared fallback answered: "time" or "error"; null where the version did."""
    entity: dict[str, int | str | None]
    known_entity: bool
    as_of: datetime
    features: dict[str, float | str | None]
    features_from: str
    features_as_of: datetime
    snapshot: int
    reasons: list[Reason] | None = None


class Predictions:
    """`POST /predict/NAME?reasons=3`: one entity as a JSON object, or several as a list, each answered or none."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._ready: dict[str, Predictor] = {}
        self._bell = _Bell()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        name = request.path_params["name"]
        visitor = visitor_of(request)
        self._shared.gate.require(visitor, "predict")
        reasons = number_of(request.query_params, "reasons", most=REASONS_MAX) or 0
        asked = await body_of(request, Any, bytes_max=BODY_BYTES_MAX)
        predictor = self._ready.get(name)
        if predictor is None:
            predictor = await anyio.to_thread.run_sync(self._predictor, name)
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        predictor.submit(
            asked,
            now=datetime.now(UTC),
            who=visitor.who,
            door="predict",
            reasons=reasons,
            done=partial(self._bell.ring, answered),
        )
        outcome = await answered
        if isinstance(outcome, Exception):
            raise outcome
        answers = [_answer(one, reasons=reasons) for one in outcome]
        body = msgspec.json.encode(answers if isinstance(asked, list) else answers[0])
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _predictor(self, name: str) -> Predictor:
        """Who answers for a rollout from now on. Raises UnknownName where there is none, or no version yet."""
        self._shared.require_rollout(name)
        self._ready[name] = self._shared.project.predictor(name)
        return self._ready[name]


class _Bell:
    """Hands outcomes from threads to the requests that wait for them, all that came meanwhile in one go."""

    def __init__(self) -> None:
        self._rung: deque[tuple[asyncio.Future[Outcome], Outcome]] = deque()
        self._is_heard = False

    def ring(self, answered: asyncio.Future[Outcome], outcome: Outcome) -> None:
        """Give a request its outcome. May be called from any thread."""
        self._rung.append((answered, outcome))
        if not self._is_heard:
            self._is_heard = True
            with suppress(RuntimeError):  # the server has ended, and with it whoever asked
                answered.get_loop().call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        self._is_heard = False  # before the first is taken out: one that is added from now on rings again
        while self._rung:
            answered, outcome = self._rung.popleft()
            if not answered.done():  # who asked may have left
                answered.set_result(outcome)


def _answer(prediction: Prediction, *, reasons: int) -> Answer:
    return Answer(
        prediction_id=prediction.id,
        prediction=prediction.prediction,
        version=prediction.version,
        role=prediction.role,
        fallback=prediction.fallback,
        entity=dict(prediction.entity),
        known_entity=prediction.known_entity,
        as_of=prediction.as_of,
        features=dict(prediction.features),
        features_from=prediction.features_from,
        features_as_of=prediction.features_as_of or prediction.as_of,
        snapshot=prediction.snapshot,
        reasons=[
            Reason(feature=one.feature, value=one.value, typical=one.typical, contribution=one.contribution)
            for one in prediction.reasons
        ]
        if reasons
        else None,
    )
