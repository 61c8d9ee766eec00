"""What a stranger's exception says to a person: which line of the project, and what."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pumphouse.errors import BuildError, ConfigError, Place, PumphouseError


def explained(error: BaseException, *, asset: str, folder: Path, declared: Place | None = None) -> PumphouseError:
    """The exception as ours, at the innermost line of the project's own code where it came through there.

    What is wrong with the declaration of an asset is where that is `declared`, unless the error says better.
    """
    if isinstance(error, PumphouseError):
        if error.asset is None:
            error.asset = asset
        if isinstance(error, ConfigError) and error.asset == asset and error.place is None:
            error.place = declared
        return error
    text = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    notes = getattr(error, "__notes__", [])  # what the room that called the stranger's code knows of it
    mend = "The disk is full; free some space and run again." if full else notes[-1] if notes else None
    return BuildError(f"'{asset}' failed: {said}", asset=asset, place=place_of(error, folder), mend=mend)


@contextmanager
def naming_the_line(folder: Path) -> Iterator[None]:
    """Adds to Ctrl-C which line of the project's own code it stopped, as where a module never ends."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if place := place_of(stop, folder.resolve()):
            stop.add_note(f"in {place}, which runs when the project is loaded")
        raise


def place_of(error: BaseException, folder: Path) -> Place | None:
    """The innermost line of the project's own code that an exception came through."""
    place = None
    root = folder.absolute()
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.is_relative_to(root) and ".venv" not in file.parts:
            place = Place(file=str(file.relative_to(root)), line=frame.lineno or 1)
    return place
