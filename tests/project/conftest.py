"""A project in a folder of the test's own: its files are written, changed and opened again, as a person would."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pumphouse.project.project import Project, open_project
from pumphouse.project.running import Report

CONFIG = '[engine]\nthreads = 1\nmemory = "500MB"\n'


class Folder:
    """A project's folder. Every `open` reads it anew, as a new process does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: list[Project] = []
        self.write({"pumphouse.toml": CONFIG})

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")

    def open(self, *, env: str | None = None) -> Project:
        project = open_project(self.path, env=env)
        self._opened.append(project)
        return project

    def run(self, *targets: str, env: str | None = None, **options: Any) -> Report:
        """A run of the folder as it is now, on a lake that is open for it alone."""
        with self.open(env=env) as project:
            return project.run(*targets, **options)

    def close(self) -> None:
        for project in self._opened:
            project.close()


def statuses(report: Report) -> dict[str, str]:
    """What became of each asset."""
    return {result.asset: result.status for result in report.results}


def failure(report: Report, asset: str) -> str:
    """What is said of an asset that failed."""
    (result,) = [result for result in report.results if result.asset == asset]
    assert result.status == "failed", result
    return str(result.error)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "shop")
    yield folder
    folder.close()
