"""Runs the examples of docs/guides/rollouts.md, on the project of docs/guides/models.md with other models."""

from __future__ import annotations

import doctest
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.models.test_guide import write_project

import pumphouse as ph
from pumphouse.errors import PromotionRefused
from pumphouse.features.values import World
from pumphouse.models.admission import refuse_unfit
from pumphouse.models.registry import version
from pumphouse.project.results import result_text

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


@pytest.mark.timeout(600)
def test_what_the_guide_shows_is_what_comes_out(tmp_path: Path) -> None:
    guide = (GUIDES / "rollouts.md").read_text(encoding="utf-8")
    write_project(tmp_path, (GUIDES / "models.md").read_text(encoding="utf-8") + guide)
    refusal, told = re.findall(r"```text\n(.*?)```", guide, re.DOTALL)
    with ph.open(tmp_path) as project:
        examples = guide.replace("\n```", "\n\n```")
        test = doctest.DocTestParser().get_doctest(examples, {"p": project}, "rollouts.md", "rollouts.md", 0)
        assert len(test.examples) == 11
        assert doctest.DocTestRunner().run(test).failed == 0

        world = World(engine=project.lake.engine.fork(), scan=project.lake.scan, assets=project.graph.assets)
        chosen = replace(version(project.lake, "returns", 2), request={"basket_usd": "DOUBLE"})
        with pytest.raises(PromotionRefused) as refused:
            refuse_unfit(project.lake, world, chosen)
        assert str(refused.value) == refusal.strip()
    with ph.open(tmp_path) as project:
        rollout = project.graph.assets["returns_live"]
        text = result_text(project.lake, project.graph.assets, rollout, folder=tmp_path)
        for line in told.splitlines():
            assert line in text, text
        assert project.lake.state.runs(limit=1)[0].actor == "guardrail"
        assert project.run(now=datetime(1997, 10, 1, 9, tzinfo=UTC)).ok
        after = result_text(project.lake, project.graph.assets, rollout, folder=tmp_path)
        assert after.splitlines()[0] == text.splitlines()[0]
