"""Asking versions about everybody: features by ranges of keys, answers on all cores, in memory that does not grow.

The features of a range of entities are computed by the query that training uses, while the range before it is answered.
Ranges and answers keep the order of the entities' keys.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from pumphouse.errors import PumphouseError
from pumphouse.features.values import entity_moments, feature_values
from pumphouse.models.predictions import ReadyVersion

if TYPE_CHECKING:
    import pyarrow as pa

RANGE_ENTITIES = 1_000_000
"""Entities of one feature query. Each query reads all inputs, so fewer are slower, and more need more memory."""
CHUNK_ROWS = 65_536
"""Entities that an estimator is asked about at once."""
AHEAD_PER_CORE = 2
"""Chunks for each core that are answered before what was answered first is taken."""

One = TypeVar("One")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was said about some entities, in the order of their keys."""

    values: pa.Table
    """The entity, `as_of` and the live version's feature values."""
    live: pa.Array
    shadow: pa.Array
    """Null where there is no shadow, or it can't be asked."""


def answered(
    live: ReadyVersion, shadow: ReadyVersion | None, *, as_of: datetime, then: Callable[[Answers], One]
) -> Generator[One]:
    """What `then` makes of the answers about everybody whom the live version's inputs knew, some at a time, in order.

    `then` is called by several threads. A shadow only listens: where it can't be asked, its answers are null.
    """
    ranges = entity_moments(live.query, as_of=as_of, rows_max=RANGE_ENTITIES)

    def features() -> tuple[pa.Table, pa.Table | None] | None:
        moments = next(ranges, None)
        if moments is None:
            return None
        values = feature_values(live.query, moments)
        return values, _heard(live, shadow, moments, values)

    def answer(chunk: tuple[pa.Table, pa.Table | None]) -> One:
        values, heard = chunk
        return then(Answers(values=values, live=live.answers(values), shadow=_listened(shadow, values, heard)))

    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(1) as computing, ThreadPoolExecutor(cores) as answering:
        try:
            coming = computing.submit(features)
            while (found := coming.result()) is not None:
                coming = computing.submit(features)
                yield from _in_order(answering, answer, _chunks(*found), ahead=cores * AHEAD_PER_CORE)
        finally:
            for pool in (computing, answering):
                pool.shutdown(wait=False, cancel_futures=True)


def _heard(live: ReadyVersion, shadow: ReadyVersion | None, moments: pa.Table, values: pa.Table) -> pa.Table | None:
    """The shadow's feature values at the moments, None where it can't be asked."""
    if shadow is None or shadow.version.entity != live.version.entity:
        return None
    if [each.text for each in shadow.query.features] == [each.text for each in live.query.features]:
        return values
    try:
        return feature_values(shadow.query, moments)
    except PumphouseError:
        return None


def _listened(shadow: ReadyVersion | None, values: pa.Table, heard: pa.Table | None) -> pa.Array:
    import pyarrow as pa

    if shadow is not None and heard is not None:
        try:
            return shadow.answers(heard)
        except PumphouseError:
            pass
    return pa.nulls(values.num_rows, pa.float64())


def _chunks(values: pa.Table, heard: pa.Table | None) -> Iterator[tuple[pa.Table, pa.Table | None]]:
    for start in range(0, values.num_rows, CHUNK_ROWS):
        yield values.slice(start, CHUNK_ROWS), heard.slice(start, CHUNK_ROWS) if heard is not None else None


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
