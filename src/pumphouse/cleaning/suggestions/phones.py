"""A column of telephone numbers, and the region that numbers without a country code are of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from pumphouse.cleaning.steps.phones import e164
from pumphouse.cleaning.suggestions.evidence import Evidence
from pumphouse.cleaning.suggestions.looking import AHEAD_MIN, DIFFERENT_MIN, LOOKS_MIN, MOSTLY, Looking, partly
from pumphouse.cleaning.suggestions.proposal import Note, Proposal, aside, col, looking
from pumphouse.cleaning.suggestions.samples import Sampled, evenly
from pumphouse.cleaning.wording import percent

NUMBERS_TRIED_MAX = 300
REGIONS = (
    "US", "GB", "DE", "FR", "IN", "BR", "ES", "IT", "NL", "AU", "JP", "CN", "MX", "ZA", "AT", "CH", "BE", "PL", "SE",
    "NO", "DK", "FI", "PT", "IE", "CZ", "TR", "RU", "KR", "ID", "AR", "NG", "IL", "NZ", "SG", "AE", "SA", "EG", "GR",
    "HU", "RO",
)  # fmt: skip
"""Regions that numbers without a country code are tried as."""
HINT = re.compile(r"(?i)phone|mobile|cell|fax|tel(?:$|_|e)|gsm|handy")
PHONE = re.compile(r"\+\d[\d\s()./-]{6,}|\(\d{2,5}\)[\s\d./-]{5,}(?:x.*)?|00\d[\d\s()./-]{7,}")
DIGITS = re.compile(r"(?:\D*\d){6,}")


def looks_like_phones(column: Sampled) -> bool:
    """Whether it may be telephone numbers: by its name and its digits, or by how they are written."""
    if HINT.search(column.name):
        return looking(column, DIGITS) >= MOSTLY
    return looking(column, PHONE) >= LOOKS_MIN


def phone(at: Looking, column: Sampled) -> Proposal | None:
    """`e164`, with a default region where one reads clearly more."""
    if not looks_like_phones(column):
        return None
    code, found = _read(at, column)
    if found.different < DIFFERENT_MIN or not found.is_sure:
        return None
    return proposed_phone(column.name, code, found)


def partly_phones(at: Looking, column: Sampled) -> Note | None:
    """What `e164` would decline of a column that is mostly telephone numbers."""
    if not HINT.search(column.name) and looking(column, PHONE) < MOSTLY:
        return None
    if looking(column, DIGITS) < MOSTLY:
        return None
    code, found = _read(at, column)
    return partly(column, code, "telephone numbers", found)


def _read(at: Looking, column: Sampled) -> tuple[str, Evidence]:
    few = replace(column, values=tuple(evenly(column.values, NUMBERS_TRIED_MAX)))
    region = _region(at, few)
    step, code = (e164(default=region), f'e164(default="{region}")') if region else (e164(), "e164()")
    return code, at.tried(step, column)


def proposed_phone(column: str, code: str, found: Evidence) -> Proposal:
    """The step, with the countries of what it reads."""
    countries = sorted(found.extras["country"].items(), key=lambda pair: (-pair[1], str(pair[0])))[:3]
    read_as = ", ".join(f"{percent(found.share(times))} read as {country}" for country, times in countries if country)
    return Proposal(
        column=column,
        code=f"{col(column)} >> {code}",
        names=("col", "e164"),
        why=", ".join([f"telephone numbers: {read_as}", *aside(found)]),
        read=found.share(found.read),
        set_aside=found.share(found.declined),
    )


def _region(at: Looking, column: Sampled) -> str | None:
    """The region that numbers without a country code are of: it reads clearly more than others do, or of those that
    read as much it alone writes numbers as they stand there."""
    by_code: dict[str, tuple[int, str]] = {}
    for region in REGIONS:
        read = at.tried(e164(default=region), column)
        code = next(iter(_calling_codes(read)), region)
        if read.read > by_code.get(code, (0, ""))[0]:
            by_code[code] = (read.read, region)
    ranked = sorted(by_code.values(), key=lambda pair: -pair[0])
    least = AHEAD_MIN * column.sampled
    if not ranked or ranked[0][0] - at.tried(e164(), column).read < least:
        return None  # nothing is gained by any
    as_good = [region for read, region in ranked if ranked[0][0] - read < least]
    written = sorted(((_written_so(column, region), region) for region in as_good), reverse=True)
    is_alone = len(written) == 1 or written[0][0] - written[1][0] >= least
    return written[0][1] if is_alone else None


def _calling_codes(found: Evidence) -> Iterable[str]:
    """The country that most of what was read belongs to: regions of one country code read the same."""
    countries = Counter(found.extras["country"])
    del countries[None]
    return [str(country) for country, _ in countries.most_common(1)]


def _written_so(column: Sampled, region: str) -> int:
    """Cells that stand as the region writes its numbers itself."""
    import phonenumbers

    found = 0
    for value, times in column.values:
        try:
            number = phonenumbers.parse(str(value), region)
        except phonenumbers.NumberParseException:
            continue
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        found += times * (national == str(value).strip())
    return found
