"""What Spark's tasks do with rows: hand them to a function in the form it expects, and write what comes out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pumphouse.engines.engine import BatchFunction
from pumphouse.engines.parquet import ParquetFiles

REPORT = pa.schema([("output", pa.string()), ("path", pa.string()), ("rows", pa.int64())])
"""What a task says at its end: one row for each file, with the rows of its output in the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRows:
    """Writes a task's rows to Parquet files of its own. Those of a task that dies are in nobody's report."""

    schema: pa.Schema
    """The columns of the rows, by position."""
    folder: Path
    outputs: Mapping[str, pa.Schema]
    stems: Mapping[str, str]
    """How the names of an output's files begin."""
    function: BatchFunction | None = None
    """From the rows to the outputs; None where the rows are the only output."""
    key: Sequence[str] = ()
    """Columns that get Bloom filters."""

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The report of the files that were written."""
        task = uuid.uuid4().hex
        files: dict[str, ParquetFiles] = {}
        with ExitStack() as stack:
            for batch in batches:
                for name, rows in self._outputs(as_read(batch, self.schema)).items():
                    if not rows.num_rows:
                        continue
                    if name not in files:
                        stem = f"{self.stems[name]}_{task}"
                        one = ParquetFiles(self.folder, stem, self.outputs[name], key=self.key)
                        files[name] = stack.enter_context(one)
                    files[name].write(rows)
            report = []
            for name, file in files.items():
                written = file.close()
                counts = [written.rows] + [0] * (len(written.files) - 1)
                report += [
                    {"output": name, "path": str(path), "rows": rows}
                    for path, rows in zip(written.files, counts, strict=True)
                ]
        if report:
            yield pa.RecordBatch.from_pylist(report, schema=REPORT)

    def _outputs(self, batch: pa.RecordBatch) -> Mapping[str, pa.RecordBatch]:
        if self.function is not None:
            return self.function(batch)
        (name,) = self.outputs
        return {name: batch}


def as_read(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows as they travel, with the names and types that DuckDB would give them. A value that does not fit raises."""
    columns = [_as_type(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_interval(kind):
        return _intervals(column)
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).dictionary_encode().cast(kind)
    return column.cast(kind)


def _intervals(parts: pa.StructArray) -> pa.Array:
    """Intervals of their months, days and microseconds."""
    months, days, microseconds = (parts.field(place).to_pylist() for place in range(3))
    nanoseconds = [None if value is None else value * 1000 for value in microseconds]
    rows = [
        pa.MonthDayNano(values) if there else None
        for there, values in zip(parts.is_valid().to_pylist(), zip(months, days, nanoseconds, strict=True), strict=True)
    ]
    return pa.array(rows, pa.month_day_nano_interval())
