"""A real project behind the server: what is read from its online store, and what is asked of the lake."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.conftest import TOKEN, running

import pumphouse as ph
from pumphouse.models.online import Predictor
from pumphouse.models.waiting import Call
from pumphouse.project.served import Served

FILES = {
    "pumphouse.toml": 'name = "shop"\nlake = "lake/"\n',
    "gather.py": """import pumphouse as ph

purchases = ph.files("purchases.csv", time={"event": "at", "known": "at"})
""",
    "spend.sql": """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, sum(p.amount) / 7 AS spend, count(p.amount) AS purchases
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id AND p.at > m.as_of - INTERVAL 9000 DAY
GROUP BY ALL
""",
    "returned.sql": """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "30 days" */
SELECT DISTINCT customer_id, TIMESTAMPTZ '2026-03-01' AS as_of, customer_id % 3 = 0 AS returned FROM purchases
""",
    "learn.py": '''import pumphouse as ph
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline


@ph.model(label="returned", features=["spend"])
def returns(train: ph.TrainingSet):
    """Chance (0..1) of a return."""
    return make_pipeline(SimpleImputer(), LogisticRegression()).fit(train.X, train.y)


returns_live = ph.rollout("returns")
customers_online = ph.online(["spend"])
''',
}
KNOWN = range(1, 61)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("online") / "shop"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    lines = [f"{n},2026-{month:02}-{1 + n % 28:02},{n * month % 97}.37" for n in KNOWN for month in (1, 2)]
    (folder / "purchases.csv").write_text("\n".join(["customer_id,at,amount", *lines]) + "\n")
    with ph.open(folder) as project:
        report = project.run()
        assert report.ok, [one.note for one in report.failed]
        yield project


@pytest.fixture(scope="module")
def client(shop: Any) -> Iterator[httpx.Client]:
    serving, thread = running(Served(shop))  # type: ignore[arg-type]
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        yield client
    serving.stop()
    thread.join(20)


def test_the_store_says_what_the_lake_says_to_the_bit(shop: Any, client: httpx.Client) -> None:
    said = client.post("/predict/returns_live", json=[{"customer_id": n} for n in KNOWN]).json()
    assert {one["features_from"] for one in said} == {"online"}
    lake = Predictor(
        shop.lake,
        shop.lake.engine.fork(),
        assets=shop.graph.assets,
        rollout=shop.graph.assets["returns_live"],
    )
    (as_of,) = {one["features_as_of"] for one in said}
    asked = lake.predict_many([one["entity"] for one in said], now=datetime.fromisoformat(as_of))
    assert {one.features_from for one in asked} == {"lake"}
    assert [(one["features"], one["prediction"]) for one in said] == [(one.features, one.prediction) for one in asked]
    lake.close()


def test_who_is_not_in_the_store_is_asked_of_the_lake_beside_the_others(client: httpx.Client) -> None:
    said = client.post("/predict/returns_live", json=[{"customer_id": n} for n in (7, 9_999)]).json()
    assert [(one["features_from"], one["known_entity"]) for one in said] == [("online", True), ("lake", False)]


def test_who_is_in_the_store_is_answered_before_the_lake_is_asked_about_others(shop: Any) -> None:
    asking = shop.predictor("returns_live")
    asking.start()
    told: list[tuple[int, str]] = []

    def call(customer: int) -> Call:
        began = time.monotonic()
        return Call(
            rows=asking.form.rows({"customer_id": customer}),
            at=datetime.now(UTC),
            began=began,
            deadline=began + 30,
            who="ada",
            door="python",
            reasons=0,
            done=lambda outcome: told.append((customer, outcome[0].features_from)),  # type: ignore[index]
            end=lambda: None,
        )

    asking._answer([call(9_999), call(7), call(9_998), call(8)])
    assert told == [(7, "online"), (8, "online"), (9_999, "lake"), (9_998, "lake")]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["customer_id", "features", "spend", "prediction_id", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(asked=anything)
def test_whatever_is_sent_is_answered_or_refused_with_a_reason(client: httpx.Client, asked: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/predict/returns_live", content=json.dumps(asked), headers=headers)
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert set(answer.json()) == {"error", "mend"}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(body=st.binary(max_size=200), kind=st.sampled_from(["application/json", "text/plain", ""]))
def test_no_bytes_break_the_server(client: httpx.Client, body: bytes, kind: str) -> None:
    answer = client.post("/predict/returns_live", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (200, 400, 422)
    assert client.post("/predict/returns_live", json={"customer_id": 7}).status_code == 200
