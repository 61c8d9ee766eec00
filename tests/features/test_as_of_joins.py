from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.engines.duckdb import DuckDB
from pumphouse.features.values import definitions, feature_query, feature_values

TIMES = pa.timestamp("us", tz="UTC")
START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

PRICE = """
SELECT m.sku, m.shop, m.as_of, p.cents AS price_cents, coalesce(p.note, 'none') AS note
FROM moments m ASOF LEFT JOIN prices p ON p.sku = m.sku AND p.shop = m.shop AND p.at > m.as_of - INTERVAL 30 MINUTE
"""
EVER = """
SELECT m.sku, m.shop, m.as_of, p.cents AS last_cents, count(s.at) AS sold, max(q.cents) AS cheap_cents
FROM moments m
ASOF LEFT JOIN prices p ON p.sku = m.sku AND m.shop = p.shop AND p.at <= m.as_of
ASOF LEFT JOIN prices q ON q.sku = m.sku AND q.shop = m.shop AND q.cents < 50 AND m.as_of - INTERVAL 1 HOUR <= q.at
LEFT JOIN sales s ON s.sku = m.sku AND s.shop = m.shop
GROUP BY ALL
"""

# A few distinct times, so that equal events, equal `known` and moments right on them are common.
minutes = st.one_of(st.integers(0, 6).map(lambda n: n * 15), st.integers(0, 120))
lags = st.one_of(st.just(0), st.integers(0, 4).map(lambda n: n * 15))
prices = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 2), minutes, lags, st.integers(0, 99)), max_size=14)
asked = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 2), minutes), min_size=1, max_size=6, unique=True)
quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def prices_of(rows: list[tuple[str, int, int, int, int]]) -> pa.Table:
    """Prices as (sku, shop, minute, minutes until it was known, cents)."""
    return pa.table(
        {
            "sku": pa.array([sku for sku, *_ in rows], pa.string()),
            "shop": pa.array([shop for _, shop, *_ in rows], pa.int64()),
            "at": pa.array([START + at * MINUTE for _, _, at, _, _ in rows], TIMES),
            "_known_at": pa.array([START + (at + lag) * MINUTE for _, _, at, lag, _ in rows], TIMES),
            "cents": pa.array([cents for *_, cents in rows], pa.int64()),
            "note": pa.array([f"n{cents}" for *_, cents in rows], pa.string()),
        }
    )


def moments_of(rows: list[tuple[str, int, int]]) -> pa.Table:
    return pa.table(
        {
            "sku": pa.array([sku for sku, *_ in rows], pa.string()),
            "shop": pa.array([shop for _, shop, _ in rows], pa.int64()),
            "as_of": pa.array([START + minute * MINUTE for *_, minute in rows], TIMES),
        }
    )


def asking(ground, rows, *, expiries: bool = False):
    ground.table("prices", prices_of(rows), event="at")
    ground.table("sales", prices_of(rows), event="at")
    ground.feature("price", PRICE, "sku", "shop")
    ground.feature("ever", EVER, "sku", "shop")
    return feature_query(ground.world, definitions(["price", "ever"], ground.assets), expiries=expiries)


def last(rows, sku: str, shop: int, minute: int):
    """By the documented rule: the latest event, then known last, then the first by the columns that are read."""
    seen = [(at, at + lag, -cents) for s, h, at, lag, cents in rows if (s, h) == (sku, shop) and at + lag <= minute]
    return max(seen, default=None)


def by_hand(rows, sku: str, shop: int, minute: int) -> dict[str, object]:
    found = last(rows, sku, shop, minute)
    cheap = last([row for row in rows if row[4] < 50], sku, shop, minute)
    lives = found is not None and minute < found[0] + 30
    return {
        "sku": sku,
        "shop": shop,
        "as_of": START + minute * MINUTE,
        "price_cents": -found[2] if lives else None,
        "note": f"n{-found[2]}" if lives else "none",
        "last_cents": -found[2] if found else None,
        "sold": sum((s, h) == (sku, shop) and at + lag <= minute for s, h, at, lag, _ in rows),
        "cheap_cents": -cheap[2] if cheap and minute <= cheap[0] + 60 else None,
    }


@quick
@given(rows=prices, moments=asked)
def test_the_last_value_is_the_one_found_by_hand(ground, rows, moments):
    values = feature_values(asking(ground, rows), moments_of(moments))
    expected = [by_hand(rows, *moment) for moment in sorted(moments, key=lambda m: (m[2], m[0], m[1]))]
    assert values.to_pylist() == expected


@quick
@given(rows=prices, moments=asked, late=prices)
def test_what_came_or_was_learned_after_a_moment_changes_nothing(ground, rows, moments, late):
    newest = max(minute for *_, minute in moments)
    before = feature_values(asking(ground, rows), moments_of(moments))
    learned = [(sku, shop, at, max(newest - at, 0) + 1 + lag, cents) for sku, shop, at, lag, cents in late]
    assert feature_values(asking(ground, rows + learned), moments_of(moments)) == before


@quick
@given(rows=prices, moments=asked)
def test_a_value_expires_when_it_says_and_is_the_same_with_and_without(ground, rows, moments):
    plain = feature_values(asking(ground, rows), moments_of(moments))
    query = asking(ground, rows, expiries=True)
    assert query.expiring == ("price_cents", "note", "cheap_cents")
    values = feature_values(query, moments_of(moments))
    assert values.select(plain.column_names) == plain
    for row in values.to_pylist():
        minute = (row["as_of"] - START) // MINUTE
        found = last(rows, row["sku"], row["shop"], minute)
        assert row["price_cents__expires_at"] == (START + (found[0] + 30) * MINUTE if found else None)
        assert row["price_cents__expires_at"] == row["note__expires_at"]
        assert (row["price_cents"] is not None) == (found is not None and row["price_cents__expires_at"] > row["as_of"])


def test_of_rows_that_are_known_when_they_happen_the_last_is_taken_without_looking_back(ground):
    rows = [("a", 1, 10, 0, 5), ("a", 1, 20, 0, 6), ("a", 1, 20, 0, 4)]
    asking(ground, rows)
    prices = ground.assets["prices"]
    declared = replace(prices.common, time=replace(prices.common.time, known="at"))
    ground.assets["prices"] = replace(prices, common=declared)
    query = feature_query(ground.world, definitions(["price"], ground.assets))
    assert "lead(" not in query.text.lower()
    values = feature_values(query, moments_of([("a", 1, 15), ("a", 1, 25)]))
    assert values["price_cents"].to_pylist() == [5, 4]


def test_many_moments_and_one_give_the_same(ground):
    rows = [(sku, shop, at, at % 40, (at * 7) % 100) for sku in "ab" for shop in (1, 2) for at in range(0, 120, 3)]
    moments = [(sku, shop, minute) for sku in "abc" for shop in (1, 2) for minute in range(0, 120, 2)]
    query = asking(ground, rows)
    together = feature_values(query, moments_of(moments)).to_pylist()  # more than the 64 that DuckDB loops over
    assert together == [by_hand(rows, *moment) for moment in sorted(moments, key=lambda m: (m[2], m[0], m[1]))]
    for one in together[::60]:
        moment = (one["sku"], one["shop"], (one["as_of"] - START) // MINUTE)
        assert feature_values(query, moments_of([moment])).to_pylist() == [one]


def test_a_row_without_a_time_or_a_key_is_nobodys_last_value(ground):
    table = prices_of([("a", 1, 10, 0, 5), ("a", 1, 20, 0, 6), ("a", 1, 30, 0, 7)])
    event, known = table["at"].to_pylist(), table["_known_at"].to_pylist()
    table = table.set_column(2, "at", pa.array([event[0], None, event[2]], TIMES))
    table = table.set_column(3, "_known_at", pa.array([known[0], known[1], None], TIMES))
    asking(ground, [])
    ground.table("prices", table, event="at")
    query = feature_query(ground.world, definitions(["price"], ground.assets))
    assert feature_values(query, moments_of([("a", 1, 35), (None, 1, 35)]))["price_cents"].to_pylist() == [5, None]


@pytest.mark.parametrize(
    ("as_of", "cents"),
    [
        # A day after an event at 12:00 on the day before clocks go forward is 12:00 again, 23 hours later.
        ("2026-03-29 09:59:59.999999+00:00", 5),
        ("2026-03-29 10:00:00+00:00", None),
    ],
)
def test_a_time_to_live_of_days_is_counted_on_the_projects_clock(ground, as_of: str, cents: int | None):
    engine = DuckDB(threads=1, zone="Europe/Berlin")
    ground.engine = engine
    at = datetime(2026, 3, 28, 11, tzinfo=UTC)
    rows = prices_of([("a", 1, 0, 0, 5)])
    rows = rows.set_column(2, "at", pa.array([at], TIMES)).set_column(3, "_known_at", pa.array([at], TIMES))
    asking(ground, [])
    ground.table("prices", rows, event="at")
    ground.feature("price", PRICE.replace("30 MINUTE", "1 DAY"), "sku", "shop")
    query = feature_query(ground.world, definitions(["price"], ground.assets))
    moments = pa.table({"sku": ["a"], "shop": [1], "as_of": pa.array([datetime.fromisoformat(as_of)], TIMES)})
    assert feature_values(query, moments)["price_cents"].to_pylist() == [cents]
    engine.close()
