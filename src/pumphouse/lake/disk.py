"""What has to be there after a loss of power: a file's bytes, and the names in a folder, are two things to wait for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO

FREE_BYTES_MIN = 128 * 1024
"""With less than this SQLite can't open a database beside which others read and write, not even to read it."""


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


def is_full(folder: Path) -> bool:
    """Whether the disk that a folder is on has no room left to work in; not where there is no such folder."""
    try:
        return shutil.disk_usage(folder).free < FREE_BYTES_MIN
    except OSError:
        return False
