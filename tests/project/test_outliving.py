"""What outlives its snapshot: a project that ran for a while, whose old snapshots left, and everything it once made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.project.conftest import Folder

from pumphouse.errors import SnapshotExpired
from pumphouse.experiments.statistics import welch
from pumphouse.features.frames import frame
from pumphouse.lake.expired import kept
from pumphouse.models.card import about
from pumphouse.models.diff import difference
from pumphouse.models.learned_from import training_rows
from pumphouse.models.predictions import loaded
from pumphouse.models.registry import version
from pumphouse.models.trace import trace_text
from pumphouse.project.pinned import pinned
from pumphouse.project.project import Project
from pumphouse.project.served import Served
from pumphouse.project.upkeep import keep_up
from pumphouse.server.serve import Serving, serve

FIRST = datetime(2024, 6, 1, 9, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=400)
FILES = {
    "shop.py": """
    import pumphouse as ph
    from pumphouse.checks import steady
    from sklearn.linear_model import LogisticRegression

    bought = ph.files("bought.csv", time={"event": "at", "known": "at"})
    as_usual = ph.check("orders", steady("cents", psi=10, builds=2), severity="warn")
    orders_search = ph.search("orders", text=["what"])
    returns_live = ph.rollout("returns", outcome="returned")
    returns_scores = ph.scores("returns_live")
    badge = ph.experiment(
        unit="customer_id", arms={"control": 1, "badge": 1}, metrics={"spend": ph.mean("bought.cents", within_days=14)}
    )

    @ph.model(label="returned", features=["spend"])
    def returns(train: ph.TrainingSet):
        return LogisticRegression().fit(train.X, train.y)
    """,
    "orders.sql": """
    /* pumphouse
    key = ["customer_id", "at"] */
    SELECT customer_id, at, cents, 'cd for ' || cents AS what FROM bought
    """,
    "by_customer.sql": "SELECT customer_id, count(*) AS n FROM orders GROUP BY 1",
    "spend.sql": """
    /* pumphouse
    kind = "feature"
    entity = "customer_id" */
    SELECT m.customer_id, m.as_of, coalesce(sum(b.cents), 0) AS spend
    FROM moments m LEFT JOIN bought b ON b.customer_id = m.customer_id GROUP BY ALL
    """,
    "returned.sql": """
    /* pumphouse
    kind = "label"
    entity = "customer_id"
    matures = "8 weeks" */
    SELECT c.customer_id, TIMESTAMPTZ '2024-03-01' AS as_of, count(b.cents) > 0 AS returned
    FROM (SELECT DISTINCT customer_id FROM bought) c
    LEFT JOIN bought b
      ON b.customer_id = c.customer_id AND b.at >= TIMESTAMPTZ '2024-03-01' AND b.at < TIMESTAMPTZ '2024-04-26'
    GROUP BY ALL
    """,
    "reports/weekly.md": """
    <!-- pumphouse
    title = "Weekly" -->
    ```sql total
    SELECT sum(cents)::BIGINT AS cents, count(*) AS orders FROM orders
    ```
    """,
}


def bought(months: int) -> str:
    rows = ["customer_id,at,cents"]
    for customer in range(1, 401):
        rows.append(f"{customer},2024-01-{customer % 28 + 1:02}T10:00:00Z,{customer * 100}")
        if customer % 3:
            rows.append(f"{customer},2024-03-{customer % 28 + 1:02}T10:00:00Z,500")
        rows += [f"{customer},2024-{month:02}-20T10:00:00Z,{month}" for month in range(5, 5 + months)]
    return "\n".join(rows) + "\n"


@dataclass
class Told:
    """What there was to read before the snapshots left."""

    project: Project
    reports: dict[int, bytes] = field(default_factory=dict)
    verdict: Any = None
    traces: dict[str, Any] = field(default_factory=dict)
    card: str = ""
    rows_before: int = 0
    """Of orders, in the version before the newest."""
    first: int = 0
    """The snapshot at which the first version was trained."""
    serving: Serving | None = None


def report_pages(project: Project) -> dict[int, bytes]:
    made = [one for one in project.lake.artefacts("weekly") if one.name == "page.html"]
    return {one.snapshot: project.lake.blobs.get(one.sha) for one in made}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = Folder(tmp_path_factory.mktemp("outliving") / "shop")
    folder.write(FILES)
    for months in range(3):
        folder.write({"bought.csv": bought(months)})
        project = folder.open()
        if not months:
            project.expose_all("badge", ((customer, datetime(2024, 1, 1, tzinfo=UTC)) for customer in range(1, 401)))
        targets = ["weekly", "by_customer"] if months else []
        report = project.run(*targets, refetch=True, now=FIRST + months * timedelta(days=30))
        assert report.ok, [(one.asset, str(one.error)) for one in report.failed]
        if not months:
            answer = project.predict("returns_live", {"customer_id": 7})
    assert project.run("returns", now=FIRST + timedelta(days=90)).ok  # its second version
    before = Told(project=project, reports=report_pages(project), verdict=project.verdict("badge"))
    scan = project.lake.scan("returns_live__predictions")
    (scored,) = project.lake.engine.fork().execute(
        f"SELECT min_by(prediction_id, as_of) FROM ({scan.relation}) WHERE customer_id = 8"
    )[0]
    before.traces = {id: project.trace(id) for id in (answer.id, scored)}
    before.rows_before = project.lake.count("orders", snapshot=project.lake.changes("orders")[-2])
    before.card = about(project.lake, project.graph.assets, project.graph.assets["returns"])
    before.first = version(project.lake, "returns", 1).snapshot
    done = keep_up(project, retention="1 day", now=LATER)
    assert done.expiry is not None
    assert {before.first, *before.reports} - {max(before.reports)} <= set(done.expiry.snapshots)
    yield before
    folder.close()


def test_only_what_is_compared_later_is_pinned_and_the_rest_left(told: Told) -> None:
    lake = told.project.lake
    pins = pinned(lake, told.project.graph.assets)
    newest = lake.snapshot()
    assert {pin.why for pin in pins} == {
        "orders that as_usual compares with",
        "orders where the index orders_search goes on",
    }
    assert pinned(lake, {}) == []  # what is not declared any more
    assert set(kept(catalogue=lake.catalogue)) == {pin.snapshot for pin in pins} | {newest}
    (compared,) = {pin.snapshot for pin in pins if "as_usual" in pin.why}
    assert lake.changes("orders")[-2] == compared
    assert lake.count("orders", snapshot=compared) == told.rows_before


def test_every_report_that_was_kept_opens_as_it_was_made(told: Told) -> None:
    assert len(told.reports) == 3
    assert report_pages(told.project) == told.reports


def test_a_verdict_opens_and_its_numbers_come_out_again_from_what_it_keeps(told: Told) -> None:
    verdict = told.project.verdict("badge")
    assert verdict == told.verdict
    (compared,) = verdict.arms[0].metrics
    assert welch(compared.control, compared.arm, confidence=compared.found.confidence) == compared.found


def test_a_version_is_shown_trained_again_and_compared(told: Told) -> None:
    lake, assets = told.project.lake, told.project.graph.assets
    assert about(lake, assets, assets["returns"]) == told.card
    one, two = version(lake, "returns", 1), version(lake, "returns", 2)
    rows = training_rows(lake, one)
    given = frame(rows, list(one.columns))
    kept_one = loaded(lake, one).estimator
    again = type(kept_one)().fit(given, rows["returned"].to_numpy())
    assert (again.predict_proba(given) == kept_one.predict_proba(given)).all()
    assert difference(lake, one, two).said is not None


def test_who_is_hidden_later_counts_where_a_version_learned_from_them(told: Told) -> None:
    project = told.project
    project.hide("customer_id", 7, why="asked")
    project.hide("customer_id", 10**6, why="asked")  # nobody that it learned from
    card = about(project.lake, project.graph.assets, project.graph.assets["returns"])
    assert "1 person was hidden since returns@1 was trained on them" in card


def test_predictions_are_traced_with_their_values(told: Told) -> None:
    for id, then in told.traces.items():
        if then.prediction.entity["customer_id"] == 7:
            continue  # hidden
        found = told.project.trace(id)
        assert [(one.name, one.stored) for one in found.features] == [(one.name, one.again) for one in then.features]
        assert found.left
        assert "they can't be computed again" in trace_text(found)


def test_a_run_at_a_snapshot_that_left_says_so(told: Told) -> None:
    for name in ("weekly", "returns", "badge"):
        with pytest.raises(SnapshotExpired, match=f"snapshot {told.first} of .* is not kept any more"):
            told.project.run(name, only=True, snapshot=told.first)


def test_the_server_opens_it_all(told: Told) -> None:
    ready: list[Serving] = []
    is_ready = threading.Event()
    options = {"port": 0, "on_ready": lambda one: (ready.append(one), is_ready.set())}
    thread = threading.Thread(target=serve, args=(Served(told.project),), kwargs=options)
    thread.start()
    while not is_ready.wait(0.1):
        assert thread.is_alive()
    auth = {"Authorization": f"Bearer {ready[0].token}", "Accept": "text/html"}
    scored = [id for id, one in told.traces.items() if one.prediction.entity["customer_id"] == 8]
    try:
        with httpx.Client(base_url=ready[0].url, headers=auth, timeout=20) as client:
            for name in ("weekly", "returns", "badge", "orders", "orders_search", "returns_live", "returns_scores"):
                assert client.get(f"/assets/{name}").status_code == 200
            trace = client.get(f"/trace/{scored[0]}")
            assert (trace.status_code, "is not kept any more" in trace.text) == (200, True)
            assert "Its features are those that were stored with it." in trace.text
    finally:
        ready[0].stop()
        thread.join(20)
