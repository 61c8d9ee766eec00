"""Numbers of bank accounts (IBAN) in a text: only those whose check digits are right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pumphouse.cleaning.sensitive.spans import Span, named

START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ \u00a0-]?[A-Za-z0-9])")
PART = re.compile(r"[ \u00a0-]?([A-Za-z0-9])")
LENGTH_MIN, LENGTH_MAX = 15, 34


def ibans(text: str) -> Iterator[Span]:
    """Each IBAN, with or without spaces."""
    for start in START.finditer(text):
        end = _end(text, start)
        if end:
            yield named(start.start(), end, "iban")


def _end(text: str, start: re.Match[str]) -> int:
    """Where the longest IBAN from there ends; 0 where there is none."""
    digits, place, end = start[0].upper(), start.end(), 0
    while len(digits) < LENGTH_MAX and (part := PART.match(text, place)):
        digits, place = digits + part[1].upper(), part.end()
        is_word = place < len(text) and text[place].isalnum()
        if len(digits) >= LENGTH_MIN and not is_word and _checks(digits):
            end = place
    return end


def _checks(digits: str) -> bool:
    turned = digits[4:] + digits[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97 == 1
