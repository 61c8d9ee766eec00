from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from pumphouse.deliveries.parcel import Parcel
from pumphouse.deliveries.postgres import deliver
from pumphouse.errors import BuildError
from pumphouse.lake.context import Connection

ROWS = pa.table({"customer_id": [1, 2, 3], "note": ["a", "tab\there\\N", None]})


@pytest.fixture
def connection(postgres: str) -> Iterator[Connection]:
    yield Connection(name="shop_db", url=postgres, options={"password": "not-asked-for"})
    with psycopg.connect(postgres) as db:
        db.execute("DROP SCHEMA public CASCADE")
        db.execute("CREATE SCHEMA public")


def rows(connection: Connection, sql: str = "SELECT * FROM customers ORDER BY 1") -> list[tuple[Any, ...]]:
    with psycopg.connect(connection.url) as db:
        return db.execute(sql).fetchall()


def test_a_table_and_the_note_that_says_what_it_is(connection: Connection, parcel: Callable[..., Parcel]) -> None:
    receipt = deliver(parcel(ROWS, to="shop_db"), connection=connection)
    assert rows(connection) == [(1, "a"), (2, "tab\there\\N"), (3, None)]
    [(table, key, count, manifest)] = rows(connection, "SELECT * FROM _pumphouse_deliveries")
    assert (table, key, count) == ("customers", parcel(ROWS, to="shop_db").key, 3)
    assert json.loads(manifest) == receipt.manifest


def test_a_repeat_sends_nothing(connection: Connection, parcel: Callable[..., Parcel]) -> None:
    deliver(parcel(ROWS), connection=connection)

    def unread() -> list[pa.RecordBatch]:
        raise AssertionError("rows were asked for again")

    assert deliver(parcel(ROWS, rows=unread), connection=connection).was_there


def test_readers_see_the_earlier_rows_until_all_are_there(
    connection: Connection, parcel: Callable[..., Parcel]
) -> None:
    deliver(parcel(ROWS), connection=connection)
    seen: list[int] = []

    def watched() -> Iterator[pa.RecordBatch]:
        for batch in ROWS.to_batches(max_chunksize=1):
            yield batch
            seen.append(rows(connection, "SELECT count(*) FROM customers")[0][0])

    deliver(parcel(ROWS.slice(0, 0), version=6), connection=connection)
    deliver(parcel(ROWS, version=7, rows=watched), connection=connection)
    assert seen == [0, 0, 0]
    assert len(rows(connection)) == 3


def test_a_new_version_keeps_grants_and_views(connection: Connection, parcel: Callable[..., Parcel]) -> None:
    deliver(parcel(ROWS), connection=connection)
    with psycopg.connect(connection.url) as db:
        db.execute("CREATE VIEW noted AS SELECT customer_id FROM customers WHERE note IS NOT NULL")
        db.execute("GRANT SELECT ON customers TO PUBLIC")
    deliver(parcel(ROWS.slice(0, 1), version=6), connection=connection)
    assert rows(connection, "SELECT * FROM noted") == [(1,)]
    assert rows(connection, "SELECT relacl IS NOT NULL FROM pg_class WHERE relname = 'customers'") == [(True,)]


def test_a_failed_delivery_leaves_the_last_one_whole(connection: Connection, parcel: Callable[..., Parcel]) -> None:
    deliver(parcel(ROWS), connection=connection)
    bad = pa.table({"customer_id": [1], "note": ["a\0b"]})
    with pytest.raises(BuildError, match="could not be delivered to connection 'shop_db'"):
        deliver(parcel(bad, version=6), connection=connection)
    assert len(rows(connection)) == 3
    assert deliver(parcel(ROWS), connection=connection).was_there


def test_a_table_of_somebody_else_is_left_alone(connection: Connection, parcel: Callable[..., Parcel]) -> None:
    with psycopg.connect(connection.url) as db:
        db.execute("CREATE TABLE customers (theirs TEXT)")
    with pytest.raises(BuildError, match="there already, and not from a delivery"):
        deliver(parcel(ROWS), connection=connection)


def test_every_type_is_exact(connection: Connection, parcel: Callable[..., Parcel]) -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001 - a column without a zone
    value = Decimal("123456789012345678901234567890.1234")
    table = pa.table(
        {
            "big": [2**63 - 1],
            "money": pa.array([value], pa.decimal128(38, 4)),
            "share": [float("nan")],
            "yes": [True],
            "day": [moment.date()],
            "at": pa.array([moment], pa.timestamp("us")),
            "berlin": pa.array([moment], pa.timestamp("us", "Europe/Berlin")),
            "nested": [{"a": [1, None]}],
            "bytes": [b"\x00a"],
            "kind": pa.array(["a"]).dictionary_encode(),
        }
    )
    deliver(parcel(table), connection=connection)
    [found] = rows(connection)
    utc = moment.replace(tzinfo=dt.UTC)
    assert str(found[2]) == "nan"
    assert (*found[:2], *found[3:]) == (
        2**63 - 1, value, True, moment.date(), moment, utc, {"a": [1, None]}, b"\x00a", "a",
    )  # fmt: skip


def test_infinity_and_far_years_are_postgresqls_own(connection: Connection, parcel: Callable[..., Parcel]) -> None:
    days = pa.array([2**31 - 1, 35804357, -735160, 0], pa.int32()).view(pa.date32())
    moments = pa.array([2**63 - 1, -(2**63) + 1, 0, None], pa.int64()).view(pa.timestamp("us", tz="UTC"))
    deliver(parcel(pa.table({"day": days, "at": moments})), connection=connection)
    assert rows(connection, "SELECT day::text, isfinite(at) FROM customers ORDER BY day DESC") == [
        ("infinity", False),
        ("99999-01-01", False),
        ("1970-01-01", None),
        ("0044-03-15 BC", True),
    ]


def test_a_server_that_is_not_there_is_named_without_its_password(parcel: Callable[..., Parcel]) -> None:
    nowhere = Connection(name="shop_db", url="postgresql://reader@127.0.0.1:1/shop", options={"password": "hush-hush"})
    with pytest.raises(BuildError, match="connection 'shop_db'") as raised:
        deliver(parcel(ROWS), connection=nowhere)
    assert "hush-hush" not in str(raised.value)


def test_a_name_that_postgresql_would_cut_is_refused(parcel: Callable[..., Parcel]) -> None:
    nowhere = Connection(name="shop_db", url="postgresql://127.0.0.1:1/shop")
    with pytest.raises(BuildError, match="no name longer than 63 bytes"):
        deliver(parcel(pa.table({"x" * 64: [1]})), connection=nowhere)
