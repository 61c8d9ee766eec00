"""Everybody, some at a time: features of ranges of entities, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from pumphouse.errors import OutOfMemory
from pumphouse.features.values import FeatureQuery, entities_query

if TYPE_CHECKING:
    import pyarrow as pa

RANGE_ENTITIES_MIN = 10_000
"""A range of so few is not halved any more: what it asks for is more than the machine has."""

Of = TypeVar("Of")


def by_ranges(
    query: FeatureQuery, *, as_of: datetime, rows_max: int, compute: Callable[[pa.Table], Of]
) -> Iterator[Of]:
    """What `compute` makes of the moments of `entities_query`, in the order of their keys, `rows_max` at a time.

    Where that needs more memory than the engine may take, ranges are half as long from there on, down to
    RANGE_ENTITIES_MIN; then OutOfMemory is raised.
    """
    for moments in _ranges(query, as_of=as_of, rows_max=rows_max):
        start = 0
        while start < moments.num_rows:
            some = moments.slice(start, rows_max)
            try:
                found = compute(some)
            except OutOfMemory:
                if some.num_rows <= RANGE_ENTITIES_MIN:
                    raise
                rows_max = max(RANGE_ENTITIES_MIN, some.num_rows // 2)
                continue
            yield found
            start += some.num_rows


def _ranges(query: FeatureQuery, *, as_of: datetime, rows_max: int) -> Iterator[pa.Table]:
    import pyarrow as pa

    reader = query.world.engine.read(entities_query(query, as_of=as_of))
    waiting: list[pa.RecordBatch] = []
    missing = rows_max
    for batch in reader:
        while batch.num_rows >= missing:
            yield pa.Table.from_batches([*waiting, batch.slice(0, missing)])
            batch, waiting, missing = batch.slice(missing), [], rows_max  # noqa: PLW2901  # what is left of it
        waiting.append(batch)
        missing -= batch.num_rows
    if missing < rows_max:
        yield pa.Table.from_batches(waiting)
