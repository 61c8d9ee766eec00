"""Phone numbers in E.164: `+4930901820`, and the extension beside it. The rules are those of libphonenumber."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

FLOAT = re.compile(r"(\+?\d{7,})[.,]0{1,2}")
"""2125550123.0: a number that went through a float on its way."""
EXPONENT = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")
"""2.125550123E+09: and through a spreadsheet."""
REGION = re.compile("[A-Z]{2}")
LETTER_AFTER_DIGIT = re.compile(r"\d.*[^\W\d_]", re.DOTALL)


def _library_version() -> str:
    from importlib import metadata

    try:
        return f"1, phonenumbers {metadata.version('phonenumbers')}"
    except metadata.PackageNotFoundError:
        return "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class E164(Step):
    """The step that `e164` makes."""

    name: ClassVar[str] = "e164"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"extension": "VARCHAR"}
    region: Column | None = None
    default: str | None = None
    version: str = field(default_factory=_library_version, init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column that holds a row's region."""
        return (self.region.name,) if self.region else ()

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, E164Cleaner(default=self.default).number)


def e164(*, region: Column | None = None, default: str | None = None) -> E164:
    """A step that writes phone numbers in E.164, and keeps an extension in `<column>__extension`.

    A number without a country code is read as one of the row's `region`, a column of ISO 3166 codes ("US", "DE"), and
    where that is null, of the `default` region. Without either it is declined. So is what could be read in two ways:
    letters among the digits, two numbers in one cell, digits that a spreadsheet rounded.

    `e164(default="DE").one("030 901820").value == "+4930901820"`
    """
    if region is not None and not isinstance(region, Column):
        raise TypeError(f"e164's region is a column, as in region=col.country; for one region write default={region!r}")
    if default is not None and not REGION.fullmatch(default):
        raise ValueError(f"e164's default region is an ISO 3166 code like US or DE, not {default!r}")
    return E164(region=region, default=default)


class E164Cleaner:
    """Reads one number after the other, by the rules of libphonenumber."""

    def __init__(self, *, default: str | None) -> None:
        self.default = default

    def number(self, phone: str, region: str | None = None) -> tuple[str | None, str | None, str | None]:
        """One number: (E.164, extension, reason)."""
        try:
            import phonenumbers
        except ImportError:
            raise MissingExtra("phonenumbers", extra="cleaning", purpose="e164") from None

        written = phone.strip()
        if exponent := EXPONENT.fullmatch(written):
            first, rest, power = exponent[1], exponent[2] or "", int(exponent[3])
            if len(rest) < power:
                return None, None, "rounded by a spreadsheet: its last digits are gone"
            written = first + rest[:power]
        elif whole := FLOAT.fullmatch(written):
            written = whole[1]

        where = (region or self.default or "").strip().upper() or None
        if where and where not in phonenumbers.SUPPORTED_REGIONS:
            if not written.startswith(("+", "＋")):
                return None, None, f"no region '{where}': an ISO 3166 code like US or DE is needed"
            where = None
        try:
            number = phonenumbers.parse(written, where)
        except phonenumbers.NumberParseException as error:
            return None, None, _why_unreadable(error, where)
        reason = _why_unsure(number, written)
        if reason:
            return None, None, reason
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), number.extension, None


def _why_unreadable(error: Exception, region: str | None) -> str:
    from phonenumbers import NumberParseException

    kind = getattr(error, "error_type", None)
    if kind == NumberParseException.INVALID_COUNTRY_CODE:
        return "no such country code" if region else "no country code, and no region to read it by"
    return "too long" if kind == NumberParseException.TOO_LONG else "not a phone number"


def _why_unsure(number: PhoneNumber, written: str) -> str | None:
    import phonenumbers
    from phonenumbers import ValidationResult

    body = written
    if number.extension:
        body = written[: written.rindex(number.extension)] if number.extension in written else written
        # What marks an extension ("ext.", "x") is no letter among the digits.
        body = re.sub(r"\D*$", "", body)
    if LETTER_AFTER_DIGIT.search(body):
        return "letters among the digits"
    if phonenumbers.is_valid_number(number):
        return None
    code = number.country_code
    lengths = {
        ValidationResult.TOO_SHORT: f"too short for a number under +{code}",
        ValidationResult.TOO_LONG: f"too long for a number under +{code}",
        ValidationResult.INVALID_LENGTH: f"too short or too long for a number under +{code}",
        ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
        ValidationResult.INVALID_COUNTRY_CODE: "no such country code",
    }
    return lengths.get(phonenumbers.is_possible_number_with_reason(number), f"no such number under +{code}")
