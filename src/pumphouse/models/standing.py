"""Who stands ready to answer for a rollout at one snapshot, with all that an answer takes in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Engine, SqlFunction
from pumphouse.errors import ConfigError, PumphouseError
from pumphouse.features.online.store import OnlineStore
from pumphouse.features.values import World
from pumphouse.lake.lake import Lake
from pumphouse.models.answering import Ready, store_columns
from pumphouse.models.arrays import on_arrays
from pumphouse.models.asked import Form
from pumphouse.models.predictions import LoadedVersion, entity_types, loaded, ready
from pumphouse.models.registry import Version, parse_version, version
from pumphouse.models.rollouts import Arms, arms

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("pumphouse.models")

CACHED = "cached"
"""The fallback that repeats the last prediction for the entity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The versions of a rollout, ready at one snapshot. A later snapshot makes another; nobody changes this one."""

    snapshot: int
    arms: Arms
    ready: Mapping[str, Ready]
    """Every version that may have to answer, by its name."""
    shadow: Ready | None
    fallback: Ready | None
    """The older version that answers where the others can't in time."""
    form: Form
    stores: Mapping[str, OnlineStore]
    """The online stores that were open, by their names."""
    left_out: Mapping[str, str]
    """Versions that should answer but can't be asked, by their names, and why."""

    @property
    def live(self) -> Ready:
        """The live version."""
        return self.ready[self.arms.live.version.name]


def stand(
    lake: Lake,
    engine: Engine,
    *,
    assets: Mapping[str, Asset],
    rollout: Asset,
    functions: tuple[SqlFunction, ...],
    open_store: Callable[[Asset], OnlineStore | None],
    before: Standing | None,
) -> Standing:
    """Who answers by the lake's newest snapshot; what `before` holds already is neither read nor opened again.

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
    stores = _stores(assets, open_store, before)

    def make_ready(one: Version) -> Ready:
        was = held.get(one.name)
        version = ready(_loaded(was) if was else loaded(lake, one), world)
        nameless = was.nameless if was else on_arrays(version.estimator, one)
        return Ready(version=version, store=_covering(one, stores), columns=store_columns(one), nameless=nameless)

    pinned = arms(lake, rollout)
    versions = {pinned.live.version.name: make_ready(pinned.live.version)}
    left_out: dict[str, str] = {}

    def is_ready(one: Version) -> bool:
        """Whether a version could be made ready. Without it the others answer, and promotions are followed."""
        try:
            versions[one.name] = versions.get(one.name) or make_ready(one)
        except PumphouseError as error:
            left_out[one.name] = str(error)
            if before is None or one.name not in before.left_out:
                log.warning("%s can't be asked in %s and is left out: %s", one.name, rollout.name, error)
            return False
        return True

    if pinned.canary is not None and not is_ready(pinned.canary.version):
        pinned = replace(pinned, canary=None)
    if pinned.challenger is not None and not is_ready(pinned.challenger.version):
        pinned = replace(pinned, challenger=None)
    if pinned.before is not None and not (rollout.spec.guardrails is None or is_ready(pinned.before)):
        pinned = replace(pinned, before=None)  # a guardrail can't bring it back
    older = _fallback(lake, rollout, pinned.live.version)
    return Standing(
        snapshot=snapshot,
        arms=pinned,
        ready=versions,
        shadow=_shadow(pinned, make_ready),
        fallback=versions.get(older.name) or make_ready(older) if older else None,
        form=form_of(rollout.name, [arm.version for arm in pinned.answering]),
        stores=stores,
        left_out=left_out,
    )


def _shadow(pinned: Arms, make_ready: Callable[[Version], Ready]) -> Ready | None:
    """The version that only listens; None without one, or where the lake no longer has what it reads."""
    if pinned.shadow is None or pinned.shadow.entity != pinned.live.version.entity:
        return None
    try:
        return make_ready(pinned.shadow)
    except PumphouseError:
        return None


def _stores(
    assets: Mapping[str, Asset], open_store: Callable[[Asset], OnlineStore | None], before: Standing | None
) -> dict[str, OnlineStore]:
    stores = dict(before.stores) if before else {}
    for asset in assets.values():
        if asset.kind == "online" and asset.name not in stores and (store := open_store(asset)) is not None:
            stores[asset.name] = store
    return stores


def _covering(version: Version, stores: Mapping[str, OnlineStore]) -> OnlineStore | None:
    """A store that holds every feature of the version, computed by the same text; None where there is none."""
    if version.request:
        return None
    wanted = set(store_columns(version))
    for store in stores.values():
        there = {(column.name, column.fingerprint) for column in store.columns}
        if store.entity == tuple(version.entity) and wanted <= there:
            return store
    return None


def form_of(rollout: str, answering: Sequence[Version]) -> Form:
    """What a rollout is asked with while these versions answer, the live one first."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "VARCHAR": pa.string(),
    }
    return Form(
        rollout=rollout,
        entity=entity_types(answering[0]),
        request={name: types[kind] for one in answering for name, kind in one.request.items()},
        columns=(columns := {name: form for one in answering for name, form in one.columns.items()}),
        complete=frozenset(columns),
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


def _held(before: Standing | None) -> dict[str, Ready]:
    """What stood before, by the versions' names."""
    if before is None:
        return {}
    standing = [*before.ready.values(), *(one for one in (before.shadow, before.fallback) if one is not None)]
    return {one.version.version.name: one for one in standing}


def _loaded(held: Ready) -> LoadedVersion:
    return LoadedVersion(version=held.version.version, estimator=held.version.estimator)
