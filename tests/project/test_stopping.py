"""Guardrails on a whole project: a challenger that breaks is stopped for good, told of, and nobody misses an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pumphouse.errors import LakeBusy
from pumphouse.lake.commit import Commit
from pumphouse.models.rollouts import Stop, arms, stops_of
from pumphouse.project import stopping
from pumphouse.project.project import Project, open_project
from pumphouse.project.stopping import make_it_so

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
FILES = {
    "pumphouse.toml": 'name = "club"\n[failures]\ncommand = "cat >> told"\n',
    "gather.py": 'import pumphouse as ph\n\nbought = ph.files("bought.csv", time={"event": "at", "known": "at"})\n',
    "latest.sql": """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, max(b.cents) AS most
FROM moments m LEFT JOIN bought b ON b.customer_id = m.customer_id
GROUP BY ALL
""",
    "returned.sql": """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "8 weeks" */
SELECT c.customer_id, TIMESTAMPTZ '2024-03-01' AS as_of, count(b.cents) > 0 AS returned
FROM (SELECT DISTINCT customer_id FROM bought) c
LEFT JOIN bought b
  ON b.customer_id = c.customer_id AND b.at >= TIMESTAMPTZ '2024-03-01' AND b.at < TIMESTAMPTZ '2024-04-26'
GROUP BY ALL
""",
    "learn.py": """
import pumphouse as ph
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline


@ph.model(label="returned", features=["latest"])
def returns(train: ph.TrainingSet):
    return make_pipeline(SimpleImputer(), LogisticRegression()).fit(train.X, train.y)


@ph.model(label="returned", features=["latest"])
def returns_fragile(train: ph.TrainingSet):
    \"\"\"Takes no null, so that it fails for everybody whom nobody knows.\"\"\"
    return LogisticRegression().fit(train.X, train.y)


returns_live = ph.rollout(
    "returns",
    challenger=ph.challenger("returns_fragile", share=0.5),
    guardrails=ph.guardrails(errors=0.05),
)
""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("club")
    rows = ["customer_id,at,cents"]
    for customer in range(1, 41):
        rows.append(f"{customer},2024-01-{customer % 28 + 1:02}T10:00:00Z,{customer * 100}")
        if customer % 3:
            rows.append(f"{customer},2024-03-{customer % 28 + 1:02}T10:00:00Z,500")
    for name, text in {**FILES, "bought.csv": "\n".join(rows) + "\n"}.items():
        (place / name).write_text(text)
    with open_project(place) as project:
        assert project.run(now=NOW).ok
    return place


def strangers(project: Project, start: int, *, count: int) -> list[tuple[str, str, str | None]]:
    """Who answered for people whom nobody knows, ten at a time."""
    found = []
    for first in range(start, start + count, 10):
        asked = [{"customer_id": number} for number in range(first, first + 10)]
        found += project.predictor("returns_live").predict_many(asked, now=NOW)
    return [(each.role, each.version, each.fallback) for each in found]


def test_a_challenger_that_fails_is_stopped_for_good_and_nobody_misses_an_answer(folder: Path) -> None:
    with open_project(folder) as project:
        answers = strangers(project, 1_000, count=300)
    broken = ("challenger", "returns@1", "error")
    assert set(answers) == {("live", "returns@1", None), broken}
    assert 100 <= answers.count(broken) < 120
    assert broken not in answers[-20:]

    told = (folder / "told").read_text()
    assert told.startswith(
        "club: returns_fragile@1, challenger of returns_live, was stopped\n\n- 100.0% of its requests"
    )
    assert "Try it again: pumphouse model promote returns_fragile@1" in told
    with open_project(folder) as project:
        (stop,) = arms(project.lake, project.graph.assets["returns_live"]).stopped
        newest = project.lake.state.runs(limit=1)[0]
        assert (newest.actor, newest.command, newest.status) == ("guardrail", "model stop returns_fragile@1", "done")
        assert set(strangers(project, 2_000, count=20)) == {("live", "returns@1", None)}

        make_it_so(stop, lake=project.lake, config=project.config, rollout=project.graph.assets["returns_live"])
        assert len(stops_of(project.lake, "returns_live")) == 1
        assert (folder / "told").read_text() == told

        project.promote("returns_fragile@1")
    with open_project(folder) as project:
        assert broken in strangers(project, 3_000, count=20)


def test_a_stop_that_can_not_be_committed_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "STOP_WAIT_S", 0.0)
    publish, tries = Commit.publish, []

    def busy_once(commit: Commit) -> object:
        tries.append(commit)
        if len(tries) == 1:
            raise LakeBusy("somebody else keeps writing")
        return publish(commit)

    with open_project(folder) as project:
        monkeypatch.setattr(Commit, "publish", busy_once)
        stop = Stop(
            rollout="returns_live", role="canary", version="returns@1", pin="a pin", guardrail="errors", bound=0.01,
            seen=1.0, sure=0.9, requests=100, at=NOW,
        )  # fmt: skip
        make_it_so(stop, lake=project.lake, config=project.config, rollout=project.graph.assets["returns_live"])
        assert stop in stops_of(project.lake, "returns_live")
    assert len(tries) == 2
