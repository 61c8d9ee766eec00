"""What has to be there after a loss of power: a file's bytes, and the names in a folder, are two things to wait for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def to_disk(file: IO[bytes]) -> None:
    """Have what was written to a file on disk. Its name is there only after `folder_to_disk`."""
    file.flush()
    os.fsync(file.fileno())


def folder_to_disk(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
