"""E-mail addresses in one form. Whether somebody reads them is not asked: no DNS, no mail."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.hosts import why_unknown
from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import MissingExtra

SCHEME = "mailto:"
NAMED = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"\s*|(?P<name>[^<>@"]*))<(?P<address>[^<>]*)>', re.DOTALL)
"""Max <max@example.com>. There is one address in it, so that a comma in the name parts nothing."""
WHY = (  # a part of email-validator's sentence, and what we say
    ("must have an @-sign", "no @"),
    ("bracketed IP address", "an IP address as its domain"),
    ("Quoting the part before", "quotes before the @"),
    ("special-use or reserved", "a domain that is reserved"),
    ("should have a period", "a domain without a dot"),
    ("too long", "too long"),
    ("two periods", "two dots in a row"),
    ("after the @-sign", "no domain after the @"),
    ("before the @-sign", "no valid name before the @"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(Step):
    """The step that `email` makes."""

    name: ClassVar[str] = "email"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"domain": "VARCHAR", "name": "VARCHAR"}
    version: str = field(
        default_factory=lambda: with_versions("1", "email-validator", "publicsuffixlist", "idna"), init=False
    )

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, read_email)


def email() -> Email:
    """A step that reads e-mail addresses: the domain in small letters and as ASCII, the part before the @ as it is.

    `Max <max@example.com>` and `mailto:max@example.com` are read; the name and the domain come out besides. Plus-tags
    stay. Nothing is corrected: an address under a top-level domain that is not there is declined.

    `email().one("Max <Max@BÜCHER.de>").value == "Max@xn--bcher-kva.de"`
    """
    return Email()


def read_email(written: str) -> tuple[str | None, str | None, str | None, str | None]:
    """One address: (address, domain, display name, reason)."""
    try:
        from email_validator import EmailNotValidError, validate_email
    except ImportError:
        raise MissingExtra("email-validator", extra="cleaning", purpose="email") from None

    address, name = written.strip(), None
    if named := NAMED.fullmatch(address):
        address = named["address"].strip()
        name = re.sub(r"\\(.)", r"\1", named["quoted"] or "").strip() or (named["name"] or "").strip() or None
    if address[: len(SCHEME)].lower() == SCHEME:
        address = address[len(SCHEME) :]
    try:
        found = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        if address.count("@") > 1:
            return None, None, None, "more than one @"
        return None, None, None, next((why for part, why in WHY if part in str(error)), "not an e-mail address")
    domain = found.ascii_domain
    if why := why_unknown(domain, purpose="email"):
        return None, None, None, why
    local = unicodedata.normalize("NFC", found.local_part)
    return f"{local}@{domain}", domain, name, None
