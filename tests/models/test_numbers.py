"""A model of an amount, from the label to its page: what a chance can, a number can."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pumphouse as ph
from pumphouse.models.account import account
from pumphouse.models.card import card
from pumphouse.project.served import Served

FILES = {
    "pumphouse.toml": 'name = "club"\nlake = "lake/"\n',
    "gather.py": """
import pumphouse as ph

purchases = ph.files("purchases.csv", time={"event": "bought_at", "known": "bought_at"})
""",
    "spend.sql": """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, coalesce(sum(p.cents), 0) AS spend_cents FROM moments m
LEFT JOIN purchases p ON p.customer_id = m.customer_id AND p.bought_at > m.as_of - INTERVAL 31 DAY GROUP BY ALL
""",
    "spends.sql": """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "4 weeks" */
SELECT c.customer_id, a.as_of, coalesce(sum(p.cents), 0) / 100.0 AS spends
FROM (SELECT DISTINCT customer_id FROM purchases) c
CROSS JOIN (SELECT unnest([TIMESTAMPTZ '2026-02-01', TIMESTAMPTZ '2026-03-01', TIMESTAMPTZ '2026-05-01']) AS as_of) a
LEFT JOIN purchases p
  ON p.customer_id = c.customer_id AND p.bought_at >= a.as_of AND p.bought_at < a.as_of + INTERVAL 28 DAY
GROUP BY ALL
""",
    "learn.py": """
import pumphouse as ph
from sklearn.linear_model import LinearRegression


@ph.model(label="spends", features=["spend"])
def spending(train: ph.TrainingSet):
    '''US dollars that a customer spends in the next four weeks.'''
    return LinearRegression().fit(train.X, train.y)


spending_live = ph.rollout("spending", outcome="spends")
spending_scores = ph.scores("spending_live")
to_buyers = ph.deliver("spending_scores", to="folder:out/scores", format="csv")
""",
    # Each spends the same on the fifth of every month, the one with the higher number more.
    "purchases.csv": "customer_id,bought_at,cents\n"
    + "\n".join(f"{n},2026-{month:02}-05,{1000 + 100 * n}" for n in range(60) for month in range(1, 7)),
}


def test_a_number_is_learned_scored_delivered_answered_judged_and_shown(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with ph.open(tmp_path) as project:
        assert project.run(now=datetime(2026, 5, 1, 9, tzinfo=UTC)).ok
        scored = {row["customer_id"]: row["prediction"] for row in project["spending_scores"].rows}
        assert scored == pytest.approx({n: 10 + n for n in range(60)})
        (file,) = (tmp_path / "out" / "scores").glob("*.csv")
        with file.open(newline="", encoding="utf-8") as lines:
            assert {int(row["customer_id"]): float(row["prediction"]) for row in csv.DictReader(lines)} == scored

        given = {"features": {"spend_cents": 2_000}, "customer_id": 10}
        answered = project.predict("spending_live", given, reasons=1)
        assert answered.prediction == pytest.approx(20)
        assert answered.reasons[0].feature == "spend_cents"

        assert project.run("spends", now=datetime(2026, 7, 1, 9, tzinfo=UTC)).ok  # May has matured
        (judged,) = project.judge("spending_live").versions
        assert (judged.version, judged.quality.task, judged.quality.rows) == ("spending@1", "number", 60)
        assert judged.quality.beats_guess
        assert judged.quality.absolute_error == pytest.approx(0, abs=1e-9)
        told = account(project.performance("spending_live"))
        assert "spending@1 beats guessing" in told
        shown = card(project.lake, project.graph.assets, project.graph.assets["spending"])
        assert "says 'spends' for a customer_id, from spend_cents" in shown
        served = Served(project)
        assert served.result("spending_live").startswith("spending@1 answers for all since ")
        for name in ("spending_live", "spending"):  # beside it the page has the performance
            assert "judged by" not in served.result(name)
        for text in (told, shown):
            assert "came true" not in text
            assert "chance of" not in text
