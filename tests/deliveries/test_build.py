from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.deliveries.build import MANIFEST, build
from pumphouse.errors import BuildError
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Connection
from pumphouse.lake.lake import CATALOGUE_FILE

ROWS = pa.table({"customer_id": [3, 1, 2], "name": ["Cy", "Ann", "=Bo"]})


def test_a_delivery_is_ordered_by_key_counted_and_recorded(yard: Any, tmp_path: Path) -> None:
    read = yard.table("customers", ROWS)
    built = build(yard.delivery("folder:out/buyers"), yard.context())
    assert built.snapshot == read + 1
    assert (built.counts.rows_in, built.counts.rows_out) == (3, 3)
    lines = (tmp_path / "out" / "buyers" / "customers.csv").read_text().splitlines()
    assert lines == ['"customer_id","name"', '1,"Ann"', '2,"\'=Bo"', '3,"Cy"']
    [left] = yard.lake.artefacts("to_buyers")
    assert (left.name, left.snapshot) == (MANIFEST, read)
    manifest = json.loads(yard.lake.blobs.get(left.sha))
    assert manifest == json.loads((tmp_path / "out" / "buyers" / "customers.csv.json").read_text())
    assert manifest["definition"] == "One row per customer."


@pytest.mark.parametrize(
    ("to", "format"),
    [("folder:lake", "csv"), ("folder:out/../lake/data", "csv"), ("folder:link", "csv"), ("sqlite:lake/x.db", "table")],
)
def test_nothing_is_delivered_into_the_lakes_own_files(to: str, format: str, yard: Any, tmp_path: Path) -> None:
    yard.table("customers", ROWS)
    (tmp_path / "link").symlink_to(tmp_path / "lake", target_is_directory=True)
    before = sorted((tmp_path / "lake").rglob("*"))
    with pytest.raises(BuildError, match="in the lake's own files"):
        build(yard.delivery(to, format), yard.context())
    assert sorted((tmp_path / "lake").rglob("*")) == before


def test_nothing_is_delivered_into_the_catalogues_database(yard: Any) -> None:
    yard.table("customers", ROWS)
    yard.connections["shop"] = Connection(name="shop", url="postgresql://me@Host.example/lake")
    yard.lake.location = replace(yard.lake.location, catalogue="postgresql://other:secret@host.example:5432/lake")
    with pytest.raises(BuildError, match="in the lake's own files"):
        build(yard.delivery("shop", "table"), yard.context())


def test_a_second_run_does_nothing(yard: Any) -> None:
    yard.table("customers", ROWS)
    delivery = yard.delivery("sqlite:out/shop.db", "table")
    build(delivery, yard.context())
    again = build(delivery, yard.context(run="run-2"))
    assert again.snapshot is None
    assert again.note == "sqlite:out/shop.db holds it already"


def test_rows_under_a_number_that_a_put_back_catalogue_gives_again_are_delivered(yard: Any, tmp_path: Path) -> None:
    catalogue, to = tmp_path / "lake" / CATALOGUE_FILE, yard.delivery("folder:out")
    yard.lake.snapshot()
    yard.lake.close()
    copy = catalogue.read_bytes()
    for customer in (1, 2):
        catalogue.write_bytes(copy)
        again = type(yard)(tmp_path)
        assert again.table("customers", pa.table({"customer_id": [customer]})) == 1
        build(to, again.context())
        again.lake.close()
        assert (tmp_path / "out" / "customers.csv").read_text().split() == ['"customer_id"', str(customer)]


def test_a_run_that_died_before_it_was_recorded_is_recorded_without_sending_again(yard: Any, tmp_path: Path) -> None:
    read = yard.table("customers", ROWS)
    build(yard.delivery("folder:out"), yard.context())
    file = tmp_path / "out" / "customers.csv"
    sent = file.stat().st_mtime_ns
    # The same folder, seen by a lake that has no record of the delivery: what a crash between the two leaves.
    commit = Commit(yard.lake, "to_buyers", run="other", actor="tester")
    commit.artefact("other.json", yard.lake.blobs.put(b"{}"))
    commit.publish()
    built = build(yard.delivery("folder:out"), yard.context(run="run-2"))
    assert built.snapshot is not None
    assert built.counts.rows_out == 3
    assert file.stat().st_mtime_ns == sent
    assert yard.lake.artefacts("to_buyers")[-1].snapshot == read


def test_a_changed_table_is_delivered_again_and_an_unrelated_change_is_not(yard: Any, tmp_path: Path) -> None:
    yard.table("customers", ROWS)
    delivery = yard.delivery("folder:out")
    build(delivery, yard.context())
    yard.table("others", pa.table({"n": [1]}))
    assert build(delivery, yard.context(run="run-2")).snapshot is None
    yard.table("customers", ROWS.slice(0, 1))
    later = yard.context(run="run-3", now=dt.datetime(2026, 11, 24, tzinfo=dt.UTC))
    assert build(delivery, later).counts.rows_out == 1
    assert len((tmp_path / "out" / "customers.csv").read_text().splitlines()) == 2


def test_a_person_with_a_tombstone_leaves_the_next_delivery(yard: Any, tmp_path: Path) -> None:
    yard.table("customers", ROWS)
    delivery = yard.delivery("sqlite:shop.db", "table")
    build(delivery, yard.context())
    commit = Commit(yard.lake, "privacy", run="run-2", actor="tester")
    commit.tombstone("customer_id", "1", why="asked")
    commit.publish()
    assert build(delivery, yard.context(run="run-3")).counts.rows_out == 2
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        assert db.execute("SELECT name FROM customers").fetchall() == [("=Bo",), ("Cy",)]


def test_a_delivery_to_postgresql_by_the_connections_name(yard: Any, postgres: str) -> None:
    yard.table("customers", ROWS)
    yard.connections["shop_db"] = Connection(name="shop_db", url=postgres)
    delivery = yard.delivery("shop_db", "table")
    assert build(delivery, yard.context()).counts.rows_out == 3
    assert build(delivery, yard.context(run="run-2")).snapshot is None


def test_a_sample_is_not_delivered(yard: Any, tmp_path: Path) -> None:
    yard.table("customers", ROWS)
    assert build(yard.delivery("folder:out"), yard.context(sample=2)).note == "a sample is not delivered"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("to", "format", "said"),
    [
        ("ftp:out", "csv", "called 'ftp:out' (facts.py:3). Write to=\"folder:<path>\""),
        ("folder:", "csv", "there is nothing to deliver to"),
        ("warehouse", "csv", "'warehouse' takes no format 'csv' (facts.py:3). Write format=\"table\"."),
        ("api", "table", "is no database that takes deliveries"),
    ],
)
def test_a_target_that_is_none_is_named_with_the_forms_there_are(yard: Any, to: str, format: str, said: str) -> None:
    yard.table("customers", ROWS)
    yard.connections["api"] = Connection(name="api", url="https://shop.example")
    yard.connections["warehouse"] = Connection(name="warehouse", url="postgresql://warehouse.example")
    with pytest.raises(BuildError) as raised:
        build(yard.delivery(to, format), yard.context())
    assert said in str(raised.value)
