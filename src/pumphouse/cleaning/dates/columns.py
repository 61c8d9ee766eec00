"""A whole column of dates at once: texts are taken apart by the same patterns that read them one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.dates.reader import MIDNIGHT, SEPARATORS, DateReader
from pumphouse.cleaning.libraries import numpy

if TYPE_CHECKING:
    import pyarrow as pa

NAMED_TRIPLE = r"^(?P<a>[0-9]{1,4})(?P<s>[-/. ])(?P<b>[0-9]{1,2})(?P<t>[-/. ])(?P<c>[0-9]{1,4})$"
EPOCH_DAYS = 719_468
"""From 1 March of the year 0 to 1 January 1970."""
SURE_LETTERS = r"^[\x00-\x7f\x{a0}-\x{12f}\x{131}-\x{17f}\x{400}-\x{45f}\x{2000}-\x{206f}\x{2212}\x{feff}]*$"
"""Text whose small letters are the same for Arrow as for Python: Latin but for the Turkish İ, and Cyrillic."""


class Days(NamedTuple):
    """For one format: in which rows it fits, which of these are a day of the calendar, and its number since 1970."""

    format: str
    fits: Any  # numpy's arrays
    is_day: Any
    days: Any


def small_letters(column: pa.Array) -> pa.Array:
    """Text without what stands around it and in small letters; null where that is to be left to Python."""
    import pyarrow.compute as pc

    bare = pc.utf8_trim(column, characters=AROUND)
    if not pc.all(pc.string_is_ascii(bare), min_count=0).as_py():
        bare = pc.if_else(pc.match_substring_regex(bare, SURE_LETTERS), bare, None)
    return pc.utf8_lower(bare)


def read_dates(small: pa.Array, reader: DateReader) -> tuple[Any, Any]:
    """(where, days since 1970) of text in small letters: the rows that are one day, as `reader.dates` says.

    What is not read here may be a date all the same.
    """
    import pyarrow.compute as pc

    found = each_format(small, reader)
    where, days = agreed(found, len(small))
    if where.all():
        return where, days
    fits_none = mask(small.is_valid())
    for one in found:
        fits_none &= ~one.fits
    if fits_none.any():
        midnight = Parts(pc.if_else(fits_none, small, None), MIDNIGHT)
        if midnight.fits.any():
            at_midnight, those = agreed(each_format(midnight.text("date"), reader), len(small))
            where, days = where | at_midnight, numpy("parse_date").where(at_midnight, those, days)
    return where, days


def each_format(small: pa.Array, reader: DateReader) -> list[Days]:
    """The readings of a column of text in small letters by each of the reader's formats."""
    import pyarrow.compute as pc

    triples, is_triple = _triples(small, reader)
    if is_triple.all():
        return triples + [Days(format, ~is_triple, ~is_triple, ~is_triple) for format, _ in reader.others]
    left = pc.if_else(is_triple, None, small) if is_triple.any() else small
    numbers = {"b": reader.numbers, "B": reader.numbers}
    found = list(triples)
    for format, pattern in reader.others:
        parts = Parts(left, pattern)
        if not parts.fits.any():
            found.append(Days(format, parts.fits, parts.fits, parts.fits))
            continue
        year, month, day = calendar(parts, numbers, pivot=reader.pivot or 0)
        found.append(Days(format, parts.fits, parts.fits & is_day(year, month, day), days_since_1970(year, month, day)))
    return found


def _triples(small: pa.Array, reader: DateReader) -> tuple[list[Days], Any]:
    """The readings by formats of three numbers with the same mark between them; and which rows are such."""
    import pyarrow as pa
    import pyarrow.compute as pc

    np = numpy("parse_date")
    parts = Parts(small, re.compile(NAMED_TRIPLE))
    nothing = np.zeros(len(small), dtype=bool)
    if not parts.fits.any():
        return [
            Days(format, nothing, nothing, nothing) for formats in reader.triples.values() for format, _ in formats
        ], nothing
    numbers = [parts.number(name) for name in "abc"]
    lengths = [pc.fill_null(pc.binary_length(parts.text(name)), 0).to_numpy(zero_copy_only=False) for name in "abc"]
    is_triple = mask(pc.equal(parts.text("s"), parts.text("t")))
    which = pc.fill_null(pc.index_in(parts.text("s"), pa.array(list(SEPARATORS))), -1).to_numpy(zero_copy_only=False)
    found = []
    for (mark, shape), formats in reader.triples.items():
        has_shape = is_triple & (which == SEPARATORS.index(mark))
        if has_shape.any():
            has_shape &= _has_shape(lengths, shape)
        if not has_shape.any():  # as most forms in most columns
            found += [Days(format, has_shape, has_shape, numbers[0]) for format, _ in formats]
            continue
        for format, order in formats:
            of_letter = {letter: place for place, letter in enumerate(order)}
            year = numbers[of_letter["Y" if "Y" in of_letter else "y"]]
            fits = has_shape
            if "y" in of_letter:
                fits = fits & (lengths[of_letter["y"]] == 2)
                year = np.where(year < (reader.pivot or 0), year + 2000, year + 1900)
            month, day = numbers[of_letter["m"]], numbers[of_letter["d"]]
            found.append(Days(format, fits, fits & is_day(year, month, day), days_since_1970(year, month, day)))
    return found, is_triple


def _has_shape(lengths: list[Any], shape: str) -> Any:
    first, _, third = lengths
    if shape == "first":
        return (first == 4) & (third <= 2)
    if shape == "last":
        return (first <= 2) & (third == 4)
    return (first <= 2) & (third <= 2)


def is_day(year: Any, month: Any, day: Any) -> Any:
    """Whether the calendar has such days, of arrays."""
    np = numpy("parse_date")
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
    np = numpy("parse_date")
    where, days = np.zeros(length, dtype=bool), np.zeros(length, dtype=np.int32)
    differs = np.zeros(length, dtype=bool)
    for one in found:
        differs |= where & one.is_day & (days != one.days)
        days = np.where(one.is_day & ~where, one.days, days)
        where |= one.is_day
    return where & ~differs, days


class Parts:
    """The groups of a pattern, in each row of a column of text that all of it matches."""

    def __init__(self, column: pa.Array, pattern: re.Pattern[str]) -> None:
        import pyarrow.compute as pc

        # Arrow's patterns know no flags beside them, and search: `$` is the end of the text, and of no line.
        flags = "(?s)" if pattern.flags & re.DOTALL else ""
        self.groups = frozenset(pattern.groupindex)
        self.found = pc.extract_regex(column, f"{flags}^(?:{pattern.pattern})$")
        self.fits = mask(self.found.is_valid())

    def __contains__(self, group: str) -> bool:
        return group in self.groups

    def text(self, group: str) -> pa.Array:
        """A group's text: null where the pattern does not match, and empty where it matches without the group."""
        import pyarrow.compute as pc

        if self.found.null_count:
            return pc.struct_field(self.found, group)
        return self.found.field(group)  # as it is, without a copy

    def number(self, group: str) -> Any:
        """A group's digits as a number, and 0 where there are none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        digits = self.text(group)
        absent = pc.equal(digits, "")
        if pc.any(absent, min_count=0).as_py():
            digits = pc.if_else(absent, None, digits)
        return pc.fill_null(pc.cast(digits, pa.int64()), 0).to_numpy(zero_copy_only=False)


def calendar(parts: Parts, names: Mapping[str, Mapping[str, int]], *, pivot: int) -> tuple[Any, Any, Any]:
    """Year, month and day of the groups Y or y, m or b or B, d; `names` has the months' numbers by group."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "Y" in parts:
        year = parts.number("Y")
    else:
        year = parts.number("y")
        year = numpy("parse_date").where(year < pivot, year + 2000, year + 1900)
    if "m" in parts:
        return year, parts.number("m"), parts.number("d")
    group = "b" if "b" in parts else "B"
    known = names[group]
    place = pc.index_in(parts.text(group), pa.array(list(known), pa.string()))
    month = pa.array(list(known.values()), pa.int64()).take(place)
    return year, pc.fill_null(month, 0).to_numpy(zero_copy_only=False), parts.number("d")


def mask(where: pa.Array) -> Any:
    """Truth by row as an array of numpy's; null is false."""
    import pyarrow.compute as pc

    return pc.fill_null(where, fill_value=False).to_numpy(zero_copy_only=False)
