"""Telephone numbers that nobody has, written the many ways people write them.

Where a regulator keeps numbers for fiction, these are taken:

- US and Canada: 555-0100 to 555-0199 of every area code (North American Numbering Plan Administrator);
- Britain: 020 7946 0xxx, 0117, 0121, 0131, 0141, 0161 496 0xxx, 028 9649 6xxx (Ofcom's numbers for drama);
- Germany: 030 23125 xxx, 069 90009 xxx, 040 66969 xxx, 0221 4710 xxx, 089 99998 xxx (Bundesnetzagentur, 148/2021);
- France: 01 99 00, 02 61 91, 03 53 01, 04 65 71, 05 36 49 (Arcep, numbers for audiovisual works);
- Sweden: 031-390 06 xx, 040-628 04 xx, 08-465 004 xx (PTS);
- Australia: 5550 xxxx and 7010 xxxx behind 02, 03, 07 and 08 (ACMA).

The Netherlands and Japan keep none. There a subscriber's number here begins with 1, which neither country hands out,
as far as we know, though a checker of lengths and area codes finds it valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One country's numbers, and how people write them."""

    calling_code: str
    trunk: str
    """What goes before an area code when dialled inside the country."""
    abroad: str
    """What is dialled there before a foreign country's calling code; some write it before their own."""
    ranges: tuple[tuple[str, str], ...]
    """Area code without the trunk prefix, and the subscriber's digits, # any of ten."""
    styles: tuple[str, ...]


# A style fills in {code}, {trunk}, {abroad}, {area}, the subscriber's digits cut in two ({a}, {b}) or in {pairs}, and
# an extension {x}. Twice in the list is twice as likely.
_NORTH_AMERICAN_STYLES = (
    "({area}) {a}-{b}",
    "({area}) {a}-{b}",
    "{area}-{a}-{b}",
    "{area}-{a}-{b}",
    "{area}.{a}.{b}",
    "{area}{a}{b}",
    "{area}{a}{b}.0",
    "1-{area}-{a}-{b}",
    "+1 {area} {a} {b}",
    " {area} {a} {b} ",
    "({area}) {a}-{b} x{x}",
    "{area}-{a}-{b} ext. {x}",
)
_INTERNATIONAL_STYLES = (
    "{trunk}{area} {a} {b}",
    "{trunk}{area} {a}{b}",
    "{trunk}{area}-{a}{b}",
    "({trunk}{area}) {a}{b}",
    "+{code} {area} {a}{b}",
    "+{code}{area}{a}{b}",
    "+{code} (0){area} {a}{b}",
    "{abroad}{code} {area} {a} {b}",
    "{area}{a}{b}.0",
    "{trunk}{area} {a} {b} ext. {x}",
)


def _north_american(*areas: int) -> Plan:
    return Plan(
        calling_code="1",
        trunk="",
        abroad="011",
        ranges=tuple((str(area), "55501##") for area in areas),
        styles=_NORTH_AMERICAN_STYLES,
    )


def _national(calling_code: str, *ranges: tuple[str, str], abroad: str = "00", styles: tuple[str, ...] = ()) -> Plan:
    styles = _INTERNATIONAL_STYLES + styles
    return Plan(calling_code=calling_code, trunk="0", abroad=abroad, ranges=ranges, styles=styles)


PLANS: dict[str, Plan] = {
    "US": _north_american(
        201, 202, 206, 212, 213, 214, 215, 216, 301, 303, 305, 310, 312, 313, 314, 402, 404, 406, 408, 410, 412, 414,
        415, 501, 502, 503, 504, 505, 508, 510, 512, 513, 515, 516, 601, 602, 603, 605, 608, 612, 614, 615, 617, 619,
        701, 702, 703, 704, 713, 716, 718, 801, 802, 803, 804, 808, 816, 817, 901, 904, 907, 913, 915, 916, 919,
    ),
    "CA": _north_american(204, 306, 403, 416, 418, 506, 514, 604, 613, 709, 902),
    "GB": _national(
        "44", ("20", "79460###"), ("117", "4960###"), ("121", "4960###"), ("131", "4960###"), ("141", "4960###"),
        ("161", "4960###"), ("28", "96496###"),
    ),
    "DE": _national(
        "49", ("30", "23125###"), ("69", "90009###"), ("40", "66969###"), ("221", "4710###"), ("89", "99998###"),
        styles=("{trunk}{area}/{a}{b}", "{trunk}{area}/{a}{b}", "{trunk}{area}/{a}-{b}"),
    ),
    "FR": _national(
        "33", ("1", "9900####"), ("2", "6191####"), ("3", "5301####"), ("4", "6571####"), ("5", "3649####"),
        styles=("{trunk}{area} {pairs}", "{trunk}{area} {pairs}"),
    ),
    "NL": _national("31", ("20", "1######"), ("10", "1######"), ("30", "1######"), ("70", "1######")),
    "SE": _national("46", ("31", "39006##"), ("40", "62804##"), ("8", "465004##")),
    "JP": _national("81", ("3", "1#######"), ("6", "1#######"), ("52", "1######"), abroad="010"),
    "AU": _national("61", *((area, f"{start}####") for area in "2378" for start in ("5550", "7010")), abroad="0011"),
}  # fmt: skip

# What stands in a phone column and is no telephone number, or one too short, or one a spreadsheet has rounded.
JUNK = (
    "unknown", "UNKNOWN", "n/a", "none", "-", "?", "no phone", "see email", "call office", "ex-directory", "tbd",
    "0000000000", "999", "12345", "555-0123", "123-456-789", "+", "2.12555e+09", "4.15555e+09", "nan", "#REF!",
)  # fmt: skip


class Number(NamedTuple):
    """A fictional telephone number: `country` a key of PLANS, the subscriber's digits behind the area code."""

    country: str
    area: str
    digits: str


def number(random: Random, country: str) -> Number:
    """A number of `country` that nobody has."""
    area, pattern = random.choice(PLANS[country].ranges)
    digits = "".join(random.choice("0123456789") if mark == "#" else mark for mark in pattern)
    return Number(country, area, digits)


def written(random: Random, number: Number) -> str:
    """`number` in one of the ways its country writes it; some with an extension, some as a spreadsheet's float."""
    plan = PLANS[number.country]
    digits = number.digits
    cut = 3 if len(digits) == 7 else len(digits) - 4
    return random.choice(plan.styles).format(
        code=plan.calling_code,
        trunk=plan.trunk,
        abroad=plan.abroad,
        area=number.area,
        a=digits[:cut],
        b=digits[cut:],
        pairs=" ".join(digits[start : start + 2] for start in range(0, len(digits), 2)),
        x=random.choice(range(1, 1000)),
    )
