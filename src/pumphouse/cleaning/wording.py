"""How a share of cells, and what a cell holds, are written for a person: on one line, with what can't be seen."""

from __future__ import annotations

from itertools import takewhile
from unicodedata import normalize

BEFORE_DIFFERENCE = 20
"""Letters that are shown before the first one that differs."""


def percent(share: float) -> str:
    """A share (0 to 1); what is little but there is not 0%."""
    return f"{100 * share:.0f}%" if share == 0 or share >= 0.01 else "under 1%"


def visible(cell: str, letters_max: int) -> str:
    """The cell, shortened; in quotes where white space or characters that can't be seen would hide what it is."""
    if cell.isprintable() and cell and cell == " ".join(cell.split()):
        return _short(cell, letters_max)
    return f"'{_short(_escaped(cell), letters_max)}'"


def visible_pair(before: str, after: str, letters_max: int) -> tuple[str, str]:
    """Both cells, each on one line, cut so that the first place where they differ is seen."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    start = same - BEFORE_DIFFERENCE
    if max(len(before), len(after)) > letters_max and start > 0:
        shown = [visible(cell[start:], letters_max - 1) for cell in (before, after)]
        return f"…{shown[0]}", f"…{shown[1]}"
    first, second = visible(before, letters_max), visible(after, letters_max)
    if before != after and normalize("NFC", first) == normalize("NFC", second):  # accents in two forms
        return _short(ascii(before), letters_max), _short(ascii(after), letters_max)
    return first, second


def _escaped(cell: str) -> str:
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cell)


def _short(shown: str, letters_max: int) -> str:
    return shown if len(shown) <= letters_max else f"{shown[: letters_max - 1]}…"
