"""Asking versions about everybody: features by ranges of keys, answers on all cores, in memory that does not grow.

The features of a range of entities are computed by the query that training uses, while the range before it is answered.
Ranges and answers keep the order of the entities' keys.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from pumphouse.declare.asset import Asset
from pumphouse.errors import OutOfMemory, PumphouseError
from pumphouse.features.ranges import by_ranges
from pumphouse.features.values import World, feature_values
from pumphouse.lake.lake import Lake
from pumphouse.models.feature_texts import feature_texts
from pumphouse.models.predictions import ReadyVersion, Role, loaded, ready, ready_shadow
from pumphouse.models.rollouts import Arms, arms

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

RANGE_ENTITIES = 1_000_000
"""Entities of one feature query. Each query reads all inputs, so fewer are slower, and more need more memory; where
there is not enough, ranges are halved."""
CHUNK_ROWS = 65_536
"""Entities that an estimator is asked about at once."""
AHEAD_PER_CORE = 2
"""Chunks for each core that are answered before what was answered first is taken."""

One = TypeVar("One")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The versions that are asked about everybody, ready in one world."""

    arms: Arms
    live: ReadyVersion
    others: Mapping[Role, ReadyVersion]
    """Canary and challenger. One that can't be asked is not among them: the live version answers in its place."""
    shadow: ReadyVersion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was said about some entities, in the order of their keys."""

    values: pa.Table
    """The entity, `as_of` and the live version's feature values."""
    predictions: pa.Array
    roles: pa.Array
    """The arm that each entity is in."""
    versions: pa.Array
    """Who answered."""
    fallbacks: pa.Array
    """"error" where an arm's version could not be asked and the live one answered, else null."""
    shadow: pa.Array
    """Null where there is no shadow, or it can't be asked."""
    features: pa.Array
    """What who answered was asked with, as JSON."""


def panel(lake: Lake, rollout: Asset, world: World) -> Panel:
    """Who is asked for a rollout, by the lake's pins. Raises UnknownName where its model has no version yet."""
    picked = arms(lake, rollout)
    live = ready(loaded(lake, picked.live.version), world)
    others: dict[Role, ReadyVersion] = {}
    for arm in picked.answering[1:]:
        one = ready_shadow(loaded(lake, arm.version), world)
        if one is not None and one.version.entity == live.version.entity:
            others[arm.role] = one
    shadow = ready_shadow(loaded(lake, picked.shadow) if picked.shadow else None, world)
    if shadow is not None and shadow.version.entity != live.version.entity:
        shadow = None
    return Panel(arms=picked, live=live, others=others, shadow=shadow)


def answered(asked: Panel, *, as_of: datetime, then: Callable[[Answers], One]) -> Generator[One]:
    """What `then` makes of the answers about everybody whom the live version's inputs knew, some at a time, in order.

    `then` is called by several threads.
    """
    ranges = by_ranges(
        asked.live.query, as_of=as_of, rows_max=RANGE_ENTITIES, compute=lambda moments: _values(asked, moments)
    )

    def features() -> _Values | None:
        return next(ranges, None)

    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(1) as computing, ThreadPoolExecutor(cores) as answering:
        try:
            coming = computing.submit(features)
            while (found := coming.result()) is not None:
                coming = computing.submit(features)
                yield from _in_order(
                    answering, lambda chunk: then(_answers(asked, chunk)), found.chunks(), ahead=cores * AHEAD_PER_CORE
                )
        finally:
            for pool in (computing, answering):
                pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """Feature values of some entities: the live version's of all, the shadow's of all, other arms' of their own."""

    live: pa.Table
    roles: NDArray[np.str_]
    others: Mapping[Role, pa.Table]
    shadow: pa.Table | None

    def chunks(self) -> Iterator[_Values]:
        import numpy as np

        rows = {role: np.flatnonzero(self.roles == role) for role in self.others}
        for start in range(0, self.live.num_rows, CHUNK_ROWS):
            end = start + CHUNK_ROWS
            spans = {role: np.searchsorted(at, (start, end)) for role, at in rows.items()}
            yield _Values(
                live=self.live.slice(start, CHUNK_ROWS),
                roles=self.roles[start:end],
                others={role: self.others[role].slice(a, b - a) for role, (a, b) in spans.items()},
                shadow=self.shadow.slice(start, CHUNK_ROWS) if self.shadow is not None else None,
            )


def _values(asked: Panel, moments: pa.Table) -> _Values:
    """The values at the moments; who can't be asked about them has none."""
    values = feature_values(asked.live.query, moments)
    roles = asked.arms.pick_rows(values)
    others: dict[Role, pa.Table] = {}
    for role, one in asked.others.items():
        mine = roles == role
        found = values.filter(mine) if _same(one, asked.live) else _values_of(one, moments.filter(mine))
        if found is not None:
            others[role] = found
    shadow = None
    if asked.shadow is not None:
        shadow = values if _same(asked.shadow, asked.live) else _values_of(asked.shadow, moments)
    return _Values(live=values, roles=roles, others=others, shadow=shadow)


def _same(one: ReadyVersion, other: ReadyVersion) -> bool:
    """Whether two versions are asked with the same numbers."""
    return [each.text for each in one.query.features] == [each.text for each in other.query.features]


def _values_of(one: ReadyVersion, moments: pa.Table) -> pa.Table | None:
    try:
        return feature_values(one.query, moments)
    except OutOfMemory:  # fewer at once will do
        raise
    except PumphouseError:
        return None


def _answers(asked: Panel, values: _Values) -> Answers:
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    count = values.live.num_rows
    found = np.empty(count, dtype=np.float64)
    by = np.zeros(count, dtype=np.int8)
    features = feature_texts(values.live, asked.live.query.columns)
    names = [asked.live.version.name]
    for role, mine in values.others.items():
        said = _said(asked.others[role], mine)
        if said is not None:
            at = values.roles == role
            found[at], by[at] = said.to_numpy(), len(names)
            if not _same(asked.others[role], asked.live):
                own = feature_texts(mine, asked.others[role].query.columns)
                features = compute.replace_with_mask(features, pa.array(at), own)
            names.append(asked.others[role].version.name)
    rest = by == 0
    if rest.any():
        found[rest] = asked.live.answers(values.live if rest.all() else values.live.filter(rest)).to_numpy()
    failed = rest & (values.roles != "live")
    heard = _said(asked.shadow, values.shadow) if asked.shadow is not None and values.shadow is not None else None
    return Answers(
        values=values.live,
        predictions=pa.array(found),
        roles=pa.array(values.roles, pa.string()),
        versions=pa.DictionaryArray.from_arrays(pa.array(by), names).cast(pa.string()),
        fallbacks=pa.array(np.full(count, "error"), pa.string(), mask=~failed),
        shadow=pa.nulls(count, pa.float64()) if heard is None else heard,
        features=features,
    )


def _said(one: ReadyVersion, values: pa.Table) -> pa.Array | None:
    """What a version beside the live one says; None where it can't be asked: the live version answers all the same."""
    import pyarrow as pa

    try:
        return one.answers(values) if values.num_rows else pa.array([], pa.float64())
    except PumphouseError:
        return None


def _in_order(
    pool: ThreadPoolExecutor, function: Callable[[Other], One], items: Iterable[Other], *, ahead: int
) -> Iterator[One]:
    """The function of each item, computed by the pool's threads, at most `ahead` before they are taken."""
    waiting: deque[Future[One]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
