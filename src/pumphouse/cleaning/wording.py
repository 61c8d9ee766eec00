"""How a share of cells, and what a cell holds, are written for a person."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share (0 to 1); what is little but there is not 0%."""
    return f"{100 * share:.0f}%" if share == 0 or share >= 0.01 else "under 1%"


def short(cell: str, *, letters_max: int) -> str:
    """The text of a cell on one line, of at most so many letters."""
    line = " ".join(cell.split())
    return line if len(line) <= letters_max else f"{line[: letters_max - 1]}…"
