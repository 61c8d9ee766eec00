"""What a store answers, from what is stored of an entity and what came after: the same for files and for Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumphouse.features.online.generations import Manifest
from pumphouse.features.online.layout import Column
from pumphouse.features.online.store import Entity, Found, OnlineRows, Value


def entity_of(
    manifest: Manifest,
    numbers: Sequence[int],
    *,
    stored: Entity | None,
    newer: Mapping[str, tuple[Value, int]],
    now: int,
) -> Entity:
    """The columns of these numbers of one entity. `stored` is what the generation says; None where it has nothing.

    `newer` are values that came later, each with its moment; those not later than the generation are superseded.
    """
    newer = {name: found for name, found in newer.items() if found[1] > manifest.as_of}
    before = stored or nobody(manifest.columns, numbers)
    if not newer:
        return before
    values, states = dict(before.values), dict(before.states)
    for number in numbers:
        column = manifest.columns[number]
        if column.is_declared and column.name in newer:
            value, at = newer[column.name]
            expired = is_too_old(manifest, at, now)
            values[column.name] = None if expired else value
            states[column.name] = Found.EXPIRED if expired else Found.NULL if value is None else Found.PRESENT
    latest = max(at for _, at in newer.values())
    return Entity(values=values, states=states, as_of=max(latest, before.as_of), snapshot=before.snapshot)


def is_too_old(manifest: Manifest, at: int, now: int) -> bool:
    """Whether values of a moment are older by now than any may be."""
    return manifest.max_age is not None and now - at > manifest.max_age


def nobody(columns: Sequence[Column], numbers: Sequence[int]) -> Entity:
    """What is said of an entity that a store does not know."""
    names = [columns[number].name for number in numbers]
    return Entity(values=dict.fromkeys(names), states=dict.fromkeys(names, Found.MISSING), as_of=-1, snapshot=-1)


def rows_of(columns: Sequence[Column], numbers: Sequence[int], entities: Sequence[Entity]) -> OnlineRows:
    """The same as arrays."""
    names = [columns[number].name for number in numbers]
    texts = [columns[number].name for number in numbers if columns[number].type == "string"]
    shape = (len(entities), len(names))
    states = np.frombuffer(bytearray(chain.from_iterable(one.states.values() for one in entities)), np.uint8)
    plain = [dict(one.values) | dict.fromkeys(texts) for one in entities] if texts else [one.values for one in entities]
    floats = np.array(list(chain.from_iterable(one.values() for one in plain)), np.float64)  # of None it makes NaN
    values: dict[str, NDArray[Any]] = dict(zip(names, floats.reshape(shape).T, strict=True))
    for name in texts:
        values[name] = np.array([one.values[name] for one in entities], object)
    return OnlineRows(
        values=values,
        states=dict(zip(names, states.reshape(shape).T, strict=True)),
        as_of=np.array([entity.as_of for entity in entities], np.int64),
        snapshot=np.array([entity.snapshot for entity in entities], np.int64),
    )
