"""From a batch of rows to the rows that go on, the cells that were declined, and the rows that are withheld.

An engine maps this over a table: it pickles, keeps nothing between batches, and gives the same for the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pumphouse.cleaning import watching
from pumphouse.cleaning.batch import Batch, Operation, as_json, quarantined, together, written
from pumphouse.cleaning.hidden import Hidden, shown, shown_rows
from pumphouse.cleaning.step import each_value
from pumphouse.engines.python_values import python_rows

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, CELLS, WITHHELD, HAPPENED = "rows", "cells", "withheld", "happened"
"""Names of the outputs. CELLS and WITHHELD have the columns of a quarantine, HAPPENED those of `watching.schema`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowByRow:
    """Operations in their order, and then the rows that lack what they need are taken out."""

    operations: tuple[Operation, ...]
    key: tuple[str, ...]
    needed: tuple[str, ...]
    """Columns that withhold a row where they are null."""
    run: str
    hidden: Hidden = field(default_factory=dict)
    first: int = 0
    """The place of the first operation among all steps."""
    is_watched: bool = False
    """Whether it also says what each operation did."""

    def __call__(self, source: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        """The outputs ROWS, CELLS and WITHHELD; HAPPENED where it is watched."""
        import pyarrow as pa

        batch = Batch(
            source=source,
            row_ids=row_ids(source, self.key, self.hidden),
            run=self.run,
            hidden=self.hidden,
            columns=dict(zip(source.schema.names, source.columns, strict=True)),
        )
        happened: list[pa.RecordBatch] = []
        for place, operation in enumerate(self.operations, start=self.first):
            if self.is_watched:
                happened += watching.watched(batch, operation, place=place)
            else:
                operation(batch)
        rows = pa.RecordBatch.from_arrays(list(batch.columns.values()), names=list(batch.columns))
        rows, withheld = self._withhold(batch, rows)
        outputs = {ROWS: rows, CELLS: together(batch.cells), WITHHELD: withheld}
        return {**outputs, HAPPENED: watching.together(happened)} if self.is_watched else outputs

    def _withhold(self, batch: Batch, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.compute as pc

        missing = {name: pc.is_null(batch.column(name)) for name in self.needed}
        lacking = pa.array([False] * rows.num_rows, pa.bool_())
        for gaps in missing.values():
            lacking = pc.or_(lacking, gaps)
        places = pc.indices_nonzero(lacking)
        if not len(places):
            return rows, together([])
        lacked = [[name for name, gaps in missing.items() if gaps[place.as_py()].as_py()] for place in places]
        reasons = [f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} null" for names in lacked]
        kept = shown_rows(batch.source.take(places), self.hidden)
        withheld = quarantined(
            row_id=batch.row_ids.take(places),
            original=pa.array([as_json(row) for row in python_rows(kept)], pa.string()),
            reason=pa.array(reasons, pa.string()),
            column="*",
            step="required",
            step_version="1",
            run=self.run,
        )
        return rows.filter(pc.invert(lacking)), withheld


def row_ids(source: pa.RecordBatch, key: Sequence[str], hidden: Hidden) -> pa.Array:
    """The key of each row as text, as `lake.builds.row_id` writes it. Null where there is none; masked where it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not key or any(name not in source.schema.names for name in key):
        return pa.nulls(source.num_rows, pa.string())
    parts = [
        shown(source.column(name), hidden[name]) if name in hidden else as_sql_text(source.column(name)) for name in key
    ]
    if len(parts) == 1:
        return parts[0]
    return pc.binary_join_element_wise(*parts, "|", null_handling="replace", null_replacement="")


def as_sql_text(column: pa.Array) -> pa.Array:
    """A column as SQL's CAST to VARCHAR writes it, which of times and of fractions is not how Arrow does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, text = column.type, written(column)
    if pa.types.is_floating(kind):
        return each_value(text, lambda digits: (repr(float(digits)),), pa.string())[0]
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        # 10:00:00.500000+0100 there is 10:00:00.5+01.
        text = pc.replace_substring_regex(text, "Z$", "+0000")
        text = pc.replace_substring_regex(text, r"(?:(\.\d*[1-9])0*|\.0+)?([+-]\d\d)(\d\d)$", r"\1\2:\3")
        text = pc.replace_substring_regex(text, r"(\.\d*[1-9])0+$|\.0+$", r"\1")
        text = pc.replace_substring_regex(text, r"([+-]\d\d):00$", r"\1")
    return text
