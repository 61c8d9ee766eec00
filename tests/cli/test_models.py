from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pumphouse.project.project import open_project

LEARN = """
import pumphouse as ph
from sklearn.linear_model import LogisticRegression


@ph.model(label="returned", features=["spend"])
def returns(train: ph.TrainingSet):
    \"\"\"Chance that a customer buys again within 8 weeks.\"\"\"
    return LogisticRegression().fit(train.X, train.y)
"""
GATHER = """
import pumphouse as ph

bought = ph.files("data/bought.csv", time={"event": "at", "known": "at"})
"""
SPEND = """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, coalesce(sum(b.cents), 0) AS spend
FROM moments m LEFT JOIN bought b ON b.customer_id = m.customer_id
GROUP BY ALL
"""
RETURNED = """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "8 weeks" */
SELECT c.customer_id, TIMESTAMPTZ '2024-03-01' AS as_of, count(b.cents) > 0 AS returned
FROM (SELECT DISTINCT customer_id FROM bought) c
LEFT JOIN bought b
  ON b.customer_id = c.customer_id AND b.at >= TIMESTAMPTZ '2024-03-01' AND b.at < TIMESTAMPTZ '2024-04-26'
GROUP BY ALL
"""


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned")
    rows = ["customer_id,at,cents"]
    for customer in range(1, 41):
        rows.append(f"{customer},2024-01-{customer % 28 + 1:02}T10:00:00Z,{customer * 100}")
        if customer % 3:
            rows.append(f"{customer},2024-03-{customer % 28 + 1:02}T10:00:00Z,500")
    for name, text in {
        "pumphouse.toml": "",
        "data/bought.csv": "\n".join(rows) + "\n",
        "gather.py": GATHER,
        "learn.py": LEARN,
        "spend.sql": SPEND,
        "returned.sql": RETURNED,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_model_is_shown_and_a_version_of_it_promoted(pumphouse: Any, learned: Path) -> None:
    untrained = pumphouse("model", "promote", "returns@1", cwd=learned)
    assert untrained.code == 2
    assert "pumphouse run returns" in untrained.err
    with open_project(learned) as project:
        assert project.run("returns").ok
        assert project.run("returns").ok
    shown = pumphouse("model", "show", "returns", cwd=learned)
    assert shown.code == 0
    assert "Chance that a customer buys again within 8 weeks." in shown.out
    assert re.search(r"^  returns@1 .* live$", shown.out, re.MULTILINE)
    model = pumphouse("model", "show", "returns", "--json", cwd=learned).json
    assert (model["live"], [version["number"] for version in model["versions"]]) == (1, [1, 2])
    done = pumphouse("model", "promote", "returns@2", cwd=learned)
    assert done.code == 0
    assert re.fullmatch(r"returns@2 answers from snapshot \d+ on; before it was returns@1\.\n", done.out)
    assert pumphouse("model", "show", "returns", "--json", cwd=learned).json["live"] == 2
    missing = pumphouse("model", "promote", "returns@9", cwd=learned)
    assert (missing.code, "has no version 9" in missing.err) == (2, True)

    tried = pumphouse("model", "promote", "returns@1", "--share", "0.1", cwd=learned)
    assert re.match(r"returns@1 answers for 10% of the entities from snapshot \d+ on, returns@2 for the", tried.out)
    ended = pumphouse("model", "rollback", "returns", cwd=learned)
    assert re.match(r"returns@1 is no longer a canary: returns@2 answers for all from snapshot \d+ on", ended.out)
    back = pumphouse("model", "rollback", "returns", "--json", cwd=learned).json
    assert (back["taken_back"], back["was"], back["live"]) == ("returns@2", "live", "returns@1")
    assert "no version of 'returns' was live before" in pumphouse("model", "rollback", "returns", cwd=learned).err


def test_two_versions_are_compared(pumphouse: Any, learned: Path) -> None:
    for _ in range(2):
        assert pumphouse("run", "returns", cwd=learned).code == 0
    told = pumphouse("model", "diff", "returns@1", "returns@2", cwd=learned)
    assert told.out.startswith("returns@1 -> returns@2\n  the same estimator, byte for byte\n"), told.err
    found = pumphouse("model", "diff", "returns@1", "returns@2", "--json", cwd=learned).json
    assert (found["same_rows"], found["said"]["mean_absolute_difference"]) == (True, 0.0)
    missing = pumphouse("model", "diff", "returns@1", "returns@9", cwd=learned)
    assert "no version 9" in missing.err
    assert "there is no model 'spend'" in pumphouse("model", "diff", "returns@1", "spend@1", cwd=learned).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "retruns"], "Did you mean 'returns'?"),
        (["show", "spend"], "'spend' is no model\n  There is returns."),
        (["promote", "returns"], "returns@7"),
    ],
)
def test_what_is_no_model_or_version_is_refused(pumphouse: Any, learned: Path, arguments: list[str], said: str) -> None:
    done = pumphouse("model", *arguments, cwd=learned)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_show_says_which_versions_there_are_and_who_answers(pumphouse: Any, learned: Path) -> None:
    with (learned / "learn.py").open("a") as file:
        file.write('\n\nreturns_live = ph.rollout("returns", outcome="returned")\n')
    shown = pumphouse("show", "returns_live", cwd=learned)
    assert shown.code == 0
    assert "fresh" not in shown.out
    result = shown.out[shown.out.index("result\n") :].splitlines()
    assert re.fullmatch(r"  returns@\d answers for all since .* UTC", result[1])
    assert result[2].startswith("  returns_live, judged by 'returned' at snapshot ")
    assert "Versions" in pumphouse("show", "returns", cwd=learned).out


def test_a_version_goes_out_to_mlflow_and_comes_back(pumphouse: Any, learned: Path, tmp_path: Path) -> None:
    assert pumphouse("run", "returns", cwd=learned).code == 0
    told = pumphouse("model", "export", "returns@1", "--to", str(tmp_path / "out"), cwd=learned)
    assert "the same to the bit on all 40 rows it learned from" in told.out, told.err
    back = pumphouse("model", "import", "returns", str(tmp_path / "out"), cwd=learned)
    assert "imported from MLflow, kept as skops" in back.out, back.err
    assert "the same estimator, byte for byte" in back.out
    onnx = pumphouse("model", "export", "returns@1", "--format", "onnx", "--to", str(tmp_path / "on"), cwd=learned)
    assert "64-bit tensors; the same to the bit on all 40 rows" in onnx.out, onnx.err
    assert [file.name for file in (tmp_path / "on").iterdir()] == ["returns_1.onnx"]
