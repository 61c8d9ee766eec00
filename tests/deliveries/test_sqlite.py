from __future__ import annotations

import datetime as dt
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.deliveries.parcel import Parcel
from pumphouse.deliveries.sqlite import deliver
from pumphouse.errors import BuildError

ROWS = pa.table({"customer_id": [1, 2, 3], "note": ["a", "=1+1", None]})


def rows(path: Path, sql: str = "SELECT * FROM customers") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def test_a_table_and_the_note_that_says_what_it_is(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "out" / "shop.db"
    receipt = deliver(parcel(ROWS), path=path)
    assert receipt.rows == 3
    assert rows(path) == [(1, "a"), (2, "=1+1"), (3, None)]
    [(table, key, count, manifest)] = rows(path, "SELECT * FROM _pumphouse_deliveries")
    assert (table, key, count) == ("customers", parcel(ROWS).key, 3)
    assert json.loads(manifest) == receipt.manifest


def test_a_repeat_sends_nothing(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "shop.db"
    deliver(parcel(ROWS), path=path)

    def unread() -> list[pa.RecordBatch]:
        raise AssertionError("rows were asked for again")

    assert deliver(parcel(ROWS, rows=unread), path=path).was_there


def test_rows_that_somebody_removed_are_delivered_again(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "shop.db"
    deliver(parcel(ROWS), path=path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM customers WHERE customer_id = 2")
    assert not deliver(parcel(ROWS), path=path).was_there
    assert len(rows(path)) == 3


def test_a_new_version_replaces_rows_and_keeps_indexes_and_views(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "shop.db"
    deliver(parcel(ROWS), path=path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE INDEX by_note ON customers (note)")
        db.execute("CREATE VIEW noted AS SELECT * FROM customers WHERE note IS NOT NULL")
    assert deliver(parcel(ROWS.slice(0, 2), version=6), path=path).rows == 2
    assert rows(path, "SELECT * FROM noted") == [(1, "a"), (2, "=1+1")]
    assert rows(path, "SELECT name FROM sqlite_master WHERE type = 'index' AND name = 'by_note'") == [("by_note",)]


def test_other_columns_make_the_table_anew(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "shop.db"
    deliver(parcel(ROWS), path=path)
    deliver(parcel(pa.table({"customer_id": [9], "spent": [1.5]}), version=6), path=path)
    assert rows(path) == [(9, 1.5)]


def test_a_table_of_somebody_else_is_left_alone(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE customers (theirs)")
        db.execute("INSERT INTO customers VALUES ('precious')")
    with pytest.raises(BuildError, match="there already, and not from a delivery"):
        deliver(parcel(ROWS), path=path)
    assert rows(path) == [("precious",)]


def test_a_stream_that_breaks_leaves_the_last_delivery_whole(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "shop.db"
    deliver(parcel(ROWS), path=path)

    def breaking() -> Iterator[pa.RecordBatch]:
        yield ROWS.to_batches()[0]
        raise BuildError("the lake's disk is gone")

    with pytest.raises(BuildError, match="disk is gone"):
        deliver(parcel(ROWS, version=6, rows=breaking), path=path)
    assert rows(path) == [(1, "a"), (2, "=1+1"), (3, None)]
    assert deliver(parcel(ROWS), path=path).was_there


FULL = """
import resource, sys
import pyarrow as pa
from pathlib import Path
from datetime import datetime, timezone
from pumphouse.deliveries.sqlite import deliver
from pumphouse.deliveries.parcel import Parcel

rows = pa.table({"customer_id": range(50_000), "note": ["x" * 50] * 50_000})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
parcel = Parcel(delivery="to_buyers", table="customers", to="sqlite:shop.db", snapshot=8, version=8, fingerprint="",
                made_at=datetime.now(timezone.utc), definition="", schema=rows.schema, rows=rows.to_batches)
try:
    deliver(parcel, path=Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_leaves_the_last_delivery_whole(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "shop.db"
    deliver(parcel(ROWS), path=path)
    ran = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True)
    assert ran.stdout.startswith("BuildError 'customers' could not be delivered to"), ran.stderr
    assert rows(path) == [(1, "a"), (2, "=1+1"), (3, None)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    path = tmp_path / "shop.db"
    path.write_text("Dear diary, " * 200)
    with pytest.raises(BuildError, match="file is not a database"):
        deliver(parcel(ROWS), path=path)
    assert path.read_text().startswith("Dear diary")


def test_every_type_reads_as_sqlite_reads_it(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001 - a column without a zone
    table = pa.table(
        {
            "big": [2**63 - 1],
            "money": pa.array([Decimal("1234567890.12")], pa.decimal128(38, 2)),
            "whole": pa.array([Decimal(2**62)], pa.decimal128(38, 0)),
            "share": [0.1],
            "yes": [True],
            "day": [moment.date()],
            "at": pa.array([moment], pa.timestamp("us")),
            "berlin": pa.array([moment], pa.timestamp("us", "Europe/Berlin")),
            "list": [[1, None]],
            "bytes": [b"\x00a"],
            "kind": pa.array(["a"]).dictionary_encode(),
            "took": [dt.timedelta(minutes=2)],
            "clock": [dt.time(1, 2)],
        }
    )
    path = tmp_path / "shop.db"
    deliver(parcel(table), path=path)
    assert rows(path) == [
        (
            2**63 - 1, 1234567890.12, 2**62, 0.1, 1, "2026-01-02", "2026-01-02 03:04:05.000006",
            "2026-01-02 03:04:05.000006+00:00", "[1, null]", b"\x00a", "a", "0:02:00", "01:02:00",
        )
    ]  # fmt: skip
    assert rows(path, "SELECT strftime('%H', berlin) FROM customers WHERE money > 1000") == [("03",)]


def test_infinity_and_far_years_are_texts(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    days = pa.array([2**31 - 1, 35804357, -735160, 0], pa.int32()).view(pa.date32())
    moments = pa.array([2**63 - 1, -(2**63) + 1, 0, None], pa.int64()).view(pa.timestamp("us", tz="UTC"))
    deliver(parcel(pa.table({"day": days, "at": moments})), path=tmp_path / "shop.db")
    assert rows(tmp_path / "shop.db", "SELECT day, at FROM customers ORDER BY rowid") == [
        ("infinity", "infinity"),
        ("99999-01-01", "-infinity"),
        ("0044-03-15 (BC)", "1970-01-01 00:00:00+00:00"),
        ("1970-01-01", None),
    ]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**30), max_value=10**30))
@settings(max_examples=150, deadline=None)
def test_a_decimal_is_held_exactly_or_refused(
    tmp_path_factory: pytest.TempPathFactory, parcel: Callable[..., Parcel], value: Decimal
) -> None:
    path = tmp_path_factory.mktemp("exact") / "shop.db"
    table = pa.table({"money": pa.array([value], pa.decimal128(38, 4))})
    try:
        deliver(parcel(table), path=path)
    except BuildError as error:
        assert f"SQLite can't hold {value} of 'customers.money' exactly" in str(error)  # noqa: PT017
        assert abs(value) >= 10**10
    else:
        assert Decimal(str(rows(path)[0][0])) == value


def test_a_number_that_is_none_is_refused_and_not_made_null(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    with pytest.raises(BuildError, match=r"can't hold nan of 'customers\.share' exactly\. Cast share"):
        deliver(parcel(pa.table({"share": [float("nan")]})), path=tmp_path / "shop.db")
