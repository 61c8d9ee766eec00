"""Batches as a database gave them: stored as Arrow, and read as columns of the types that the database says it has.

A number of declared digits comes as the text that the database writes, and is one here. A day or a time beyond the
years 1 to 9999, infinity included, is no value of any type here: its batch's column is text then; the rest of it fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.sources.columns import BIG
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


class Fetched(NamedTuple):
    """A batch as it is stored, and how many rows are in it."""

    body: bytes
    rows: int


def of_arrow(batch: pa.RecordBatch) -> Fetched:
    """A batch that came as Arrow."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    return Fetched(sink.getvalue().to_pybytes(), batch.num_rows)


def of_rows(batch: Batch) -> Fetched:
    """A batch that came as rows of Python values."""
    return Fetched(to_bytes(batch), len(next(iter(batch.values())).values))


def columns_of(body: bytes, forms: Mapping[str, pa.DataType | None]) -> Batch:
    """The columns of a stored batch."""
    with pa.ipc.open_stream(body) as reader:
        batch = reader.read_next_batch()
    if has_kinds(batch.schema):
        return from_bytes(body)
    return {
        field.name: _typed(values, forms.get(field.name))
        for field, values in zip(batch.schema, batch.columns, strict=True)
    }


def _typed(values: pa.Array, form: pa.DataType | None) -> Column:
    if form is None:
        return _numbers(values) if values.type == pa.string() else Column(values, {values.type})
    if pa.types.is_decimal(form) and values.type == pa.string():
        try:
            return Column(values.cast(form), {form})
        except pa.ArrowInvalid:  # NaN: looked at one by one
            return Column(values, {pa.string()})
    if pa.types.is_temporal(values.type) and (texts := _beyond(values)) is not None:
        return Column(texts, {pa.string()})
    return Column(values if values.type == form else values.cast(form), {form})


def _numbers(texts: pa.Array) -> Column:
    """Texts of numbers without declared digits as those that hold all of this batch."""
    if len(texts) == texts.null_count:
        return Column(texts, set())
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
    kind = pa.decimal128(whole + scale, scale)
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
