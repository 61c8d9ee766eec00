"""What commands print: text for people, JSON for programs, errors on stderr."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

from pumphouse.errors import ProjectFaults, PumphouseError, QueryError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, recolours it or turns its text around."""


def visible(text: str) -> str:
    """The text with control characters spelled out: strangers' data must not steer a terminal."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def print_text(text: str) -> None:
    """Lines for a person."""
    print(visible(text))


def print_json(value: Any) -> None:  # plain values, dataclasses, times, paths
    """A value for a program, on one line."""
    import msgspec

    print(msgspec.json.encode(value, enc_hook=str).decode())


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Rows whose cells stand in columns; the last may be of any length."""
    for line in in_columns(rows):
        print_text(line)


def in_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, its cells in columns; the last may be of any length."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)] if rows else []
    padded = ([cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)] for row in rows)
    return ["  ".join([*cells, row[-1]]).rstrip() for cells, row in zip(padded, rows, strict=True)]


def print_note(text: str) -> None:
    """A line for a person beside what is printed, on stderr."""
    print(visible(text), file=sys.stderr)


def print_error(error: PumphouseError) -> None:
    """What went wrong, where, and how to mend, on stderr."""
    if isinstance(error, ProjectFaults):
        lines = [f"error: {error}"]
    else:
        lines = [f"error: {error.what}" + (f" ({error.place})" if error.place else "")]
        if isinstance(error, QueryError):
            lines = [f"error: {error.fault}", f"  {error.query}", f"  {_room(error.query[: error.position])}^"]
        if error.mend:
            lines += [f"  {line}" for line in error.mend.splitlines()]
    print(visible("\n".join(lines)), file=sys.stderr)


def _room(text: str) -> str:
    """As many spaces as the text is wide on a terminal."""
    from rich.cells import cell_len

    return " " * cell_len(visible(text))
