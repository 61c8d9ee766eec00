"""Estimators that are the project's own code: trained in a worker, asked in another process."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import pumphouse as ph
from pumphouse.errors import BuildError

FILES = {
    "pumphouse.toml": 'name = "own"\nlake = "lake/"\n',
    "gather.py": """
import pumphouse as ph

purchases = ph.files("purchases.csv", time={"event": "bought_at", "known": "bought_at"})
""",
    "spend.sql": """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, coalesce(sum(p.cents), 0) AS spend_cents FROM moments m
LEFT JOIN purchases p ON p.customer_id = m.customer_id GROUP BY ALL
""",
    "returned.sql": """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "4 weeks" */
SELECT DISTINCT customer_id, TIMESTAMPTZ '2026-02-01' AS as_of, customer_id % 2 = 0 AS returned FROM purchases
""",
    "rules.py": """
from dataclasses import dataclass


@dataclass(frozen=True)
class Above:
    cents: float

    def __call__(self, frame):
        return (frame["spend_cents"] > self.cents).astype(float)
""",
    "learn.py": """
import time

import pumphouse as ph
from own_rules.rules import Above


@ph.model(label="returned", features=["spend"])
def returns(train: ph.TrainingSet):
    return Above(cents=float(train.X["spend_cents"].median()))


@ph.model(label="returned", features=["spend"], timeout_s=4)
def patient(train: ph.TrainingSet):
    time.sleep(600)


returns_live = ph.rollout("returns")
returns_scores = ph.scores("returns_live")
""",
    "purchases.csv": "customer_id,bought_at,cents\n"
    + "\n".join(f"{n},2026-01-{1 + n % 28:02},{500 + 300 * (n % 2)}" for n in range(60)),
}
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "own_rules"
    home.mkdir()
    for name, text in FILES.items():
        (home / name).write_text(text, encoding="utf-8")
    return home


def test_a_dataclass_of_the_project_answers_until_its_code_changes(folder: Path) -> None:
    with ph.open(folder) as project:
        results = {each.asset: each for each in project.run(now=NOW).results}
        assert "returns@1 learned from 60 moments" in results["returns"].note
        assert "took longer than 4 s" in str(results["patient"].error)
        assert project.predict("returns_live", {"customer_id": 7}).prediction == 1.0
        assert project.sql("SELECT count(*) AS n, sum(prediction) AS s FROM returns_scores").rows == [
            {"n": 60, "s": 30}
        ]
    rules = folder / "rules.py"
    rules.write_text(rules.read_text().replace("> self.cents", ">= self.cents"))
    with ph.open(folder) as project:
        with pytest.raises(BuildError, match=r"own_rules\.rules\.Above, whose code has changed since it was kept"):
            project.predict("returns_live", {"customer_id": 7})
        assert project.run("returns", now=NOW).ok
        project.promote("returns@2")
        assert project.predict("returns_live", {"customer_id": 8}).prediction == 0.0
