"""Arrow batches to Parquet files under one stem, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from pumphouse.engines.engine import Written

FILE_ROWS_MAX = 5_000_000
"""Rows of one file; a larger table is several files, so that a filter can skip some."""
ROW_GROUP_ROWS = 61_440
"""DuckDB decodes the values of a whole row group to read one row of it (decision 35)."""
PAGE_BYTES = 128 * 1024
"""Of the values of a column in a row group; whoever knows where a row is reads one page of each (`pages`)."""
DICTIONARY_BYTES_MAX = 1024 * 1024
"""Of different values; a column that has more of them in a row group is written without a dictionary."""
ROW_GROUP_BYTES = 64 * 1024 * 1024
"""A row group ends with the batch that makes it so large, where rows are wide."""
READ_ROWS = 2_048
"""So many rows of a row group DuckDB reads at once, and holds several times."""
READ_BYTES = 4 * 1024 * 1024
"""Where those would be more, a row group has only as many rows as are so large (decision 35)."""
FALSE_POSITIVES = 0.02
"""Of what a row group has not, the share that its Bloom filter takes for there: 64 KB a row group (decision 37)."""
INT64_DIGITS = 18
"""Of a decimal: up to so many, it is a whole number with a point in it."""


class ParquetFiles:
    """A writer of `<stem>_0.parquet`, `<stem>_1.parquet`... Batches are gathered into row groups; nothing else is kept.

    Columns of `key` get Bloom filters: whoever looks for one value reads only the row groups that may have it. Each
    file says of itself what `said` has, and numbers its columns by `field_ids`, as `("tags", "element")`. Leaving the
    `with` block by an exception removes what was written.
    """

    def __init__(
        self,
        folder: Path,
        stem: str,
        schema: pa.Schema,
        *,
        key: Sequence[str] = (),
        said: Mapping[str, str] | None = None,
        field_ids: Mapping[tuple[str, ...], int] | None = None,
    ) -> None:
        self.schema = _numbered(storable(schema), field_ids) if field_ids else storable(schema)
        self.key = key
        self.said = said or {}
        self.folder = folder
        self.stem = stem
        self.rows = 0
        self._files: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._rows_in_file = 0
        self._waiting: list[pa.RecordBatch] = []
        self._rows_waiting = 0
        self._bytes_waiting = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows. The batch's columns are matched by name and cast to the schema; a value that doesn't fit raises."""
        if batch.schema != self.schema:
            batch = batch.select(self.schema.names).cast(self.schema)
        self._waiting.append(batch)
        self._rows_waiting += batch.num_rows
        self._bytes_waiting += batch.nbytes
        self.rows += batch.num_rows
        if self._rows_waiting >= ROW_GROUP_ROWS or self._bytes_waiting >= ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> Written:
        """The files, complete. At least one, so that an empty table has a schema."""
        self._flush(finish=True)
        return Written(files=tuple(self._files), rows=self.rows, schema=self.schema)

    def _flush(self, *, finish: bool = False) -> None:
        if self._waiting or (finish and not self._files):
            if self._writer is None:
                path = self.folder / f"{self.stem}_{len(self._files)}.parquet"
                self._files.append(path)
                codecs = _codecs(self.schema)
                self._writer = pq.ParquetWriter(
                    path,
                    self.schema,
                    compression=codecs,
                    compression_level={column: 1 for column, codec in codecs.items() if codec == "zstd"},
                    # Of numbers and times a dictionary makes the file larger, and half as slow again to write.
                    use_dictionary=[field.name for field in self.schema if self._repeats(field)],
                    dictionary_pagesize_limit=DICTIONARY_BYTES_MAX,
                    data_page_size=PAGE_BYTES,
                    write_page_index=True,
                    # Differences of whole numbers are what others read, too; smaller, and quicker to write and read.
                    column_encoding={
                        field.name: "DELTA_BINARY_PACKED" for field in self.schema if _is_whole(field.type)
                    },
                    store_decimal_as_integer=True,
                    # Arrow leaves NaN out of the greatest value, and DuckDB, to which it is greater than all numbers,
                    # would pass over a row group by that: `x > 5` would not find it.
                    write_statistics=[field.name for field in self.schema if not pa.types.is_floating(field.type)],
                    bloom_filter_options=self._filters(),
                )
                self._writer.add_key_value_metadata(self.said)
                self._rows_in_file = 0
            table = pa.Table.from_batches(self._waiting, self.schema)
            self._writer.write_table(table, row_group_size=self._group_rows())
            self._rows_in_file += self._rows_waiting
            self._waiting, self._rows_waiting, self._bytes_waiting = [], 0, 0
        if self._writer is not None and (finish or self._rows_in_file >= FILE_ROWS_MAX):
            self._writer.close()
            self._writer = None

    def _group_rows(self) -> int:
        """How many rows make a row group, by those that wait."""
        width = self._bytes_waiting // max(self._rows_waiting, 1)
        return ROW_GROUP_ROWS if width * READ_ROWS <= READ_BYTES else max(1, READ_BYTES // width)

    def _repeats(self, field: pa.Field) -> bool:
        """Whether a dictionary of a column's values is shorter than what it is given up at, by the first rows."""
        if not _is_text(field.type):
            return False
        import pyarrow.compute as pc

        values = pa.chunked_array([batch.column(field.name) for batch in self._waiting], field.type)
        values = values.slice(0, ROW_GROUP_ROWS)
        return not len(values) or pc.count_distinct(values).as_py() / len(values) * values.nbytes < DICTIONARY_BYTES_MAX

    def _filters(self) -> dict[str, bool | dict[str, float]] | None:
        options: dict[str, bool | dict[str, float]] = {
            field.name: {"ndv": min(self._rows_waiting, self._group_rows()), "fpp": FALSE_POSITIVES}
            for field in self.schema
            if field.name in self.key and (_is_text(field.type) or pa.types.is_integer(field.type))
        }
        return options if self._rows_waiting else None

    def __enter__(self) -> ParquetFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            if self._writer is not None:
                with suppress(OSError):  # it writes its last bytes, which may not fit either
                    self._writer.close()
            for path in self._files:
                path.unlink(missing_ok=True)


def write_batches(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    *,
    folder: Path,
    stem: str,
    key: Sequence[str] = (),
    said: Mapping[str, str] | None = None,
) -> Written:
    """Parquet files of a stream of batches; `key` and `said` as of `ParquetFiles`."""
    folder.mkdir(parents=True, exist_ok=True)
    with ParquetFiles(folder, stem, schema, key=key, said=said) as files:
        for batch in batches:
            files.write(batch)
        return files.close()


def storable(schema: pa.Schema) -> pa.Schema:
    """The schema as the lake keeps it: dictionaries as their values, nanoseconds as microseconds, text as `string`."""
    return pa.schema([pa.field(field.name, _storable(field.type)) for field in schema])


def _codecs(schema: pa.Schema) -> dict[str, str]:
    """The compression of each column, and of each part of a nested one, by its path in the file.

    Numbers hardly become smaller by zstd, and are read twice as fast by lz4 (decision 37).
    """
    return {
        path: "lz4" if _is_number(kind) else "zstd" for field in schema for path, kind in _parts(field.name, field.type)
    }


def _parts(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    """Those of a column that Parquet keeps each by itself."""
    if pa.types.is_map(kind):
        yield from _parts(f"{path}.key_value.key", kind.key_type)
        yield from _parts(f"{path}.key_value.value", kind.item_type)
    elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _parts(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _parts(f"{path}.{field.name}", field.type)
    else:
        yield path, kind


def _is_number(kind: pa.DataType) -> bool:
    return bool(_is_whole(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _numbered(schema: pa.Schema, ids: Mapping[tuple[str, ...], int]) -> pa.Schema:
    return pa.schema([_with_id(field, (field.name,), ids) for field in schema])


def _with_id(field: pa.Field, path: tuple[str, ...], ids: Mapping[tuple[str, ...], int]) -> pa.Field:
    kind = field.type
    if pa.types.is_map(kind):
        parts = ((kind.key_field, "key"), (kind.item_field, "value"))
        kind = pa.map_(*(_with_id(part, (*path, name), ids) for part, name in parts))
    elif pa.types.is_list(kind):
        kind = pa.list_(_with_id(kind.value_field, (*path, "element"), ids))
    elif pa.types.is_struct(kind):
        kind = pa.struct([_with_id(part, (*path, part.name), ids) for part in kind])
    number = {b"PARQUET:field_id": str(ids[path]).encode()} if path in ids else None
    return pa.field(field.name, kind, nullable=field.nullable, metadata=number)


def _storable(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _storable(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(_storable(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _storable(field.type)) for field in kind])
    if pa.types.is_interval(kind) or pa.types.is_duration(kind):
        raise TypeError("an interval goes through DuckDB, which keeps its months, days and microseconds apart")
    return kind


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _is_whole(kind: pa.DataType) -> bool:
    """Whether Parquet keeps it as a whole number of 32 or 64 bits."""
    if pa.types.is_decimal(kind):
        return bool(kind.precision <= INT64_DIGITS)
    return bool(
        pa.types.is_integer(kind) or pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind)
    )
