"""What each step did to a batch: how many cells it changed, with before and after, and what it declined.

A step may change millions of cells, so pairs of before and after are sampled: those with the smallest hash. A pair
that is among the smallest of the table is so in each batch that has it, so its count is exact however rows are batched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from zlib import crc32

from pumphouse.cleaning.batch import Batch, Operation, written
from pumphouse.cleaning.hidden import shown
from pumphouse.cleaning.step import ArrayFunction

if TYPE_CHECKING:
    import pyarrow as pa

PAIRS_MAX = 2_000
"""Different pairs that are kept of one column and step."""
TEXT_MAX = 200
"""Letters that are kept of a cell."""

CELLS, MADE, CHANGED, FILLED, EMPTIED, DECLINED = "cells", "made", "changed", "filled", "emptied", "declined"
"""What happened to cells: those that a step met (all that are not null), values in a new column, other values, gaps
that got one, values that became a gap, and of these the ones that were declined, with the reason as what is after."""


def watched(batch: Batch, operation: Operation, *, place: int) -> list[pa.RecordBatch]:
    """Apply the operation that stands at `place`, and say what it did."""
    import pyarrow as pa
    import pyarrow.compute as pc

    before, quarantined = dict(batch.columns), len(batch.cells)
    operation(batch)
    found: list[pa.RecordBatch] = []
    for name, after in batch.columns.items():
        old = before.get(name)
        if old is after:
            continue
        hides = batch.hidden.get(name, ())
        new = written(after)
        if old is None:
            found += _counted(
                place, name, MADE, pa.nulls(len(new), pa.string()), new, where=pc.is_valid(new), hides=hides
            )
            continue
        old = written(old)
        met, kept = pc.is_valid(old), pc.is_valid(new)
        differs = pc.fill_null(pc.not_equal(old, new), False)  # noqa: FBT003  # Arrow's order
        found.append(_rows(place, name, CELLS, times=[pc.sum(met, min_count=0).as_py()]))
        found += _counted(place, name, CHANGED, old, new, where=differs, hides=hides)
        found += _counted(place, name, FILLED, old, new, where=pc.and_not(kept, met), hides=hides)
        found += _counted(place, name, EMPTIED, old, new, where=pc.and_not(met, kept), hides=hides)
    for cells in batch.cells[quarantined:]:
        name = cells.column("column")[0].as_py() if cells.num_rows else ""
        everywhere = pa.array([True] * cells.num_rows, pa.bool_())
        found += _counted(place, name, DECLINED, cells.column("original"), cells.column("reason"), where=everywhere)
    return found


def schema() -> pa.Schema:
    """Columns of what happened. `hash` is null in the row that has the total of its kind."""
    import pyarrow as pa

    names = {"place": pa.int32(), "column": pa.string(), "kind": pa.string(), "hash": pa.int64()}
    return pa.schema([*names.items(), ("before", pa.string()), ("after", pa.string()), ("times", pa.int64())])


def together(happened: list[pa.RecordBatch]) -> pa.RecordBatch:
    """What happened, as one batch."""
    import pyarrow as pa

    return pa.concat_batches(happened) if happened else pa.RecordBatch.from_pylist([], schema=schema())


def _counted(
    place: int,
    column: str,
    kind: str,
    old: pa.Array,
    new: pa.Array,
    *,
    where: pa.Array,
    hides: tuple[ArrayFunction, ...] = (),
) -> list[pa.RecordBatch]:
    """The total of a kind, and its pairs with the smallest hashes; of what is masked, the masked pairs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    total = pc.sum(where, min_count=0).as_py()
    if not total:
        return []
    sides = [shown(side.filter(where), hides) for side in (old, new)]
    shortened = [pc.utf8_slice_codeunits(side, 0, TEXT_MAX) for side in sides]
    pairs = pa.table(shortened, names=["before", "after"]).group_by(["before", "after"]).aggregate([([], "count_all")])
    before, after, times = (pairs.column(name).to_pylist() for name in ("before", "after", "count_all"))
    hashes = [_hash(*pair) for pair in zip(before, after, strict=True)]
    smallest = sorted(range(len(hashes)), key=lambda at: (hashes[at], before[at] or "", after[at] or ""))[:PAIRS_MAX]
    chosen: Mapping[str, list[object]] = {
        name: [values[at] for at in smallest]
        for name, values in {"hash": hashes, "before": before, "after": after, "times": times}.items()
    }
    return [_rows(place, column, kind, times=[total]), _rows(place, column, kind, **chosen)]


def _hash(before: str | None, after: str | None) -> int:
    return crc32(f"{before}\0{after}".encode())


def _rows(place: int, column: str, kind: str, *, times: list[object], **pairs: list[object]) -> pa.RecordBatch:
    import pyarrow as pa

    nothing = [None] * len(times)
    same = {"place": [place] * len(times), "column": [column] * len(times), "kind": [kind] * len(times)}
    columns = {"hash": nothing, "before": nothing, "after": nothing, **pairs, **same, "times": times}
    return pa.RecordBatch.from_pydict({name: columns[name] for name in schema().names}, schema=schema())
