"""What changed, what is late and what is gone, in a database that goes on living."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.declare.databases import database
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.lag import before

KEYED = {"orders": {"key": "id", "cursor": "at", "lag": "1h", "deletes": True}}
APPENDED = {"orders": {"cursor": "at", "lag": "1h"}}


@pytest.fixture
def shop(works):
    works.connections["shop_db"] = Connection(name="shop_db", url="sqlite:///shop.db")

    def change(*statements: str) -> None:
        with closing(sqlite3.connect(works.folder / "shop.db")) as db, db:
            for statement in statements:
                db.execute(statement)

    change(
        "CREATE TABLE orders (id INTEGER, note TEXT, at TEXT)",
        "INSERT INTO orders VALUES (1, 'a', '2024-01-01 08:00:00'), (2, 'b', '2024-01-01 09:30:00')",
    )
    return change


def test_a_late_row_within_the_lag_is_found_and_one_before_it_is_not(works, shop):
    made = works.asset(database("shop_db", tables=KEYED), "crm_orders")
    works.run(made)
    shop(
        "INSERT INTO orders VALUES (3, 'late', '2024-01-01 08:45:00')",
        "INSERT INTO orders VALUES (4, 'too late', '2024-01-01 08:15:00')",
    )
    works.run(made)
    assert works.rows("crm_orders", "id") == [(1,), (2,), (3,)]
    assert works.lake.builds()["crm_orders"].cursor == "2024-01-01 09:30:00"
    assert works.run(made).snapshot is None


def test_an_overlap_without_a_key_comes_once(works, shop):
    shop("INSERT INTO orders VALUES (2, 'b', '2024-01-01 09:30:00')")  # twice the same is two rows
    made = works.asset(database("shop_db", tables=APPENDED), "crm_orders")
    works.run(made)
    assert works.run(made).snapshot is None
    shop(
        "INSERT INTO orders VALUES (2, 'b', '2024-01-01 09:30:00'), (NULL, NULL, '2024-01-01 09:00:00')",
        "INSERT INTO orders VALUES (5, 'new', '2024-01-01 11:00:00')",
    )
    counts = works.run(made).counts
    assert (counts.rows_in, counts.rows_out, counts.dropped) == (5, 3, 2)
    assert works.run(made).snapshot is None
    before = works.rows("crm_orders", "*, _loaded_at, _raw")
    assert [row[:2] for row in before] == [(1, "a"), (2, "b"), (2, "b"), (2, "b"), (5, "new"), (None, None)]
    works.run(made, mode="full")
    assert works.rows("crm_orders", "*, _loaded_at, _raw") == before


def test_what_is_gone_is_removed_and_a_rebuild_comes_out_equal(works, shop):
    made = works.asset(database("shop_db", tables=KEYED), "crm_orders")
    works.run(made)
    shop("DELETE FROM orders WHERE id = 1")
    assert works.run(made).note == "removed 1 row that the source has no more"
    assert works.rows("crm_orders", "id") == [(2,)]
    shop(
        "INSERT INTO orders VALUES (1, 'again, with an old time', '2023-01-01 00:00:00')",
        "INSERT INTO orders VALUES (6, 'f', '2024-01-02 00:00:00')",
    )
    works.run(made)
    shop("DELETE FROM orders WHERE id = 2", "UPDATE orders SET note = 'g', at = '2024-01-03 00:00:00' WHERE id = 6")
    works.run(made)
    before = works.rows("crm_orders", "*, _loaded_at, _raw")
    assert [row[:2] for row in before] == [(6, "g")]
    assert works.run(made).snapshot is None
    works.run(made, mode="full")
    assert works.rows("crm_orders", "*, _loaded_at, _raw") == before
    works.run(made, mode="refetch")
    assert works.rows("crm_orders", "id") == [(1,), (6,)]


def test_a_list_without_any_key_does_not_empty_a_table(works, shop):
    made = works.asset(database("shop_db", tables=KEYED), "crm_orders")
    works.run(made)
    shop("DELETE FROM orders")
    with pytest.raises(SourceError, match="gave no row, and its table would be emptied"):
        works.run(made)
    works.run(made, mode="refetch")
    assert works.rows("crm_orders") == []


def test_a_query_is_a_table_with_key_cursor_and_history(works, shop):
    query = "SELECT id, upper(note) AS loud, at FROM orders WHERE id <> 2;"
    tables = {"loud": {"query": query, "key": "id", "cursor": "at", "history": True}}
    made = works.asset(database("shop_db", tables=tables), "crm_loud")
    works.run(made)
    shop("UPDATE orders SET note = 'z', at = '2024-02-01' WHERE id = 1")
    works.run(made)
    assert works.rows("crm_loud", "id, loud", order="_loaded_at") == [(1, "A"), (1, "Z")]


@pytest.mark.parametrize("sql", ["DELETE FROM orders", "SELECT 1 AS x); DELETE FROM orders; --"])
def test_a_query_that_writes_is_refused(works, shop, sql):
    made = works.asset(database("shop_db", tables={"bad": {"query": sql}}), "crm_bad")
    with pytest.raises(SourceError, match="can't be read"):
        works.run(made)
    assert works.run(works.asset(database("shop_db", tables={"orders": {}}), "crm_orders")).counts.rows_in == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lag": "1h"}, "no cursor"),
        ({"lag": "soon", "cursor": "at"}, "it is like"),
        ({"lag": -1, "cursor": "at"}, "it is like"),
        ({"deletes": True, "cursor": "at"}, "no key"),
        ({"deletes": True, "key": "id", "history": True}, "keeps what is gone"),
    ],
)
def test_what_makes_no_sense_together_is_refused_when_it_is_declared(options, said):
    with pytest.raises(TypeError, match=said):
        database("shop_db", tables={"orders": options})


def test_a_pattern_is_refused():
    with pytest.raises(TypeError, match="name each table"):
        database("shop_db", tables={"sales.*": {}})


@pytest.mark.parametrize(
    ("cursor", "lag", "earlier"),
    [
        ("2024-01-02T00:30:00Z", timedelta(hours=1), "2024-01-01T23:30:00Z"),
        ("2024-01-02 00:30:00", timedelta(hours=1), "2024-01-01 23:30:00"),
        ("2024-01-02 00:30:00.125", timedelta(hours=1), "2024-01-01 23:30:00.125"),
        ("2024-01-02T00:30:00.123456+02:00", timedelta(hours=1), "2024-01-01T23:30:00.123456+02:00"),
        ("2024-01-02", timedelta(hours=1), "2024-01-01"),
        (100, 7, 93),
        (1.5, 1, 0.5),
        ("12345678901234567890.5", 1, "12345678901234567889.5"),
        (None, 7, None),
    ],
)
def test_a_cursor_is_moved_back_in_its_own_words(cursor, lag, earlier):
    assert before(cursor, lag, asset="raw") == earlier


@pytest.mark.parametrize(("cursor", "lag"), [(5, timedelta(hours=1)), ("soon", timedelta(1)), ("soon", 1)])
def test_a_lag_that_does_not_fit_its_cursor_is_told(cursor, lag):
    with pytest.raises(ConfigError, match="the lag of 'raw'"):
        before(cursor, lag, asset="raw")


@given(st.datetimes(), st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)))
def test_a_time_moved_back_is_never_later_as_text(time, lag):
    text = time.isoformat(sep=" ", timespec="microseconds")
    assert before(text, lag, asset="raw") <= text
