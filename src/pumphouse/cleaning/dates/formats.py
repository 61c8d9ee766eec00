"""Formats of dates and times, and the names of months. None of it goes by the machine's locale."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from pumphouse.errors import MissingExtra, did_you_mean

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
FORMATS_MAX = 20
AROUND = " \t\n\r\v\f\u00a0\u2007\u202f\u200b\u200e\u200f\ufeff"
"""What may stand around a value without being part of it: also no-break spaces, and marks that nobody sees."""

# [0-9]: \d would take digits of every script. What is matched is in small letters.
DATE_PATTERNS = {
    "%d": "(?P<d>[0-9]{1,2})",
    "%m": "(?P<m>[0-9]{1,2})",
    "%Y": "(?P<Y>[0-9]{4})",
    "%y": "(?P<y>[0-9]{2})",
    "%b": "",  # by the names of months
    "%B": "",
    "%%": "%",
}
TIME_PATTERNS = {
    "%H": "(?P<H>[0-9]{1,2})",
    "%I": "(?P<I>[0-9]{1,2})",
    "%M": "(?P<M>[0-9]{2})",
    "%S": "(?P<S>[0-9]{2})",
    "%f": "(?P<f>[0-9]{1,9})",
    "%p": "(?P<p>[ap]\\.?m\\.?)",
    "%z": "(?P<z>z|utc|gmt|[-+\u2212][0-9]{2}(?::?[0-9]{2})?)",
}
DIRECTIVE = re.compile("%.?", re.DOTALL)
SPLIT = re.compile("(%.)", re.DOTALL)


class MonthNames(NamedTuple):
    """Names of months in small letters, and the number of each."""

    full: dict[str, int]
    short: dict[str, int]


@cache
def month_names(language: str | None) -> MonthNames:
    """The names in English, and in another language by the Unicode consortium's data.

    Names that stand for two months are left out. Raises ValueError for a language that is not known.
    """
    full = {name.lower(): number for number, name in enumerate(MONTHS, start=1)}
    short = {**{name[:3].lower(): number for number, name in enumerate(MONTHS, start=1)}, "sept": 9}
    if language is None:
        return MonthNames(full, short)
    try:
        from babel import Locale, UnknownLocaleError
    except ImportError:
        raise MissingExtra("babel", extra="cleaning", purpose="parse_date(language=...)") from None
    try:
        locale = Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        near = did_you_mean(language, ("de", "fr", "es", "it", "nl", "pt", "pl")) or "It is a code like de or pt-BR"
        raise ValueError(f"there are no names of months in the language {language!r}. {near}") from None
    for names, width in ((full, "wide"), (short, "abbreviated")):
        found: dict[str, set[int]] = {name: {number} for name, number in names.items()}
        for use in ("format", "stand-alone"):
            for number, name in locale.months[use][width].items():
                if any(letter.isalpha() for letter in name) and not re.search("[0-9]", name):
                    found.setdefault(name.lower().rstrip("."), set()).add(number)
        names.clear()
        names.update({name: next(iter(numbers)) for name, numbers in found.items() if len(numbers) == 1})
    return MonthNames(full, short)


def checked(format: str, *, step: str, has_time: bool = False, has_pivot: bool) -> None:
    """Raises ValueError where a format leaves something open, or has what is not known."""
    kind = "timestamp" if has_time else "date"
    known = {**DATE_PATTERNS, **(TIME_PATTERNS if has_time else {})}
    directives = DIRECTIVE.findall(format)
    for directive in directives:
        if directive == "%y" and not has_pivot:
            raise ValueError(
                f"the {kind} format '{format}' leaves the century open with %y: read years with %Y,"
                f" or give {step} a pivot"
            )
        if directive not in known:
            raise ValueError(f"the {kind} format '{format}' has {directive}, which is none of {', '.join(known)}")
    months = sum(directives.count(directive) for directive in ("%m", "%b", "%B"))
    years = directives.count("%Y") + directives.count("%y")
    if (directives.count("%d"), months, years) != (1, 1, 1):
        raise ValueError(f"the {kind} format '{format}' must have one day (%d), month (%m, %b or %B) and year (%Y)")
    if not has_time:
        return
    count = {directive: directives.count(directive) for directive in TIME_PATTERNS}
    if max(count.values()) > 1 or count["%H"] + count["%I"] != 1 or count["%I"] != count["%p"]:
        raise ValueError(f"the timestamp format '{format}' must have one hour: %H, or %I with %p")
    if not count["%M"] or count["%f"] > count["%S"]:
        raise ValueError(f"the timestamp format '{format}' must have minutes (%M), and seconds (%S) where it has %f")


def compiled(format: str, names: MonthNames) -> re.Pattern[str]:
    """The regular expression of a format, over text in small letters."""
    listed = {"%b": ("b", names.short), "%B": ("B", names.full)}
    patterns = {**DATE_PATTERNS, **TIME_PATTERNS}
    for directive, (group, numbers) in listed.items():
        longest_first = sorted(numbers, key=lambda name: (-len(name), name))
        patterns[directive] = f"(?P<{group}>{'|'.join(map(re.escape, longest_first))})"
    parts = [patterns.get(part) or re.escape(part.lower()) for part in SPLIT.split(format)]
    # Where nothing stands between two numbers both have all their digits: 1121962 is 1 December or 11 February.
    tight = re.search("%[dmYyHIMS]%[dmYyHIMS]", format) is not None
    return re.compile("".join(parts).replace("{1,2}", "{2}" if tight else "{1,2}"))


def full_year(written: int, pivot: int) -> int:
    """The year of two digits: those below the pivot are of this century."""
    return written + (2000 if written < pivot else 1900)


def why_impossible(year: int, month: int, day: int) -> str:
    """Why no calendar has such a day."""
    if not 1 <= month <= 12:
        return f"there is no month {month}"
    if year == 0:
        return "there is no year 0"
    return f"{MONTHS[month - 1]} {year} has no day {day}"
