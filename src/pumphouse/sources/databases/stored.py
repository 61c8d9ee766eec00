"""Batches as a database gave them: stored as Arrow or Parquet, read as columns of the types the database says it has.

A number of declared digits comes as the text that the database writes, and is one here. A day or a time beyond the
years 1 to 9999, infinity included, is no value of any type here: its batch's column is text then; the rest of it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pumphouse.sources.columns import BIG, INT64_DIGITS, NAIVE
from pumphouse.sources.rows import Batch, Column, from_bytes, has_kinds, to_bytes

NUMBER_TEXT = r"^-?[0-9]+(\.[0-9]+)?$"
DAY_US = 86_400_000_000
DAYS = (-719_162, 2_932_896)
"""Of the years 1 to 9999, since 1970."""
INFINITE = {
    # As DuckDB has them; and as ADBC moves PostgreSQL's from the year 2000 to 1970, past the end of the integer.
    2**31 - 1: "infinity", -(2**31) + 10_956: "infinity", -(2**31) + 1: "-infinity", -(2**31) + 10_957: "-infinity",
    2**63 - 1: "infinity", -(2**63) + 946_684_799_999_999: "infinity",
    -(2**63) + 1: "-infinity", -(2**63) + 946_684_800_000_000: "-infinity",
}  # fmt: skip


NUMBERS = {b"text": b"numbers"}
PARQUET = b"PAR1"
"""With this begins a file of Parquet."""


ROWS_FIRST, ROWS_MAX = 500, 50_000
CHUNK_BYTES = 32 * 1024 * 1024
"""About how much of rows of Python values is held at a time."""


class Fetched(NamedTuple):
    """A batch as it is stored, and how many rows are in it."""

    body: bytes
    rows: int


def of_arrow(batch: pa.RecordBatch, *, numbers: Collection[str] = ()) -> Fetched:
    """A batch that came as Arrow. `numbers` are columns of text that is numbers, of as many digits as it has."""
    sink = pa.BufferOutputStream()
    schema = pa.schema([field.with_metadata(NUMBERS if field.name in numbers else None) for field in batch.schema])
    batch = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    return Fetched(sink.getvalue().to_pybytes(), batch.num_rows)


def chunks(fetch: Callable[[int], Sequence[Sequence[Any]]]) -> Iterator[Sequence[Sequence[Any]]]:
    """Rows of a cursor, so many at a time as CHUNK_BYTES hold, judged by the longest texts of those before."""
    rows = ROWS_FIRST
    while chunk := fetch(rows):
        yield chunk
        sample = chunk[:: max(len(chunk) // 100, 1)]
        widest = max(sum(len(cell) for cell in row if isinstance(cell, str | bytes)) + 16 * len(row) for row in sample)
        rows = max(min(CHUNK_BYTES // widest, ROWS_MAX), 1)


def of_rows(batch: Batch) -> Fetched:
    """A batch that came as rows of Python values."""
    return Fetched(to_bytes(batch), len(next(iter(batch.values())).values))


def of_parquet(body: bytes) -> Fetched:
    """A batch that came as a file of Parquet."""
    return Fetched(body, pq.read_metadata(pa.BufferReader(body)).num_rows)


def columns_of(body: bytes, forms: Mapping[str, pa.DataType | None]) -> Batch:
    """The columns of a stored batch. In Parquet, text of a column without a declared type is numbers."""
    if body.startswith(PARQUET):
        table = pq.ParquetFile(pa.BufferReader(body)).read(use_threads=False).combine_chunks()
        columns = {name: table[name].chunk(0) for name in table.schema.names}
        return {
            name: _numbers(values) if forms[name] is None else _typed(values, forms[name])
            for name, values in columns.items()
        }
    with pa.ipc.open_stream(body) as reader:
        batch = reader.read_next_batch()
    if has_kinds(batch.schema):
        return from_bytes(body)
    return {
        field.name: _numbers(values) if field.metadata == NUMBERS else _typed(values, forms.get(field.name))
        for field, values in zip(batch.schema, batch.columns, strict=True)
    }


def _typed(values: pa.Array, form: pa.DataType | None) -> Column:
    if pa.types.is_null(values.type):
        return Column(values, set())
    if form is None:
        return Column(values, {values.type})
    if values.type == pa.string() and form != pa.string():
        values = _read_as(values, form)
    if pa.types.is_temporal(values.type) and (texts := _beyond(values)) is not None:
        return Column(texts, {pa.string()})
    return Column(values if values.type in (form, pa.string()) else values.cast(form), {form})


def _read_as(texts: pa.Array, form: pa.DataType) -> pa.Array:
    """Texts as what they say; as they are where one of them says something else, to be looked at one by one."""
    try:
        if pa.types.is_timestamp(form) and form.tz:
            return pc.assume_timezone(texts.cast(NAIVE), "UTC")
        return texts.cast(form)
    except pa.ArrowInvalid:  # NaN, or the day 0000-00-00
        return texts


def _numbers(texts: pa.Array) -> Column:
    """Texts of numbers without declared digits as those that hold all of this batch."""
    if len(texts) == texts.null_count:
        return Column(pa.nulls(len(texts)), set())
    is_number = pc.match_substring_regex(texts, NUMBER_TEXT)
    plain = texts if pc.all(is_number).as_py() else texts.filter(is_number)
    if not len(plain):
        return Column(texts, {pa.string()})
    digits = pc.utf8_length(pc.utf8_ltrim(plain, "-"))
    point = pc.find_substring(pc.utf8_ltrim(plain, "-"), ".")
    has_point = pc.greater_equal(point, 0)
    scale = pc.max(pc.if_else(has_point, pc.subtract(pc.subtract(digits, point), 1), 0)).as_py()
    whole = pc.max(pc.if_else(has_point, point, digits)).as_py()
    if whole + scale > BIG.precision:
        return Column(texts, {pa.string()})
    kind = pa.decimal128(whole + scale, scale) if scale else pa.int64() if whole < INT64_DIGITS else BIG
    return Column(texts.cast(kind), {kind}) if plain is texts else Column(texts, {kind, pa.string()})


def _beyond(values: pa.Array) -> pa.Array | None:
    """Days and times as text, where some of them are beyond those that there are here."""
    kind = values.type
    if pa.types.is_date32(kind):
        numbers, (low, high) = values.cast(pa.int32()), DAYS
    elif pa.types.is_time64(kind):
        numbers, low, high = values.cast(pa.int64()), 0, DAY_US - 1
    elif pa.types.is_timestamp(kind):
        numbers, low, high = values.cast(pa.int64()), DAYS[0] * DAY_US, (DAYS[1] + 1) * DAY_US - 1
    else:
        return None
    span = pc.min_max(numbers)
    if span["min"].as_py() is None or (span["min"].as_py() >= low and span["max"].as_py() <= high):
        return None
    return pa.array([None if number is None else _text(number, kind) for number in numbers.to_pylist()], pa.string())


def _text(number: int, kind: pa.DataType) -> str:
    """A day or a time as PostgreSQL writes it."""
    if pa.types.is_time64(kind):
        return _clock(number)
    if number in INFINITE:
        return INFINITE[number]
    if pa.types.is_date32(kind):
        return _day(number, "")
    days, rest = divmod(number, DAY_US)
    return _day(days, f" {_clock(rest)}{'+00:00' if kind.tz else ''}")


def _clock(us: int) -> str:
    seconds, fraction = divmod(us, 1_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:06d}" if fraction else text


def _day(days: int, clock: str) -> str:
    """The day so many days after 1970-01-01, in the Gregorian calendar before it began, too."""
    era, of_era = divmod(days + 719_468, 146_097)  # 400 years, from the 1st of March of the year 0
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year += era * 400 + (month <= 2)
    day = of_year - (153 * shifted + 2) // 5 + 1
    return f"{year:04d}-{month:02d}-{day:02d}{clock}" if year > 0 else f"{1 - year:04d}-{month:02d}-{day:02d}{clock} BC"
