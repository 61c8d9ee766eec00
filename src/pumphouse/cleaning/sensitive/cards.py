"""Numbers of credit cards in a text: by prefix, length, how the digits are grouped, and the Luhn check digit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pumphouse.cleaning.sensitive.ibans import ibans
from pumphouse.cleaning.sensitive.spans import Span

SHOWN = 4
"""Digits of a card that may be seen, as PCI DSS has it."""
# Digits with one space, point or hyphen between groups, not in a longer word or behind a plus.
RUN = re.compile(r"(?<![A-Za-z0-9_+])[0-9]+(?:[ .\u00a0\u2010-\u2013-][0-9]+)*(?![A-Za-z0-9_])")
GROUP = re.compile(r"[0-9]+")
PREFIXES = (
    # first number, last number, lengths. Visa of 13 digits is no longer issued, and looks like a telephone number.
    (4, 4, (16, 18, 19)),  # Visa
    (51, 55, (16,)),  # Mastercard
    (2221, 2720, (16,)),
    (34, 34, (15,)),  # American Express
    (37, 37, (15,)),
    (300, 305, (14, 16)),  # Diners
    (36, 36, (14, 16)),
    (38, 39, (14, 16)),
    (3528, 3589, (16, 19)),  # JCB
    (6011, 6011, (16, 19)),  # Discover
    (644, 659, (16, 19)),
    (62, 62, (16, 17, 18, 19)),  # UnionPay
    (81, 82, (16,)),  # RuPay, UnionPay
    (2200, 2204, (16, 17, 18, 19)),  # Mir
    (50, 50, (16, 18, 19)),  # Maestro, whose shorter numbers look like telephone numbers
    (56, 58, (16, 18, 19)),
    (60, 61, (16, 18, 19)),
    (63, 63, (16, 18, 19)),
    (66, 69, (16, 18, 19)),
    (9792, 9792, (16,)),  # Troy
)
GROUPINGS = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 1), (4, 4, 4, 4, 2), (4, 4, 4, 4, 3), (6, 13)})
GROUPS_MAX = 5
DECIMALS = re.compile("[0-9][.,]$")
"""What stands before digits that are a part of one."""


def cards(text: str) -> Iterator[Span]:
    """Each number of a card, and how it may be seen: stars, and the last four digits."""
    found = None
    for run in RUN.finditer(text):
        groups = [group.span() for group in GROUP.finditer(text, *run.span())]
        if groups[-1][1] - groups[0][0] < 14:
            continue
        if found is None:
            found = [(span.start, span.end) for span in ibans(text)]
        place = 0
        while place < len(groups):
            taken = _card_at(text, groups[place : place + GROUPS_MAX])
            if not taken:
                place += 1
                continue
            start, end = groups[place][0], groups[place + taken - 1][1]
            place += taken
            if not any(start < last and first < end for first, last in found):
                yield Span(start=start, end=end, kind="card", shown=_starred(text[start:end]))


def _card_at(text: str, groups: list[tuple[int, int]]) -> int:
    """How many of these groups, from the first, are a card; the most that are. 0 for none."""
    for count in range(len(groups), 0, -1):
        sizes = tuple(end - start for start, end in groups[:count])
        if sizes in GROUPINGS or (count == 1 and not DECIMALS.search(text[: groups[0][0]][-2:])):
            digits = "".join(text[start:end] for start, end in groups[:count])
            if is_card(digits):
                return count
    return 0


def is_card(digits: str) -> bool:
    """Whether ASCII digits are the number of a card."""
    if not 14 <= len(digits) <= 19:
        return False
    has_prefix = any(
        first <= int(digits[: len(str(first))]) <= last and len(digits) in lengths for first, last, lengths in PREFIXES
    )
    return has_prefix and _luhn(digits) and len(set(digits)) > 1


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(doubled)) % 10 == 0


def _starred(written: str) -> str:
    hidden = sum(one.isdigit() for one in written) - SHOWN
    shown = []
    for one in written:
        is_hidden = one.isdigit() and hidden > 0
        hidden -= is_hidden
        shown.append("*" if is_hidden else one)
    return "".join(shown)
