"""Predictions as they are asked for: what comes at once is answered together, and logged before it is given."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Literal

from msgspec.structs import replace

from pumphouse.declare.asset import Asset
from pumphouse.declare.rollouts import WAITING_MAX, Serving
from pumphouse.engines.engine import Engine, SqlFunction
from pumphouse.errors import Late, Overloaded, PumphouseError, RequestRefused
from pumphouse.features.online.store import Key, OnlineStore
from pumphouse.lake.lake import Lake
from pumphouse.models.answering import Elsewhere, Question, answers_of
from pumphouse.models.answers import log_answers
from pumphouse.models.asked import Form
from pumphouse.models.fallbacks import Fallback
from pumphouse.models.guardrails import Watch
from pumphouse.models.predictions import Prediction, Role
from pumphouse.models.reasons import REASONS_MAX
from pumphouse.models.rollouts import Arms, Stop
from pumphouse.models.shadows import Shadowing
from pumphouse.models.standing import Standing, stand
from pumphouse.models.waiting import Call, Outcome, Waiting, give, questions

ANSWER_S_MAX = 30.0
"""How long a request without a time budget waits at most."""
FOLLOW_EVERY_S = 0.1
"""How often the lake is asked for a newer snapshot while requests come; answers go on meanwhile."""
IDLE_S = 1.0
"""Who was not asked for this long looks at the lake before the answer."""
CLOSE_S_MAX = 10.0

log = logging.getLogger("pumphouse.models")


class Predictor:
    """Answers for one rollout. It follows the lake: new data and promoted versions, without a pause.

    `engine` has the lake attached. `open_store` opens the online store of an asset that was published; features that
    one holds are read from it. `stop` makes it so for everybody that a guardrail stopped an arm. Threads share a
    predictor. Close it when nobody asks any more.
    """

    def __init__(
        self,
        lake: Lake,
        engine: Engine,
        *,
        assets: Mapping[str, Asset],
        rollout: Asset,
        functions: tuple[SqlFunction, ...] = (),
        open_store: Callable[[Asset], OnlineStore | None] = lambda _: None,
        stop: Callable[[Stop], None] | None = None,
    ) -> None:
        self._lake = lake
        self._open_store = open_store
        guardrails = rollout.spec.guardrails
        self._watch = Watch(guardrails, stop=stop) if guardrails and stop else None
        self._engine = engine
        self._assets = assets
        self._rollout = rollout
        self._functions = functions
        self._serving: Serving = rollout.spec.serving or Serving(budget_ms=None, fallback=None, waiting_max=WAITING_MAX)
        budget_ms = self._serving.budget_ms
        self._patience_s = ANSWER_S_MAX if budget_ms is None else budget_ms / 1000
        self._waiting = Waiting(rollout=rollout.name, calls_max=self._serving.waiting_max, patience_s=self._patience_s)
        self._following = threading.Lock()
        self._followed_at = float("-inf")
        self._follower: threading.Thread | None = None
        self._standing: Standing | None = None
        self._fallback = Fallback(self._serving.fallback, lake=lake)
        self._shadowing = Shadowing(lake, rollout.name)
        self._warned: set[str] = set()  # pins of arms that fail
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()

    def predict(
        self,
        entity: Mapping[str, Any],  # values from JSON
        *,
        now: datetime,
        id: str | None = None,
        who: str | None = None,
        door: str = "python",
        reasons: int = 0,
    ) -> Prediction:
        """The answer for one entity at `now`, logged under its id (a new one, where none is given).

        An id is answered once: give one to repeat a request whose answer was lost. Who is not known to any input is
        answered as one that never did anything, and marked so. Raises RequestRefused for what the rollout is not asked
        with, UnknownName where the model has no version yet, Overloaded where too many wait.
        """
        asked = entity if id is None else {**entity, "prediction_id": id}
        return self._waited(asked, now=now, who=who, door=door, reasons=reasons)[0]

    def predict_many(
        self,
        entities: Sequence[Mapping[str, Any]],  # values from JSON
        *,
        now: datetime,
        who: str | None = None,
        door: str = "python",
        reasons: int = 0,
    ) -> tuple[Prediction, ...]:
        """The answers for several entities, in their order: all of them or, where one can't be asked about, none."""
        return self._waited(list(entities), now=now, who=who, door=door, reasons=reasons)

    def submit(
        self,
        asked: Any,  # from JSON
        *,
        now: datetime,
        who: str | None,
        door: str,
        reasons: int = 0,
        done: Callable[[Outcome], None],
        end: Callable[[], None] = lambda: None,
    ) -> None:
        """Ask, and return at once; `done` is called from another thread with the answers once they are on disk.

        `end` is called after that, once for all whose `end` is equal and who were answered together.

        Raises RequestRefused and Overloaded as `predict` does; `start` was called before.
        """
        if not 0 <= reasons <= REASONS_MAX:
            raise RequestRefused(
                f"{reasons} reasons were asked for", asset=self._rollout.name, mend=f"Ask for up to {REASONS_MAX}."
            )
        rows = self.form.rows(asked)
        began = time.monotonic()
        self._waiting.put(
            Call(
                rows=rows,
                at=now,
                began=began,
                deadline=began + self._patience_s,
                who=who,
                door=door,
                reasons=reasons,
                done=done,
                end=end,
            )
        )

    @property
    def form(self) -> Form:
        """What the rollout is asked with now."""
        return (self._standing or self.start()).form

    def start(self) -> Standing:
        """Who answers as of the lake's newest snapshot, ready to. It may take a while, the first time."""
        standing = self._follow()
        with self._starting:
            if not self._threads:
                for work in (self._answer_all, self._answer_late):
                    thread = threading.Thread(target=work, name=f"{self._rollout.name} {work.__name__}", daemon=True)
                    self._threads.append(thread)
                    thread.start()
        return standing

    def close(self) -> None:
        """Answer nobody any more; what was answered is heard by the shadow before this returns."""
        closed = Overloaded(f"'{self._rollout.name}' is being closed", asset=self._rollout.name)
        give((call, closed) for call in self._waiting.close())
        for thread in (*self._threads, self._follower):
            if thread is not None:
                thread.join(CLOSE_S_MAX)
        self._shadowing.close()
        if self._watch is not None:
            self._watch.close()
        for store in self._standing.stores.values() if self._standing else ():
            store.close()

    def _waited(self, asked: Any, *, now: datetime, who: str | None, door: str, reasons: int) -> tuple[Prediction, ...]:
        self.start()
        answered: Future[tuple[Prediction, ...]] = Future()

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Exception):
                answered.set_exception(outcome)
            else:
                answered.set_result(outcome)

        self.submit(asked, now=now, who=who, door=door, reasons=reasons, done=done)
        return answered.result()  # `_answer_late` sees to it that there is one

    # -- following the lake -----------------------------------------------------------------------------------------

    def _follow(self) -> Standing:
        """Who stands ready at the newest snapshot. What can't be made ready leaves those who answer where they are."""
        with self._following:
            try:
                snapshot = self._lake.snapshot()
                if self._standing is None or self._standing.snapshot != snapshot:
                    self._standing = stand(
                        self._lake,
                        self._engine,
                        assets=self._assets,
                        rollout=self._rollout,
                        functions=self._functions,
                        open_store=self._open_store,
                        before=self._standing,
                    )
            except PumphouseError as error:
                if self._standing is None:
                    raise
                log.warning("%s goes on as of snapshot %s: %s", self._rollout.name, self._standing.snapshot, error)
            self._followed_at = time.monotonic()
            return self._standing

    def _current(self) -> Standing:
        """Who answers now. A newer snapshot is made ready beside the answers."""
        behind = time.monotonic() - self._followed_at
        if self._standing is None or (behind > IDLE_S and not self._is_following()):
            return self._follow()
        if behind > FOLLOW_EVERY_S and not self._is_following():
            self._follower = threading.Thread(target=self._follow, name=f"{self._rollout.name} follows", daemon=True)
            self._follower.start()
        return self._standing

    def _is_following(self) -> bool:
        return self._follower is not None and self._follower.is_alive()

    # -- answering --------------------------------------------------------------------------------------------------

    def _answer_all(self) -> None:
        while calls := self._waiting.take():
            self._answer(calls)

    def _answer(self, calls: Sequence[Call], *, together: bool = False) -> None:
        try:
            self._answered(calls, together=together or len(calls) == 1)
        except Elsewhere as elsewhere:
            parts: tuple[list[Call], list[Call]] = [], []
            for call in calls:
                parts[any(row.id in elsewhere.ids for row in call.rows)].append(call)
            for part in parts:
                if part:
                    self._answer(part, together=True)
        except Exception as error:  # noqa: BLE001  # the outermost edge: whatever it is, who asked is told
            if len(calls) > 1:  # one of them must not spoil it for the others
                for call in calls:
                    self._answer([call])
                return
            self._instead(self._waiting.claim(calls), "error", error)

    def _answered(self, calls: Sequence[Call], *, together: bool) -> None:
        """Answer the calls by who stands. Raises what goes wrong before anything was given.

        Unless they are answered `together`, Elsewhere is raised where only some are in the online store.
        """
        standing = self._current()
        asked = questions(calls)
        answers = self._asked_of_arms(standing, asked, together=together)
        self._fallback.remember(asked, answers)
        mine = set(self._waiting.claim(calls))
        own, heard, place = [], [], 0
        for call in calls:
            end = place + len(call.rows)
            if call in mine:
                own.append((call, answers[place:end]))
                heard += asked[place:end]
            place = end
        given = list(zip(heard, self._give(own), strict=True))
        self._saw(standing, given)
        if standing.shadow is not None:
            self._shadowing.hear(standing, given)

    def _asked_of_arms(self, standing: Standing, asked: Sequence[Question], *, together: bool) -> list[Prediction]:
        """What the arm of each entity says. Where a canary or a challenger fails, the live version answers for it."""
        arms = self._watch.heeded(standing.arms) if self._watch else standing.arms
        live = standing.ready[arms.live.version.name]
        if len(arms.answering) == 1:
            return answers_of(live, standing.form, asked, snapshot=standing.snapshot, together=together)
        found: dict[int, Prediction] = {}
        by_role: dict[Role, list[int]] = {}
        for number, question in enumerate(asked):
            by_role.setdefault(_role(arms, question), []).append(number)
        for role, numbers in by_role.items():
            own = [asked[number] for number in numbers]
            one = standing.ready[arms.arm(role).version.name]
            try:
                said = answers_of(one, standing.form, own, snapshot=standing.snapshot, role=role, together=together)
            except Exception as error:
                if role == "live" or isinstance(error, Elsewhere):
                    raise
                self._warn(arms, role, error)
                said = answers_of(live, standing.form, own, snapshot=standing.snapshot, role=role, together=together)
                said = [replace(answer, fallback="error") for answer in said]
            found.update(zip(numbers, said, strict=True))
        return [found[number] for number in range(len(asked))]

    def _warn(self, arms: Arms, role: Role, error: Exception) -> None:
        """Log that an arm fails, once for each time it was set."""
        pin = arms.arm(role).pin
        if pin not in self._warned:
            log.warning("the %s of %s fails: %s", role, self._rollout.name, error)
        self._warned = {pin} | (self._warned & {arm.pin for arm in arms.answering})

    def _saw(self, standing: Standing, given: Sequence[tuple[Question, Prediction | None]]) -> None:
        """Tell the watch how each arm did, where there are guardrails."""
        if self._watch is None:
            return
        arms = self._watch.heeded(standing.arms)
        for role in {arm.role for arm in arms.answering}:
            own = [(q.row.key, one) for q, one in given if q.row.key is not None and one and one.role == role]
            if own:
                self._watch.saw(
                    arms,
                    role,
                    keys=[key for key, _ in own],
                    predictions=[None if one.fallback else one.prediction for _, one in own],
                    failed=[one.fallback is not None for _, one in own],
                    latency_ms=[one.latency_ms or 0.0 for _, one in own],
                    now=own[-1][1].as_of,
                )

    def _answer_late(self) -> None:
        while calls := self._waiting.late():
            late = Late(
                f"'{self._rollout.name}' did not answer within {self._patience_s * 1000:g} ms",
                asset=self._rollout.name,
                mend="Ask again, or declare a fallback: ph.serving(budget_ms=100, fallback=0.1).",
            )
            self._instead(calls, "time", late)

    def _instead(self, calls: Sequence[Call], why: Literal["time", "error"], error: Exception) -> None:
        """Answer claimed calls by the declared fallback; by the error where there is none, or it fails too."""
        for call in calls:
            try:
                if self._standing is None or isinstance(error, RequestRefused):
                    raise error
                standing, asked = self._standing, questions([call])
                answers = self._fallback.answers(standing, asked, why=why, error=error)
                roles = [_role(standing.arms, question) for question in asked]
                marked = [replace(answer, role=role) for answer, role in zip(answers, roles, strict=True)]
                self._saw(standing, list(zip(asked, self._give([(call, marked)]), strict=True)))
            except Exception as failed:  # noqa: BLE001  # the outermost edge, as above
                self._failed(call, failed)
                give([(call, failed)])

    def _failed(self, call: Call, error: Exception) -> None:
        """Tell the watch of a request that nobody could answer, unless it should not have been asked."""
        standing = self._standing
        if self._watch is None or standing is None or isinstance(error, RequestRefused):
            return
        arms = self._watch.heeded(standing.arms)
        roles: dict[Role, list[Key]] = {}
        for row in call.rows:
            if row.key is not None:
                roles.setdefault(arms.role(row.key), []).append(row.key)
        for role, keys in roles.items():
            self._watch.saw(
                arms,
                role,
                keys=keys,
                predictions=[None] * len(keys),
                failed=[True] * len(keys),
                latency_ms=[(time.monotonic() - call.began) * 1000] * len(keys),
                now=call.at,
            )

    def _give(self, calls: Sequence[tuple[Call, Sequence[Prediction]]]) -> list[Prediction | None]:
        """Log the answers of claimed calls, then give them; those that were given, None for each that was not."""
        if not calls:
            return []
        try:
            outcomes = log_answers(self._lake, self._rollout.name, calls, ended=time.monotonic())
        except Exception as error:  # noqa: BLE001  # what is not on disk is not given
            outcomes = [error] * len(calls)
        give((call, outcome) for (call, _), outcome in zip(calls, outcomes, strict=True))
        given: list[Prediction | None] = []
        for (call, _), outcome in zip(calls, outcomes, strict=True):
            given += [None] * len(call.rows) if isinstance(outcome, Exception) else outcome
        return given


def _role(arms: Arms, question: Question) -> Role:
    """The arm that answers a question; a request without a key is the live version's."""
    return "live" if question.row.key is None else arms.role(question.row.key)
