"""From one text to the dates that it may be, by formats that were declared or by all that are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from pumphouse.cleaning.dates.formats import MONTHS, MonthNames, compiled, full_year, why_impossible

SEPARATORS = "/.- "
TRIPLE = re.compile(r"([0-9]{1,4})([-/. ])([0-9]{1,2})\2([0-9]{1,4})")
"""Three numbers with the same mark between them: nearly every date there is."""
TRIPLE_FORMAT = re.compile(r"%([dmYy])([-/. ])%([dmYy])\2%([dmYy])")
NAMED = {
    "%d %B %Y": r"(?P<d>[0-9]{1,2})(?:st|nd|rd|th|\.)?[ ./-]?(?:of )?[ ]?(?P<B>NAMES)\.?,?[ ./-]?(?P<Y>[0-9]{4})",
    "%B %d, %Y": r"(?P<B>NAMES)\.?[ ./-]?(?P<d>[0-9]{1,2})(?:st|nd|rd|th)?(?:, ?|[ ./-])(?P<Y>[0-9]{4})",
    "%Y %B %d": r"(?P<Y>[0-9]{4})[ ./-]?(?P<B>NAMES)\.?[ ./-]?(?P<d>[0-9]{1,2})",
}
"""Forms with a month's name that are read where no format is declared: nothing in them has a second reading."""
COMPACT = "%Y%m%d"
MIDNIGHT = re.compile(r"(?P<date>.*[0-9])[t ]00:00(?::00(?:\.0+)?)?")
SERIAL = re.compile(r"(-?[0-9]{1,7})(?:\.0+)?")
SERIAL_FORMS = {"1900": "Excel, from 1900", "1904": "Excel, from 1904"}
SERIAL_MAX = {"1900": 2_958_465, "1904": 2_957_003}
"""31 December 9999."""


class Reading(NamedTuple):
    """One way to read a text: by which format, and the numbers. No calendar may have them."""

    format: str
    year: int
    month: int
    day: int


class DateReader:
    """Formats, ready to read text by. Without formats it reads by all known ones."""

    def __init__(
        self,
        formats: tuple[str, ...],
        *,
        names: MonthNames,
        pivot: int | None = None,
        excel: str | None = None,
        rejected: frozenset[str] = frozenset(),
    ) -> None:
        self.is_known = not formats
        self.pivot = pivot
        self.excel = excel
        self.numbers = {**names.short, **names.full}
        listed = tuple(dict.fromkeys(formats or known_formats(pivot)))
        self.formats = tuple(format for format in listed if format not in rejected)
        self.triples: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self.others: list[tuple[str, re.Pattern[str]]] = []
        for format in self.formats:
            triple = TRIPLE_FORMAT.fullmatch(format)
            if triple and triple[3] != "Y":
                order = "".join(triple.group(1, 3, 4))
                self.triples.setdefault((triple[2], shape(order)), []).append((format, order))
            else:
                self.others.append((format, compiled(format, names)))
        if self.is_known:
            longest_first = sorted(self.numbers, key=lambda name: (-len(name), name))
            names_pattern = "|".join(map(re.escape, longest_first))
            self.others += [
                (format, re.compile(pattern.replace("NAMES", names_pattern))) for format, pattern in NAMED.items()
            ]

    def readings(self, written: str) -> Iterator[Reading]:
        """Each way to read it, in the order of the formats."""
        if triple := TRIPLE.fullmatch(written):
            first, mark, second, third = triple.groups()
            found = {1: first, 2: second, 3: third}
            for format, order in self.triples.get((mark, _shape_of(first, third)), ()):
                parts = {letter: found[place] for place, letter in enumerate(order, start=1)}
                if len(parts.get("y", "00")) == 2:
                    yield Reading(format, self._year(parts), int(parts["m"]), int(parts["d"]))
            return
        for format, pattern in self.others:
            if match := pattern.fullmatch(written):
                parts = match.groupdict()
                name = parts.get("b") or parts.get("B")
                yield Reading(
                    format, self._year(parts), self.numbers[name] if name else int(parts["m"]), int(parts["d"])
                )

    def _year(self, parts: dict[str, str]) -> int:
        if "Y" in parts:
            return int(parts["Y"])
        return full_year(int(parts["y"]), self.pivot or 0)

    def dates(self, written: str) -> tuple[dict[date, str], str | None]:
        """The dates that it may be, each with a format that says so; and why there is none, where one nearly fits."""
        found: dict[date, str] = {}
        impossible = None
        small = written.lower()
        listed = list(self.readings(small))
        if not listed and (midnight := MIDNIGHT.fullmatch(small)):
            listed = list(self.readings(midnight["date"]))
        for reading in listed:
            try:
                found.setdefault(date(reading.year, reading.month, reading.day), reading.format)
            except ValueError:
                impossible = impossible or why_impossible(reading.year, reading.month, reading.day)
        if self.excel and not listed and (serial := SERIAL.fullmatch(small)):
            day, why = from_serial(int(serial[1]), self.excel)
            return ({day: SERIAL_FORMS[self.excel]} if day else {}), why
        return found, impossible


def known_formats(pivot: int | None) -> tuple[str, ...]:
    """The formats of numbers alone that are read where none is declared. Two digits are a year only with a pivot."""
    orders = [
        order for mark in SEPARATORS for order in (f"%Y{mark}%m{mark}%d", f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y")
    ]
    short = [
        order for mark in SEPARATORS for order in (f"%d{mark}%m{mark}%y", f"%m{mark}%d{mark}%y", f"%y{mark}%m{mark}%d")
    ]
    return (*orders, COMPACT, *(short if pivot is not None else ()))


def shape(order: str) -> str:
    """Where the year of four digits stands: "first", "last", or nowhere, "short"."""
    return {0: "first", 2: "last", -1: "short"}[order.find("Y")]


def _shape_of(first: str, third: str) -> str:
    lengths = (len(first), len(third))
    if lengths[0] == 4:
        return "first" if lengths[1] <= 2 else "none"
    if lengths[1] == 4:
        return "last" if lengths[0] <= 2 else "none"
    return "short" if max(lengths) <= 2 else "none"


def from_serial(serial: int, system: str) -> tuple[date | None, str | None]:
    """(date, reason) of a day's number in Excel. The one that counts from 1900 has a day too many: 29 February 1900."""
    if serial <= 0:
        return None, f"{serial} is no day in Excel" if serial else "0 is no day that somebody chose in Excel"
    if serial > SERIAL_MAX[system]:
        return None, "a number beyond Excel's last day"
    if system == "1904":
        return date(1904, 1, 1) + timedelta(days=serial), None
    if serial == 60:
        return None, "60 is 29 February 1900 in Excel, a day that never was"
    return date(1899, 12, 31) + timedelta(days=serial - (serial > 60)), None


def told(day: date) -> str:
    """The day in words."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
