from __future__ import annotations

import pytest

from pumphouse.declare.asset import Asset, Common, Time
from pumphouse.declare.tables import Sql
from pumphouse.errors import Place
from pumphouse.features.times import is_assumed
from pumphouse.lake.times import event_column

HERE = Place(file="shop.sql")


def asset(name: str, kind: str = "files", *, spec=None, inputs=(), **time: str) -> Asset:
    return Asset(name=name, kind=kind, spec=spec, common=Common(time=Time(**time)), place=HERE, inputs=inputs)  # type: ignore[arg-type]


def project(*sql: tuple[str, str]) -> dict[str, Asset]:
    assets = [
        asset("purchases", event="bought_at", known="bought_at"),
        asset("visits", event="seen_at"),
        asset("albums"),
        *(asset(name, "sql", spec=Sql(text=text), inputs=("purchases", "visits", "albums")) for name, text in sql),
    ]
    return {each.name: each for each in assets}


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("SELECT customer_id, bought_at FROM purchases WHERE amount > 0", "bought_at"),
        ("SELECT p.customer_id, p.bought_at AS paid_at FROM purchases p", "paid_at"),
        ("SELECT * FROM purchases", "bought_at"),
        ("SELECT p.*, a.title FROM purchases p JOIN albums a ON a.id = p.album", "bought_at"),
        ("SELECT p.bought_at, v.page FROM purchases p JOIN visits v ON v.id = p.visit", "bought_at"),
        ("SELECT bought_at, title FROM purchases p, albums a WHERE a.id = p.album", "bought_at"),
        ("SELECT p.bought_at, v.seen_at FROM purchases p JOIN visits v ON v.id = p.visit", None),
        ("SELECT bought_at AS a, bought_at AS b FROM purchases", None),
        ("SELECT bought_at + INTERVAL 1 DAY AS bought_at FROM purchases", None),
        ("SELECT CAST(bought_at AS TIMESTAMP) AS bought_at FROM purchases", None),
        ("SELECT p.bought_at FROM purchases p LEFT JOIN albums a ON a.id = p.album", None),
        ("SELECT customer_id, max(bought_at) AS bought_at FROM purchases GROUP BY 1", None),
        ("SELECT DISTINCT bought_at FROM purchases", None),
        ("SELECT bought_at FROM purchases UNION ALL SELECT seen_at FROM visits", None),
        ("WITH p AS (FROM purchases) SELECT bought_at FROM p", None),
        ("SELECT bought_at FROM (SELECT * FROM purchases)", None),
        ("SELECT title AS bought_at FROM albums", None),
        ("SELECT 1 AS bought_at", None),
        ("SELECT ) FROM", None),
    ],
)
def test_event_is_followed_only_where_one_column_passes_unchanged(text: str, event: str | None):
    assert event_column("made", project(("made", text))) == event


def test_event_is_followed_through_several_tables_and_cleaning():
    assets = project(("orders", "SELECT id, bought_at AS paid_at FROM purchases"), ("big", "FROM tidy WHERE id > 5"))
    assets["tidy"] = asset("tidy", "clean", inputs=("orders",))
    assert event_column("big", assets) == "paid_at"


def test_what_a_table_declares_goes_before_what_its_query_says():
    assets = project(("orders", "SELECT id, bought_at FROM purchases"))
    declared = {**assets, "orders": asset("orders", "sql", spec=assets["orders"].spec, event="shipped_at")}
    assert event_column("orders", declared) == "shipped_at"


def test_a_python_table_and_an_unknown_name_have_none():
    assets = {**project(), "segments": asset("segments", "table", inputs=("purchases",))}
    assert event_column("segments", assets) is None
    assert event_column("nothing", assets) is None


def test_assumed_is_what_says_it_was_known_when_it_happened():
    assets = project(("orders", "SELECT id, bought_at FROM purchases"))
    assets["seen"] = asset("seen", "sql", spec=Sql(text="FROM visits"), inputs=("visits",))
    assert is_assumed("purchases", assets)
    assert is_assumed("orders", assets)
    assert not is_assumed("seen", assets)
    assert not is_assumed("nothing", assets)
    assets["totals"] = asset("totals", "table", inputs=("totals", "seen"))
    assert not is_assumed("totals", assets)
