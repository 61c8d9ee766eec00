"""A whole column of moments at once: dates, what clocks showed, and how far they were from UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pumphouse.cleaning.dates.clock import (
    COMPACT,
    OFFSET,
    OFFSET_MAX,
    TIME,
    WEEKDAY_BEFORE,
    WEEKDAYS,
    WITH_TIME,
    offset_of,
    zone_named,
)
from pumphouse.cleaning.dates.columns import Parts, calendar, days_since_1970, is_day, mask, read_dates
from pumphouse.cleaning.dates.formats import MonthNames
from pumphouse.cleaning.dates.reader import DateReader
from pumphouse.cleaning.libraries import numpy

if TYPE_CHECKING:
    import pyarrow as pa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""The first and the last day of the calendar. At them a moment may be outside the years, and is left."""
DAY_MICROSECONDS = 86_400_000_000
FRACTION_DIGITS = 6
ZONE_DAYS_MAX = 50_000
SPAN = 1 << 23
"""More than the calendar has days."""


PRINTED = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[t ](?P<H>[0-9]{2}):(?P<M>[0-9]{2}):(?P<S>[0-9]{2})"
    rf"(?:[.,](?P<f>[0-9]+))?{OFFSET}?"
)
"""As most programs print a moment: one pattern for it, where WITH_TIME and TIME would be two."""


class Shown(NamedTuple):
    """By row what a calendar and a clock showed, where that is sure. All are numpy's arrays."""

    where: Any
    days: Any
    since_midnight: Any  # in microseconds
    has_offset: Any
    offset: Any  # in seconds


def by_formats(small: pa.Array, patterns: Sequence[tuple[str, re.Pattern[str]]], names: MonthNames) -> Shown:
    """What texts show by formats, where all that fit say the same."""
    np = numpy("parse_timestamp")
    agreed, differs = _nothing(len(small)), np.zeros(len(small), dtype=bool)
    for _, pattern in patterns:
        parts = Parts(small, pattern)
        if not parts.fits.any():
            continue
        year, month, day = calendar(parts, {"b": names.short, "B": names.full}, pivot=0)
        has_day = parts.fits & is_day(year, month, day)
        one = _clocks(parts)._replace(days=days_since_1970(year, month, day))
        differs |= has_day & ~one.where  # what is odd about a clock is left
        one = one._replace(where=one.where & has_day)
        both = agreed.where & one.where
        same = one.has_offset == agreed.has_offset
        for mine, other in zip(one[1:], agreed[1:], strict=True):
            same &= mine == other
        differs |= both & ~same
        agreed = _first_of(agreed, one)
    return agreed._replace(where=agreed.where & ~differs)


def by_known(small: pa.Array, reader: DateReader) -> Shown:
    """What texts show by the forms that are read where none is declared."""
    import pyarrow as pa
    import pyarrow.compute as pc

    named = Parts(small, WEEKDAY_BEFORE)
    if named.fits.any():
        small = pc.if_else(pa.array(named.fits), named.text("rest"), small)
    shown, left = _nothing(len(small)), small
    for pattern in (COMPACT, PRINTED):
        parts = Parts(left, pattern)
        if parts.fits.any():
            shown = _first_of(shown, _dated(parts, _clocks(parts), reader))
            left = pc.if_else(pa.array(parts.fits), None, left)
    if left.null_count < len(left):
        split = Parts(left, WITH_TIME)
        shown = _first_of(shown, _dated(split, _clocks(Parts(split.text("time"), TIME)), reader))
    if named.fits.any():
        known = pa.array([name[:3] for name in WEEKDAYS])
        place = pc.index_in(pc.utf8_slice_codeunits(named.text("weekday"), 0, 3), known)
        weekday = pc.fill_null(place, 0).to_numpy(zero_copy_only=False)
        shown = shown._replace(where=shown.where & (~named.fits | ((shown.days + 3) % 7 == weekday)))
    return shown


def microseconds_of(shown: Shown, zones: Sequence[str | None], row_zones: Any) -> tuple[Any, Any]:
    """(where, microseconds since 1970). `row_zones` has for each row the place of its zone's name in `zones`.

    A day over which clocks were changed, in that zone, is left: not all of its times were once.
    """
    import pyarrow as pa

    np = numpy("parse_timestamp")
    where, offset = shown.where & (shown.days > FIRST_DAY + 366) & (shown.days < LAST_DAY - 366), shown.offset
    local = np.flatnonzero(where & ~shown.has_offset)
    if len(local):
        keys = pa.array(row_zones[local] * SPAN + (shown.days[local] - FIRST_DAY)).dictionary_encode()
        found = [_offset_all_day(zones[key // SPAN], key % SPAN + FIRST_DAY) for key in keys.dictionary.to_pylist()]
        codes = keys.indices.to_numpy()
        offset = offset.copy()
        offset[local] = np.array([seconds or 0 for seconds in found])[codes]
        where[local] = np.array([seconds is not None for seconds in found])[codes]
    return where, shown.days * DAY_MICROSECONDS + shown.since_midnight - offset * 1_000_000


@lru_cache(maxsize=ZONE_DAYS_MAX)
def _offset_all_day(name: str | None, day: int) -> int | None:
    """Seconds between a zone and UTC at each time that clocks there showed on a day; None where these are several.

    No zone of IANA's was ever changed and changed back within a day.
    """
    zone = zone_named(name) if name else None
    if zone is None:
        return None
    shown = (EPOCH + timedelta(days=day)).date()
    ends = (datetime.combine(shown, end, tzinfo=zone) for end in (time_of_day.min, time_of_day.max))
    offsets = {moment.replace(fold=fold).utcoffset() for moment in ends for fold in (0, 1)}
    first = offsets.pop()
    return None if offsets or first is None else int(first.total_seconds())


def _dated(parts: Parts, clocks: Shown, reader: DateReader) -> Shown:
    """The clocks with the days that the group `date` is read as. There are far fewer different days than times."""
    np = numpy("parse_timestamp")
    if not clocks.where.any():
        return clocks
    encoded = parts.text("date").dictionary_encode()
    where, days = read_dates(encoded.dictionary, reader)
    codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return clocks._replace(where=clocks.where & where[codes], days=days[codes].astype(np.int64))


def _clocks(parts: Parts) -> Shown:
    """What clocks showed by the groups H or I, M, S, f, p, z. Hour 24, leap seconds and what is wrong are left."""
    import pyarrow.compute as pc

    np = numpy("parse_timestamp")
    if not parts.fits.any():
        return _nothing(len(parts.fits))
    hour = parts.number("H" if "H" in parts else "I")
    minute, second = (parts.number(group) if group in parts else 0 for group in "MS")
    where = parts.fits & (minute < 60) & (second < 60)
    if "p" in parts:
        half = parts.text("p")
        has_half = mask(pc.not_equal(half, ""))
        where &= ~has_half | ((hour >= 1) & (hour <= 12))
        hour = np.where(has_half, hour % 12 + 12 * mask(pc.starts_with(half, "p")), hour)
    where &= hour < 24
    fraction = 0
    if "f" in parts:
        fraction, is_held = _fraction(parts.text("f"))
        where &= is_held
    if "abbreviation" in parts:
        where &= mask(pc.equal(parts.text("abbreviation"), ""))
    offset, has_offset = np.zeros(len(where), dtype=np.int64), np.zeros(len(where), dtype=bool)
    if "z" in parts and mask(pc.not_equal(parts.text("z"), "")).any():
        encoded = parts.text("z").dictionary_encode()
        each = [offset_of(written or None) for written in encoded.dictionary.to_pylist()]
        codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        offset = np.array([int(one.total_seconds()) if one is not None else 0 for one in each])[codes]
        has_offset = np.array([one is not None for one in each])[codes]
        where &= abs(offset) <= OFFSET_MAX.total_seconds()
    seconds = hour * 3600 + minute * 60 + second
    return Shown(where, np.zeros(len(where), dtype=np.int64), seconds * 1_000_000 + fraction, has_offset, offset)


def _fraction(digits: pa.Array) -> tuple[Any, Any]:
    """(microseconds, whether they are all that is written)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    padded = pc.utf8_rpad(pc.utf8_slice_codeunits(digits, 0, FRACTION_DIGITS), FRACTION_DIGITS, "0")
    beyond = pc.utf8_slice_codeunits(digits, FRACTION_DIGITS)
    held = mask(pc.equal(pc.utf8_rtrim(beyond, "0"), ""))
    return pc.fill_null(pc.cast(padded, pa.int64()), 0).to_numpy(zero_copy_only=False), held


def _nothing(length: int) -> Shown:
    np = numpy("parse_timestamp")
    no, zero = np.zeros(length, dtype=bool), np.zeros(length, dtype=np.int64)
    return Shown(no, zero, zero, no, zero)


def _first_of(one: Shown, other: Shown) -> Shown:
    """One, and where it has nothing the other."""
    np = numpy("parse_timestamp")
    return Shown(
        one.where | other.where, *(np.where(one.where, mine, its) for mine, its in zip(one[1:], other[1:], strict=True))
    )
