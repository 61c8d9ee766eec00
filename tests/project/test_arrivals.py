"""What arrives one by one: where it can't be kept its asset has failed, it stays in the state, and the run goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.project.conftest import Folder, failure, statuses

from pumphouse.errors import SchemaChange
from pumphouse.models.answers import stream_of
from pumphouse.models.predictions import Prediction, encode

SHOP = """
import pumphouse as ph

raw = ph.files("raw.csv", time={"event": "at", "known": "at"})


@ph.model(label="returned", features=["spend"])
def returns(train: ph.TrainingSet):
    raise ValueError("it never learns")


returns_live = ph.rollout("returns", outcome="returned")
badge = ph.experiment(
    unit="customer_id", arms={"control": 1, "badge": 1}, metrics={"spend": ph.mean("raw.n", within_days=1)}
)
"""
PROJECT = {
    "raw.csv": "customer_id,cid,at,n\n1,1,2024-01-01T10:00:00Z,5\n2,2,2024-01-02T10:00:00Z,7\n",
    "shop.py": SHOP,
    "copied.sql": "SELECT customer_id, n FROM raw",
    "spend.sql": """
        /* pumphouse
        kind = "feature"
        entity = "customer_id" */
        SELECT m.customer_id, m.as_of, coalesce(sum(r.n), 0) AS spend
        FROM moments m LEFT JOIN raw r ON r.customer_id = m.customer_id GROUP BY ALL
    """,
    "returned.sql": """
        /* pumphouse
        kind = "label"
        entity = "customer_id"
        matures = "1 days" */
        SELECT customer_id, TIMESTAMPTZ '2024-01-01' AS as_of, true AS returned FROM raw
    """,
}


@pytest.fixture
def shop(folder: Folder) -> Folder:
    folder.write(PROJECT)
    return folder


def answer(version: str) -> Prediction:
    return Prediction(
        id=f"of {version}", entity={"customer_id": 1}, as_of=datetime(2024, 1, 3, tzinfo=UTC), prediction=0.5,
        version=version, shadow_prediction=None, shadow_version=None, snapshot=1, features={"spend": 5.0},
        known_entity=True,
    )  # fmt: skip


def test_a_changed_unit_fails_its_experiment_alone_until_the_schema_is_accepted(shop: Folder) -> None:
    p = shop.open()
    p.expose("badge", 1)
    assert shop.run("badge", "copied").ok
    p.expose("badge", 2)
    shop.write({"shop.py": SHOP.replace('unit="customer_id"', 'unit="cid"'), "copied.sql": "SELECT n FROM raw"})
    report = shop.run("copied", accept_schema=True)
    assert statuses(report) == {"badge": "failed", "copied": "built"}
    assert type(report.failed[0].error) is SchemaChange
    assert failure(report, "badge").endswith("pumphouse run badge --accept-schema")
    log = shop.open().lake.state.run_builds(run=report.run)
    assert {record.asset: record.status for record in log} == statuses(report)

    assert statuses(shop.run("badge")) == {"badge": "failed"}  # it is not judged by half of what came
    assert statuses(shop.run("badge", accept_schema=True)) == {"badge": "built"}
    assert [row["cid"] for row in shop.open()["badge__exposures"].rows] == [None, "2"]
    assert shop.run("badge", "copied").ok


def test_answers_that_cannot_be_kept_stay_and_are_kept_when_they_can(shop: Folder) -> None:
    state = shop.open().lake.state
    state.append(stream_of("returns_live"), [("of returns@7", encode(answer("returns@7")))])
    report = shop.run("copied")
    assert statuses(report) == {"returns_live": "failed", "raw": "built", "copied": "built"}
    assert "model 'returns' has no version 7" in failure(report, "returns_live")
    assert state.events(stream_of("returns_live"))


def test_what_is_no_answer_at_all_is_told_as_a_failure_of_its_rollout(shop: Folder) -> None:
    state = shop.open().lake.state
    state.append(stream_of("returns_live"), [("1", "{}")])
    report = shop.run("copied")
    assert failure(report, "returns_live").startswith("'returns_live' failed: ValidationError")
    assert statuses(shop.run("copied")) == {"returns_live": "failed"}
    shop.write({"shop.py": SHOP.replace("returns_live =", "returns_now =")})
    assert shop.run("copied").results == ()
