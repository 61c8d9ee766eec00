"""What a store answers, from what is stored of an entity and what came after: the same for files and for Redis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumphouse.features.online.generations import Manifest
from pumphouse.features.online.layout import Column
from pumphouse.features.online.store import Cell, Entity, Found, OnlineRows, Value


def entity_of(
    manifest: Manifest,
    numbers: Sequence[int],
    *,
    stored: Callable[[int], Cell] | None,
    newer: Mapping[str, tuple[Value, int]],
    now: int,
) -> Entity:
    """The columns of these numbers of one entity. `stored` is what the generation has; None where it has nothing.

    `newer` are values that came later, each with its moment; those not later than the generation are superseded.
    """
    newer = {name: found for name, found in newer.items() if found[1] > manifest.as_of}
    if stored is None and not newer:
        return nobody(manifest.columns, numbers)
    cells = {}
    for number in numbers:
        column = manifest.columns[number]
        if column.is_declared and column.name in newer:
            value, at = newer[column.name]
            state = Found.NULL if value is None else Found.PRESENT
            cells[column.name] = _held(Cell(value=value, state=state), at, manifest.max_age, now)
        elif stored is None:
            cells[column.name] = Cell(value=None, state=Found.MISSING)
        else:
            cells[column.name] = _held(stored(number), manifest.as_of, manifest.max_age, now)
    latest = max((at for _, at in newer.values()), default=-1)
    return Entity(
        cells=cells,
        as_of=latest if stored is None else max(latest, manifest.as_of),
        snapshot=-1 if stored is None else manifest.snapshot,
    )


def nobody(columns: Sequence[Column], numbers: Sequence[int]) -> Entity:
    """What is said of an entity that a store does not know."""
    missing = Cell(value=None, state=Found.MISSING)
    return Entity(cells={columns[number].name: missing for number in numbers}, as_of=-1, snapshot=-1)


def rows_of(columns: Sequence[Column], numbers: Sequence[int], entities: Sequence[Entity]) -> OnlineRows:
    """The same as arrays."""
    values: dict[str, NDArray[Any]] = {}
    states: dict[str, NDArray[np.uint8]] = {}
    for number in numbers:
        name = columns[number].name
        cells = [entity.cells[name] for entity in entities]
        states[name] = np.array([cell.state for cell in cells], np.uint8)
        if columns[number].type == "string":
            values[name] = np.array([cell.value for cell in cells], object)
        else:
            numbers_of = [np.nan if cell.value is None else float(cell.value) for cell in cells]
            values[name] = np.array(numbers_of, np.float64)
    return OnlineRows(
        values=values,
        states=states,
        as_of=np.array([entity.as_of for entity in entities], np.int64),
        snapshot=np.array([entity.snapshot for entity in entities], np.int64),
    )


def _held(cell: Cell, at: int, max_age: int | None, now: int) -> Cell:
    return Cell(value=None, state=Found.EXPIRED) if max_age is not None and now - at > max_age else cell
