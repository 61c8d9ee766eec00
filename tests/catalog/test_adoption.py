from __future__ import annotations

import json
from datetime import timedelta

from tests.catalog.conftest import DAY, Shop

from pumphouse.catalog.adoption import Adoption, Unread, adoption


def test_people_reads_and_rows_are_counted_and_offers_apart(shop: Shop) -> None:
    built = shop.build_all()
    now = built + 40 * DAY
    shop.read("orders", "ann", now - 35 * DAY, rows=1000)
    shop.read("orders", "ann", now - 20 * DAY, rows=10)
    shop.read("orders", "bob", now - 3 * DAY, rows=20)
    shop.read("orders", "bob", now - 2 * DAY, rows=500, offered=True)
    use = next(use for use in adoption(shop.lake, shop.assets, now=now).uses if use.asset == "orders")
    assert use.people_30_days == ("ann", "bob")
    assert use.people_7_days == ("bob",)
    assert use.reads_30_days == 3
    assert (use.rows_30_days, use.rows_offered_30_days) == (30, 500)
    assert use.last
    assert (use.last.who, use.last.door, use.last.at) == ("bob", "notebook", now - 2 * DAY)


def test_a_runs_own_reads_are_no_use(shop: Shop) -> None:
    now = shop.build_all() + DAY
    shop.read("orders", "maria", now - timedelta(hours=1), run="run-1")
    use = next(use for use in adoption(shop.lake, shop.assets, now=now).uses if use.asset == "orders")
    assert (use.people_30_days, use.reads_30_days, use.last) == ((), 0, None)


def test_most_used_comes_first(shop: Shop) -> None:
    now = shop.build_all() + DAY
    shop.read("weekly_sales", "ann", now - timedelta(hours=1))
    shop.read("weekly_sales", "bob", now - timedelta(hours=1))
    shop.read("orders", "ann", now - timedelta(hours=1))
    assert [use.asset for use in adoption(shop.lake, shop.assets, now=now).uses] == [
        "weekly_sales",
        "orders",
        "raw_orders",
    ]


def test_inputs_name_the_nearest_thing_that_people_read(shop: Shop) -> None:
    now = shop.build_all() + 8 * DAY
    shop.read("weekly_sales", "ann", now - DAY)
    found = adoption(shop.lake, shop.assets, now=now)
    raw = _unread(found, "raw_orders")
    assert (raw.feeds, raw.used, raw.is_dead) == (("orders",), "weekly_sales", False)
    assert "raw_orders (files): never read" in found.to_text()
    assert "read only by runs: feeds orders; people read weekly_sales" in found.to_text()
    assert "Nobody reads" not in found.to_text()


def test_what_leads_to_nothing_that_is_read_comes_first(shop: Shop) -> None:
    search = shop.search("raw_orders")
    now = shop.build_all() + 8 * DAY
    shop.read("weekly_sales", "ann", now - 40 * DAY)
    shop.read(search, "ann", now - DAY)
    found = adoption(shop.lake, shop.assets, now=now)
    assert [(one.asset, one.is_dead) for one in found.unread] == [
        ("orders", True),
        ("weekly_sales", True),
        ("raw_orders", False),
    ]
    assert _unread(found, "weekly_sales").feeds == ()
    assert "feeds weekly_sales, which nobody reads either" in found.to_text()


def test_a_delivery_is_no_dead_end(shop: Shop) -> None:
    shop.add("buyers", "table", "orders")
    delivery = shop.deliver("buyers")
    now = shop.build_all() + 8 * DAY
    found = adoption(shop.lake, shop.assets, now=now)
    buyers = _unread(found, "buyers")
    assert (buyers.used, buyers.delivered, buyers.is_dead) == (None, delivery, False)
    assert "buyers_out hands it out, and who reads it there is not seen here" in found.to_text()
    assert delivery not in [use.asset for use in found.uses]


def test_what_is_new_has_time_to_be_found(shop: Shop) -> None:
    built = shop.build_all()
    assert adoption(shop.lake, shop.assets, now=built + 6 * DAY).unread == ()
    assert len(adoption(shop.lake, shop.assets, now=built + 7 * DAY + timedelta(minutes=1)).unread) == 3
    assert len(adoption(shop.lake, shop.assets, now=built, unread_after=timedelta()).unread) == 3


def test_what_was_never_built_is_not_held_against_anybody(shop: Shop) -> None:
    built = shop.build("raw_orders").at
    assert built
    assert [one.asset for one in adoption(shop.lake, shop.assets, now=built + 8 * DAY).unread] == ["raw_orders"]


def test_reports_without_a_bet_are_named(shop: Shop) -> None:
    now = shop.build_all() + DAY
    assert adoption(shop.lake, shop.assets, now=now).without_bet == ("weekly_sales",)
    shop.bet("weekly_sales", "ann")
    found = adoption(shop.lake, shop.assets, now=now)
    assert found.without_bet == ()
    assert [bet.bet for bet in found.bets] == ["weekly_sales_bet"]
    assert "weekly_sales: nobody yet; to be looked at on " in found.to_text()


def test_the_text_reads_well(shop: Shop) -> None:
    now = shop.build_all() + 2 * DAY
    shop.read("orders", "ann", now - DAY, rows=1200)
    shop.read("orders", "ann", now - DAY, rows=50, offered=True)
    assert (
        "Read by people\n  orders (sql): 1 person in 30 days, 1 in 7; 2 reads, 1,200 rows, 50 more offered;"
        " last yesterday by ann through notebook"
    ) in adoption(shop.lake, shop.assets, now=now).to_text()


def test_an_empty_project_says_so(shop: Shop) -> None:
    now = shop.build_all()
    assert adoption(shop.lake, {}, now=now).to_text() == "Nobody has read anything yet."


def test_it_is_json(shop: Shop) -> None:
    now = shop.build_all() + 8 * DAY
    shop.bet("weekly_sales", "ann")
    shop.read("weekly_sales", "ann", now - DAY)
    values = json.loads(json.dumps(adoption(shop.lake, shop.assets, now=now).to_dict()))
    assert values["now"] == now.isoformat()
    assert values["uses"][0]["last"]["who"] == "ann"
    assert values["bets"][0]["outcome"] == "too early"


def _unread(found: Adoption, name: str) -> Unread:
    return next(one for one in found.unread if one.asset == name)
