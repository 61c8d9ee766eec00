"""Small projects, written for one test each."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pumphouse.errors import Fault, ProjectFaults
from pumphouse.graph.assets import Graph, load

Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes files into the folder `shop` and returns it. Called again, it changes them."""

    def write(files: Mapping[str, str]) -> Path:
        folder = tmp_path / "shop"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def loaded(write: Write) -> Callable[[Mapping[str, str]], Graph]:
    """A function that writes files and loads the project."""
    return lambda files: load(write(files))


@pytest.fixture
def faults(write: Write) -> Callable[[Mapping[str, str]], tuple[Fault, ...]]:
    """A function that writes files and returns the faults of the project."""

    def faults(files: Mapping[str, str]) -> tuple[Fault, ...]:
        with pytest.raises(ProjectFaults) as raised:
            load(write(files))
        return raised.value.faults

    return faults
