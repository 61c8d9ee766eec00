"""Times and counts as a person says them. Days are those of the time zone that `now` has."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from pumphouse.errors import ConfigError

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}


def ago(moment: datetime, *, now: datetime) -> str:
    """How long ago: "just now", "12 minutes ago", "5 hours ago", "yesterday", "3 days ago", "2 months ago"."""
    passed = now - moment
    days = (now.date() - moment.astimezone(now.tzinfo).date()).days
    if passed < timedelta(minutes=1):  # also what another machine's clock puts a little ahead
        return "just now"
    if passed < timedelta(hours=1):
        return f"{counted(passed // timedelta(minutes=1), 'minute')} ago"
    if days == 0:
        return f"{counted(passed // timedelta(hours=1), 'hour')} ago"
    if days == 1:
        return "yesterday"
    for unit, length, least in (("year", 365, 2 * 365), ("month", 30, 60), ("week", 7, 14)):
        if days >= least:
            return f"{counted(days // length, unit)} ago"
    return f"{days} days ago"


def day(moment: datetime, *, now: datetime) -> str:
    """The day in words: "23 December", with the year where it is not this one."""
    there = moment.astimezone(now.tzinfo)
    year = f" {there.year}" if there.year != now.year else ""
    return f"{there.day} {_MONTHS[there.month - 1]}{year}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `counted(1, "read") == "1 read"`, `counted(2, "person", "people") == "2 people"`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(text: str) -> timedelta:
    """The length of time that "30 days" or "2 weeks" means; a month is 30 days, a year 365. Raises ConfigError."""
    found = re.fullmatch(r"\s*(\d{1,4})\s+(hour|day|week|month|year)s?\s*", text)
    if not found:
        raise ConfigError(
            f"'{text}' is no length of time", mend='Write "30 days", "2 weeks", "3 months" or "12 hours".'
        )
    return timedelta(days=int(found[1]) * _DAYS[found[2]])


def plain(value: Any) -> Any:  # what the catalog's values hold, as JSON has it
    """The value as JSON has it: times in ISO 8601, lists for tuples."""
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
    return value
