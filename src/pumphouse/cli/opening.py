"""Opening the project that the command line named."""

from __future__ import annotations

from pumphouse.cli.call import Call
from pumphouse.project.config import read_config
from pumphouse.project.project import Project


def open_project(call: Call) -> Project:
    """The project; what is read of it is logged as read at the command line. Raises ConfigError where there is none."""
    return Project(read_config(call.folder, env=call.env), door="cli")
