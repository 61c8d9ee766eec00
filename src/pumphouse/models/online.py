"""One prediction at a time: the same features at this moment, and an answer that is on disk before it is given."""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Engine, SqlFunction
from pumphouse.errors import RequestRefused, did_you_mean
from pumphouse.features.moments import AS_OF
from pumphouse.features.values import World, is_known
from pumphouse.lake.lake import Lake
from pumphouse.models.answers import stream_of
from pumphouse.models.predictions import (
    LoadedVersion,
    Prediction,
    ReadyVersion,
    chances_of_both,
    encode,
    entity_types,
    loaded,
    ready,
    ready_shadow,
)
from pumphouse.models.registry import live, live_shadow

if TYPE_CHECKING:
    import pyarrow as pa


class Predictor:
    """Answers for one rollout. It follows the lake: new data and a promoted version count from the next request on.

    `engine` has the lake attached. Threads may share a predictor; they take turns.
    """

    def __init__(
        self,
        lake: Lake,
        engine: Engine,
        *,
        assets: Mapping[str, Asset],
        rollout: Asset,
        functions: tuple[SqlFunction, ...] = (),
    ) -> None:
        self._lake = lake
        self._engine = engine
        self._assets = assets
        self._rollout = rollout
        self._functions = functions
        self._lock = threading.Lock()
        self._snapshot = -1
        self._held: dict[str, LoadedVersion] = {}
        self._live: ReadyVersion | None = None
        self._shadow: ReadyVersion | None = None

    def predict(self, entity: Mapping[str, Any], *, now: datetime, id: str | None = None) -> Prediction:  # from JSON
        """The answer for one entity at `now`, logged under its id (a new one, where none is given).

        An id is logged once: give one to repeat a request whose answer was lost, not to ask about somebody else.
        An entity that no input knows is answered as one that never did anything, and marked so. Raises RequestRefused
        for keys that are not the entity's, UnknownName where the model has no version yet.
        """
        with self._lock:
            answers = self._follow()
            shadow, snapshot = self._shadow, self._snapshot
            keys = _keys(self._rollout.name, entity, entity_types(answers.version))
            moment = _moment(keys, now)
            values, own, listened = chances_of_both(answers, shadow, moment)
            known = is_known(answers.query, moment)
        prediction = Prediction(
            id=id or uuid.uuid4().hex,
            entity={name: value.as_py() for name, value in keys.items()},
            as_of=now,
            prediction=own[0].as_py(),
            version=answers.version.name,
            shadow_prediction=listened[0].as_py(),
            shadow_version=shadow.version.name if shadow else None,
            snapshot=snapshot,
            features=_shown(values, answers.version.columns),
            known_entity=known,
        )
        self._lake.state.append(stream_of(self._rollout.name), [(prediction.id, encode(prediction))], at=now)
        return prediction

    def _follow(self) -> ReadyVersion:
        """The live version, ready at the newest snapshot; estimators that are still pinned stay in memory."""
        snapshot = self._lake.snapshot()
        if self._live is None or snapshot != self._snapshot:
            world = World(
                engine=self._engine,
                scan=lambda name: self._lake.scan(name, snapshot=snapshot),
                assets=self._assets,
                functions=self._functions,
            )
            pinned = live(self._lake, self._rollout.spec.model)
            listening = live_shadow(self._lake, self._rollout)
            held = {
                version.name: self._held.get(version.name) or loaded(self._lake, version)
                for version in (pinned, *([listening] if listening else []))
            }
            self._live = ready(held[pinned.name], world)
            self._shadow = ready_shadow(held[listening.name] if listening else None, world)
            self._held = held
            self._snapshot = snapshot
        return self._live


def _keys(rollout: str, given: Mapping[str, Any], types: Mapping[str, pa.DataType]) -> dict[str, pa.Scalar]:
    """The entity's values, each of its column's type."""
    for name in given:
        if name not in types:
            raise RequestRefused(
                f"'{rollout}' is asked by {', '.join(types)}, not by '{str(name)[:80]}'",
                asset=rollout,
                mend=did_you_mean(str(name), types),
            )
    for name in types:
        if given.get(name) is None:
            raise RequestRefused(f"the request has no '{name}'", asset=rollout, mend=f"Ask by {', '.join(types)}.")
    return {name: _typed(rollout, name, given[name], kind) for name, kind in types.items()}


def _typed(rollout: str, name: str, value: Any, kind: pa.DataType) -> pa.Scalar:  # from JSON
    import pyarrow as pa

    wanted: type = int if pa.types.is_integer(kind) else str
    if type(value) is not wanted:  # true is an int to Python, not to us
        words = "a whole number" if wanted is int else "text"
        raise RequestRefused(
            f"'{name}' is {words}, not {type(value).__name__}", asset=rollout, mend=f"Give it as {words}."
        )
    try:
        return pa.scalar(value, kind)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise RequestRefused(f"'{name}' has no such value", asset=rollout, mend=f"It is of type {kind}.") from error


def _moment(keys: Mapping[str, pa.Scalar], now: datetime) -> pa.Table:
    import pyarrow as pa

    columns = {name: pa.array([value.as_py()], value.type) for name, value in keys.items()}
    return pa.table({**columns, AS_OF: pa.array([now], pa.timestamp("us", tz="UTC"))})


def _shown(values: pa.Table, columns: Mapping[str, str]) -> dict[str, float | str | None]:
    """The features as the model was asked with them, null where there was none."""
    shown: dict[str, float | str | None] = {}
    for name, form in columns.items():
        value = values[name][0].as_py()
        if value is None or (form == "number" and math.isnan(value)):
            shown[name] = None
        else:
            shown[name] = float(value) if form == "number" else value
    return shown
