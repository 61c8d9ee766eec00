"""The line or row with the names of a table's columns: where it stands, and what the columns are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pumphouse.sources.files.texts import StoredFile, Told
from pumphouse.sources.rows import refuse_names

ROWS_ABOVE_MAX = 30
"""Titles and notes may stand above a header in so many rows."""


def starts_at(rows: Sequence[Sequence[Any]], *, empty: str) -> int:
    """The place of the header among the first rows: the first that has at least half of the cells that most have.

    What stands above, in fewer cells, is a title or a note.
    """
    filled = [sum(cell != empty for cell in row) for row in rows]
    usual = max(Counter(number for number in filled if number).items(), key=lambda one: (one[1], one[0]))[0]
    for place, number in enumerate(filled[: ROWS_ABOVE_MAX + 1]):
        if number * 2 > usual:
            return place
    return next(place for place, number in enumerate(filled) if number)


def named(file: StoredFile, cells: Sequence[str], told: Told) -> list[str]:
    """The names of columns. One that is empty is `column_3`; one that comes again, or differs in case only, `id_2`."""
    names: list[str] = []
    taken = {cell.strip().lower() for cell in cells}
    used: set[str] = set()
    for place, cell in enumerate(cells, 1):
        # A column without a name is often a row number that was saved along.
        name = cell.strip() or f"column_{place}"
        if name.lower() in used:
            number = 2
            while f"{name}_{number}".lower() in taken | used:
                number += 1
            told.add(file.name, f"column {place} is called '{name}', as one before it, and becomes '{name}_{number}'")
            name = f"{name}_{number}"
        used.add(name.lower())
        names.append(name)
    refuse_names(names, asset=file.asset)
    return names
