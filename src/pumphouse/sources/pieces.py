"""Pages and files are often small, and a batch that is worth its keep is not: pieces wait here until they are one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.sources.columns import EXACT_IN_DOUBLE_MAX
from pumphouse.sources.rows import Batch, Column

BATCH_ROWS = 50_000
BATCH_BYTES_MAX = 64 * 1024 * 1024
"""In memory; what comes in one piece may be larger."""


class Pieces:
    """Batches of columns, in the order in which they came, each with the stored bytes that its rows came from."""

    def __init__(self) -> None:
        self.rows = 0
        self.size_bytes = 0
        self._batches: list[tuple[Batch, int]] = []
        self._raw: list[tuple[str, int]] = []
        self._types: dict[str, pa.DataType] = {}

    def __bool__(self) -> bool:
        return bool(self._batches)

    @property
    def is_enough(self) -> bool:
        """Whether what waits is worth a batch."""
        return self.rows >= BATCH_ROWS or self.size_bytes >= BATCH_BYTES_MAX

    def fit(self, batch: Batch, *, alike: bool = False) -> bool:
        """Whether its columns go together with those that wait: of one type, or whole numbers and fractions.

        `alike`: and they are the same columns, where a column that does not come is missing and not null.
        """
        if alike and batch.keys() != self._types.keys():
            return False
        return all(
            name not in self._types or self._together(name, column.values) is not None for name, column in batch.items()
        )

    def add(self, batch: Batch, raw: list[tuple[str, int]]) -> None:
        """Let a batch that fits wait; `raw` says how many of its rows came from which stored bytes, in order."""
        for name, column in batch.items():
            self._types[name] = (
                self._together(name, column.values) if name in self._types else None
            ) or column.values.type
            self.size_bytes += column.values.nbytes
        rows = sum(count for _, count in raw)
        self.rows += rows
        self._batches.append((batch, rows))
        self._raw += raw

    def take(self) -> tuple[Batch, pa.Array]:
        """All that waited as one batch, with the name of the stored bytes of each row."""
        batch = {name: self._column(name, kind) for name, kind in self._types.items()}
        names = {sha: at for at, sha in enumerate(dict.fromkeys(sha for sha, _ in self._raw))}
        raw = pa.DictionaryArray.from_arrays(
            pa.concat_arrays(
                [
                    pa.array([], pa.int32()),
                    *(pa.repeat(pa.scalar(names[sha], pa.int32()), rows) for sha, rows in self._raw),
                ]
            ),
            pa.array(list(names), pa.string()),
        )
        self.__init__()  # type: ignore[misc]
        return batch, raw

    def _together(self, name: str, values: pa.Array) -> pa.DataType | None:
        """The type of what waits and of these values, together; None where there is no such type."""
        one, other = self._types[name], values.type
        if {one, other} != {pa.int64(), pa.float64()}:
            return _common(one, other)
        whole = [values] if other == pa.int64() else [batch[name].values for batch, _ in self._batches if name in batch]
        return pa.float64() if all(map(_is_exact_in_double, whole)) else None

    def _column(self, name: str, kind: pa.DataType) -> Column:
        arrays, kinds = [], set[pa.DataType]()
        for batch, rows in self._batches:
            column = batch.get(name)
            if column is None:
                arrays.append(pa.nulls(rows, kind))
                continue
            kinds |= column.kinds
            arrays.append(column.values if column.values.type == kind else column.values.cast(kind))
        return Column(arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays), kinds)


def in_larger(batches: Iterable[tuple[Batch, int]]) -> Iterator[Batch]:
    """Batches, each with its number of rows, as batches worth their keep."""
    pieces = Pieces()
    for batch, rows in batches:
        if pieces and not pieces.fit(batch):
            yield pieces.take()[0]
        pieces.add(batch, [("", rows)])
        if pieces.is_enough:
            yield pieces.take()[0]
    if pieces:
        yield pieces.take()[0]


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if one == other or pa.types.is_null(other):
        return one
    return other if pa.types.is_null(one) else None


def _is_exact_in_double(values: pa.Array) -> bool:
    limits = pc.min_max(values)
    low, high = limits["min"].as_py(), limits["max"].as_py()
    return low is None or -EXACT_IN_DOUBLE_MAX <= low <= high <= EXACT_IN_DOUBLE_MAX
