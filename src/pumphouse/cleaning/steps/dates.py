"""Dates from text, by a list of formats. What fits none, or two differently, or no calendar is declined."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from pumphouse.cleaning.step import EachValue, Resources, Step

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
NUMBER_OF_MONTH = {name.lower(): number for number, name in enumerate(MONTHS, start=1)}
NUMBER_OF_ABBREVIATION = {name[:3]: number for name, number in NUMBER_OF_MONTH.items()}

# [0-9] and English names: \d, %b and %B of the standard library go by script and by the machine's locale.
PATTERNS = {
    "%d": "(?P<d>[0-9]{1,2})",
    "%m": "(?P<m>[0-9]{1,2})",
    "%Y": "(?P<Y>[0-9]{4})",
    "%b": f"(?P<b>{'|'.join(name[:3] for name in MONTHS)})",
    "%B": f"(?P<B>{'|'.join(MONTHS)})",
    "%%": "%",
}
DIRECTIVE = re.compile("%.?", re.DOTALL)
SPLIT = re.compile("(%.)", re.DOTALL)
FORMATS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseDate(Step):
    """The step that `parse_date` makes."""

    name: ClassVar[str] = "parse_date"
    gives: ClassVar[str] = "DATE"
    formats: tuple[str, ...]
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays. A column of dates stays as it is."""
        return EachValue(self, DateParser(formats=self.formats).parse)


def parse_date(*format: str) -> ParseDate:
    """A step that reads text as dates by one or more formats: `parse_date("%d/%m/%Y", "%Y-%m-%d")`.

    Formats are made of %d, %m, %Y (four digits), %b (Apr), %B (April), in English and in any case. A date that two
    formats read differently is declined, as 03/04/1962 by %d/%m/%Y and %m/%d/%Y; so is one that no calendar has.
    Raises ValueError for a format that leaves something open, as %y does the century.

    `parse_date("%d/%m/%Y").one("03/04/1962").value == date(1962, 4, 3)`
    """
    if not 0 < len(format) <= FORMATS_MAX:
        raise ValueError(f"parse_date takes 1 to {FORMATS_MAX} formats, and was given {len(format)}")
    for one in format:
        compiled(one)
    return ParseDate(formats=format)


def compiled(format: str) -> re.Pattern[str]:
    """The regular expression of a format. Raises ValueError with what is missing or unknown in it."""
    directives = DIRECTIVE.findall(format)
    for directive in directives:
        if directive == "%y":
            raise ValueError(f"the date format '{format}' leaves the century open with %y: years are read with %Y")
        if directive not in PATTERNS:
            known = ", ".join(PATTERNS)
            raise ValueError(f"the date format '{format}' has {directive}, which is none of {known}")
    months = sum(directives.count(directive) for directive in ("%m", "%b", "%B"))
    if (directives.count("%d"), months, directives.count("%Y")) != (1, 1, 1):
        raise ValueError(f"the date format '{format}' must have one day (%d), month (%m, %b or %B) and year (%Y)")
    # Where nothing stands between two numbers both have all their digits: 1121962 is 1 December or 11 February.
    tight = re.search("%[dmY]%[dmY]", format) is not None
    parts = [PATTERNS[part] if part in PATTERNS else re.escape(part) for part in SPLIT.split(format)]
    return re.compile("".join(parts).replace("{1,2}", "{2}" if tight else "{1,2}"), re.IGNORECASE | re.ASCII)


class DateParser:
    """Formats, ready to read text by."""

    def __init__(self, *, formats: tuple[str, ...]) -> None:
        self.formats = tuple(dict.fromkeys(formats))
        self.patterns = tuple(compiled(format) for format in self.formats)

    def parse(self, written: str) -> tuple[date | None, str | None]:
        """One date: (date, reason)."""
        stripped = written.strip()
        impossible = None
        readings: dict[date, str] = {}
        for format, pattern in zip(self.formats, self.patterns, strict=True):
            if not (found := pattern.fullmatch(stripped)):
                continue
            year, month, day = _numbers(found.groupdict())
            try:
                readings.setdefault(date(year, month, day), format)
            except ValueError:
                impossible = impossible or _why_impossible(year, month, day)
        if len(readings) == 1:
            return next(iter(readings)), None
        if readings:
            return None, f"{stripped} is " + " or ".join(
                f"{day.day} {MONTHS[day.month - 1]} {day.year} ({format})" for day, format in readings.items()
            )
        return None, impossible or f"does not fit {' or '.join(self.formats)}"


def _numbers(groups: dict[str, str]) -> tuple[int, int, int]:
    if "b" in groups:
        month = NUMBER_OF_ABBREVIATION[groups["b"].lower()]
    elif "B" in groups:
        month = NUMBER_OF_MONTH[groups["B"].lower()]
    else:
        month = int(groups["m"])
    return int(groups["Y"]), month, int(groups["d"])


def _why_impossible(year: int, month: int, day: int) -> str:
    if not 1 <= month <= 12:
        return f"there is no month {month}"
    if year == 0:
        return "there is no year 0"
    return f"{MONTHS[month - 1]} {year} has no day {day}"
