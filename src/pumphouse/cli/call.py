"""What the command line says to every command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

PROJECT_FILE = "pumphouse.toml"


@Parameter(parse=False)
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Which project a command is about, and in which of its environments."""

    folder: Path
    env: str | None = None
    debug: bool = False
    """Whether the traceback of an error is wanted."""


def nearest_project(start: Path) -> Path:
    """The nearest folder upward of `start` that is a project, or `start` where there is none."""
    start = start.absolute()
    return next((folder for folder in (start, *start.parents) if (folder / PROJECT_FILE).is_file()), start)
