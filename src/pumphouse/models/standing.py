"""Who stands ready to answer for a rollout at one snapshot, with all that an answer takes in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Engine, SqlFunction
from pumphouse.errors import ConfigError
from pumphouse.features.values import World
from pumphouse.lake.lake import Lake
from pumphouse.models.asked import Form
from pumphouse.models.predictions import LoadedVersion, ReadyVersion, entity_types, loaded, ready, ready_shadow
from pumphouse.models.registry import Version, live, live_shadow, parse_version, version

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The versions of a rollout, ready at one snapshot. A later snapshot makes another; nobody changes this one."""

    snapshot: int
    live: ReadyVersion
    shadow: ReadyVersion | None
    fallback: ReadyVersion | None
    """The older version that answers where the others can't in time."""
    form: Form


def stand(
    lake: Lake,
    engine: Engine,
    *,
    assets: Mapping[str, Asset],
    rollout: Asset,
    functions: tuple[SqlFunction, ...],
    before: Standing | None,
) -> Standing:
    """Who answers by the lake's newest snapshot; estimators that `before` holds already are not read again.

    Raises UnknownName where the model has no version yet, ConfigError where the fallback is about another entity.
    """
    snapshot = lake.snapshot()
    world = World(
        engine=engine,
        scan=lambda name: lake.scan(name, snapshot=snapshot),
        assets=assets,
        functions=functions,
    )
    held = _held(before)

    def load(one: Version) -> LoadedVersion:
        return held.get(one.name) or loaded(lake, one)

    pinned = live(lake, rollout.spec.model)
    listening = live_shadow(lake, rollout)
    answers = ready(load(pinned), world)
    older = _fallback(lake, rollout, pinned)
    return Standing(
        snapshot=snapshot,
        live=answers,
        shadow=ready_shadow(load(listening) if listening and listening.entity == pinned.entity else None, world),
        fallback=ready(load(older), world) if older else None,
        form=form_of(rollout.name, answers.version),
    )


def form_of(rollout: str, answers: Version) -> Form:
    """What a rollout is asked with while this version answers."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "VARCHAR": pa.string(),
    }
    return Form(
        rollout=rollout,
        entity=entity_types(answers),
        request={name: types[kind] for name, kind in answers.request.items()},
        columns=answers.columns,
        complete=frozenset(answers.columns),
    )


def _fallback(lake: Lake, rollout: Asset, pinned: Version) -> Version | None:
    """The version that a rollout falls back on. Raises UnknownName or ConfigError where it can't."""
    declared: Any = rollout.spec.serving.fallback if rollout.spec.serving else None
    if not isinstance(declared, str) or declared == CACHED:
        return None
    found = version(lake, *parse_version(declared))
    if found.entity != pinned.entity or set(found.request) - set(pinned.request):
        raise ConfigError(
            f"'{rollout.name}' falls back on {declared}, which is asked with other columns than {pinned.name}",
            asset=rollout.name,
            place=rollout.place,
            mend="Name a version about the same entity, a number, or 'cached'.",
        )
    return found


CACHED = "cached"
"""The fallback that repeats the last prediction for the entity."""


def _held(before: Standing | None) -> dict[str, LoadedVersion]:
    if before is None:
        return {}
    standing = [one for one in (before.live, before.shadow, before.fallback) if one is not None]
    return {one.version.name: LoadedVersion(version=one.version, estimator=one.estimator) for one in standing}
