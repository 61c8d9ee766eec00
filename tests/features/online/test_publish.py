from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pumphouse.features.frames import frame
from pumphouse.features.online.opening import open_store
from pumphouse.features.online.store import Found, OnlineStore
from pumphouse.features.values import World, definitions, entities_query, feature_query, feature_values
from pumphouse.lake.lake import Lake
from pumphouse.project.project import Project, open_project
from pumphouse.project.running import Report

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
DECLARED = """
import pumphouse as ph

orders = ph.files("orders.csv", key="order_id", time={"event": "paid_at", "known": "paid_at"})
customers_online = ph.online(["spend", "last"], max_age="30 days")
"""
SPEND = """
/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, coalesce(sum(o.usd), 0) AS spend_30d, count(o.order_id) AS orders_30d
FROM moments m LEFT JOIN orders o ON o.customer_id = m.customer_id AND o.paid_at > m.as_of - INTERVAL {days} DAY
GROUP BY ALL
"""
LAST = """
/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, arg_max(o.shop, o.paid_at) AS last_shop, max(o.usd) > 10 AS big
FROM moments m LEFT JOIN orders o ON o.customer_id = m.customer_id
GROUP BY ALL
"""
ORDERS = [
    "order_id,customer_id,usd,shop,paid_at",
    "1,7,12.5,Köln,2026-04-02T10:00:00Z",
    "2,7,2.25,,2026-04-20T10:00:00Z",
    "3,8,3.5,Rom,2026-04-29T10:00:00Z",
    "4,9,4.0,Rom,2026-01-01T10:00:00Z",
]


class Shop:
    """A project in a folder with orders, two features and an online store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.write("pumphouse.toml", "[engine]\nthreads = 1\n")
        self.write("shop.py", DECLARED)
        self.write("spend.sql", SPEND.replace("{days}", "30"))
        self.write("last.sql", LAST)
        self.orders(ORDERS)
        self._lake: Lake | None = None

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text.lstrip())

    def orders(self, lines: list[str]) -> None:
        self.write("orders.csv", "\n".join(lines) + "\n")

    @property
    def project(self) -> Project:
        project = open_project(self.path)
        if self._lake is None:
            self._lake = project.lake
        project.lake = self._lake
        return project

    def run(self, *targets: str, now: datetime = MAY, **options: bool) -> Report:
        report = self.project.run(*targets, now=now, **options)
        assert report.ok, [one.error for one in report.failed]
        return report

    @property
    def store(self) -> OnlineStore:
        project = self.project
        store = open_store(project.graph.assets["customers_online"], project.lake, {})
        assert store
        return store

    def built(self, report: Report) -> str | None:
        return next((one.note for one in report.results if one.asset == "customers_online"), None)

    def close(self) -> None:
        if self._lake:
            self._lake.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "shop")
    yield shop
    shop.close()


def test_a_generation_covers_everybody_and_says_of_which_snapshot(shop: Shop) -> None:
    shop.run()
    store = shop.store
    rows = store.read([(7,), (8,), (9,), (10,)], now=MAY)
    assert rows.values["spend_30d"][:3].tolist() == [14.75, 3.5, 0]
    assert rows.values["orders_30d"][:3].tolist() == [2, 1, 0]
    assert rows.values["last_shop"].tolist() == ["Köln", "Rom", "Rom", None]
    assert rows.states["last_shop"].tolist() == [0, 0, 0, Found.MISSING]
    build = shop.project.lake.builds()["customers_online"]
    assert build.detail["covers"] == store.generation.snapshot == rows.snapshot[0]
    assert store.generation.as_of == MAY


def test_online_is_offline_to_the_bit(shop: Shop) -> None:
    lines = [
        f"{n},{n * 7919 % 200 - 50},{(n * 0.1) ** 3},s{n % 5},2026-04-{1 + n % 30:02}T01:00:00Z" for n in range(600)
    ]
    shop.orders([ORDERS[0], *lines])
    shop.run()
    project = shop.project
    lake, assets = project.lake, project.graph.assets
    world = World(engine=lake.engine, scan=lake.scan, assets=assets)
    query = feature_query(world, definitions(["spend", "last"], assets))
    moments = lake.engine.read(entities_query(query, as_of=MAY)).read_all()
    offline = frame(feature_values(query, moments), query.columns)
    keys = [(key,) for key in moments["customer_id"].to_pylist()]
    online = shop.store.read(keys, now=MAY).values
    assert len(keys) == 200
    for name in ("spend_30d", "orders_30d", "big"):
        assert np.array_equal(offline[name].to_numpy().view(np.int64), online[name].view(np.int64))
    assert offline["last_shop"].tolist() == online["last_shop"].tolist()


def test_a_window_that_ends_without_an_event_is_written_and_nothing_else(shop: Shop) -> None:
    shop.run()
    report = shop.run("customers_online", now=MAY + timedelta(days=2))
    assert shop.built(report) == "generation 2: 1 of 3 entities written, 0 gone"
    assert shop.store.read([(7,)], now=MAY).values["orders_30d"].tolist() == [1]


def test_where_nothing_changed_only_the_moment_moves_on(shop: Shop) -> None:
    shop.write("shop.py", DECLARED.replace("max_age", 'every="10m", max_age'))
    shop.run()
    before, later = shop.project.lake.snapshot(), MAY + timedelta(minutes=11)
    assert shop.store.generation.as_of == MAY
    assert shop.project.run_due(now=later)
    assert shop.project.lake.snapshot() == before
    assert (shop.store.generation.as_of, shop.store.generation.number) == (later, 1)


def test_somebody_hidden_is_gone_at_once(shop: Shop) -> None:
    shop.run()
    reading = shop.store
    shop.project.hide("customer_id", 7, why="asked")
    assert reading.read([(7,), (8,)], now=MAY).states["orders_30d"].tolist() == [Found.MISSING, Found.PRESENT]
    assert reading.read([(7,)], now=MAY).states["orders_30d"].tolist() == [Found.MISSING]
    assert reading.generation.entities == 3
    shop.project.run_due(now=MAY + timedelta(minutes=1))
    assert reading.generation.entities == 2
    reading.put((7,), {"orders_30d": 1}, at=MAY + timedelta(days=1))
    assert reading.read([(7,)], now=MAY).states["orders_30d"].tolist() == [Found.MISSING]


def test_a_column_of_no_use_to_a_model_is_refused(shop: Shop) -> None:
    shop.write("last.sql", LAST.replace("max(o.usd) > 10", "max(o.paid_at)"))
    report = shop.project.run(now=MAY)
    assert "which an online store can't hold" in str(next(one.error for one in report.results if one.error))


def test_types_are_what_an_estimator_gets(shop: Shop) -> None:
    shop.run()
    assert {one.name: one.type for one in shop.store.columns} == {
        "spend_30d": pa.float64(),
        "orders_30d": pa.int64(),
        "last_shop": pa.string(),
        "big": pa.bool_(),
    }


def test_a_project_reads_by_the_entitys_columns_and_each_read_is_logged(shop: Shop) -> None:
    shop.run()
    project = shop.project
    reader = project.online("customers_online")
    found = reader.get({"customer_id": 7}, now=MAY)
    assert found.values == {"spend_30d": 14.75, "orders_30d": 2, "last_shop": "Köln", "big": True}
    assert (found.as_of, found.snapshot) == (MAY, reader.generation.snapshot)
    reader.put({"customer_id": 7}, {"orders_30d": 3}, at=MAY + timedelta(seconds=1))
    newer, nobody = reader.get_many([{"customer_id": 7}, {"customer_id": 1}], now=MAY)
    assert (newer.values["orders_30d"], newer.values["big"]) == (3, True)
    assert newer.as_of == MAY + timedelta(seconds=1)
    assert set(nobody.states.values()) == {"missing"}
    reader.close()
    assert sum(one.rows for one in project.lake.state.accesses(asset="customers_online")) == 3


def test_a_live_model_is_served_the_feature_that_it_learned(shop: Shop) -> None:
    label = """
        /* pumphouse
        kind = "label"
        entity = "customer_id"
        matures = "1 day" */
        SELECT customer_id, paid_at - INTERVAL 1 HOUR AS as_of, usd > 3 AS dear FROM orders
    """
    model = """
        import pumphouse as ph
        from sklearn.linear_model import LogisticRegression

        @ph.model(label="dear", features=["spend"])
        def dearly(train: ph.TrainingSet):
            return LogisticRegression().fit(train.X, train.y)
    """
    shop.write("dear.sql", "\n".join(line.strip() for line in label.splitlines()))
    shop.write("learn.py", textwrap.dedent(model))
    shop.run()
    learned = shop.project.graph.assets["spend"].fingerprint
    shop.write("spend.sql", SPEND.replace("{days}", "300"))
    shop.run()
    declared = shop.project.graph.assets["spend"].fingerprint
    store = shop.store
    numbers = [
        store.read([(9,)], columns=[("orders_30d", one)], now=MAY).values["orders_30d"][0]
        for one in (learned, declared)
    ]
    assert numbers == [0, 1]
    assert shop.project.online("customers_online").get({"customer_id": 9}, now=MAY).values["orders_30d"] == 1


def test_what_was_read_from_a_row_that_is_too_old_has_expired(shop: Shop) -> None:
    shop.write(
        "last.sql",
        """
        /* pumphouse
        kind = "feature"
        entity = "customer_id" */
        SELECT m.customer_id, m.as_of, o.shop AS last_shop
        FROM moments m
        ASOF LEFT JOIN orders o ON o.customer_id = m.customer_id AND o.paid_at > m.as_of - INTERVAL 10 DAY
        """,
    )
    shop.run()
    for days, state in ((0, Found.PRESENT), (7, Found.PRESENT), (9, Found.EXPIRED)):
        rows = shop.store.read([(8,), (9,)], now=MAY + timedelta(days=days))
        assert rows.states["last_shop"].tolist() == [state, Found.EXPIRED]
        assert rows.states["orders_30d"].tolist() == [Found.PRESENT, Found.PRESENT]
