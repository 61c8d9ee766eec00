from __future__ import annotations

from datetime import timedelta

import pytest
from tests.catalog.conftest import DAY, Shop

from pumphouse.catalog.bets import bet_verdict
from pumphouse.catalog.words import day
from pumphouse.errors import ConfigError, UnknownName


def test_bet_on_what_was_never_built_is_too_early(shop: Shop) -> None:
    bet = shop.bet("weekly_sales", "ann", "bob")
    now = shop.build("raw_orders").at
    assert now
    verdict = bet_verdict(shop.lake, shop.assets, bet, now=now)
    assert (verdict.outcome, verdict.due, verdict.text) == ("too early", None, "not built yet")


def test_before_its_day_a_bet_says_when_it_is_looked_at(shop: Shop) -> None:
    bet = shop.bet("weekly_sales", "ann", "bob", "eve")
    built = shop.build_all()
    now = built + timedelta(hours=1)
    due = day(built + 30 * DAY, now=now)
    verdict = bet_verdict(shop.lake, shop.assets, bet, now=now)
    assert verdict.outcome == "too early"
    assert verdict.text == f"nobody yet; to be looked at on {due}"
    shop.read("weekly_sales", "ann", built + 2 * DAY)
    shop.read("weekly_sales", "bob", built + 3 * DAY)
    verdict = bet_verdict(shop.lake, shop.assets, bet, now=built + 4 * DAY)
    assert verdict.outcome == "too early"
    assert verdict.text.startswith("2 of 3 expected people, last read yesterday; to be looked at on ")


def test_after_its_day_a_bet_is_kept_partly_kept_or_lost(shop: Shop) -> None:
    bet = shop.bet("weekly_sales", "ann", "bob", "eve")
    built = shop.build_all()
    now = built + 31 * DAY
    verdict = bet_verdict(shop.lake, shop.assets, bet, now=now)
    assert (verdict.outcome, verdict.text) == ("lost", "none of 3 expected people in the last 30 days")
    shop.read("weekly_sales", "ann", now - 5 * DAY)
    shop.read("weekly_sales", "bob", now - DAY)
    shop.read("weekly_sales", "zoe", now - timedelta(hours=1))
    verdict = bet_verdict(shop.lake, shop.assets, bet, now=now)
    assert (verdict.outcome, verdict.text) == ("partly", "2 of 3 expected people, last read yesterday")
    assert verdict.came == ("ann", "bob")
    assert verdict.others == ("zoe",)
    assert verdict.last
    assert verdict.last.who == "bob"
    shop.read("weekly_sales", "eve", now - timedelta(hours=2))
    assert bet_verdict(shop.lake, shop.assets, bet, now=now).outcome == "kept"


def test_reads_long_ago_do_not_keep_a_bet(shop: Shop) -> None:
    bet = shop.bet("weekly_sales", "ann")
    built = shop.build_all()
    shop.read("weekly_sales", "ann", built + DAY)
    assert bet_verdict(shop.lake, shop.assets, bet, now=built + 30 * DAY).outcome == "kept"
    assert bet_verdict(shop.lake, shop.assets, bet, now=built + 32 * DAY).outcome == "lost"


def test_a_runs_own_read_keeps_no_bet(shop: Shop) -> None:
    bet = shop.bet("weekly_sales", "ann")
    built = shop.build_all()
    shop.read("weekly_sales", "ann", built + 29 * DAY, run="run-2")
    assert bet_verdict(shop.lake, shop.assets, bet, now=built + 31 * DAY).outcome == "lost"


def test_a_rollout_is_there_with_the_first_version_of_its_model(shop: Shop) -> None:
    shop.add("returns", "model", "orders")
    rollout = shop.rollout("returns")
    bet = shop.bet(rollout, "site", check_after="1 week")
    built = shop.build_all()
    assert bet_verdict(shop.lake, shop.assets, bet, now=built).due == built + 7 * DAY


def test_what_is_delivered_elsewhere_is_not_seen(shop: Shop) -> None:
    bet = shop.bet(shop.deliver("orders"), "ann")
    built = shop.build_all()
    verdict = bet_verdict(shop.lake, shop.assets, bet, now=built + 90 * DAY)
    assert verdict.outcome == "unseen"
    assert "not seen here" in verdict.text


def test_a_check_after_that_means_nothing_names_the_bet(shop: Shop) -> None:
    bet = shop.bet("weekly_sales", "ann", check_after="soon")
    now = shop.build_all()
    with pytest.raises(ConfigError, match=r"weekly_sales_bet.*'soon' is no length of time") as raised:
        bet_verdict(shop.lake, shop.assets, bet, now=now)
    assert raised.value.place == shop.assets[bet].place


def test_a_wrong_name_gets_the_nearest_bet(shop: Shop) -> None:
    shop.bet("weekly_sales", "ann")
    now = shop.build_all()
    with pytest.raises(UnknownName, match="Did you mean 'weekly_sales_bet'"):
        bet_verdict(shop.lake, shop.assets, "weekly_sale_bet", now=now)
