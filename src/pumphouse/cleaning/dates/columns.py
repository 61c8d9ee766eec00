"""A whole column of dates at once: three numbers with a mark between them, as nearly all are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.dates.reader import DateReader
from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    import pyarrow as pa

NAMED_TRIPLE = r"^(?P<a>[0-9]{1,4})(?P<s>[-/. ])(?P<b>[0-9]{1,2})(?P<t>[-/. ])(?P<c>[0-9]{1,4})$"
EPOCH_DAYS = 719_468
"""From 1 March of the year 0 to 1 January 1970."""


class Days(NamedTuple):
    """For one format: in which rows it fits, which of these are a day of the calendar, and its number since 1970."""

    format: str
    fits: Any  # numpy's arrays
    is_day: Any
    days: Any


def each_format(column: pa.Array, reader: DateReader) -> list[Days]:
    """The readings of a column of text by each of the reader's formats of three numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    np = numpy(purpose="parse_date")
    parts = pc.extract_regex(pc.utf8_trim(column, characters=AROUND), NAMED_TRIPLE)

    def part(name: str) -> Any:
        return parts.field(name) if parts.null_count == 0 else pc.struct_field(parts, name)

    first, second, third = (part(name) for name in "abc")
    numbers = [
        pc.fill_null(pc.cast(text, pa.int32()), 0).to_numpy(zero_copy_only=False) for text in (first, second, third)
    ]
    lengths = [
        pc.fill_null(pc.binary_length(text), 0).to_numpy(zero_copy_only=False) for text in (first, second, third)
    ]
    same_mark = pc.fill_null(pc.equal(part("s"), part("t")), fill_value=False)
    found = []
    for (mark, shape), formats in reader.triples.items():
        has_mark = pc.and_(same_mark, pc.fill_null(pc.equal(part("s"), mark), fill_value=False))
        has_shape = has_mark.to_numpy(zero_copy_only=False) & _has_shape(lengths, shape)
        if not has_shape.any():  # as most forms in most columns
            found += [Days(format, has_shape, has_shape, numbers[0]) for format, _ in formats]
            continue
        for format, order in formats:
            places = {letter: place for place, letter in enumerate(order)}
            year = numbers[places["Y" if "Y" in places else "y"]]
            fits = has_shape
            if "y" in places:
                fits = fits & (lengths[places["y"]] == 2)
                year = np.where(year < (reader.pivot or 0), year + 2000, year + 1900)
            month, day = numbers[places["m"]], numbers[places["d"]]
            found.append(Days(format, fits, fits & is_day(year, month, day), days_since_1970(year, month, day)))
    return found


def _has_shape(lengths: list[Any], shape: str) -> Any:
    first, _, third = lengths
    if shape == "first":
        return (first == 4) & (third <= 2)
    if shape == "last":
        return (first <= 2) & (third == 4)
    return (first <= 2) & (third <= 2)


def is_day(year: Any, month: Any, day: Any) -> Any:
    """Whether the calendar has such days, of arrays."""
    np = numpy(purpose="parse_date")
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int32)
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = lengths[np.where(month <= 12, month, 0)] + ((month == 2) & is_leap)
    return (year >= 1) & (day >= 1) & (day <= last)


def days_since_1970(year: Any, month: Any, day: Any) -> Any:
    """The numbers of days, of arrays. Source: Hinnant, chrono-compatible low-level date algorithms (2013)."""
    is_early = month <= 2  # the year is counted from March, so that a leap day is its last one
    from_march = year - is_early
    of_year = (153 * (month + 12 * is_early - 3) + 2) // 5 + day - 1
    return from_march * 365 + from_march // 4 - from_march // 100 + from_march // 400 + of_year - EPOCH_DAYS


def agreed(found: list[Days], length: int) -> tuple[Any, Any]:
    """(where, days): the rows that formats read as a day of the calendar, all of them as the same one."""
    np = numpy(purpose="parse_date")
    where, days = np.zeros(length, dtype=bool), np.zeros(length, dtype=np.int32)
    differs = np.zeros(length, dtype=bool)
    for one in found:
        differs |= where & one.is_day & (days != one.days)
        days = np.where(one.is_day & ~where, one.days, days)
        where |= one.is_day
    return where & ~differs, days


ISO_MOMENT = (
    r"^(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})[Tt ](?P<H>[0-9]{2}):(?P<M>[0-9]{2}):(?P<S>[0-9]{2})"
    r"(?:[.,](?P<f>[0-9]{1,6}))?(?:[Zz]|(?P<sign>[-+])(?P<oh>[0-9]{2}):?(?P<om>[0-9]{2}))$"
)


def iso_moments(column: pa.Array) -> tuple[Any, Any]:
    """(where, microseconds since 1970) of text in ISO 8601 with an offset, as nearly all programs write a moment.

    What is at the edge, as hour 24, a leap second or the first and the last year, is left to be read one by one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    np = numpy(purpose="parse_timestamp")
    parts = pc.extract_regex(pc.utf8_trim(column, characters=AROUND), ISO_MOMENT)

    def number(name: str) -> Any:
        digits = pc.struct_field(parts, name)
        padded = pc.utf8_rpad(digits, 6, "0") if name == "f" else digits
        found = pc.cast(pc.if_else(pc.equal(padded, "000000" if name == "f" else ""), "0", padded), pa.int64())
        return pc.fill_null(found, 0).to_numpy(zero_copy_only=False)

    year, month, day, hour, minute, second = (number(name) for name in "YmdHMS")
    behind = pc.fill_null(pc.equal(pc.struct_field(parts, "sign"), "-"), fill_value=False).to_numpy(
        zero_copy_only=False
    )
    offset_hour, offset_minute = number("oh"), number("om")
    offset = np.where(behind, -1, 1) * (offset_hour * 60 + offset_minute)
    where = is_day(year, month, day) & (year > 1) & (year < 9999) & (hour < 24) & (minute < 60) & (second < 60)
    where &= (offset_minute < 60) & (abs(offset) <= 14 * 60)
    seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + (minute - offset) * 60 + second
    return where, seconds * 1_000_000 + number("f")


def numpy(*, purpose: str) -> Any:  # Any: a module
    """numpy, or MissingExtra."""
    try:
        import numpy as np
    except ImportError:
        raise MissingExtra("numpy", extra="cleaning", purpose=purpose) from None
    return np
