"""Opening the project that the command line named."""

from __future__ import annotations

from pumphouse.cli.call import Call
from pumphouse.errors import UnknownName
from pumphouse.project.config import read_config
from pumphouse.project.project import Project


def open_project(call: Call) -> Project:
    """The project; what is read of it is logged as read at the command line. Raises ConfigError where there is none."""
    return Project(read_config(call.folder, env=call.env), door="cli")


def require_snapshot(project: Project, number: int) -> None:
    """Raise UnknownName for a snapshot that the lake does not have yet."""
    newest = project.lake.snapshot()
    if not 0 <= number <= newest:
        raise UnknownName(f"there is no snapshot {number}", mend=f"The newest is {newest}.")
