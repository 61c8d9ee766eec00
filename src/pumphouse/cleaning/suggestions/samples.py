"""What a table holds, as far as suggestions need it: counts of all rows, and values of a sample, always the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow.types as types

from pumphouse.engines.engine import Engine, Query, Scan
from pumphouse.engines.parameters import quoted

if TYPE_CHECKING:
    import pyarrow as pa

Value = TypeVar("Value")
SAMPLE_ROWS = 20_000
"""Rows whose values are tried, picked by their hash."""
VALUES_MAX = 2_000
"""Of a column with more different values in the sample, the values of about so many rows are tried, picked evenly."""
VALUES_MIN, LETTERS_TRIED_MAX = 500, 200_000
"""Of long texts fewer are tried, so that they have together about so many letters."""
LETTERS_MAX = 2_000
"""Longer cells are left out: no step for a kind of value is meant for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A column: counts of the whole table, and the different values of the sample with how often each is there."""

    name: str
    kind: pa.DataType
    rows: int
    cells: int
    """Those that are not null."""
    different: int
    values: tuple[tuple[Any, int], ...]
    """The most frequent first. Of text and numbers only."""

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return bool(types.is_string(self.kind) or types.is_large_string(self.kind))

    @property
    def sampled(self) -> int:
        """How many cells of the sample there are."""
        return sum(times for _, times in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A table as it is looked at."""

    columns: tuple[Sampled, ...]
    rows: pa.Table
    """Those that were picked."""

    def beside(self, column: str, other: str) -> tuple[list[str | None], list[str | None]]:
        """The cells of two columns of text, row by row, of VALUES_MAX rows at most and without gaps in the first."""
        import pyarrow.compute as pc

        pairs = self.rows.select([column, other])
        pairs = pairs.filter(pc.less_equal(pc.utf8_length(pairs.column(column)), LETTERS_MAX))
        pairs = pairs.take(list(evenly(range(len(pairs)), VALUES_MAX)))
        return pairs.column(column).to_pylist(), pairs.column(other).to_pylist()


def read_sample(engine: Engine, scan: Scan) -> Sample:
    """The columns of a table. It is read twice, in memory that does not grow with it."""
    import pyarrow as pa

    columns = [scan.schema.field(name) for name in scan.columns]
    if not columns:
        return Sample(columns=(), rows=pa.table({}))
    counts = ", ".join(
        f"count({quoted(column.name)}), approx_count_distinct({_comparable(column)})" for column in columns
    )
    query = Query(text=f"SELECT count(*), {counts} FROM scanned", inputs={"scanned": scan})
    (row,) = (tuple(column[0].as_py() for column in engine.read(query).read_all().columns),)
    rows, counted = row[0], row[1:]
    sample = sample_rows(engine, scan, rows=rows)
    sampled = (
        Sampled(
            name=column.name,
            kind=column.type,
            rows=rows,
            cells=counted[2 * place],
            different=counted[2 * place + 1],
            values=_values(sample.column(column.name)),
        )
        for place, column in enumerate(columns)
    )
    return Sample(columns=tuple(sampled), rows=sample)


def sample_rows(engine: Engine, scan: Scan, *, rows: int) -> pa.Table:
    """About SAMPLE_ROWS of the table's `rows`, or all of fewer: picked by their hash, and so always the same."""
    columns = [scan.schema.field(name) for name in scan.columns]
    every = max(1, rows // SAMPLE_ROWS)
    hashed = f"hash({', '.join(map(_comparable, columns))}) % {every} = 0"
    listed = ", ".join(quoted(column.name) for column in columns)
    picked = Query(text=f"SELECT {listed} FROM scanned WHERE {hashed}", inputs={"scanned": scan})
    return engine.read(picked).read_all()


def _comparable(column: pa.Field) -> str:
    nested = types.is_nested(column.type)
    return f"CAST({quoted(column.name)} AS VARCHAR)" if nested else quoted(column.name)


def _values(column: pa.ChunkedArray) -> tuple[tuple[Any, int], ...]:
    import pyarrow.compute as pc

    kind = column.type
    if types.is_string(kind):
        column = column.filter(pc.less_equal(pc.utf8_length(column), LETTERS_MAX))
    elif not (types.is_integer(kind) or types.is_floating(kind)):
        return ()
    cells = column.drop_null().combine_chunks()
    counted = pc.value_counts(cells)
    most = VALUES_MAX
    if types.is_string(kind) and (letters := pc.sum(pc.utf8_length(cells)).as_py()):
        most = max(VALUES_MIN, min(VALUES_MAX, LETTERS_TRIED_MAX * len(cells) // letters))
    if len(counted) > most:
        counted = pc.value_counts(cells.take(list(evenly(range(len(cells)), most))))
    pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], str(pair[0]))))


def evenly(values: Sequence[Value], most: int) -> Sequence[Value]:
    """At most about so many of the values, from the first to the last."""
    return values[:: max(1, -(-len(values) // most))]
