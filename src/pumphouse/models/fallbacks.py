"""What is said where the answer takes too long or fails: a number, an older version, or the last prediction."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from msgspec.structs import replace as replaced

from pumphouse.features.online.store import Key
from pumphouse.lake.lake import Lake
from pumphouse.models.answering import Question, answers_of, entity_of
from pumphouse.models.answers import without_hidden
from pumphouse.models.predictions import Prediction
from pumphouse.models.rollouts import Arms
from pumphouse.models.standing import CACHED, Standing

CACHED_MAX = 100_000
"""Entities whose last prediction is kept where a rollout falls back on it."""


class Fallback:
    """The declared fallback of a rollout, with the predictions that it repeats. Threads share it."""

    def __init__(self, declared: float | str | None, *, lake: Lake) -> None:
        self._declared = declared
        self._lake = lake
        self._last: OrderedDict[Key, Prediction] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, asked: Sequence[Question], answers: Sequence[Prediction]) -> None:
        """Keep the newest prediction of each entity, where it may be repeated."""
        if self._declared != CACHED:
            return
        with self._lock:
            for question, answer in zip(asked, answers, strict=True):
                if question.row.key is not None and not question.row.given:
                    self._last[question.row.key] = answer
                    self._last.move_to_end(question.row.key)
            while len(self._last) > CACHED_MAX:
                self._last.popitem(last=False)

    def answers(
        self, standing: Standing, asked: Sequence[Question], *, why: Literal["time", "error"], error: Exception
    ) -> list[Prediction]:
        """An answer for each question, marked with `why`. Raises `error` where nothing can be said instead."""
        if standing.fallback is not None:
            plain = [replace(question, reasons=0) for question in asked]
            said = answers_of(standing.fallback, standing.form, plain, snapshot=standing.snapshot)
            return [replaced(answer, fallback=why) for answer in said]
        if self._declared == CACHED:
            with self._lock:
                last = [self._last.get(question.row.key or ()) for question in asked]
            found = [
                replaced(
                    answer,
                    id=question.row.id,
                    as_of=question.at,
                    features_as_of=answer.features_as_of or answer.as_of,
                    caller=question.who,
                    reasons=(),
                    fallback=why,
                )
                for question, answer in zip(asked, last, strict=True)
                if answer is not None
            ]
            # Who was hidden since is not answered with what was known of them.
            if len(without_hidden(self._lake, {one.id: one for one in found})) < len(asked):
                raise error
            return found
        if not isinstance(self._declared, int | float):
            raise error
        return [
            Prediction(
                id=question.row.id,
                entity=entity_of(standing.form, question.row),
                as_of=question.at,
                prediction=float(self._declared),
                version=_version(standing.arms, question),
                shadow_prediction=None,
                shadow_version=None,
                snapshot=standing.snapshot,
                features={},
                known_entity=False,
                fallback=why,
                features_from="request",
                caller=question.who,
            )
            for question in asked
        ]


def _version(arms: Arms, question: Question) -> str:
    """The version of the arm that a number stands in for."""
    role = "live" if question.row.key is None else arms.role(question.row.key)
    return next(arm.version.name for arm in arms.answering if arm.role == role)
