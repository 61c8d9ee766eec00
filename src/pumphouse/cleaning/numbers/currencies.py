"""Signs and codes of currencies, and which of them stand for more than one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from pumphouse.errors import MissingExtra

SIGNS: Mapping[str, tuple[str, ...]] = {
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP", "BRL", "UYU", "JMD", "TTD"),
    "US$": ("USD",), "U$S": ("USD",), "C$": ("CAD",), "CA$": ("CAD",), "A$": ("AUD",), "AU$": ("AUD",),
    "NZ$": ("NZD",), "S$": ("SGD",), "HK$": ("HKD",), "NT$": ("TWD",), "MX$": ("MXN",), "R$": ("BRL",),
    "€": ("EUR",), "euro": ("EUR",), "euros": ("EUR",),
    "£": ("GBP", "EGP", "LBP", "SYP", "FKP", "GIP", "SHP"), "GB£": ("GBP",),
    "¥": ("JPY", "CNY"), "JP¥": ("JPY",), "CN¥": ("CNY",), "円": ("JPY",), "元": ("CNY", "TWD"),
    "kr": ("SEK", "NOK", "DKK", "ISK"), "fr": ("CHF", "XOF", "XAF", "XPF"), "sfr": ("CHF",),
    "rs": ("INR", "PKR", "LKR", "NPR", "MUR"), "₹": ("INR",), "₽": ("RUB",), "₩": ("KRW",), "₺": ("TRY",),
    "₪": ("ILS",), "₴": ("UAH",), "₫": ("VND",), "฿": ("THB",), "₦": ("NGN",), "₱": ("PHP",), "₡": ("CRC",),
    "₸": ("KZT",), "₾": ("GEL",), "₵": ("GHS",), "zł": ("PLN",), "kč": ("CZK",), "ft": ("HUF",), "лв": ("BGN",),
}  # fmt: skip
"""The currencies that a sign is used for. Alone, one of several says only that it is one of them."""


COMMON = (
    "USD",
    "EUR",
    "GBP",
    "JPY",
    "CNY",
    "CHF",
    "CAD",
    "AUD",
    "NZD",
    "SEK",
    "NOK",
    "DKK",
    "PLN",
    "CZK",
    "INR",
    "BRL",
)
"""Codes that are read in small letters too. Others are words as well: all, cup, top, try."""
LETTER = r"[^\W\d_]"


@cache
def codes() -> frozenset[str]:
    """The codes of ISO 4217."""
    try:
        import pycountry
    except ImportError:
        raise MissingExtra("pycountry", extra="cleaning", purpose="money") from None
    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


class Tokens(NamedTuple):
    """Every sign and code with its currencies, and the patterns that find one where a text begins or ends."""

    currencies: Mapping[str, tuple[str, ...]]
    start: re.Pattern[str]
    end: re.Pattern[str]


@cache
def tokens() -> Tokens:
    """The signs in small letters, and the codes in capitals, of the common ones also in small letters."""
    listed = {sign.lower(): found for sign, found in SIGNS.items()}
    listed |= {code.lower(): (code,) for code in COMMON}
    any_case = sorted(listed, key=lambda token: (-len(token), token))
    listed |= {code: (code,) for code in codes()}

    def either(*, place: int) -> str:
        words = [re.escape(token) for token in any_case if token[place].isalpha()]
        marks = [re.escape(token) for token in any_case if not token[place].isalpha()]
        letters = f"(?:(?i:{'|'.join(words)})|{'|'.join(sorted(codes()))})"
        one = f"(?i:{'|'.join(marks)})"
        if place:  # no letter follows a word: 5 in "USDA 5" has no currency
            return f"(?:(?P<word>{letters})(?!{LETTER})\\.?|(?P<mark>{one}))"
        return f"(?:(?<!{LETTER})(?P<word>{letters})\\.?|(?P<mark>{one}))"

    return Tokens(listed, re.compile(either(place=-1) + r"\s*"), re.compile(r"\s*" + either(place=0) + r"\Z"))


def taken_from_start(written: str) -> tuple[tuple[str, ...] | None, str]:
    """The currencies of the token that a text begins with, and the rest of the text."""
    found = tokens().start.match(written)
    return (_currencies(found), written[found.end() :]) if found else (None, written)


def taken_from_end(written: str) -> tuple[tuple[str, ...] | None, str]:
    """The currencies of the token that a text ends with, and the rest of the text."""
    found = tokens().end.search(written)
    return (_currencies(found), written[: found.start()]) if found else (None, written)


def _currencies(found: re.Match[str]) -> tuple[str, ...]:
    token = found["word"] or found["mark"]
    known = tokens().currencies
    return known.get(token) or known.get(token.lower()) or ()
