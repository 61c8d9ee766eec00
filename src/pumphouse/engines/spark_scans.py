"""A table's data files as Spark reads them, without what was deleted and without rows of later snapshots.

A file that simply is its rows is Spark's own to read, so that it can skip parts. One with deletes, one that was merged
from files of several snapshots, one that is older than a column or oddly named is read in a task of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pumphouse.engines.engine import DataFile
from pumphouse.engines.parquet import storable

SNAPSHOT_COLUMN = "_ducklake_internal_snapshot_id"
"""In a merged file: the snapshot in which each row was added. In a merged file of deletes: in which it was deleted."""

PATTERN = re.compile(r"[*?\[\]{}]")
"""What Spark takes for a pattern in a path; such a file it would not find, or find others."""


def frame_of_files(session: Any, files: Sequence[DataFile], schema: pa.Schema) -> Any:  # pyspark has no types here
    """A DataFrame of the rows that count, with the columns of `schema`, which are types that Spark carries."""
    from pyspark.sql.pandas.types import from_arrow_schema

    columns = from_arrow_schema(schema, prefer_timestamp_ntz=True)
    plain = [file.path for file in files if _is_plain(file, schema)]
    others = [file for file in files if file.path not in plain]
    frames = []
    if plain:
        frames.append(session.read.schema(columns).parquet(*plain))
    if others:
        listed = [(file.path, file.delete_file, file.snapshot_max) for file in others]
        tasks = session.createDataFrame(listed, "path string, delete_file string, snapshot_max bigint")
        frames.append(tasks.repartition(len(listed)).mapInArrow(ReadFiles(schema), columns))
    if not frames:
        return session.createDataFrame([], columns)
    return frames[0] if len(frames) == 1 else frames[0].unionAll(frames[1])


def stored_schema(files: Sequence[DataFile]) -> pa.Schema:
    """The columns of the files as the lake stores them, each with the widest of its types."""
    found = [storable(pq.read_schema(file.path)) for file in files]
    return pa.unify_schemas(found, promote_options="permissive") if found else pa.schema([])


class ReadFiles:
    """From rows that name data files to those files' rows. Runs in Spark's tasks; pickles."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows that count, file after file."""
        for batch in batches:
            for file in batch.to_pylist():
                yield from _rows(DataFile(**file), self.schema)


def _rows(file: DataFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    deleted = _deleted(file)
    parquet = pq.ParquetFile(file.path)
    there = parquet.schema_arrow.names
    is_merged = file.snapshot_max is not None and SNAPSHOT_COLUMN in there
    wanted = [name for name in schema.names if name in there]
    position = 0
    for batch in parquet.iter_batches(columns=[*wanted, *([SNAPSHOT_COLUMN] if is_merged else [])]):
        positions = pa.array(range(position, position + batch.num_rows), pa.int64())
        position += batch.num_rows
        keep = pc.invert(pc.is_in(positions, value_set=deleted))
        if is_merged:
            keep = pc.and_(keep, pc.less_equal(batch.column(SNAPSHOT_COLUMN), file.snapshot_max))
        columns = [
            batch.column(field.name).cast(field.type) if field.name in there else pa.nulls(batch.num_rows, field.type)
            for field in schema
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema).filter(keep)


def _deleted(file: DataFile) -> pa.ChunkedArray:
    """The positions of a file's rows that are deleted at its snapshot."""
    if file.delete_file is None:
        return pa.chunked_array([], pa.int64())
    deletes = pq.read_table(file.delete_file)
    if file.snapshot_max is not None and SNAPSHOT_COLUMN in deletes.column_names:
        deletes = deletes.filter(pc.less_equal(deletes[SNAPSHOT_COLUMN], file.snapshot_max))
    return deletes["pos"]


def _is_plain(file: DataFile, schema: pa.Schema) -> bool:
    if PATTERN.search(file.path):
        return False
    there = pq.read_schema(file.path)
    if file.delete_file or (file.snapshot_max is not None and SNAPSHOT_COLUMN in there.names):
        return False
    return all(field.name in there.names and there.field(field.name).type == field.type for field in schema)
