"""Predictions over HTTP: a request waits without a thread, and is answered when its prediction is in the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from pumphouse.errors import PumphouseError
from pumphouse.server.replies import JSON, json_of, number_of
from pumphouse.server.served import Prediction, Predictor
from pumphouse.server.shared import Shared

BODY_BYTES_MAX = 1024 * 1024
"""Room for as many entities as one request may ask about."""
REASONS_MAX = 20
PATH = "/predict"
_JSON_HEADER = (b"content-type", JSON.encode())
_ENCODER = msgspec.json.Encoder()

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
    entity: Mapping[str, int | str | None]
    known_entity: bool
    as_of: datetime
    features: Mapping[str, float | str | None]
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

    def warm(self) -> None:
        """Make every rollout ready that has a version, so that nobody waits for it: it takes seconds, in a thread."""
        for asset in self._shared.project.assets.values():
            if asset.kind == "rollout":
                with suppress(PumphouseError):  # whoever asks is told
                    self._predictor(asset.name)

    def takes(self, scope: Scope) -> bool:
        """Whether a request is one for a prediction."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        start, _, name = scope["path"].rpartition("/")
        return bool(start == PATH and name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].rpartition("/")[2]
        visitor = scope["visitor"]
        self._shared.gate.require(visitor, "predict")
        query = scope["query_string"]
        reasons = (number_of(QueryParams(query), "reasons", most=REASONS_MAX) or 0) if query else 0
        asked = await json_of(scope, receive, Any, bytes_max=BODY_BYTES_MAX)
        self._shared.require_usable(visitor, name, kind="rollout")
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
            done=partial(self._bell.add, answered),
            end=self._bell.ring,
        )
        outcome = await answered
        if isinstance(outcome, Exception):
            raise outcome
        answers = [_answer(one, reasons=reasons) for one in outcome]
        body = _ENCODER.encode(answers if isinstance(asked, list) else answers[0])
        headers = [_JSON_HEADER, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _predictor(self, name: str) -> Predictor:
        """Who answers for a rollout from now on. Raises UnknownName where it has no version yet."""
        self._ready[name] = self._shared.project.predictor(name)
        return self._ready[name]


class _Bell:
    """Hands outcomes from threads to the requests that wait for them, all that came meanwhile in one go."""

    def __init__(self) -> None:
        self._added: deque[tuple[asyncio.Future[Outcome], Outcome]] = deque()

    def add(self, answered: asyncio.Future[Outcome], outcome: Outcome) -> None:
        """What a request is given at the next ring. May be called from any thread."""
        self._added.append((answered, outcome))

    def ring(self) -> None:
        """Give all requests what was added. May be called from any thread."""
        with suppress(RuntimeError, IndexError):  # the server has ended, and with it whoever asked; or they were given
            self._added[0][0].get_loop().call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        while self._added:
            answered, outcome = self._added.popleft()
            if not answered.done():  # who asked may have left
                answered.set_result(outcome)


def _answer(prediction: Prediction, *, reasons: int) -> Answer:
    return Answer(
        prediction_id=prediction.id,
        prediction=prediction.prediction,
        version=prediction.version,
        role=prediction.role,
        fallback=prediction.fallback,
        entity=prediction.entity,
        known_entity=prediction.known_entity,
        as_of=prediction.as_of,
        features=prediction.features,
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
