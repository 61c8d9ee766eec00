"""Indexes that stay open for the next search, a few of each lake, as long as their files are what they were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.indexes.segments import open_whole
from pumphouse.lake.lake import Lake

if TYPE_CHECKING:
    import tantivy


class Opened:
    """The index in a sealed folder, of whose rows so many were read beside the states."""

    def __init__(self, folder: Path, *, scanned: int) -> None:
        """Open it. Raises OSError or ValueError where something of it is missing."""
        self.scanned = scanned
        self.index: tantivy.Index = open_whole(folder)
        self._files = [(file, _state(file)) for file in folder.iterdir() if not file.name.startswith(".")]

    def is_whole(self) -> bool:
        """Whether no file has gone or changed. What is in memory of one that has gone is there still."""
        try:
            return all(_state(file) == state for file, state in self._files)
        except OSError:
            return False


def opened(lake: Lake, folder: Path, *, scanned: int = 0) -> Opened:
    """The index in a sealed folder. Raises OSError or ValueError where something of it is missing."""
    known = still_open(lake, folder)
    if known is None:
        known = Opened(folder, scanned=scanned)
        lake.opened.put(folder, known)
    return known


def still_open(lake: Lake, folder: Path) -> Opened | None:
    """The index that was opened before, if it is as it was.

    Those whose folder has gone are let go of: as long as they are open their files are on the disk.
    """
    for one in lake.opened:
        if not one.exists():
            lake.opened.drop(one)
    known: Opened | None = lake.opened.get(folder)
    return known if known is not None and known.is_whole() else None


def _state(file: Path) -> tuple[int, int, int]:
    about = file.stat()
    return about.st_size, about.st_mtime_ns, about.st_ino
