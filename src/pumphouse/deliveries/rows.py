"""Rows as a database's driver takes them, a few thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pumphouse.engines.python_values import python_values

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 5_000
"""A bound on what is Python objects at a time."""

Convert = Callable[[Any], Any]


def rows_of(batches: Iterable[pa.RecordBatch], converts: list[Convert | None]) -> Iterator[tuple[Any, ...]]:
    """Each row as a tuple; `converts` has for each column what makes of a value one the driver knows.

    Days and moments that Python has none for come as texts.
    """
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            columns = []
            for column, convert in zip(batch.slice(start, ROWS_AT_ONCE).columns, converts, strict=True):
                values = python_values(column)
                columns.append(values if convert is None else [None if v is None else convert(v) for v in values])
            yield from zip(*columns, strict=True)
