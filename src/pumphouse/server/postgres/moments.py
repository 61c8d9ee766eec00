"""Dates, times and intervals as PostgreSQL counts and writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.errors import BadRequest
from pumphouse.server.postgres.cells import Numbers, numbers, valid_of

EPOCH_DAYS = 10_957
"""From 1970 to 2000, where PostgreSQL counts from."""
DAY_US = 86_400_000_000
INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1
DAYS_MIN, DAYS_MAX = -2_440_588, 2_145_031_948
"""4713 BC to 5874897 AD, in days since 1970."""
MICROSECONDS_MIN = DAYS_MIN * DAY_US
"""4713 BC, in microseconds since 1970. At the other end DuckDB's timestamps end before PostgreSQL's."""
YEAR_1_DAYS, YEAR_10000_DAYS = -719_162, 2_932_897
"""Between them a year is four digits and needs no era."""


def days_since_2000(array: pa.Array) -> Numbers:
    """Dates as they are sent. Raises BadRequest where one is before or after what PostgreSQL has."""
    days = _known(array, numbers(array, "i4"))
    infinite = np.abs(days.astype(np.int64)) == INT32_MAX
    _in_range(days, infinite, DAYS_MIN, DAYS_MAX)
    return np.where(infinite, np.where(days > 0, INT32_MAX, -INT32_MAX - 1), days - EPOCH_DAYS).astype(np.int32)


def microseconds_since_2000(array: pa.Array) -> Numbers:
    """Timestamps as they are sent. Raises BadRequest where one is before or after what PostgreSQL has."""
    moments = _known(array, numbers(array, "i8"))
    shifted = moments - np.int64(EPOCH_DAYS * DAY_US)
    low, high = moments.min(), moments.max()
    if low >= MICROSECONDS_MIN and high < INT64_MAX:
        return shifted
    infinite = (moments == INT64_MAX) | (moments == -INT64_MAX)
    _in_range(moments, infinite, MICROSECONDS_MIN, INT64_MAX)
    return np.where(infinite, np.where(moments > 0, INT64_MAX, -INT64_MAX - 1), shifted)


def _known(array: pa.Array, values: Numbers) -> Numbers:
    """The values with zeros for nulls, which may be anything."""
    valid = valid_of(array)
    return values if valid is None else np.where(valid, values, values.dtype.type(0))


def _in_range(values: Numbers, infinite: Numbers, low: int, high: int) -> None:
    if (((values < low) | (values > high)) & ~infinite).any():
        raise BadRequest(
            "a date or time is outside of what PostgreSQL can hold (4713 BC to 294276 AD)",
            mend="Cast the column to VARCHAR in the query.",
        )


def interval_parts(array: pa.Array) -> tuple[Numbers, Numbers, Numbers]:
    """Months, days and microseconds."""
    raw = np.frombuffer(array.buffers()[1], dtype=[("months", "i4"), ("days", "i4"), ("nanoseconds", "i8")])
    part = raw[array.offset : array.offset + len(array)]
    return part["months"], part["days"], part["nanoseconds"] // 1000


@dataclass(frozen=True, slots=True)
class Zone:
    """The time zone in which a session sees moments."""

    name: str = "UTC"

    @property
    def shift_s(self) -> int | None:
        """Seconds east of Greenwich, where it is the same all year and known from the name."""
        if self.name in ("UTC", "GMT", "Etc/UTC", "Z"):
            return 0
        if found := _FIXED.fullmatch(self.name):
            sign, hours, minutes = found.groups()
            return (-1 if sign == "-" else 1) * (int(hours) * 3600 + int(minutes or 0) * 60)
        return None


_FIXED = re.compile(r"([+-]?)(\d{1,2})(?::?(\d{2}))?")


def zone_named(name: str) -> Zone | None:
    """The zone of a name as clients send it ("Europe/Berlin", "utc", "+02:00"), or None."""
    name = name.strip()
    if name.upper() in ("UTC", "GMT", "Z", "ETC/UTC", "DEFAULT", "LOCAL", ""):
        return Zone("UTC")
    if found := _FIXED.fullmatch(name):
        return Zone(name) if int(found[2]) <= 15 and int(found[3] or 0) < 60 else None
    try:
        ZoneInfo(name)
        _shifts(np.zeros(1, dtype=np.int64), Zone(name))  # what Arrow knows too
    except (ValueError, OSError, KeyError):
        return None
    return Zone(name)


def date_text(array: pa.Array) -> pa.Array:
    """Dates as text: 2026-11-29, 0044-03-15 BC, infinity."""
    days = _known(array, numbers(array, "i4"))
    if days.min() >= YEAR_1_DAYS and days.max() < YEAR_10000_DAYS:
        return array.cast(pa.string())
    infinite = np.abs(days.astype(np.int64)) == INT32_MAX
    text, era = _civil(np.where(infinite, 0, days))
    return _with_nulls(array, _infinity(pc.binary_join_element_wise(text, era, ""), infinite, days))


def time_text(array: pa.Array) -> pa.Array:
    """Times of day as text: 13:05:00.25, 24:00:00."""
    values = _known(array, numbers(array, "i8"))
    end = values >= DAY_US
    if not end.any():
        return _trimmed(array.cast(pa.string()))
    text = _trimmed(pa.array(np.where(end, 0, values), pa.time64("us")).cast(pa.string()))
    return _with_nulls(array, pc.if_else(pa.array(end), "24:00:00", text))


def timestamp_text(array: pa.Array) -> pa.Array:
    """Timestamps without a zone as text: 2026-11-29 13:05:00.25."""
    moments = _known(array, numbers(array, "i8"))
    if moments.min() >= YEAR_1_DAYS * DAY_US and moments.max() < YEAR_10000_DAYS * DAY_US:
        return _trimmed(array.cast(pa.string()))
    infinite = np.abs(moments) == INT64_MAX
    body, era = _civil_moments(np.where(infinite, 0, moments))
    return _with_nulls(array, _infinity(pc.binary_join_element_wise(body, era, ""), infinite, moments))


def timestamptz_text(array: pa.Array, zone: Zone) -> pa.Array:
    """Moments as text, as clocks of the zone show them: 2026-11-29 14:05:00+01."""
    moments = _known(array, numbers(array, "i8"))
    infinite = np.abs(moments) == INT64_MAX
    shift_s = _shifts(np.where(infinite, 0, moments), zone)
    local = np.where(infinite, 0, moments) + shift_s * 1_000_000
    found, at = np.unique(shift_s, return_inverse=True)
    offsets = pa.array([_offset(int(one)) for one in found]).take(pa.array(at))
    if local.min() >= YEAR_1_DAYS * DAY_US and local.max() < YEAR_10000_DAYS * DAY_US:
        body = _trimmed(pa.array(local, pa.timestamp("us")).cast(pa.string()))
        text = pc.binary_join_element_wise(body, offsets, "")
    else:
        body, era = _civil_moments(local)
        text = pc.binary_join_element_wise(body, offsets, era, "")
    return _with_nulls(array, _infinity(text, infinite, moments))


def interval_text(array: pa.Array) -> pa.Array:
    """Intervals as text: 1 year 2 mons -3 days +04:05:06.5."""
    months, days, microseconds = interval_parts(array)
    years, months = np.fix(months / 12).astype(np.int64), np.fmod(months, 12)
    before = np.zeros(len(array), dtype=np.bool_)  # whether the part before was negative
    text = pa.repeat("", len(array))
    for values, unit in ((years, "year"), (months, "mon"), (days, "day")):
        plus = pc.if_else(pa.array(before & (values > 0)), "+", "")
        units = pc.if_else(pa.array(values == 1), f" {unit} ", f" {unit}s ")
        part = pc.binary_join_element_wise(plus, pa.array(values).cast(pa.string()), units, "")
        text = pc.binary_join_element_wise(text, pc.if_else(pa.array(values != 0), part, ""), "")
        before = np.where(values != 0, values < 0, before)
    seconds, fraction = np.divmod(np.abs(microseconds), 1_000_000)
    minutes, hours = (seconds // 60) % 60, seconds // 3600
    sign = pc.if_else(pa.array(microseconds < 0), "-", pc.if_else(pa.array(before), "+", ""))
    clock = pc.binary_join_element_wise(_padded(hours), _padded(minutes), _padded(seconds % 60), ":")
    clock = _trimmed(pc.binary_join_element_wise(clock, _padded(fraction, 6), "."))
    clock = pc.binary_join_element_wise(sign, clock, "")
    shown = (microseconds != 0) | ((years == 0) & (months == 0) & (days == 0))
    text = pc.binary_join_element_wise(text, pc.if_else(pa.array(shown), clock, ""), "")
    return _with_nulls(array, pc.utf8_rtrim(text, " "))


def _trimmed(text: pa.Array) -> pa.Array:
    """Without the zeros at the end of seconds, and without the point where nothing else follows."""
    return pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".")


def _padded(values: Numbers, width: int = 2) -> pa.Array:
    return pc.utf8_lpad(pa.array(values).cast(pa.string()), width, "0")


def _civil(days: Numbers) -> tuple[pa.Array, pa.Array]:
    """Days since 1970 as text, and the era where it is not ours."""
    date = days.astype("M8[D]")
    month_start = date.astype("M8[M]")
    years = date.astype("M8[Y]").astype(np.int64) + 1970
    months = month_start.astype(np.int64) % 12 + 1
    day = (date - month_start.astype("M8[D]")).astype(np.int64) + 1
    year = pc.utf8_lpad(pa.array(np.where(years > 0, years, 1 - years)).cast(pa.string()), 4, "0")
    text = pc.binary_join_element_wise(year, _padded(months), _padded(day), "-")
    return text, pc.if_else(pa.array(years <= 0), " BC", "")


def _civil_moments(moments: Numbers) -> tuple[pa.Array, pa.Array]:
    days, rest = np.divmod(moments, DAY_US)
    date, era = _civil(days)
    clock = _trimmed(pa.array(rest, pa.time64("us")).cast(pa.string()))
    return pc.binary_join_element_wise(date, clock, " "), era


def _shifts(moments: Numbers, zone: Zone) -> Numbers:
    """Seconds that clocks of the zone are ahead of UTC, at each moment."""
    if (fixed := zone.shift_s) is not None:
        return np.full(len(moments), fixed, dtype=np.int64)
    clipped = np.clip(moments, (YEAR_1_DAYS + 2) * DAY_US, (YEAR_10000_DAYS - 2) * DAY_US)
    local = pc.local_timestamp(pa.array(clipped, pa.timestamp("us", tz=zone.name)))
    shifts: Numbers = (numbers(local, "i8") - clipped) // 1_000_000
    return shifts


def _offset(shift_s: int) -> str:
    minutes, seconds = divmod(abs(shift_s), 60)
    hours, minutes = divmod(minutes, 60)
    rest = f":{minutes:02}:{seconds:02}" if seconds else f":{minutes:02}" if minutes else ""
    return f"{'-' if shift_s < 0 else '+'}{hours:02}{rest}"


def _infinity(text: pa.Array, infinite: Numbers, values: Numbers) -> pa.Array:
    if not infinite.any():
        return text
    return pc.if_else(pa.array(infinite), pc.if_else(pa.array(values > 0), "infinity", "-infinity"), text)


def _with_nulls(array: pa.Array, text: pa.Array) -> pa.Array:
    return pc.if_else(array.is_valid(), text, None) if array.null_count else text
