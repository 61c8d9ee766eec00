"""Runs the examples of docs/guides/monitoring.md on the project of docs/guides/models.md."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime
from pathlib import Path

from tests.models.test_guide import write_project

import pumphouse as ph

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


def test_what_the_guide_shows_is_what_comes_out(tmp_path: Path) -> None:
    write_project(tmp_path, (GUIDES / "models.md").read_text(encoding="utf-8"))
    guide = (GUIDES / "monitoring.md").read_text(encoding="utf-8")
    with ph.open(tmp_path) as project:
        assert project.run(now=datetime(1997, 9, 1, 9, tzinfo=UTC)).ok
        examples = guide.replace("\n```", "\n\n```")
        test = doctest.DocTestParser().get_doctest(examples, {"p": project}, "monitoring.md", "monitoring.md", 0)
        assert len(test.examples) == 10
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
