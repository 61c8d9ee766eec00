"""Times of day, offsets and zones: from what a clock showed somewhere to a moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

OFFSET = "(?P<z>z|utc|gmt|[-+\u2212][0-9]{2}(?::?[0-9]{2})?)"
TIME = re.compile(
    r"(?P<H>[0-9]{1,2})(?::(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?)?"
    rf"(?: ?(?P<p>[ap]\.?m\.?))?(?: ?{OFFSET})?(?: (?P<abbreviation>[a-z]{{3,5}}))?"
)
WITH_TIME = re.compile(r"(?P<date>.*[0-9])(?:t|,? +)(?P<time>[0-9]{1,2}(?::[0-9]{2}| ?[ap]\.?m).*)", re.DOTALL)
COMPACT = re.compile(
    rf"(?P<date>[0-9]{{8}})t(?P<H>[0-9]{{2}})(?P<M>[0-9]{{2}})(?P<S>[0-9]{{2}})?(?:[.,](?P<f>[0-9]+))?{OFFSET}?"
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EITHER_WEEKDAY = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in WEEKDAYS)
WEEKDAY = re.compile(rf"({EITHER_WEEKDAY})\.?,? +(?=[0-9a-z])")
WEEKDAY_BEFORE = re.compile(rf"(?P<weekday>{EITHER_WEEKDAY})\.?,? +(?P<rest>[0-9a-z].*)", re.DOTALL)
"""The same, with what it stands before."""
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{1,63}")
NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
ZONES_MAX = 1_000
OFFSET_MAX = timedelta(hours=14)


class Clock(NamedTuple):
    """What a clock showed, since midnight, and how far it was from UTC if that is written."""

    since_midnight: timedelta = timedelta()
    offset: timedelta | None = None
    reason: str | None = None


def clock_of(parts: Mapping[str, str | None]) -> Clock:
    """The time in the groups of a match: H or I, M, S, f, p, z."""
    hour, half = int(parts.get("H") or parts.get("I") or 0), parts.get("p")
    minute, second = int(parts.get("M") or 0), int(parts.get("S") or 0)
    fraction = (parts.get("f") or "").ljust(6, "0")
    if half and not 1 <= hour <= 12:
        return Clock(reason=f"a 12-hour clock has no hour {hour}")
    if half:
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    if hour > 24 or (hour == 24 and (minute or second or int(fraction))):
        return Clock(reason=f"there is no hour {hour}")
    if minute > 59 or second > 60:
        return Clock(reason=f"there is no {'minute' if minute > 59 else 'second'} {minute if minute > 59 else second}")
    if second == 60:
        return Clock(reason="a leap second, which a timestamp can't hold")
    if fraction[6:].strip("0"):
        return Clock(reason="more digits than microseconds")
    from_utc = offset_of(parts.get("z"))
    if from_utc is not None and abs(from_utc) > OFFSET_MAX:
        return Clock(reason="no zone is so far from UTC")
    shown = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=int(fraction[:6]))
    return Clock(since_midnight=shown, offset=from_utc)


def offset_of(written: str | None) -> timedelta | None:
    """How far from UTC a clock with that offset is; a day, which no zone is, where it has no such minutes."""
    if written is None:
        return None
    if written in ("z", "utc", "gmt"):
        return timedelta()
    digits = re.sub("[^0-9]", "", written).ljust(4, "0")
    if int(digits[2:]) > 59:
        return timedelta(days=1)  # no zone is
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return offset if written[0] == "+" else -offset


def moment(day: date, clock: Clock, zone: tzinfo | None) -> tuple[datetime | None, str | None]:
    """(moment in UTC, reason). A time that clocks skipped or showed twice is none without an offset."""
    try:
        shown = datetime.combine(day, time()) + clock.since_midnight
        if clock.offset is not None:
            return (shown - clock.offset).replace(tzinfo=UTC), None
        if zone is None:
            return None, "neither an offset nor a zone"
        first, second = (shown.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
        assert first is not None
        assert second is not None
        if first < second:
            return None, "clocks were put forward over this time: it never was"
        if first > second:
            return None, "clocks were put back: this time was twice, and no offset says which"
        return (shown - first).replace(tzinfo=UTC), None
    except OverflowError:
        return None, "outside the years 1 to 9999"


@lru_cache(maxsize=ZONES_MAX)
def zone_named(name: str) -> tzinfo | None:
    """The zone of IANA's database, or None."""
    if not ZONE.fullmatch(name) or name in NO_ZONES:
        return None
    try:
        return timezone.utc if name == "UTC" else ZoneInfo(name)  # noqa: UP017  # a tzinfo, as the others
    except (LookupError, ValueError, OSError):
        return None
