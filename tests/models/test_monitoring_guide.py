"""Runs the examples of docs/guides/monitoring.md on the project of docs/guides/models.md."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime
from pathlib import Path

import anyio
import httpx
from tests.models.test_guide import write_project

import pumphouse as ph
from pumphouse.project.project import Project
from pumphouse.project.served import Served
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate
from pumphouse.server.access.policies import Policies
from pumphouse.server.app import app_of

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


def test_what_the_guide_shows_is_what_comes_out(tmp_path: Path) -> None:
    write_project(tmp_path, (GUIDES / "models.md").read_text(encoding="utf-8"))
    guide = (GUIDES / "monitoring.md").read_text(encoding="utf-8")
    with ph.open(tmp_path) as project:
        assert project.run(now=datetime(1997, 9, 1, 9, tzinfo=UTC)).ok
        examples = guide.replace("\n```", "\n\n```")
        test = doctest.DocTestParser().get_doctest(examples, {"p": project}, "monitoring.md", "monitoring.md", 0)
        assert len(test.examples) == 10
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False).failed == 0
        _its_pages_say_the_same(project, test.globs["answer"].id)


def _its_pages_say_the_same(project: Project, prediction_id: str) -> None:
    desk = Desk(project.lake, Policies(project.lake, project.graph.assets))
    gate = Gate(project.lake, owner="ada", token="token")
    app = app_of(Served(project), gate, desk, port=1, secure=False)
    headers = {"Authorization": "Bearer token", "Accept": "text/html"}

    async def ask(*addresses: str) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, headers=headers, base_url="http://here") as pages:
            return [await pages.get(address) for address in addresses]

    rollout, model, traced, nothing = anyio.run(
        ask, "/assets/returns_live", "/assets/returns", f"/trace/{prediction_id}", "/trace/nothing"
    )
    assert "Since 1 September 1997 returns@1 beats guessing" in rollout.text
    assert '<svg class="plot"' in rollout.text
    assert "How it does" in model.text
    assert (traced.status_code, "Its features, computed again, come out equal." in traced.text) == (200, True)
    assert nothing.status_code == 404
    reads = [one for one in project.lake.state.accesses() if one.detail == f"trace {prediction_id}"]
    assert ("ada", "page", "returns_live") in {(one.who, one.door, one.asset) for one in reads}
