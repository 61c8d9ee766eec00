"""What tables there are, and what their columns mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, its Arrow type as text, and what it means where somebody said so."""

    name: str
    type: str
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A table that can be read: what a row of it is, the columns by which a row is known, and all columns."""

    name: str
    doc: str = ""
    key: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
