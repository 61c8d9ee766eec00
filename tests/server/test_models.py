from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from tests.server.conftest import TOKEN, running

import pumphouse as ph
from pumphouse.models.mlflow import export_mlflow
from pumphouse.models.registry import live
from pumphouse.project.served import Served

FILES = {
    "pumphouse.toml": 'name = "club"\nlake = "lake/"\n',
    "gather.py": """
import pumphouse as ph

purchases = ph.files("purchases.csv", time={"event": "bought_at", "known": "bought_at"})
""",
    "spend.sql": """/* pumphouse
kind = "feature"
entity = "customer_id"
owner = "grace"
doc = "What was <spent> & when." */
SELECT m.customer_id, m.as_of, coalesce(sum(p.cents), 0) AS spend_cents FROM moments m
LEFT JOIN purchases p ON p.customer_id = m.customer_id GROUP BY ALL
""",
    "returned.sql": """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "4 weeks" */
SELECT DISTINCT customer_id, TIMESTAMPTZ '2026-02-01' AS as_of, customer_id % 2 = 0 AS returned FROM purchases
""",
    "learn.py": """
import pumphouse as ph
from sklearn.tree import DecisionTreeClassifier


@ph.model(label="returned", features=["spend"])
def returns(train: ph.TrainingSet, *, depth: int = 2):
    '''Chance that a customer <comes> back.'''
    return DecisionTreeClassifier(max_depth=depth).fit(train.X, train.y), {"rows_seen": len(train.y)}


@ph.model(label="returned", features=["spend"])
def never(train: ph.TrainingSet):
    numbers = train.X["nothing like it"]
    return numbers
""",
    "purchases.csv": "customer_id,bought_at,cents\n"
    + "\n".join(f"{n},2026-01-{1 + n % 28:02},{500 + 300 * (n % 2)}" for n in range(60)),
}


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("served") / "club"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    with ph.open(folder) as project:
        report = project.run(now=datetime(2026, 4, 1, 9, tzinfo=UTC))
        serving, thread = running(Served(project))
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/html"}
        with httpx.Client(base_url=serving.url, headers=headers, timeout=20) as owner:
            yield project, report, owner
        serving.stop()
        thread.join(20)


def test_a_model_has_a_card_with_all_that_it_was_made_from(club: Any) -> None:
    _, _, owner = club
    text = owner.get("/assets/returns").text
    for said in (
        "returns@1",
        "the chance of <span",
        "60 moments",
        "What was &lt;spent&gt; &amp; when.",
        "spend_cents",
        "rows_seen",
        "max_depth",
        "scikit-learn",
        "def returns(train: ph.TrainingSet, *, depth: int = 2):",
        'href="/models/returns/1/training.parquet"',
        '<span class="kind">live</span>',
        "<circle",
    ):
        assert said in text, said
    assert "<spent>" not in text
    assert "edited since" not in text


def test_the_rows_it_learned_from_can_be_had_and_that_is_on_record(club: Any, tmp_path: Path) -> None:
    project, _, owner = club
    answer = owner.get("/models/returns/1/training.parquet")
    assert answer.status_code == 200
    (tmp_path / "rows.parquet").write_bytes(answer.content)
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 60
    read = project.lake.state.accesses(asset="returns")
    assert (read[-1].door, read[-1].rows, read[-1].detail) == ("page", 60, "returns@1")
    assert owner.get("/models/returns/2/training.parquet").status_code == 404
    assert owner.get("/models/spend/1/training.parquet").status_code == 404


def test_a_model_without_a_version_has_a_page_all_the_same(club: Any) -> None:
    _, report, owner = club
    assert owner.get("/assets/never").status_code == 200
    failed = next(each for each in report.results if each.asset == "never")
    assert failed.error is not None
    assert "KeyError: 'nothing like it'" in str(failed.error)
    assert str(failed.error.place) == "learn.py:14"


def test_a_features_owner_stands_on_its_page(club: Any) -> None:
    _, _, owner = club
    assert "<dt>Owner</dt><dd>grace</dd>" in owner.get("/assets/spend").text
    assert owner.get("/assets/returned").text.count("<dt>Owner</dt>") == 0


def test_a_page_does_not_say_of_an_imported_version_what_it_learned_from(club: Any, tmp_path: Path) -> None:
    project, _, owner = club
    export_mlflow(project.lake, live(project.lake, "returns"), tmp_path / "mlflow")
    project.import_model("returns", tmp_path / "mlflow")
    assert "answers now; trained" in owner.get("/assets/returns").text
    project.promote("returns@2")
    text = owner.get("/assets/returns").text.partition("The same as text")[0]
    assert "answers now; imported" in text
    assert "On the training set as of now" in text
    assert "earned from" not in text
    project.roll_back("returns")


def test_people_hidden_since_close_the_training_rows(club: Any) -> None:
    project, _, owner = club
    project.hide("customer_id", 7, why="asked to be forgotten")
    assert owner.get("/models/returns/1/training.parquet").status_code == 410
    assert "were hidden since" in owner.get("/assets/returns").text
