from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import BuildError, Place
from pumphouse.features.values import (
    definitions,
    entities_query,
    feature_query,
    feature_values,
    known_entities,
    value_columns,
)

TIMES = pa.timestamp("us", tz="UTC")
START = datetime(1997, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)

SPEND = """
SELECT m.customer_id, m.as_of, coalesce(sum(o.cents), 0) AS spend_90m, count(o.cents) AS orders_90m
FROM moments m LEFT JOIN orders o ON o.customer_id = m.customer_id AND o.paid_at > m.as_of - INTERVAL 90 MINUTE
GROUP BY ALL
"""
LATEST = """
SELECT m.customer_id, m.as_of, max(o.paid_at) AS last_paid, max(o.cents) FILTER (o.cents < 50) AS dearest_small
FROM moments m, orders o WHERE o.customer_id = m.customer_id
GROUP BY m.customer_id, m.as_of
"""
RANK = """
SELECT m.customer_id, m.as_of, o.cents AS newest_cents
FROM moments m JOIN orders o ON o.customer_id = m.customer_id
QUALIFY row_number() OVER (PARTITION BY m.customer_id, m.as_of ORDER BY o.paid_at DESC, o.cents DESC) = 1
"""

# A few distinct times, so that equal timestamps and moments that fall exactly on an event are common, not rare.
minutes = st.one_of(st.integers(0, 6).map(lambda n: n * 45), st.integers(0, 400))
orders = st.lists(st.tuples(st.integers(1, 3), minutes, st.integers(0, 120), st.integers(0, 99)), max_size=12)
moments = st.lists(st.tuples(st.integers(1, 4), minutes), min_size=1, max_size=6, unique=True)


def table_of(rows: list[tuple[int, int, int, int]]) -> pa.Table:
    """Orders as (customer, minute paid, minutes until it was known, cents)."""
    return pa.table(
        {
            "customer_id": pa.array([c for c, *_ in rows], pa.int64()),
            "paid_at": pa.array([START + p * MINUTE for _, p, _, _ in rows], TIMES),
            "_known_at": pa.array([START + (p + k) * MINUTE for _, p, k, _ in rows], TIMES),
            "cents": pa.array([cents for *_, cents in rows], pa.int64()),
        }
    )


def moments_of(rows: list[tuple[int, int]]) -> pa.Table:
    return pa.table(
        {
            "customer_id": pa.array([c for c, _ in rows], pa.int64()),
            "as_of": pa.array([START + minute * MINUTE for _, minute in rows], TIMES),
        }
    )


def prepare(ground, rows):
    ground.table("orders", table_of(rows), event="paid_at")
    for name, text in {"spend": SPEND, "latest": LATEST, "rank": RANK}.items():
        ground.feature(name, text)
    return definitions(["spend", "latest", "rank"], ground.assets)


def asking(ground, *names: str):
    return feature_query(ground.world, definitions(list(names), ground.assets))


def by_hand(rows, customer: int, minute: int) -> dict[str, object]:
    """The three features as plain Python over a list."""
    seen = [(p, cents) for c, p, k, cents in rows if c == customer and p <= minute and p + k <= minute]
    recent = [cents for p, cents in seen if p > minute - 90]
    return {
        "customer_id": customer,
        "as_of": START + minute * MINUTE,
        "spend_90m": sum(recent),
        "orders_90m": len(recent),
        "last_paid": START + max(p for p, _ in seen) * MINUTE if seen else None,
        "dearest_small": max((cents for _, cents in seen if cents < 50), default=None),
        "newest_cents": max(seen)[1] if seen else None,
    }


quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@quick
@given(rows=orders, asked=moments)
def test_values_are_those_computed_by_hand_for_each_moment(ground, rows, asked):
    features = prepare(ground, rows)
    values = feature_values(feature_query(ground.world, features), moments_of(asked))
    expected = [by_hand(rows, customer, minute) for customer, minute in sorted(asked, key=lambda m: (m[1], m[0]))]
    assert values.to_pylist() == expected


@quick
@given(rows=orders, asked=moments, late=orders)
def test_what_came_or_was_learned_after_a_moment_changes_nothing(ground, rows, asked, late):
    newest = max(minute for _, minute in asked)
    features = prepare(ground, rows)
    before = feature_values(feature_query(ground.world, features), moments_of(asked))
    after_event = [(c, newest + 1 + p, 0, cents) for c, p, _, cents in late]
    after_known = [(c, p, max(newest - p, 0) + 1 + k, cents) for c, p, k, cents in late]
    prepare(ground, rows + after_event + after_known)
    assert feature_values(feature_query(ground.world, features), moments_of(asked)) == before


@quick
@given(rows=orders, asked=moments)
def test_a_moment_gets_the_same_numbers_alone_as_among_others(ground, rows, asked):
    query = feature_query(ground.world, prepare(ground, rows))
    together = feature_values(query, moments_of(asked)).to_pylist()
    alone = [feature_values(query, moments_of([moment])).to_pylist()[0] for moment in asked]
    assert sorted(together, key=repr) == sorted(alone, key=repr)


def test_an_event_at_the_very_moment_counts_and_one_a_microsecond_later_does_not(ground):
    at = START + 10 * MINUTE
    rows = pa.table(
        {
            "customer_id": pa.array([1, 1, 1], pa.int64()),
            "paid_at": pa.array([at, at + MICROSECOND, at], TIMES),
            "_known_at": pa.array([at, at + MICROSECOND, at + MICROSECOND], TIMES),
            "cents": pa.array([1, 10, 100], pa.int64()),
        }
    )
    ground.table("orders", rows, event="paid_at")
    ground.feature("spend", SPEND)
    values = feature_values(asking(ground, "spend"), moments_of([(1, 10)]))
    assert values["spend_90m"].to_pylist() == [1]


@pytest.mark.parametrize(("hour", "seen"), [(0, 0), (23, 0), (24, 5)])
def test_a_date_has_happened_when_its_day_is_over(ground, hour: int, seen: int):
    day = START.date()
    rows = pa.table(
        {
            "customer_id": pa.array([1], pa.int64()),
            "paid_at": pa.array([day], pa.date32()),
            "_known_at": pa.array([START], TIMES),
            "cents": pa.array([5], pa.int64()),
        }
    )
    ground.table("orders", rows, event="paid_at", known="paid_at")
    ground.feature("spend", SPEND.replace("90 MINUTE", "90 DAY"))
    values = feature_values(asking(ground, "spend"), moments_of([(1, hour * 60)]))
    assert values["spend_90m"].to_pylist() == [seen]


def test_a_time_without_a_zone_is_in_the_zone_of_the_project(ground):
    engine = DuckDB(threads=1, zone="Europe/Berlin")
    ground.engine = engine
    rows = pa.table(
        {
            "customer_id": pa.array([1], pa.int64()),
            "paid_at": pa.array([datetime(1997, 1, 1, 1, 0)], pa.timestamp("us")),  # noqa: DTZ001  # has no zone
            "_known_at": pa.array([START - 60 * MINUTE], TIMES),
            "cents": pa.array([5], pa.int64()),
        }
    )
    ground.table("orders", rows, event="paid_at")
    ground.feature("spend", SPEND)
    values = feature_values(asking(ground, "spend"), moments_of([(1, 0), (1, -1)]))
    assert values["spend_90m"].to_pylist() == [0, 5]
    engine.close()


def test_composite_entities_of_text_are_kept_apart(ground):
    rows = pa.table(
        {
            "shop": ["a", "a", "b"],
            "sku": ["x", "y", "x"],
            "at": pa.array([START] * 3, TIMES),
            "_known_at": pa.array([START] * 3, TIMES),
        }
    )
    ground.table("sales", rows, event="at")
    text = (
        "SELECT m.shop, m.sku, m.as_of, count(s.sku) AS sold FROM moments m "
        "LEFT JOIN sales s ON s.shop = m.shop AND s.sku = m.sku GROUP BY ALL"
    )
    ground.feature("sold", text, "shop", "sku")
    features = definitions(["sold"], ground.assets)
    asked = ground.engine.read(entities_query(feature_query(ground.world, features), as_of=START)).read_all()
    values = feature_values(feature_query(ground.world, features), asked)
    assert [(r["shop"], r["sku"], r["sold"]) for r in values.to_pylist()] == [
        ("a", "x", 1),
        ("a", "y", 1),
        ("b", "x", 1),
    ]


def test_entities_are_those_known_at_the_moment(ground):
    query = feature_query(ground.world, prepare(ground, [(1, 5, 0, 1), (2, 5, 10, 1), (3, 11, 0, 1), (1, 6, 0, 1)]))
    entities = ground.engine.read(entities_query(query, as_of=START + 10 * MINUTE)).read_all()
    assert entities.to_pylist() == [{"customer_id": 1, "as_of": START + 10 * MINUTE}]
    known = known_entities(query, moments_of([(1, 10), (2, 10), (2, 15)]))
    assert known.equals(moments_of([(1, 10), (2, 15)]).select(known.column_names))


def test_two_rows_for_one_moment_name_the_feature_and_the_moment(ground):
    prepare(ground, [(7, 5, 0, 1), (7, 6, 0, 2)])
    ground.feature(
        "each", "SELECT m.customer_id, m.as_of, o.cents FROM moments m JOIN orders o ON o.customer_id = m.customer_id"
    )
    with pytest.raises(BuildError, match=r"'each' gives 2 rows for one moment, customer_id = 7, as_of = 1997-01-01"):
        feature_values(asking(ground, "spend", "each"), moments_of([(7, 10)]))


def test_a_feature_that_names_a_column_wrongly_is_named_itself(ground):
    prepare(ground, [])
    ground.feature("typo", SPEND.replace("o.cents", "o.cnets").replace("90m", "once"))
    with pytest.raises(BuildError, match=r"feature 'typo': .*cnets") as told:
        feature_values(asking(ground, "spend", "typo"), moments_of([(7, 10)]))
    assert told.value.asset == "typo"
    assert told.value.place is not None


def test_a_moment_asked_about_twice_is_refused(ground):
    features = prepare(ground, [])
    with pytest.raises(BuildError, match="asked about twice"):
        feature_values(feature_query(ground.world, features), moments_of([(7, 10), (7, 10)]))


def test_two_features_with_one_column_are_refused(ground):
    ground.feature("spend", SPEND)
    ground.feature("again", SPEND)
    with pytest.raises(BuildError, match="'spend' and 'again' both give 'spend_90m'"):
        value_columns(definitions(["spend", "again"], ground.assets))


def test_features_about_different_entities_are_refused(ground):
    ground.feature("spend", SPEND)
    ground.feature("other", SPEND.replace("customer_id", "sku"), "sku")
    with pytest.raises(BuildError, match="'other' is about sku, 'spend' about customer_id"):
        value_columns(definitions(["spend", "other"], ground.assets))


def test_a_column_that_is_not_there_is_told_with_the_line_of_the_feature(ground):
    ground.feature("spend", "\n\n" + SPEND.replace("o.cents", "\no.censt"))
    ground.table("orders", table_of([(1, 1, 1, 1)]), event="paid_at")
    ground.assets["spend"] = replace(ground.assets["spend"], place=Place(file="spend.sql", line=1))
    with pytest.raises(BuildError) as caught:
        feature_values(feature_query(ground.world, definitions(["spend"], ground.assets)), moments_of([(1, 1)]))
    assert caught.value.what == "feature 'spend': 'o' has no column 'censt'"
    assert (str(caught.value.place), caught.value.mend) == ("spend.sql:5", "Did you mean 'cents'?")


def test_inputs_without_times_are_refused_with_what_mends_it(ground):
    rows = table_of([(1, 1, 1, 1)])
    ground.feature("spend", SPEND)
    features = definitions(["spend"], ground.assets)
    ground.table("orders", rows)
    with pytest.raises(BuildError, match=r"nothing says which of its columns is the time of a row's event.*event = "):
        feature_values(feature_query(ground.world, features), moments_of([(1, 1)]))
    ground.table("orders", rows.drop_columns(["_known_at"]), event="paid_at")
    with pytest.raises(BuildError, match="when its rows were known can't be derived"):
        feature_values(feature_query(ground.world, features), moments_of([(1, 1)]))
    ground.table("orders", rows, event="cents")
    with pytest.raises(BuildError, match="its event column 'cents' is int64"):
        feature_values(feature_query(ground.world, features), moments_of([(1, 1)]))
