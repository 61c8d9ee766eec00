from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from pumphouse.declare.databases import database
from pumphouse.errors import ConfigError, SchemaChange, SourceError
from pumphouse.lake.context import Connection

CUSTOMERS = {"customers": {"key": "id", "cursor": "updated_at"}}


@pytest.fixture
def shop(works):
    """A way to change the shop's SQLite database."""
    path = works.folder / "in" / "shop.db"
    path.parent.mkdir()
    works.connections["shop_db"] = Connection(name="shop_db", url="sqlite:///in/shop.db")

    def change(*statements: str) -> None:
        with closing(sqlite3.connect(path)) as db, db:
            for statement in statements:
                db.execute(statement)

    change(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, income REAL, notes BLOB, updated_at DATETIME)",
        "INSERT INTO customers VALUES (1, 'Ann', 10, 'x', '2024-01-01 08:00:00')",
        "INSERT INTO customers VALUES (2, 'Bo', 1.5, x'00ff', '2024-01-02 09:30:00')",
        "CREATE TABLE staff (name TEXT, age INTEGER)",
    )
    return change


def test_a_table_is_read_with_its_types_and_raw_batches(works, shop):
    built = works.run(works.asset(database("shop_db", tables=CUSTOMERS), "crm_customers"))
    assert works.rows("crm_customers", "id, name, income, notes") == [(1, "Ann", 10.0, "x"), (2, "Bo", 1.5, "\\x00ff")]
    assert works.rows("crm_customers", "updated_at")[1] == (dt.datetime(2024, 1, 2, 9, 30, tzinfo=dt.UTC),)
    types = works.types("crm_customers")
    assert (types["id"], types["name"], types["income"]) == ("BIGINT", "VARCHAR", "DOUBLE")
    assert built.counts.rows_in == built.counts.rows_out == 2
    raw = works.rows("crm_customers", "_raw")[0][0]
    assert works.lake.blobs.has(raw)
    assert works.lake.builds()["crm_customers"].cursor == "2024-01-02 09:30:00"


def test_only_what_changed_is_read_again(works, shop):
    made = works.asset(database("shop_db", tables=CUSTOMERS), "crm_customers")
    works.run(made)
    assert works.run(made).snapshot is None
    shop(
        "UPDATE customers SET name = 'Bob', updated_at = '2024-01-02 10:00:00' WHERE id = 2",
        "INSERT INTO customers VALUES (3, 'Cy', NULL, NULL, NULL)",
        "DELETE FROM customers WHERE id = 1",
    )
    counts = works.run(made).counts
    assert works.rows("crm_customers", "id, name") == [(1, "Ann"), (2, "Bob"), (3, "Cy")]
    assert counts.rows_in == 2
    works.run(made, mode="refetch")
    assert works.rows("crm_customers", "id, name") == [(2, "Bob"), (3, "Cy")]


def test_a_rebuild_reads_the_stored_batches_and_not_the_database(works, shop):
    made = works.asset(database("shop_db", tables=CUSTOMERS), "crm_customers")
    works.run(made)
    shop("UPDATE customers SET name = 'Bob', updated_at = '2024-01-03 00:00:00' WHERE id = 2")
    works.run(made)
    before = works.rows("crm_customers", "*, _loaded_at, _raw")
    (works.folder / "in" / "shop.db").unlink()
    works.run(made, mode="full")
    assert works.rows("crm_customers", "*, _loaded_at, _raw") == before
    assert works.lake.builds()["crm_customers"].cursor == "2024-01-03 00:00:00"


def test_a_query_that_changed_is_not_answered_from_what_is_stored(works, shop):
    def made(query):
        return works.asset(database("shop_db", tables={"some": {"query": query, "key": "id"}}), "crm_some")

    works.run(made("SELECT id, 1 AS n FROM customers"))
    with pytest.raises(SourceError, match=r"answered to another query.*run crm_some --refetch"):
        works.run(made("SELECT id, 2 AS n FROM customers"), mode="full")
    works.run(made("SELECT id, 2 AS n FROM customers"), mode="refetch")
    assert {n for (n,) in works.rows("crm_some", "n")} == {2}
    works.run(made("SELECT id, 2 AS n FROM customers"), mode="full")


def test_a_table_without_key_or_cursor_is_replaced_when_it_changed(works, shop):
    made = works.asset(database("shop_db", tables={"staff": {}}), "crm_staff")
    assert works.run(made).counts.rows_in == 0
    assert list(works.types("crm_staff"))[:2] == ["name", "age"]
    shop("INSERT INTO staff VALUES ('Di', 30), ('Ed', 'old'), (NULL, 2)")
    works.run(made)
    assert works.rows("crm_staff") == [("Di", 30), ("Ed", None), (None, 2)]
    assert works.quarantine("crm_staff") == [("age", "old", "is not a whole number of 64 bits")]
    assert works.run(made).snapshot is None


def test_a_column_that_is_gone_is_asked_about(works, shop):
    made = works.asset(database("shop_db", tables=CUSTOMERS), "crm_customers")
    works.run(made)
    shop("ALTER TABLE customers DROP COLUMN income", "UPDATE customers SET updated_at = '2025-01-01 00:00:00'")
    with pytest.raises(SchemaChange, match="'income' would be gone"):
        works.run(made)
    works.run(made, mode="refetch", accept_schema=True)
    assert works.rows("crm_customers", "* EXCLUDE (updated_at, notes)", order="id")[0][:2] == (1, "Ann")
    assert "income" not in works.types("crm_customers")


def test_text_that_is_not_utf8_is_kept_as_bytes(works, shop):
    shop("INSERT INTO staff VALUES (CAST(x'4ae9' AS TEXT), 1)")
    works.run(works.asset(database("shop_db", tables={"staff": {}}), "crm_staff"))
    assert works.rows("crm_staff", "name") == [("\\x4ae9",)]


def test_a_required_column_withholds_the_row(works, shop):
    shop("INSERT INTO staff VALUES ('Di', NULL)")
    works.run(works.asset(database("shop_db", tables={"staff": {"required": "age"}}), "crm_staff"))
    assert works.rows("crm_staff") == []
    assert works.quarantine("crm_staff") == [("*", '{"name":"Di"}', "required column 'age' is null")]


def test_more_rows_than_a_batch_are_all_read(works, shop, monkeypatch):
    monkeypatch.setattr("pumphouse.sources.databases.stored.ROWS_MAX", 100)
    shop(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1234)"
        " INSERT INTO staff SELECT 'p' || i, i FROM n"
    )
    works.run(works.asset(database("shop_db", tables={"staff": {}}), "crm_staff"))
    assert works.rows("crm_staff", "count(*), sum(age)") == [(1234, 1234 * 1235 // 2)]
    assert (
        works.run(works.asset(database("shop_db", tables={"staff": {}}), "some_staff"), sample=150).counts.rows_in
        == 150
    )


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"customer": {}}, r"no table 'customer'; it has customers, staff. Did you mean 'customers'"),
        ({"customers": {"key": "ids"}}, r"no column 'ids'; it has id, .* Did you mean 'id'"),
        ({"customers": {"cursor": "changed_at"}}, "no column 'changed_at'"),
    ],
)
def test_names_that_are_not_there_are_told_with_the_nearest(works, shop, tables, said):
    (name,) = tables
    with pytest.raises(SourceError, match=said):
        works.run(works.asset(database("shop_db", tables=tables), f"crm_{name}"))


def test_a_database_that_is_not_there_or_none_is_named(idle):
    made = idle.asset(database("shop_db", tables={"staff": {}}), "crm_staff")
    idle.connections["shop_db"] = Connection(name="shop_db", url="sqlite:///nowhere.db")
    with pytest.raises(SourceError, match=r"connection 'shop_db': there is no file .*nowhere\.db"):
        idle.run(made)
    idle.write("broken.db", b"this is no database at all, but it is longer than a header" * 10)
    idle.connections["shop_db"] = Connection(name="shop_db", url="sqlite:///broken.db")
    with pytest.raises(SourceError, match=r"broken\.db can't be read: file is not a database"):
        idle.run(made)


@pytest.mark.parametrize("url", ["sqlite://host/x.db", "sqlite:///", "duckdb:///", "sqlite:there/x.db"])
def test_an_address_of_no_known_database_is_refused_without_its_password(idle, url):
    idle.connections["shop_db"] = Connection(name="shop_db", url=url)
    with pytest.raises(ConfigError, match=r"url is (sqlite|duckdb):///") as caught:
        idle.run(idle.asset(database("shop_db", tables={"staff": {}}), "crm_staff"))
    assert "hush" not in str(caught.value)


def test_an_unreachable_postgresql_names_the_host_and_never_the_password(idle):
    pytest.importorskip("psycopg")
    idle.connections["shop_db"] = Connection(
        name="shop_db", url="postgresql://reader:hush-one@127.0.0.1:1/shop", options={"password": "hush-two"}
    )
    with pytest.raises(SourceError, match=r"connection 'shop_db': 127\.0\.0\.1/shop can't be reached: ") as caught:
        idle.run(idle.asset(database("shop_db", tables={"staff": {}}), "crm_staff"))
    assert "hush" not in str(caught.value)


@pytest.fixture
def pg(works, postgres):
    """A way to run SQL on a PostgreSQL with an empty schema `s`, which is the connection shop_db."""
    import psycopg

    works.connections["shop_db"] = Connection(name="shop_db", url=postgres)

    def change(*statements: str) -> None:
        with psycopg.connect(postgres) as db:
            for statement in statements:
                db.execute(statement)

    change("DROP SCHEMA IF EXISTS s CASCADE", "CREATE SCHEMA s")
    return change


def test_postgresql_types_come_exact(works, pg):
    pg(
        "CREATE TABLE s.t (id bigint PRIMARY KEY, small int2, name varchar(9), price numeric(12, 3), wide numeric,"
        " ratio float8, ok bool, born date, at timestamp, moment timestamptz, data bytea, doc jsonb, tags text[],"
        " u uuid, ip inet, span interval)",
        "INSERT INTO s.t VALUES (9007199254740993, 1, 'Ünï', 12345.678, 0.1, 0.5, true, '2024-02-29',"
        " '2024-01-01 10:00', '2024-01-01 10:00+02', '\\x00ff', '{\"a\": [1, 2]}', '{x,y}',"
        " '00000000-0000-0000-0000-000000000001', '10.0.0.1', '1 day')",
        "INSERT INTO s.t (id, wide) VALUES (1, 'NaN')",
    )
    counts = works.run(works.asset(database("shop_db", tables={"s.t": {"key": "id"}}), "crm_s_t")).counts
    rows = works.rows("crm_s_t", order="id DESC")
    assert rows[0] == (
        9007199254740993, 1, "Ünï", Decimal("12345.678"), "0.1", 0.5, True, dt.date(2024, 2, 29),
        dt.datetime.fromisoformat("2024-01-01T10:00"), dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC), b"\x00\xff",
        '{"a": [1, 2]}', "{x,y}",
        "00000000-0000-0000-0000-000000000001", "10.0.0.1/32", "1 day",
    )  # fmt: skip
    assert rows[1][:5] == (1, None, None, None, "NaN")
    assert counts.rows_in == counts.rows_out == 2


def test_postgresql_goes_on_where_its_cursor_stood(works, pg):
    pg(
        "CREATE TABLE s.t (id int, n text, updated_at timestamptz)",
        "INSERT INTO s.t VALUES (1, 'a', '2024-01-01 10:00:00.123456+00'), (2, 'b', '2024-01-02 00:00:00+00')",
    )
    made = works.asset(database("shop_db", tables={"s.t": {"key": "id", "cursor": "updated_at"}}), "crm_s_t")
    works.run(made)
    assert works.lake.builds()["crm_s_t"].cursor == "2024-01-02T00:00:00Z"
    assert works.run(made).snapshot is None
    pg("UPDATE s.t SET n = 'c', updated_at = '2024-01-03 00:00:00+00' WHERE id = 1")
    assert works.run(made).counts.rows_in == 2
    assert works.rows("crm_s_t", "id, n") == [(1, "c"), (2, "b")]
    works.run(made, mode="full")
    assert works.rows("crm_s_t", "id, n") == [(1, "c"), (2, "b")]


def test_postgresql_says_which_table_is_not_there(works, pg):
    with pytest.raises(SourceError, match=r'refuses: relation "s\.nothing" does not exist'):
        works.run(works.asset(database("shop_db", tables={"s.nothing": {}}), "crm_s_nothing"))
