"""From one text to the number that is written there, exactly, or why it is none for sure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from pumphouse.cleaning.dates.formats import AROUND

LENGTH_MAX = 64
"""Characters of a number; longer text is none."""
MARKS = (".", ",")
SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ") | {ord("\u2019"): "'", ord("\u066c"): ","}
MINUS = "-\u2212\u2013"
POWERS = {"k": 3, "K": 3, "M": 6, "mn": 6, "mio": 6, "Mio": 6, "bn": 9, "B": 9, "Mrd": 9}
SUFFIXED = re.compile(r"(.*[0-9]) ?(k|K|M|mn|[mM]io\.?|bn|B|Mrd\.?)", re.DOTALL)
SCIENTIFIC = re.compile(r"([0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)[eE]([-+]?[0-9]{1,4})")
GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:([., '])[0-9]{3})(?:\1[0-9]{3})*")
LAKH = re.compile(r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}")
"""12,34,567: groups of two before the last one, as in India."""
DIGITS = re.compile("[0-9]+")


class Number(NamedTuple):
    """What a text says: its value, and the decimal mark that it can only have been written with, if so."""

    value: Decimal | None = None
    mark: str | None = None
    is_open: bool = False
    """Whether it is two numbers, one by each decimal mark."""
    reason: str | None = None


def read_number(written: str, *, decimal: str | None) -> Number:
    """The number. Without a decimal mark, one that two marks read differently has no value, and is open."""
    if len(written) > LENGTH_MAX:
        return Number(reason="too long for a number")
    bare = written.strip(AROUND).translate(SPACES)
    bare, decimal, reason = _latin_digits(bare, decimal)
    if reason:
        return Number(reason=reason)
    negative, body, is_signed = _sign(bare)
    shift = 0
    if body.endswith("%"):
        body, shift = body[:-1].rstrip(), -2
    elif suffixed := SUFFIXED.fullmatch(body):
        body, shift = suffixed[1], POWERS[suffixed[2].rstrip(".")]
    if not is_signed:
        return Number(reason="two signs")
    if scientific := SCIENTIFIC.fullmatch(body):
        if shift > 0:
            return Number(reason="an exponent and a multiple")
        body, shift = scientific[1], shift + int(scientific[2])
        mark = next((mark for mark in MARKS if mark in body), None)
        if mark and decimal and mark != decimal:
            return Number(reason=f"the decimal mark is {_told(decimal)}")
        digits = body.replace(",", ".")
        return Number(value=_shifted(digits, shift, negative=negative), mark=mark)
    return _grouped(body, shift, decimal=decimal, negative=negative)


def _grouped(body: str, shift: int, *, decimal: str | None, negative: bool) -> Number:
    readings = {mark: digits for mark in MARKS if (digits := _by_mark(body, mark)) is not None}
    if decimal is not None:
        if decimal in readings:
            if reason := _leading_zero(readings[decimal]):
                return Number(reason=reason)
            return Number(value=_shifted(readings[decimal], shift, negative=negative))
        return Number(reason=f"the decimal mark is {_told(decimal)}" if readings else _why_none(body))
    if not readings:
        return Number(reason=_why_none(body))
    digits = next(iter(readings.values()))
    if reason := _leading_zero(digits):
        return Number(reason=reason)
    if len(set(readings.values())) == 2:
        shown = " or ".join(_in_words(_shifted(digits, shift, negative=negative)) for digits in readings.values())
        return Number(is_open=True, reason=f"{shown}: no decimal mark is declared")
    mark = next(iter(readings)) if len(readings) == 1 else None
    return Number(value=_shifted(digits, shift, negative=negative), mark=mark)


def _by_mark(body: str, mark: str) -> str | None:
    """The digits with a point, where the body is a number with that decimal mark."""
    whole, found, fraction = body.partition(mark)
    if found and not DIGITS.fullmatch(fraction):
        return None
    if not whole:
        return f"0.{fraction}" if found else None
    if not DIGITS.fullmatch(whole):
        grouped = GROUPED.fullmatch(whole)
        if not (grouped and grouped[1] != mark) and not (mark == "." and LAKH.fullmatch(whole)):
            return None
        whole = re.sub("[^0-9]", "", whole)
    return f"{whole}.{fraction}" if found else whole


def _leading_zero(digits: str) -> str | None:
    whole = digits.partition(".")[0]
    return "a leading zero, as identifiers have" if len(whole) > 1 and whole.startswith("0") else None


def _latin_digits(bare: str, decimal: str | None) -> tuple[str, str | None, str | None]:
    """The text with digits of another script as 0 to 9, and its decimal mark where the script has its own."""
    if bare.isascii():
        return bare, decimal, None
    zeros = {ord(letter) - int(letter) for letter in bare if letter.isdecimal()}
    if len(zeros) > 1:
        return bare, decimal, "digits of two scripts"
    latin = "".join(str(int(letter)) if letter.isdecimal() else letter for letter in bare)
    if "\u066b" in latin:
        return latin.replace("\u066b", "."), ".", None
    return latin, decimal, None


def _sign(bare: str) -> tuple[bool, str, bool]:
    """(is negative, what is left, whether that is without another sign)."""
    negative, body, signs = False, bare, 0
    if body.startswith("(") and body.endswith(")"):
        negative, body, signs = True, body[1:-1].strip(), 1
    if body[:1] and body[0] in MINUS + "+":
        negative, body, signs = body[0] != "+", body[1:].lstrip(), signs + 1
    if body[-1:] and body[-1] in MINUS and DIGITS.search(body):
        negative, body, signs = True, body[:-1].rstrip(), signs + 1
    return negative, body, signs < 2


def _shifted(digits: str, shift: int, *, negative: bool) -> Decimal:
    """The number times ten to the power of `shift`, without the rounding that arithmetic would do."""
    _, numerals, exponent = Decimal(digits).as_tuple()
    assert isinstance(exponent, int)
    value = Decimal((0, numerals, exponent + shift))
    return value.copy_negate() if negative and value else value


def _told(mark: str) -> str:
    return {".": "a point", ",": "a comma"}[mark]


def _in_words(value: Decimal) -> str:
    return f"{value:f}"


def _why_none(body: str) -> str:
    if not DIGITS.search(body):
        return "not a number"
    if body.endswith("m"):
        return "m may be a million, a thousand or a metre"
    if any(letter.isalpha() for letter in body):
        return "letters beside the number"
    return "not a number as people write it"
