"""What an online store is to those who read it: files of generations and a Redis are two of them, with one Protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Key = tuple[int | str, ...]
"""The values of an entity's columns, in their order."""

Value = float | int | str | bool | None


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(value: int) -> datetime:
    """The moment of so many microseconds since 1970 UTC."""
    return _EPOCH + value * _MICROSECOND


class Found(IntEnum):
    """What a store says of one feature of one entity. Missing, expired and null are three different answers."""

    PRESENT = 0
    NULL = 1
    """It was computed, and it is null."""
    EXPIRED = 2
    """It was computed too long ago, or what it was computed from is too old by now."""
    MISSING = 3
    """The store does not know the entity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineColumn:
    """One feature's value in a store. A version reads those whose fingerprint is the one that it was trained with."""

    name: str
    type: pa.DataType
    """int64, float64, bool or string."""
    feature: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One published state of all entities."""

    number: int
    snapshot: int
    as_of: datetime
    """The moment that its values describe."""
    entities: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineRows:
    """What a store says of some entities, in the order in which they were asked about.

    `values` holds an array for each column that was asked for: float64 with NaN where there is none for numbers and
    true/false, object with None for text. `states` holds a `Found` for each. `as_of` is the moment that each entity's
    values describe in microseconds since 1970 UTC, and `snapshot` the lake's snapshot they were read at: -1 where it is
    missing.
    """

    values: Mapping[str, NDArray[Any]]  # float64 or object
    states: Mapping[str, NDArray[np.uint8]]
    as_of: NDArray[np.int64]
    snapshot: NDArray[np.int64]


@dataclass(slots=True, kw_only=True)  # not frozen: that triples what it costs to make one, and each read makes one
class Entity:
    """All that a store says of one entity. `as_of` is in microseconds since 1970 UTC; -1 where it is missing.

    Values are as they are stored, whole numbers and true/false as such. A value is None unless its state is PRESENT.
    """

    values: Mapping[str, Value]
    states: Mapping[str, Found]
    as_of: int
    snapshot: int


class OnlineStore(Protocol):
    """Features of every entity by key. Threads may share one; processes open their own on the same generations."""

    @property
    def entity(self) -> tuple[str, ...]:
        """The entity's columns."""
        ...

    @property
    def entity_types(self) -> Mapping[str, str]:
        """The entity's columns, each "int64" or "string"."""
        ...

    @property
    def columns(self) -> tuple[OnlineColumn, ...]:
        """The columns of the generation that is read now."""
        ...

    @property
    def generation(self) -> Generation:
        """The generation that is read now. A reader follows the newest by itself; a read sees one generation only."""
        ...

    def read(
        self, keys: Sequence[Key], *, columns: Sequence[tuple[str, str]] | None = None, now: datetime
    ) -> OnlineRows:
        """The entities of these keys. `columns` are (name, the feature's fingerprint) pairs; without them, all.

        Raises UnknownName for a column that the generation does not hold.
        """
        ...

    def put(self, key: Key, values: Mapping[str, float | str | bool | None], *, at: datetime) -> None:
        """Newer values of one entity, as of `at`: on disk when this returns, read by all, until a generation is later.

        Raises UnknownName for a column that is not there, RequestRefused for a value of another type.
        """
        ...

    def entities(self, keys: Sequence[Key], *, now: datetime) -> list[Entity]:
        """All that there is of these entities, each value of its own type: for people, where `read` is for models."""
        ...

    def hide(self, column: str, value: str) -> None:
        """Hide whoever has this value, as text, in a column of the entity, at once and from later values too."""
        ...

    def close(self) -> None:
        """Let go of files or connections."""
        ...
