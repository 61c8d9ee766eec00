"""Files of a table merged by us rather than by DuckLake: in the order of the table's layout, with Bloom filters.

Where DuckLake sorts what it merges, rows get other ids, at every snapshot; and it takes no files that we wrote into a
table that it knows to be partitioned (DuckLake of DuckDB 1.5.5; decision 37). A merged file holds, as one of DuckLake's
does, each row's id and the snapshot in which it came, so that it stands for those before it at every snapshot.

Files are read and written while builds go on. Only to put them in the place of others no build commits, and where rows
of those were deleted meanwhile, they stay.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pumphouse.declare.layouts import TableLayout
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import literal, quoted
from pumphouse.engines.parquet import FILE_ROWS_MAX, ParquetFiles, storable
from pumphouse.errors import ConfigError, LakeError
from pumphouse.lake.arranging import ORDER, fitting, handed_over, order_of, partition_of, said, survives
from pumphouse.lake.fragments import FILE_BYTES
from pumphouse.lake.lake import Lake
from pumphouse.lake.layouts import ROW_ID, VERSION
from pumphouse.lake.schemas import as_compared
from pumphouse.lake.swapping import NewFile, folder_of

PARTITION = "pumphouse.partition"
"""The key in a file's metadata under which it says of which partition all its rows are."""
GROWTH = 4
"""A file is not merged with others that are less than a quarter of it together: each upkeep would write it anew."""
FILES_MAX = 1_000
"""How many files are merged as one."""
PARTITIONS_MAX = 1_000
"""Into how many partitions the rows of one merge are parted; those of further ones stay together."""
_FIELD_IDS: dict[tuple[str, ...], int] = {(ROW_ID,): 2147483540, (VERSION,): 2147483539}
"""What DuckLake numbers its own columns by."""
_PART, _FILE, _ROW = "_pumphouse_partition", "_pumphouse_file", "file_row_number"
_PATH, _FIRST, _SINCE = "_pumphouse_path", "_pumphouse_first", "_pumphouse_since"
"""What is known of each file, beside the table's own columns, of which any may be called `path` or `first`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A data file of which every row is in the newest snapshot."""

    id: int
    path: Path
    rows: int
    size_bytes: int
    first: int | None
    """The id of its first row, where those of the others follow one by one."""
    since: int
    """The snapshot of its rows, where they do not say."""
    epoch: int
    """The snapshot since which the table has the columns that the file has."""
    schema: pa.Schema
    """Without DuckLake's own columns."""
    has_ids: bool
    has_versions: bool
    lowest: int
    """The lowest id of its rows."""
    said: dict[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Files that are worth being written again, together, and in which order."""

    table: str
    table_id: int
    files: tuple[File, ...]
    layout: TableLayout

    @property
    def size_bytes(self) -> int:
        """Of the files as they are."""
        return sum(file.size_bytes for file in self.files)


def merges(lake: Lake, table: str, layout: TableLayout) -> list[Merge] | None:
    """What there is to merge in a table, or to bring into order.

    None where its rows can't be kept exactly in files that Arrow writes, or another program has written into the
    catalogue which rows are deleted: those DuckLake merges.
    """
    alike: dict[tuple[Any, ...], list[File]] = defaultdict(list)
    table_id, files = _files(lake, table, below_bytes=None if layout.is_in_order else FILE_BYTES)
    if files and _has_inlined_deletes(lake, table_id):
        return None
    for file in files:
        fitted = _fitted(layout, file.schema, table)
        part = file.said.get(PARTITION.encode()) if _is_in_order(file, fitted) else None
        alike[file.epoch, str(file.schema), part].append(file)
    if any(not _can_be_written(lake, files[0]) for files in alike.values()):
        return None
    return [
        Merge(table=table, table_id=table_id, files=tuple(run), layout=fitted)
        for files in alike.values()
        for fitted in [_fitted(layout, files[0].schema, table)]
        for near in _near(sorted(files, key=lambda file: (file.lowest, file.id)), fitted)
        for run in _worth(near, fitted)
    ]


def write(lake: Lake, merge: Merge) -> list[NewFile]:
    """The rows of a merge in new files of the table's folder, which nothing sees before they are swapped."""
    folder = folder_of(lake, merge.table)
    schema = _with_ids(merge)
    ids = _field_ids(lake, merge) | _FIELD_IDS
    written: list[tuple[Path, int]] = []
    engine = lake.engine.fork()
    try:
        with ExitStack() as stack:
            rows = stack.enter_context(engine.read(Query(text=_rows_of(merge))))
            for part, batches in _parted(rows, is_parted=bool(merge.layout.partition_by)):
                own = said(merge.layout) if part is None else {**said(merge.layout), PARTITION: part}
                files = stack.enter_context(
                    ParquetFiles(
                        folder,
                        f"merged_{uuid.uuid4().hex}",
                        schema,
                        key=merge.layout.bloom_filters,
                        said=own,
                        field_ids=ids,
                    )
                )
                for batch in batches:
                    files.write(batch)
                written += [(path, pq.read_metadata(path).num_rows) for path in files.close().files]
            if sum(count for _, count in written) != sum(file.rows for file in merge.files):
                raise LakeError(f"merging files of '{merge.table}' would lose rows; nothing was changed")
    finally:
        engine.close()
    return [
        NewFile(path=path, rows=count, since=since, until=until)
        for path, count in written
        for since, until in [_versions(path, merge)]
    ]


def files_after(lake: Lake, merge: Merge) -> int:
    """How many files a merge makes."""
    whole = -(-sum(file.rows for file in merge.files) // FILE_ROWS_MAX)
    if not merge.layout.partition_by:
        return whole
    files = ", ".join(literal(str(file.path)) for file in merge.files)
    parts = ", ".join(map(partition_of, merge.layout.partition_by))
    found = lake.engine.fork().execute(f"SELECT count(*) FROM (SELECT DISTINCT {parts} FROM read_parquet([{files}]))")
    return max(whole, min(int(found[0][0]), PARTITIONS_MAX + 1))


def _has_inlined_deletes(lake: Lake, table_id: int) -> bool:
    """Whether rows are said to be deleted in the catalogue, as DuckLake does by default, rather than in files."""
    try:
        return bool(lake.catalogue(f"SELECT 1 FROM {{meta}}.ducklake_inlined_delete_{table_id} LIMIT 1"))
    except LakeError as error:
        if isinstance(error.__cause__, duckdb.CatalogException):  # there is no such table
            return False
        raise


def _can_be_written(lake: Lake, file: File) -> bool:
    names = {name.lower() for name in file.schema.names}
    if names & {_ROW, _FILE, _PART, _PATH, _FIRST, _SINCE}:
        return False
    columns = ", ".join(map(quoted, file.schema.names))
    text = f"SELECT {columns} FROM read_parquet({literal(str(file.path))})"
    read = lake.engine.fork().schema(Query(text=text))
    if any(pa.types.is_interval(column.type) for column in read):  # no build of ours stores one so
        return False
    return bool(storable(read).equals(as_compared(file.schema))) and survives(lake, file.path, file.schema)


def _fitted(layout: TableLayout, schema: pa.Schema, table: str) -> TableLayout:
    """The layout as far as these columns have it: files from before a column came are in no order by it."""
    try:
        return fitting(layout, schema, table=table)
    except ConfigError:
        names = {name.lower(): name for name in schema.names}
        there = (names.get(column.lower()) for column in layout.bloom_filters)
        return TableLayout(bloom_filters=tuple(name for name in there if name))


def _is_in_order(file: File, layout: TableLayout) -> bool:
    order = said(layout).get(ORDER)
    return order is None or file.said.get(ORDER.encode()) == order.encode()


def _near(files: Sequence[File], layout: TableLayout) -> Iterator[list[File]]:
    """Files that lie side by side, those together that make one file of the usual size."""
    run: list[File] = []
    for file in files:
        is_full = file.size_bytes >= FILE_BYTES or file.rows >= FILE_ROWS_MAX
        if is_full and _is_in_order(file, layout):
            yield run
            run = []
            continue
        if len(run) >= FILES_MAX or sum(one.size_bytes for one in run) + file.size_bytes > FILE_BYTES:
            yield run
            run = []
        run.append(file)
    yield run


def _worth(run: Sequence[File], layout: TableLayout) -> Iterator[Sequence[File]]:
    """What of it is worth writing: files of about the same size, and any that is not in order."""
    if len(run) > 1:
        largest = max(range(len(run)), key=lambda place: run[place].size_bytes)
        if run[largest].size_bytes <= GROWTH * (sum(file.size_bytes for file in run) - run[largest].size_bytes):
            yield run
            return
        for part in (run[:largest], run[largest : largest + 1], run[largest + 1 :]):
            yield from _worth(part, layout)
    elif run and not _is_in_order(run[0], layout):
        yield run


def _files(lake: Lake, table: str, *, below_bytes: int | None) -> tuple[int, list[File]]:
    """The table's id, and its files that nothing was deleted from, as far as they have the columns of their time.

    `below_bytes` leaves out larger ones, and one that is alone.
    """
    changes = "SELECT {0} AS moment FROM {{meta}}.ducklake_column WHERE table_id = (SELECT table_id FROM own)"
    rows = lake.catalogue(
        "WITH own AS (SELECT t.table_id FROM {meta}.ducklake_table t JOIN {meta}.ducklake_schema s USING (schema_id)"
        f" WHERE s.schema_name = 'main' AND t.table_name = {literal(table)} AND t.end_snapshot IS NULL),"
        f" changes AS ({changes.format('begin_snapshot')} UNION {changes.format('end_snapshot')}),"
        " files AS (SELECT * FROM {meta}.ducklake_data_file f WHERE table_id = (SELECT table_id FROM own)"
        " AND end_snapshot IS NULL AND record_count > 0 AND file_format = 'parquet' AND encryption_key IS NULL"
        " AND partition_id IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM {meta}.ducklake_delete_file d WHERE d.data_file_id = f.data_file_id))"
        " SELECT (SELECT table_id FROM own), f.data_file_id, f.path, f.path_is_relative, f.record_count,"
        " f.file_size_bytes, f.row_id_start, f.begin_snapshot, max(c.moment)"
        " FROM files f JOIN changes c ON c.moment <= f.begin_snapshot"
        " WHERE NOT EXISTS (SELECT 1 FROM changes l WHERE l.moment > f.begin_snapshot AND l.moment <= f.partial_max)"
        " GROUP BY ALL"
    )
    if below_bytes is not None:
        rows = [row for row in rows if row[5] < below_bytes]
        rows = rows if len(rows) > 1 else []
    folder = folder_of(lake, table) if rows else Path()
    columns: dict[int, set[str]] = {}
    files = []
    for table_id, number, path, is_relative, count, size, first, since, epoch in rows:
        if epoch not in columns:
            columns[epoch] = {name for _, name, parent in _columns(lake, table_id, epoch) if parent is None}
        file = _read(
            folder / path if is_relative else Path(path),
            id=number, rows=count, size_bytes=size, first=first, since=since, epoch=epoch,
        )  # fmt: skip
        if file is not None and set(file.schema.names) == columns[epoch]:
            files.append(file)
    return (rows[0][0] if rows else 0), files


def _read(path: Path, *, first: int | None, **known: Any) -> File | None:
    """What a file says of itself; None where its rows have no ids, or it can't be read."""
    try:
        with pq.ParquetFile(path) as opened:
            metadata, schema = opened.metadata, opened.schema_arrow
    except (OSError, pa.ArrowException):
        return None
    lowest = first
    if ROW_ID in schema.names:
        place = [metadata.schema.column(number).path for number in range(metadata.num_columns)].index(ROW_ID)
        groups = [metadata.row_group(number).column(place).statistics for number in range(metadata.num_row_groups)]
        lowest = min((group.min for group in groups if group is not None and group.has_min_max), default=0)
    if lowest is None:
        return None
    return File(
        path=path,
        first=first,
        schema=storable(pa.schema([field for field in schema if field.name not in (ROW_ID, VERSION)])),
        has_ids=ROW_ID in schema.names,
        has_versions=VERSION in schema.names,
        lowest=lowest,
        said=dict(metadata.metadata or {}),
        **known,
    )


def _columns(lake: Lake, table_id: int, snapshot: int) -> list[tuple[int, str, int | None]]:
    return lake.catalogue(
        "SELECT column_id, column_name, parent_column FROM {meta}.ducklake_column"
        f" WHERE table_id = {table_id} AND begin_snapshot <= {snapshot}"
        f" AND (end_snapshot IS NULL OR end_snapshot > {snapshot})"
    )


def _field_ids(lake: Lake, merge: Merge) -> dict[tuple[str, ...], int]:
    """DuckLake's number of each column, and of each part of a nested one, by its path."""
    columns = {number: (name, parent) for number, name, parent in _columns(lake, merge.table_id, merge.files[0].epoch)}

    def path(number: int) -> tuple[str, ...]:
        name, parent = columns[number]
        return (name,) if parent is None else (*path(parent), name)

    return {path(number): number for number in columns}


def _with_ids(merge: Merge) -> pa.Schema:
    schema = merge.files[0].schema.append(pa.field(ROW_ID, pa.int64()))
    return schema.append(pa.field(VERSION, pa.int64())) if _has_several_versions(merge) else schema


def _has_several_versions(merge: Merge) -> bool:
    return len({file.since for file in merge.files}) > 1 or any(file.has_versions for file in merge.files)


def _rows_of(merge: Merge) -> str:
    """SQL of the rows in their order, with their ids, and their snapshots where they may be of several."""
    columns = ", ".join(map(quoted, merge.files[0].schema.names))
    forms: dict[tuple[bool, bool], list[File]] = defaultdict(list)
    for file in merge.files:
        forms[file.has_ids, file.has_versions].append(file)
    parts = []
    for (has_ids, has_versions), files in forms.items():
        known = ", ".join(f"({literal(str(file.path))}, {file.first or 0}, {file.since})" for file in files)
        listed = ", ".join(literal(str(file.path)) for file in files)
        number = quoted(ROW_ID) if has_ids else f"{_ROW} + {_FIRST}"
        version = quoted(VERSION) if has_versions else _SINCE
        parts.append(
            f"SELECT {columns}, CAST({number} AS BIGINT) AS {ROW_ID}, CAST({version} AS BIGINT) AS {VERSION}"
            f" FROM read_parquet([{listed}], filename = '{_FILE}', file_row_number = true)"
            f" JOIN (VALUES {known}) known({_PATH}, {_FIRST}, {_SINCE}) ON {_FILE} = {_PATH}"
        )
    own = f", {VERSION}" if _has_several_versions(merge) else ""
    parted = ", ".join(f"CAST({partition_of(one)} AS VARCHAR)" for one in merge.layout.partition_by)
    part = f", CAST(to_json([{parted}]) AS VARCHAR) AS {_PART}" if parted else ""
    order = ", ".join([*order_of(merge.layout), ROW_ID])
    told = handed_over(merge.files[0].schema)
    return f"SELECT {told}, {ROW_ID}{own}{part} FROM ({' UNION ALL '.join(parts)}) ORDER BY {order}"


def _parted(rows: pa.RecordBatchReader, *, is_parted: bool) -> Iterator[tuple[str | None, Iterator[pa.RecordBatch]]]:
    """The rows partition by partition, each taken to its end before the next; all as one where there are none."""
    if not is_parted:
        yield None, iter(rows)
        return
    for part, pieces in groupby(_pieces(rows), key=itemgetter(0)):
        yield part, (batch for _, batch in pieces)


def _pieces(rows: pa.RecordBatchReader) -> Iterator[tuple[str | None, pa.RecordBatch]]:
    """Batches of one partition each, with which it is; None after PARTITIONS_MAX of them."""
    seen: set[str] = set()
    for batch in rows:
        runs, start = pc.run_end_encode(batch[_PART]), 0
        for part, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            if len(seen) < PARTITIONS_MAX:
                seen.add(part)
            yield part if part in seen else None, batch.slice(start, end - start).drop_columns([_PART])
            start = end


def _versions(path: Path, merge: Merge) -> tuple[int, int]:
    """The first and the last snapshot in which rows of a file came."""
    if not _has_several_versions(merge):
        return merge.files[0].since, merge.files[0].since
    metadata = pq.read_metadata(path)
    place = [metadata.schema.column(number).path for number in range(metadata.num_columns)].index(VERSION)
    groups = [metadata.row_group(number).column(place).statistics for number in range(metadata.num_row_groups)]
    return min(group.min for group in groups), max(group.max for group in groups)
