"""A batch of rows on its way through steps, and how what is declined is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pumphouse.cleaning.hidden import Hidden, shown, shown_reasons
from pumphouse.cleaning.step import ArrayFunction, Cleaned, as_text
from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.engines.python_values import python_values
from pumphouse.errors import BuildError, UnknownName, did_you_mean
from pumphouse.lake.builds import QUARANTINE_SCHEMA

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class Batch:
    """Rows on their way: their columns as they are by now, beside what came in."""

    source: pa.RecordBatch
    row_ids: pa.Array
    run: str
    columns: dict[str, pa.Array]
    cells: list[pa.RecordBatch] = field(default_factory=list)
    hidden: Hidden = field(default_factory=dict)

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
        """Keep what the declined cells held when they came in; of a column that a step masks, masked."""
        import pyarrow.compute as pc

        places = pc.indices_nonzero(pc.is_valid(cleaned.reasons))
        if len(places):
            originals = self.source.column(column) if column in self.source.schema.names else self.columns[column]
            originals, reasons = written(originals.take(places)), cleaned.reasons.take(places)
            if column in self.hidden:
                reasons = shown_reasons(reasons, originals)
                originals = shown(originals, self.hidden[column])
            self.cells.append(
                quarantined(
                    row_id=self.row_ids.take(places),
                    original=originals,
                    reason=reasons,
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
        before = self.target
        for suffix, values in cleaned.extra.items():
            batch.put_new(name := f"{self.target}__{suffix}", values, after=before)
            before = name


def written(column: pa.Array) -> pa.Array:
    """Any column as text."""
    import pyarrow as pa

    try:
        return as_text(column)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, bytes that are no text
        return pa.array([None if value is None else as_json(value) for value in python_values(column)], pa.string())


def as_json(value: Any) -> str:  # Any: whatever a column holds
    """The value as JSON; of a row without the lake's own columns."""
    shown = (
        {name: cell for name, cell in value.items() if name not in HIDDEN_COLUMNS} if isinstance(value, dict) else value
    )
    return json.dumps(
        shown, ensure_ascii=False, default=lambda cell: cell.hex() if isinstance(cell, bytes) else str(cell)
    )


def quarantined(
    *, row_id: pa.Array, original: pa.Array, reason: pa.Array, column: str, step: str, step_version: str, run: str
) -> pa.RecordBatch:
    """Rows of a quarantine: arrays of what differs, and what is the same in all."""
    import pyarrow as pa

    arrays = {"row_id": row_id, "original": original, "reason": reason}
    same = {"column": column, "step": step, "step_version": step_version, "run": run}
    arrays |= {name: pa.repeat(pa.scalar(value, pa.string()), len(row_id)) for name, value in same.items()}
    return pa.RecordBatch.from_arrays([arrays[name] for name in QUARANTINE_SCHEMA.names], schema=QUARANTINE_SCHEMA)


def together(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of a quarantine as one batch."""
    import pyarrow as pa

    if not batches:
        return pa.RecordBatch.from_pylist([], schema=QUARANTINE_SCHEMA)
    return pa.concat_batches(batches)
