from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
import pytest

from pumphouse.declare.databases import database
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection


@pytest.fixture
def shop(works):
    works.connections["shop_db"] = Connection(name="shop_db", url="duckdb:///shop.duckdb")

    def change(*statements: str) -> None:
        with duckdb.connect(str(works.folder / "shop.duckdb")) as db:
            for statement in statements:
                db.execute(statement)

    return change


def test_types_come_exact(works, shop):
    shop(
        "CREATE TABLE t (id UBIGINT, huge HUGEINT, price DECIMAL(12, 3), day DATE, seen TIMESTAMP, moment TIMESTAMPTZ,"
        " clock TIME, tags VARCHAR[], u UUID, span INTERVAL, data BLOB, ratio DOUBLE)",
        "INSERT INTO t VALUES (18446744073709551615, 7, 1.5, '2024-02-29', '2024-01-01 10:00:00.123456',"
        " '2024-01-01 10:00:00+02', '10:00', ['x', 'y'], '00000000-0000-0000-0000-000000000001', INTERVAL 1 DAY,"
        " '\\x00\\xFF'::BLOB, 'nan')",
        "INSERT INTO t (id, day, seen) VALUES (1, 'infinity', '12345-01-01')",
    )
    works.run(works.asset(database("shop_db", tables={"t": {"key": "id"}}), "crm_t"))
    rows = [row[:-1] for row in works.rows("crm_t", order="id DESC")]
    assert rows[0] == (
        Decimal(18446744073709551615), 7, Decimal("1.500"), dt.date(2024, 2, 29),
        dt.datetime.fromisoformat("2024-01-01T10:00:00.123456"), dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC),
        dt.time(10), "[x, y]", "00000000-0000-0000-0000-000000000001", "1 day", b"\x00\xff",
    )  # fmt: skip
    assert works.rows("crm_t", "isnan(ratio)", order="id DESC")[0] == (True,)
    assert rows[1] == (1, *[None] * 10)
    assert sorted(row[:2] for row in works.quarantine("crm_t")) == [
        ("day", "infinity"),
        ("seen", "12345-01-01 00:00:00"),
    ]


def test_a_query_reads_with_a_cursor_and_no_other_file(works, shop):
    shop("CREATE TABLE t AS SELECT range AS id FROM range(5)")
    tables = {"t": {"key": "id", "cursor": "id", "deletes": True}, "q": {"query": "SELECT max(id) AS m FROM t"}}
    made = works.asset(database("shop_db", tables=tables), "crm_t")
    works.run(made)
    shop("DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (9)")
    assert works.run(made).counts.rows_in == 2
    assert works.rows("crm_t", "list(id ORDER BY id)") == [([0, 1, 3, 4, 9],)]
    works.run(works.asset(database("shop_db", tables=tables), "crm_q"))
    assert works.rows("crm_q") == [(9,)]
    works.write("other.csv", "a\n1\n")
    for bad in (f"FROM '{works.folder}/other.csv'", "DELETE FROM t", "SELECT nothing FROM t"):
        with pytest.raises(SourceError, match=r"shop\.duckdb can't be read"):
            works.run(works.asset(database("shop_db", tables={"bad": {"query": bad}}), "crm_bad"))


def test_a_file_that_is_not_there_is_named(works):
    works.connections["shop_db"] = Connection(name="shop_db", url="duckdb:///nowhere.duckdb")
    with pytest.raises(SourceError, match=r"there is no file .*nowhere\.duckdb"):
        works.run(works.asset(database("shop_db", tables={"t": {}}), "crm_t"))
