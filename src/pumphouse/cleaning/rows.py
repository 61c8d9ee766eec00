"""From a batch of rows to the rows that go on, the cells that were declined, and the rows that are withheld.

An engine maps this over a table: it pickles, keeps nothing between batches, and gives the same for the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pumphouse.cleaning.filling import as_text, filled
from pumphouse.cleaning.step import ArrayFunction, Cleaned
from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.engines.python_values import python_rows, python_values
from pumphouse.errors import BuildError, UnknownName, did_you_mean
from pumphouse.lake.builds import QUARANTINE_SCHEMA

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, CELLS, WITHHELD = "rows", "cells", "withheld"
"""Names of the outputs. The last two have the columns of a quarantine."""


@dataclass(slots=True)
class Batch:
    """Rows on their way: their columns as they are by now, beside what came in."""

    source: pa.RecordBatch
    row_ids: pa.Array
    run: str
    columns: dict[str, pa.Array]
    cells: list[pa.RecordBatch] = field(default_factory=list)

    def column(self, name: str) -> pa.Array:
        """A column as it is by now. Raises UnknownName with the nearest there is."""
        if name not in self.columns:
            known = ", ".join(self.columns)
            raise UnknownName(
                f"there is no column '{name}' to clean", mend=did_you_mean(name, self.columns) or f"There are {known}."
            )
        return self.columns[name]

    def put(self, name: str, values: pa.Array, *, after: str) -> None:
        """Set a column; a new one stands after the column that it came from."""
        if name in self.columns:
            self.columns[name] = values
            return
        place = list(self.columns).index(after) + 1
        listed = list(self.columns.items())
        self.columns = dict([*listed[:place], (name, values), *listed[place:]])

    def put_new(self, name: str, values: pa.Array, *, after: str) -> None:
        """Add a column that a step makes. Raises BuildError where there is one of that name."""
        if name in self.columns:
            raise BuildError(f"cleaning adds the column '{name}', and there is one already", mend="Rename it before.")
        self.put(name, values, after=after)

    def quarantine(self, column: str, cleaned: Cleaned, *, step: str, version: str) -> None:
        """Keep what the declined cells held when they came in."""
        import pyarrow.compute as pc

        places = pc.indices_nonzero(pc.is_valid(cleaned.reasons))
        if len(places):
            originals = self.source.column(column) if column in self.source.schema.names else self.columns[column]
            self.cells.append(
                _quarantined(
                    row_id=self.row_ids.take(places),
                    original=_written(originals.take(places)),
                    reason=cleaned.reasons.take(places),
                    column=column,
                    step=step,
                    step_version=version,
                    run=self.run,
                )
            )


class Operation(Protocol):
    """One step, ready to be applied to batches."""

    def __call__(self, batch: Batch) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanColumn:
    """A column step, loaded."""

    column: str
    target: str
    reads: tuple[str, ...]
    step: str
    version: str
    function: ArrayFunction

    def __call__(self, batch: Batch) -> None:
        """Set the step's column, add those that came out besides, quarantine what was declined."""
        cleaned = self.function(batch.column(self.column), {name: batch.column(name) for name in self.reads})
        batch.quarantine(self.column, cleaned, step=self.step, version=self.version)
        if self.target == self.column:
            batch.put(self.column, cleaned.values, after=self.column)
        else:
            batch.put_new(self.target, cleaned.values, after=self.column)
        for suffix, values in cleaned.extra.items():
            batch.put_new(f"{self.target}__{suffix}", values, after=self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillGaps:
    """`fill` with what it fills gaps with: values as text, by the groups' columns as text."""

    column: str
    by: tuple[str, ...]
    values: Mapping[tuple[str | None, ...], str | None]

    def __call__(self, batch: Batch) -> None:
        """Set the column, and add which of its cells were filled."""
        cleaned = filled(batch.column(self.column), [batch.column(name) for name in self.by], self.values)
        batch.put(self.column, cleaned.values, after=self.column)
        batch.put_new(f"{self.column}__filled", cleaned.extra["filled"], after=self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropColumns:
    """`drop` with what it chose."""

    columns: tuple[str, ...]

    def __call__(self, batch: Batch) -> None:
        """Leave the columns out."""
        for name in self.columns:
            batch.columns.pop(name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowByRow:
    """Operations in their order, and then the rows that lack what they need are taken out."""

    operations: tuple[Operation, ...]
    key: tuple[str, ...]
    needed: tuple[str, ...]
    """Columns that withhold a row where they are null."""
    run: str

    def __call__(self, source: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        """The outputs ROWS, CELLS and WITHHELD."""
        import pyarrow as pa

        batch = Batch(
            source=source,
            row_ids=row_ids(source, self.key),
            run=self.run,
            columns=dict(zip(source.schema.names, source.columns, strict=True)),
        )
        for operation in self.operations:
            operation(batch)
        rows = pa.RecordBatch.from_arrays(list(batch.columns.values()), names=list(batch.columns))
        rows, withheld = self._withhold(batch, rows)
        return {ROWS: rows, CELLS: _together(batch.cells), WITHHELD: withheld}

    def _withhold(self, batch: Batch, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.compute as pc

        missing = {name: pc.is_null(batch.column(name)) for name in self.needed}
        lacking = pa.array([False] * rows.num_rows, pa.bool_())
        for gaps in missing.values():
            lacking = pc.or_(lacking, gaps)
        places = pc.indices_nonzero(lacking)
        if not len(places):
            return rows, _together([])
        lacked = [[name for name, gaps in missing.items() if gaps[place.as_py()].as_py()] for place in places]
        reasons = [f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} null" for names in lacked]
        withheld = _quarantined(
            row_id=batch.row_ids.take(places),
            original=pa.array([_json(row) for row in python_rows(batch.source.take(places))], pa.string()),
            reason=pa.array(reasons, pa.string()),
            column="*",
            step="required",
            step_version="1",
            run=self.run,
        )
        return rows.filter(pc.invert(lacking)), withheld


def row_ids(source: pa.RecordBatch, key: Sequence[str]) -> pa.Array:
    """The key of each row as text, as `lake.builds.row_id` writes it. Null where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not key or any(name not in source.schema.names for name in key):
        return pa.nulls(source.num_rows, pa.string())
    parts = [_written(source.column(name)) for name in key]
    if len(parts) == 1:
        return parts[0]
    return pc.binary_join_element_wise(*parts, "|", null_handling="replace", null_replacement="")


def _written(column: pa.Array) -> pa.Array:
    """Any column as text."""
    import pyarrow as pa

    try:
        return as_text(column)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, bytes that are no text
        return pa.array([None if value is None else _json(value) for value in python_values(column)], pa.string())


def _json(value: Any) -> str:  # Any: whatever a column holds
    shown = (
        {name: cell for name, cell in value.items() if name not in HIDDEN_COLUMNS} if isinstance(value, dict) else value
    )
    return json.dumps(
        shown, ensure_ascii=False, default=lambda cell: cell.hex() if isinstance(cell, bytes) else str(cell)
    )


def _quarantined(
    *, row_id: pa.Array, original: pa.Array, reason: pa.Array, column: str, step: str, step_version: str, run: str
) -> pa.RecordBatch:
    import pyarrow as pa

    arrays = {"row_id": row_id, "original": original, "reason": reason}
    same = {"column": column, "step": step, "step_version": step_version, "run": run}
    arrays |= {name: pa.repeat(pa.scalar(value, pa.string()), len(row_id)) for name, value in same.items()}
    return pa.RecordBatch.from_arrays([arrays[name] for name in QUARANTINE_SCHEMA.names], schema=QUARANTINE_SCHEMA)


def _together(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    import pyarrow as pa

    if not batches:
        return pa.RecordBatch.from_pylist([], schema=QUARANTINE_SCHEMA)
    return pa.concat_batches(batches)
