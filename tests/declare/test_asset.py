"""What declarations say where they are written wrongly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pumphouse as ph
from pumphouse.errors import ProjectFaults, PumphouseError
from pumphouse.project.project import open_project


@pytest.mark.parametrize("decorator", [ph.table, ph.source, ph.model])
def test_a_decorator_without_brackets_says_what_to_write(decorator: Callable[..., Any]) -> None:
    with pytest.raises(PumphouseError, match=rf"@ph.{decorator.__name__} is written without brackets") as raised:

        @decorator
        def made() -> None: ...

    assert raised.value.mend == f"Write @ph.{decorator.__name__}(), what it takes in them."


def test_a_project_names_the_line_of_a_decorator_without_brackets(tmp_path: Path) -> None:
    (tmp_path / "pumphouse.toml").write_text("")
    (tmp_path / "made.py").write_text("import pumphouse as ph\n\n\n@ph.table\ndef made(): ...\n")
    with open_project(tmp_path) as project, pytest.raises(ProjectFaults) as raised:
        _ = project.graph
    (fault,) = raised.value.faults
    assert str(fault) == (
        "made.py:4: the module can't be imported: @ph.table is written without brackets\n"
        "    Write @ph.table(), what it takes in them."
    )
