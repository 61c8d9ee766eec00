"""What the catalogue does not answer, with the SQLSTATE that clients know it by."""

from __future__ import annotations

from collections.abc import Iterable

from pumphouse.errors import did_you_mean
from pumphouse.server.postgres.sqlstate import Refused

SHOWN_MAX = 80
"""Characters of a statement that a message shows."""


def unsupported(what: str, *, hint: str | None = None) -> Refused:
    """Part of a statement that is not known to mean the same here."""
    return Refused(f"{what[:SHOWN_MAX]} can't be asked of the catalogue", state="0A000", hint=hint)


def no_relation(name: str, known: Iterable[str] = ()) -> Refused:
    """A table that is not there, or not for whoever asks."""
    return Refused(f'relation "{name}" does not exist', state="42P01", hint=did_you_mean(name, known) or None)


def no_type(name: str) -> Refused:
    """A type that is not there."""
    return Refused(f'type "{name}" does not exist', state="42704")


def no_function(name: str) -> Refused:
    """A function that is not there."""
    return Refused(f"function {name} does not exist", state="42883")
