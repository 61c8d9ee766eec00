"""A project in a folder of the test's own: its files are written, changed and opened again, as a person would."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pumphouse.lake.lake import Lake, Location
from pumphouse.project.project import Project, open_project
from pumphouse.project.running import Report

CONFIG = "[engine]\nthreads = 1\n"


class Folder:
    """A project's folder. Each `open` reads its files anew; a lake stays open, since opening one takes longest."""

    def __init__(self, path: Path, *, config: str | None = CONFIG) -> None:
        self.path = path
        self._lakes: dict[tuple[Location, tuple[Location, ...]], Lake] = {}
        if config is not None:
            self.write({"pumphouse.toml": config})

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")

    def open(self, *, env: str | None = None) -> Project:
        project = open_project(self.path, env=env)
        place = (project.config.lake, project.config.inputs_from)
        if place not in self._lakes:
            self._lakes[place] = project.lake
        project.lake = self._lakes[place]
        return project

    def run(self, *targets: str, env: str | None = None, **options: Any) -> Report:
        """A run of the folder as it is now."""
        return self.open(env=env).run(*targets, **options)

    def close(self) -> None:
        for lake in self._lakes.values():
            lake.close()
        self._lakes.clear()


def statuses(report: Report) -> dict[str, str]:
    """What became of each asset."""
    return {result.asset: result.status for result in report.results}


def failure(report: Report, asset: str) -> str:
    """What is said of an asset that failed."""
    (result,) = [result for result in report.results if result.asset == asset]
    assert result.status == "failed", result
    return str(result.error)


def copy_of(built: Path, folder: Folder) -> Folder:
    """The folder as a copy of one that was built elsewhere, lake and all: quicker than building it again."""
    shutil.copytree(built, folder.path, dirs_exist_ok=True)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "shop")
    yield folder
    folder.close()
