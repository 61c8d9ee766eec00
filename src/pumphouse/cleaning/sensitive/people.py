"""Data about people in a text: addresses, numbers and identifiers of several kinds."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pumphouse.cleaning.sensitive.cards import cards
from pumphouse.cleaning.sensitive.ibans import ibans
from pumphouse.cleaning.sensitive.secrets import secrets
from pumphouse.cleaning.sensitive.spans import Span, named
from pumphouse.cleaning.steps.identifiers import IdentifierReader
from pumphouse.errors import MissingExtra

LOCAL = r"\w.!#$%&'*+/=?^`{|}~-"
EMAIL = re.compile(rf"(?<![{LOCAL}])[{LOCAL}]+@[\w-]+(?:\.[\w-]+)+")
V4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w|\.[0-9])")
V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*[0-9A-Fa-f:]")
SSN = re.compile(r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])")
WORD = re.compile(r"[A-Za-z0-9]+")
BETWEEN = frozenset(["", " ", "-", ".", "/", "\u00a0"])
"""What may stand between the words of one identifier."""
WORDS_MAX = 6
NO_REGION = "ZZ"


def emails(text: str) -> Iterator[Span]:
    """What has the form of an e-mail address."""
    if "@" in text:
        for found in EMAIL.finditer(text):
            yield named(*found.span(), "email")


def ips(text: str) -> Iterator[Span]:
    """IP addresses of version 4 and 6."""
    for pattern in (V4, V6):
        for found in pattern.finditer(text):
            try:
                ipaddress.ip_address(found[0])
            except ValueError:
                continue
            if re.search("[0-9]", found[0]):
                yield named(*found.span(), "ip")


def social_security_numbers(text: str) -> Iterator[Span]:
    """Numbers of the United States' social security, with hyphens: without, nine digits may be anything."""
    for found in SSN.finditer(text):
        yield named(*found.span(), "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phones:
    """Finds telephone numbers: with a plus of any country, others of `region`."""

    region: str | None

    def __call__(self, text: str) -> Iterator[Span]:
        """Those that libphonenumber finds valid."""
        if sum(one.isdigit() for one in text) < 6:
            return
        try:
            from phonenumbers import PhoneNumberMatcher
        except ImportError:
            raise MissingExtra("phonenumbers", extra="cleaning", purpose="mask_personal") from None
        for found in PhoneNumberMatcher(text, self.region or NO_REGION):
            yield named(found.start, found.end, "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifiers:
    """Finds identifiers of one kind of python-stdnum's, in words that may stand apart."""

    reader: IdentifierReader

    def __call__(self, text: str) -> Iterator[Span]:
        """Those whose check digits are right."""
        words = list(WORD.finditer(text))
        place = 0
        while place < len(words):
            taken = next((count for count in range(WORDS_MAX, 0, -1) if self._is_one(text, words, place, count)), 0)
            if taken:
                yield named(words[place].start(), words[place + taken - 1].end(), "id")
            place += taken or 1

    def _is_one(self, text: str, words: list[re.Match[str]], place: int, count: int) -> bool:
        group = words[place : place + count]
        if len(group) < count or any(
            text[left.end() : right.start()] not in BETWEEN for left, right in pairwise(group)
        ):
            return False
        return self.reader.identifier(text[group[0].start() : group[-1].end()])[1] is None


FINDERS: Mapping[str, Callable[[str], Iterator[Span]]] = {
    "secret": secrets,
    "iban": ibans,
    "card": lambda text: (named(span.start, span.end, "card") for span in cards(text)),
    "email": emails,
    "ip": ips,
    "id": social_security_numbers,
}
"""By kind, besides "phone", which has a region, and the kinds of identifiers."""
KINDS = (*FINDERS, "phone")
