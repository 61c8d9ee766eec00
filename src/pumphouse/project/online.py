"""An online store as people read it: by the entity's columns, each value of its own type, each read logged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pumphouse.declare.asset import Asset
from pumphouse.errors import RequestRefused, UnknownName, did_you_mean
from pumphouse.features.online.opening import open_store
from pumphouse.features.online.store import Entity, Generation, Key, OnlineStore, moment_of
from pumphouse.lake.context import Connection
from pumphouse.lake.lake import Lake

LOGGED_WITHIN_S = 1.0
LOGGED_TOGETHER_MAX = 1000
"""Reads from Python are written to the access log together: when so many were made, or that long after the first."""

State = Literal["present", "null", "expired", "missing"]
Value = float | int | str | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineValues:
    """What a store says of one entity. A value is None unless its state is "present".

    `as_of` is the moment that the values describe, `snapshot` the lake's at which they were computed; both are None for
    an entity that the store does not know, `snapshot` also for one that it knows only from `put`.
    """

    entity: Mapping[str, int | str]
    values: Mapping[str, Value]
    states: Mapping[str, State]
    as_of: datetime | None
    snapshot: int | None


class OnlineReader:
    """One online store. Threads may share it; each read is recorded by `record(snapshot, rows)`."""

    def __init__(self, name: str, store: OnlineStore, *, record: Callable[[int, int], None]) -> None:
        self.name = name
        self.store = store
        self._record = record
        self._lock = threading.Lock()
        self._unlogged: dict[int, int] = {}
        self._since = 0.0

    @property
    def generation(self) -> Generation:
        """The generation that is read now: its number, snapshot, moment, and how many entities it has."""
        return self.store.generation

    def get(self, entity: Mapping[str, Any], *, now: datetime | None = None) -> OnlineValues:
        """The newest values of one entity. Raises RequestRefused for keys that are not the store's.

        For example:

            p.online("customers_online").get({"customer_id": 7}).values["spend_90d"]
        """
        return self.get_many([entity], now=now)[0]

    def get_many(self, entities: Sequence[Mapping[str, Any]], *, now: datetime | None = None) -> list[OnlineValues]:
        """The newest values of each entity, in their order."""
        at = now or datetime.now(UTC)
        found = values_of(self.name, self.store, entities, now=at)
        self._log(max((one.snapshot or 0 for one in found), default=0), len(found))
        return found

    def put(self, entity: Mapping[str, Any], values: Mapping[str, Value], *, at: datetime | None = None) -> None:
        """Newer values of one entity, on disk when this returns, read by all until a generation is later than `at`."""
        self.store.put(key_of(self.name, self.store, entity), values, at=at or datetime.now(UTC))

    def close(self) -> None:
        """Write what was read to the access log and let go of the store."""
        self._write(self._taken())
        self.store.close()

    def _log(self, snapshot: int, rows: int) -> None:
        with self._lock:
            if not self._unlogged:
                self._since = time.monotonic()
            self._unlogged[snapshot] = self._unlogged.get(snapshot, 0) + rows
            waits = sum(self._unlogged.values())
        if waits >= LOGGED_TOGETHER_MAX or time.monotonic() - self._since >= LOGGED_WITHIN_S:
            self._write(self._taken())

    def _taken(self) -> dict[int, int]:
        with self._lock:
            unlogged, self._unlogged = self._unlogged, {}
        return unlogged

    def _write(self, reads: Mapping[int, int]) -> None:
        for snapshot, rows in reads.items():
            self._record(snapshot, rows)


def online_reader(
    asset: Asset, lake: Lake, connections: Mapping[str, Connection], *, record: Callable[[int, int], None]
) -> OnlineReader:
    """A reader of the store that an asset is published to. Raises UnknownName where it never was."""
    store = open_store(asset, lake, connections)
    if store is None:
        mend = f"Publish it: pumphouse run {asset.name}"
        raise UnknownName(f"'{asset.name}' was never published", asset=asset.name, mend=mend)
    return OnlineReader(asset.name, store, record=record)


def hide_online(
    assets: Iterable[Asset], lake: Lake, connections: Mapping[str, Connection], *, entity: str, value: str
) -> None:
    """Hide a person in online stores: these follow the lake, but nobody who is hidden waits for that."""
    for asset in assets:
        store = open_store(asset, lake, connections)
        if store is not None:
            if entity.lower() in (name.lower() for name in store.entity):
                store.hide(entity, value)
            store.close()


def values_of(
    name: str, store: OnlineStore, entities: Sequence[Mapping[str, Any]], *, now: datetime
) -> list[OnlineValues]:
    """What a store says of each entity. Raises RequestRefused for keys that are not the store's."""
    keys = [key_of(name, store, entity) for entity in entities]
    found = store.entities(keys, now=now)
    return [_shown(store.entity, key, entity) for key, entity in zip(keys, found, strict=True)]


def key_of(name: str, store: OnlineStore, entity: Mapping[str, Any]) -> Key:
    """The entity's key. Raises RequestRefused where a column is missing or is none of the entity's."""
    for column in entity:
        if column not in store.entity:
            raise RequestRefused(
                f"'{name}' is asked by {', '.join(store.entity)}, not by '{str(column)[:80]}'",
                asset=name,
                mend=did_you_mean(str(column), store.entity) or None,
            )
    for column in store.entity:
        if column not in entity:
            raise RequestRefused(
                f"the request has no '{column}'", asset=name, mend=f"Ask by {', '.join(store.entity)}."
            )
    return tuple(entity[column] for column in store.entity)


def _shown(columns: Sequence[str], key: Key, entity: Entity) -> OnlineValues:
    names: dict[int, State] = {0: "present", 1: "null", 2: "expired", 3: "missing"}
    return OnlineValues(
        entity=dict(zip(columns, key, strict=True)),
        values=entity.values,
        states={name: names[state] for name, state in entity.states.items()},
        as_of=None if entity.as_of < 0 else moment_of(entity.as_of),
        snapshot=None if entity.snapshot < 0 else entity.snapshot,
    )
