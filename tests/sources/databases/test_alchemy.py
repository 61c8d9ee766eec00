from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from pumphouse.declare.databases import database
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Connection

pymysql = pytest.importorskip("pymysql")


@pytest.fixture
def shop(works, mariadb):
    """A way to run SQL on a MariaDB without a table, which is the connection shop_db."""
    works.connections["shop_db"] = Connection(name="shop_db", url=mariadb)
    socket = mariadb.partition("unix_socket=")[2]

    def change(*statements: str) -> None:
        db = pymysql.connect(unix_socket=socket, user="root", database="shop", autocommit=True)
        with db, db.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    change("DROP DATABASE shop", "CREATE DATABASE shop")
    return change


def test_types_come_exact(works, shop):
    shop(
        "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, tiny TINYINT(1), bits BIT(10), price DECIMAL(12, 3),"
        " wide DECIMAL(65, 30), f FLOAT, d DOUBLE, day DATE, at DATETIME(6), moment TIMESTAMP(3) NULL,"
        " clock TIME(1), year YEAR, kind ENUM('a', 'b'), tags SET('x', 'y'), doc JSON, u UUID, raw BLOB,"
        " code VARCHAR(9), big INT UNSIGNED, note LONGTEXT)",
        "INSERT INTO t VALUES (18446744073709551615, 2, b'1000000001', 12345.678, 0.1, 0.5, 0.1, '2024-02-29',"
        " '2024-01-01 10:00:00.123456', '2024-01-01 10:00:00.125', '-838:59:59', 1999, 'b', 'x,y',"
        " '{\"a\": \"50%: :b\"}', '00000000-0000-0000-0000-000000000001', x'00ff', '007', 4294967295,"
        " repeat('x', 300000))",
        "INSERT INTO t (id, day, at) VALUES (1, '0000-00-00', '2024-00-10 00:00:00')",
    )
    counts = works.run(works.asset(database("shop_db", tables={"t": {"key": "id"}}), "crm_t")).counts
    rows = works.rows("crm_t", order="id DESC")
    assert rows[0] == (
        Decimal(18446744073709551615), 2, 513, Decimal("12345.678"), "0.100000000000000000000000000000", 0.5, 0.1,
        dt.date(2024, 2, 29), dt.datetime.fromisoformat("2024-01-01T10:00:00.123456"),
        dt.datetime(2024, 1, 1, 10, 0, 0, 125000, tzinfo=dt.UTC), "-838:59:59.0", 1999, "b", "x,y",
        '{"a": "50%: :b"}', "00000000-0000-0000-0000-000000000001", b"\x00\xff", "007", 4294967295, "x" * 300000,
    )  # fmt: skip
    assert (rows[1][0], set(rows[1][1:])) == (1, {None})
    assert sorted(works.quarantine("crm_t")) == [
        ("at", "2024-00-10 00:00:00.000000", "is not a time without a zone (ISO 8601)"),
        ("day", "0000-00-00", "is not a day (ISO 8601)"),
    ]
    assert (counts.rows_in, counts.rows_out, counts.quarantined) == (2, 2, 2)
    works.run(works.asset(database("shop_db", tables={"t": {"key": "id"}}), "crm_t"), mode="full")
    assert works.rows("crm_t", order="id DESC") == rows


def test_a_column_without_values_has_the_type_of_the_database(works, shop):
    shop("CREATE TABLE t (id BIGINT, price DECIMAL(5, 2), day DATE, at DATETIME, note TEXT)")
    works.run(works.asset(database("shop_db", tables={"t": {}}), "crm_t"))
    types = works.types("crm_t")
    assert (types["price"], types["day"], types["at"]) == ("DECIMAL(5,2)", "DATE", "TIMESTAMP")


def test_it_goes_on_where_its_cursor_stood_with_lag_and_deletes(works, shop):
    shop(
        "CREATE TABLE t (id INT PRIMARY KEY, n VARCHAR(5), at DATETIME(6))",
        "INSERT INTO t VALUES (1, 'a:b', '2024-01-01 10:00:00.5'), (2, '%s', '2024-01-02')",
    )
    tables = {"t": {"key": "id", "cursor": "at", "lag": "1h", "deletes": True}}
    made = works.asset(database("shop_db", tables=tables), "crm_t")
    works.run(made)
    assert works.run(made).snapshot is None
    shop("DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (3, 'late', '2024-01-01 23:30:00')")
    works.run(made)
    before = works.rows("crm_t", "*, _loaded_at, _raw")
    assert [row[:2] for row in before] == [(2, "%s"), (3, "late")]
    works.run(made, mode="full")
    assert works.rows("crm_t", "*, _loaded_at, _raw") == before


def test_a_query_with_colons_and_percents_is_read_and_one_that_writes_is_refused(works, shop):
    shop("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    query = "SELECT id, ':id 100%' AS text FROM t WHERE '%' LIKE '%' -- all of it"
    made = works.asset(database("shop_db", tables={"q": {"query": query, "cursor": "id"}}), "crm_q")
    works.run(made)
    works.run(made)
    assert works.rows("crm_q") == [(1, ":id 100%")]
    for bad in ("DELETE FROM t", "SELECT 1 AS x) s; DELETE FROM t; --", "SELECT id FROM t FOR UPDATE"):
        with pytest.raises(SourceError, match="connection 'shop_db'"):
            works.run(works.asset(database("shop_db", tables={"bad": {"query": bad}}), "crm_bad"))
    shop("INSERT INTO t VALUES (2)")


def test_a_view_and_a_table_of_another_schema_are_read(works, shop):
    shop("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2)", "CREATE VIEW v AS SELECT sum(id) AS total FROM t")
    made = database("shop_db", tables={"shop.t": {}, "v": {}})
    works.run(works.asset(made, "crm_shop_t"))
    works.run(works.asset(made, "crm_v"))
    assert (works.rows("crm_shop_t"), works.rows("crm_v")) == ([(1,), (2,)], [(Decimal(3),)])


def test_what_is_not_there_is_told_without_the_password(works, shop, mariadb):
    with pytest.raises(SourceError, match=r"refuses: .*Table 'shop\.nothing' doesn't exist"):
        works.run(works.asset(database("shop_db", tables={"nothing": {}}), "crm_nothing"))
    works.connections["shop_db"] = Connection(
        name="shop_db", url=mariadb.replace("root@", "nobody:hush-one@"), options={"password": "hush-two"}
    )
    with pytest.raises(SourceError, match="can't be reached") as caught:
        works.run(works.asset(database("shop_db", tables={"t": {}}), "crm_t"))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["nosuch://u:hush@h/d", "oracle+oracledb://u:hush@h/d"])
def test_a_database_without_a_dialect_or_a_driver_is_told_without_its_password(idle, url):
    idle.connections["shop_db"] = Connection(name="shop_db", url=url)
    with pytest.raises(ConfigError, match="connection 'shop_db'") as caught:
        idle.run(idle.asset(database("shop_db", tables={"staff": {}}), "crm_staff"))
    assert "hush" not in str(caught.value)
