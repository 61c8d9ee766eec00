"""Answers for a batch of rows: features are read once for all, and each version's estimator is asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pumphouse.errors import RequestRefused, UnknownName
from pumphouse.features.frames import arrays_of, frame_of
from pumphouse.features.moments import AS_OF
from pumphouse.features.online.store import Found, OnlineRows, OnlineStore
from pumphouse.features.point_in_time import feature_shape
from pumphouse.features.values import feature_values, known_entities
from pumphouse.models.arrays import said
from pumphouse.models.asked import Form, Row
from pumphouse.models.predictions import FeaturesFrom, Prediction, ReadyVersion, Role
from pumphouse.models.reasons import reasons, with_typical
from pumphouse.models.registry import Version

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_STEP = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A row, the moment at which it is asked about, who asks, and how many reasons they want."""

    row: Row
    at: datetime
    who: str | None
    reasons: int


class Elsewhere(Exception):
    """Some of the rows are not in the online store, and the others need not wait until the lake was asked."""

    def __init__(self, ids: frozenset[str]) -> None:
        super().__init__(ids)
        self.ids = ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A version that can be asked, and the online store that holds all of its features, if one does."""

    version: ReadyVersion
    store: OnlineStore | None
    columns: tuple[tuple[str, str], ...]
    """What is read of the store: columns, each with its feature's fingerprint."""
    nameless: Any | None
    """The estimator as it may be asked with arrays, where it may."""

    def said(self, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """What the version says of each row, as float64."""
        if self.nameless is not None:
            return said(self.nameless, arrays, self.version.version)
        return self.version.said(frame_of(arrays))


@dataclass(slots=True, kw_only=True)
class Values:
    """What a version is asked with for some questions: an array for each column, and where each row is from."""

    arrays: dict[str, NDArray[Any]]  # float64 with NaN, or objects with None
    known: list[bool]
    came_from: list[FeaturesFrom]
    as_of: list[datetime]
    """The moment that each row describes."""
    snapshot: list[int]

    def rows(self) -> list[dict[str, float | str | None]]:
        """The values of each question, null where there is none."""
        columns = [array.tolist() for array in self.arrays.values()]
        shown = [[None if value != value else value for value in column] for column in columns]  # NaN is not itself
        return [dict(zip(self.arrays, row, strict=True)) for row in zip(*shown, strict=True)]


def answers_of(
    ready: Ready, form: Form, asked: Sequence[Question], *, snapshot: int, role: Role = "live", together: bool = True
) -> list[Prediction]:
    """What a version says of each question, in one call of its estimator. Nothing is logged yet.

    Raises RequestRefused for reasons where the version does not know what is typical, and Elsewhere where only some are
    in the online store and they need not be answered `together`.
    """
    version = ready.version.version
    values = values_of(ready, form, asked, snapshot=snapshot, together=together)
    explained = [number for number, question in enumerate(asked) if question.reasons]
    if explained and not version.typical:
        raise RequestRefused(
            f"{version.name} does not know what is typical, so it can't say reasons",
            asset=form.rollout,
            mend=f"Train it anew: pumphouse run {version.model}",
        )
    arrays = with_typical(version, values.arrays, explained) if explained else values.arrays
    found: list[float] = ready.said(arrays).tolist()
    shown = values.rows()
    width = len(values.arrays)
    why = {
        number: reasons(
            version,
            shown[number],
            found[number],
            found[len(asked) + place * width : len(asked) + (place + 1) * width],
            most=asked[number].reasons,
        )
        for place, number in enumerate(explained)
    }
    return [
        Prediction(
            id=question.row.id,
            entity=entity_of(form, question.row),
            as_of=question.at,
            prediction=found[number],
            version=version.name,
            shadow_prediction=None,
            shadow_version=None,
            snapshot=values.snapshot[number],
            features=shown[number],
            known_entity=values.known[number],
            role=role,
            features_from=values.came_from[number],
            features_as_of=values.as_of[number],
            caller=question.who,
            reasons=why.get(number, ()),
        )
        for number, question in enumerate(asked)
    ]


def entity_of(form: Form, row: Row) -> dict[str, int | str | None]:
    """The entity's columns with their values, null in a request without a key."""
    return dict(zip(form.entity, row.key or (None,) * len(form.entity), strict=True))


def store_columns(version: Version) -> tuple[tuple[str, str], ...]:
    """The columns that a version is asked with, each with its feature's fingerprint, as an online store has them."""
    return tuple(
        (column, feature.fingerprint) for feature in version.features for column in feature_shape(feature).values
    )


def values_of(ready: Ready, form: Form, asked: Sequence[Question], *, snapshot: int, together: bool = True) -> Values:
    """What the version is asked with: what the request gives, else what the online store has, else from the lake."""
    import numpy as np

    columns = ready.version.version.columns
    count = len(asked)
    values = Values(
        arrays={
            name: np.full(count, np.nan) if kind == "number" else np.full(count, None, dtype=object)
            for name, kind in columns.items()
        },
        known=[False] * count,
        came_from=["request"] * count,
        as_of=[question.at for question in asked],
        snapshot=[snapshot] * count,
    )
    open_ = [number for number, question in enumerate(asked) if not columns.keys() <= question.row.given.keys()]
    if open_ and ready.store is not None:
        open_ = _from_store(ready, ready.store, asked, open_, values)
    if open_ and not together and len(open_) < count:
        raise Elsewhere(frozenset(asked[number].row.id for number in open_))
    if open_:
        _from_lake(ready.version, form, asked, open_, values)
    for number, question in enumerate(asked):
        for name, value in question.row.given.items():
            if name in columns:
                values.arrays[name][number] = np.nan if value is None and columns[name] == "number" else value
    return values


def _from_store(
    ready: Ready, store: OnlineStore, asked: Sequence[Question], numbers: Sequence[int], values: Values
) -> list[int]:
    """Fill those of these rows that the store has; the numbers of the others: unknown there, or expired."""
    keys = [key for number in numbers if (key := asked[number].row.key) is not None]
    try:
        found = store.read(keys, columns=ready.columns, now=max(asked[number].at for number in numbers))
    except UnknownName:  # it was published anew, with other features
        return list(numbers)
    left: list[int] = []
    there: list[int] = []
    usable = _usable(found)
    as_of, snapshots = found.as_of.tolist(), found.snapshot.tolist()
    for place, number in enumerate(numbers):
        if usable[place]:
            there.append(place)
            values.came_from[number] = "online"
            values.known[number] = True
            values.as_of[number] = _EPOCH + as_of[place] * _STEP
            if snapshots[place] >= 0:
                values.snapshot[number] = snapshots[place]
        else:
            left.append(number)
    at = [numbers[place] for place in there]
    for name, array in found.values.items():
        values.arrays[name][at] = array[there]
    return left


def _usable(found: OnlineRows) -> list[bool]:
    """Whether each row has a value or null in every column."""
    import numpy as np

    worst = np.max(np.stack(list(found.states.values())), axis=0)
    usable: list[bool] = (worst <= Found.NULL).tolist()
    return usable


def _from_lake(
    ready: ReadyVersion, form: Form, asked: Sequence[Question], numbers: Sequence[int], values: Values
) -> None:
    """Fill the rows of these numbers by one query for all of them."""
    moments = _moments(form, [asked[number] for number in numbers])
    found = feature_values(ready.query, moments)
    ready.check(found)
    keys = (*form.entity, AS_OF)
    at = {_named(asked[number]): number for number in numbers}
    order = [at[key] for key in _keys(found, keys)]
    for name, array in arrays_of(found, ready.query.columns).items():
        values.arrays[name][order] = array
    known = set(_keys(known_entities(ready.query, moments), keys))
    for number in numbers:
        values.came_from[number] = "lake"
        values.known[number] = _named(asked[number]) in known


def _moments(form: Form, asked: Sequence[Question]) -> pa.Table:
    import pyarrow as pa

    columns = {
        name: pa.array([question.row.key[place] for question in asked if question.row.key is not None], kind)
        for place, (name, kind) in enumerate(form.entity.items())
    }
    requested = {
        name: pa.array([question.row.request[name] for question in asked], kind) for name, kind in form.request.items()
    }
    times = pa.array([question.at for question in asked], pa.timestamp("us", tz="UTC"))
    return pa.table({**columns, AS_OF: times, **requested})


def _named(question: Question) -> tuple[Any, ...]:
    return (*(question.row.key or ()), _microseconds(question.at))


def _keys(table: pa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows' keys, with the moment in microseconds: a datetime of each would cost more than the rest."""
    import pyarrow as pa

    *entity, at = names
    columns = [table[name].to_pylist() for name in entity]
    times = table[at].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
    return list(zip(*columns, times, strict=True))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _STEP


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
