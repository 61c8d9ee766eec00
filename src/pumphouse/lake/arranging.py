"""Rows written in the order that a table's layout says, with Bloom filters, before a commit registers their files.

DuckDB sorts, on disk where they do not fit into memory; Arrow writes, since only there a filter can be asked for by
column (decision 37). What a file is in the order of is said in it, so that a merge knows.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pumphouse.declare.layouts import Partition, TableLayout
from pumphouse.engines.engine import Query, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.engines.parquet import write_batches
from pumphouse.errors import ConfigError, did_you_mean
from pumphouse.lake.lake import Lake

ORDER = "pumphouse.order"
"""The key in a file's metadata under which it says in which order its rows are."""


def arranged(lake: Lake, table: str, written: Written, layout: TableLayout) -> Written:
    """The same rows in files of the layout's order; the files that were handed over are removed.

    A layout that says nothing is that of files whose pages are known (decision 39): they stay where they have them, or
    can't. Raises ConfigError where the rows lack a column of it.
    """
    if layout == TableLayout() and (_have_pages(written) or not survives(lake, written.files[0], written.schema)):
        return written  # of UUIDs, too: whoever looks for pages leaves a table that has some
    schema = _as_filed(written.schema, written.files[0])
    is_exact = survives(lake, written.files[0], schema)
    files = ", ".join(literal(str(file)) for file in written.files)
    text = f"SELECT {handed_over(schema) if is_exact else '*'} FROM read_parquet([{files}])"
    engine, stem = lake.engine.fork(), f"{table}_{uuid.uuid4().hex}"
    try:
        layout = fitting(layout, written.schema, table=table)
        query = Query(text=f"{text} ORDER BY {', '.join(order_of(layout))}" if layout.is_in_order else text)
        if is_exact:
            with engine.read(query) as rows:
                new = write_batches(
                    rows, schema, folder=lake.staging(), stem=stem, key=layout.bloom_filters, said=said(layout)
                )
        else:
            new = engine.write(query, folder=lake.staging(), stem=stem)
    finally:
        engine.close()
        for file in written.files:
            file.unlink(missing_ok=True)
        for folder in {file.parent for file in written.files} - {lake.staging()}:
            with suppress(OSError):  # it holds another output of the build
                folder.rmdir()
    return replace(written, files=new.files)


def fitting(layout: TableLayout, schema: pa.Schema, *, table: str) -> TableLayout:
    """The layout with its columns as the table spells them.

    Raises ConfigError where the table has no such column, or no day of what it is parted by.
    """
    spelled: dict[str, str] = {name.lower(): name for name in schema.names}

    def found(column: str) -> str:
        if column.lower() not in spelled:
            raise ConfigError(
                f"'{table}' has no column '{column}', by which its layout is declared",
                asset=table,
                mend=did_you_mean(column, schema.names) or f"Its columns are {', '.join(schema.names)}.",
            )
        return spelled[column.lower()]

    partitions = []
    for one in layout.partition_by:
        name = found(one.column)
        kind = schema.field(name).type
        if one.unit and not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            raise ConfigError(
                f"'{table}' is parted by {one}, and '{name}' is no date or timestamp but {kind}",
                asset=table,
                mend=f'Cast it in the table, or write partition_by = "{name}".',
            )
        partitions.append(Partition(column=name, unit=one.unit))
    return TableLayout(
        sort_by=tuple(map(found, layout.sort_by)),
        partition_by=tuple(partitions),
        bloom_filters=tuple(map(found, layout.bloom_filters)),
    )


def partition_of(one: Partition) -> str:
    """The SQL expression of the partition that a row belongs to."""
    return f"date_trunc('{one.unit}', {quoted(one.column)})" if one.unit else quoted(one.column)


def order_of(layout: TableLayout) -> list[str]:
    """The SQL expressions by which rows are ordered."""
    return [*map(partition_of, layout.partition_by), *map(quoted, layout.sort_by)]


def said(layout: TableLayout) -> Mapping[str, str]:
    """What a file of this layout says of itself."""
    return {ORDER: json.dumps([*map(str, layout.partition_by), *layout.sort_by])} if layout.is_in_order else {}


def handed_over(schema: pa.Schema) -> str:
    """SQL of the columns as Arrow writes them in these types: a UUID as its bytes, which DuckDB would tell as text."""
    names = ((quoted(field.name), isinstance(field.type, pa.UuidType)) for field in schema)
    return ", ".join(f"CAST({name} AS BLOB) AS {name}" if is_uuid else name for name, is_uuid in names)


def survives(lake: Lake, file: Path, schema: pa.Schema) -> bool:
    """Whether Arrow's files of these columns have the types that the file has; a list of UUIDs, for one, has not."""
    empty = write_batches([], schema, folder=lake.staging(), stem=f"none_{uuid.uuid4().hex}")
    try:
        return _types(lake, file, schema.names) == _types(lake, empty.files[0], schema.names)
    finally:
        empty.files[0].unlink()


def _as_filed(schema: pa.Schema, file: Path) -> pa.Schema:
    """The columns with UUIDs as such, where a file has them."""
    there = {field.name: field.type for field in pq.read_schema(file)}
    return pa.schema(
        [field.with_type(pa.uuid()) if isinstance(there[field.name], pa.UuidType) else field for field in schema]
    )


def _have_pages(written: Written) -> bool:
    for file in written.files:
        metadata = pq.read_metadata(file)
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        if not all(group.column(number).has_offset_index for group in groups for number in range(group.num_columns)):
            return False
    return True


def _types(lake: Lake, file: Path, columns: Sequence[str]) -> list[str]:
    listed = ", ".join(map(quoted, columns))
    described = lake.engine.fork().execute(f"DESCRIBE SELECT {listed} FROM read_parquet({literal(str(file))})")
    return [kind for _, kind, *_ in described]
