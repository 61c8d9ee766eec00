"""The doors' own DuckDB reads the lake's rows, and nothing else even where a query was not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import BadRequest, TooMuch
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import CATALOGUE_FILE, Lake, Location
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies
from pumphouse.server.access.sessions import Sessions

ADA = Visitor(who="ada", scope="all")


def fill(lake: Lake, table: str, ids: range) -> None:
    rows = pa.table({"id": ids, "customer_id": [f"c{number}" for number in ids]})
    commit = Commit(lake, table, run="run-1", actor="ada")
    commit.replace(table, lake.stage(rows.to_batches(), rows.schema, stem=f"{table}_{len(ids)}"))
    assert commit.publish() is not None


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))
    fill(lake, "orders", range(10))
    yield lake
    lake.close()


def ids(desk: Desk, text: str, **options: Any) -> list[int]:
    found = desk.ask(ADA, text, door="test", **options).run().read_all().column("id").to_pylist()
    return sorted(found)


@pytest.mark.parametrize(
    "text",
    [
        "FROM read_text('/etc/passwd')",
        "FROM read_text('{folder}/state.sqlite')",
        "FROM glob('/*')",
        "FROM 'https://example.org/rows.csv'",
        "COPY (SELECT 1) TO '/tmp/never.csv'",
        "ATTACH '/tmp/never.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "SET GLOBAL allowed_directories = ['/']",
        "RESET enable_external_access",
        "DELETE FROM lake.main.orders",
        "CREATE TABLE lake.main.more AS SELECT 1",
    ],
)
def test_second_wall_stands_behind_the_first(walled: duckdb.DuckDBPyConnection, served: Any, text: str) -> None:
    assert walled.execute("SELECT count(*) FROM orders").fetchall() == [(40,)]
    with pytest.raises(duckdb.Error):
        walled.execute(text.format(folder=served.shop.lake.folder)).fetchall()


@pytest.fixture(scope="module")
def walled(served: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    sessions = Sessions(served.shop.lake, memory_bytes=2 * 10**8, threads=1, functions=())
    session = sessions.take({"orders": sessions.lake.scan("orders")}, who="ada")
    yield session.connection
    sessions.give(session)
    sessions.close()


def test_digest_is_another_once_somebody_is_hidden(lake: Lake) -> None:
    desk = Desk(lake, Policies(lake, {}))
    before = desk.ask(ADA, "SELECT id FROM orders", door="test", snapshot=1).digest
    assert desk.ask(ADA, "SELECT id FROM orders", door="test", snapshot=1).digest == before
    hide(lake, entity="customer_id", value="c1", why="asked", run="run-2", actor="ada")
    assert desk.ask(ADA, "SELECT id FROM orders", door="test", snapshot=1).digest != before
    desk.close()


def test_digest_is_another_where_a_put_back_catalogue_gave_the_snapshot_again(lake: Lake) -> None:
    catalogue, digests = lake.folder / CATALOGUE_FILE, set()
    lake.close()
    copy = catalogue.read_bytes()
    for number in (11, 12):
        catalogue.write_bytes(copy)
        again = Lake(Location(folder=lake.folder), engine=DuckDB(threads=1))
        fill(again, "orders", range(number))
        desk = Desk(again, Policies(again, {}), threads=1)
        asked = desk.ask(ADA, "SELECT id FROM orders", door="test")
        digests.add((asked.snapshot, asked.digest))
        desk.close()
        again.close()
    assert len({snapshot for snapshot, _ in digests}) == 1
    assert len(digests) == 2


def test_newest_snapshot_is_known_as_soon_as_it_is_there(lake: Lake) -> None:
    desk = Desk(lake, Policies(lake, {}), threads=1)
    for number in range(11, 16):
        fill(lake, "orders", range(number))
        assert ids(desk, "FROM orders") == [*range(number)]
    first = lake.changes("orders")[0]
    assert ids(desk, "FROM orders", snapshot=first) == [*range(10)]
    desk.close()


def test_who_is_hidden_is_hidden_at_once_and_at_older_snapshots(lake: Lake) -> None:
    desk = Desk(lake, Policies(lake, {}), threads=1)
    at = lake.snapshot()
    assert ids(desk, "FROM orders", snapshot=at) == [*range(10)]
    hide(lake, entity="customer_id", value="c3", why="asked", run="run-2", actor="ada")
    assert ids(desk, "FROM orders") == ids(desk, "FROM orders", snapshot=at) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    desk.close()


def test_lakes_above_are_read_as_well(lake: Lake, tmp_path: Path) -> None:
    engine = DuckDB(threads=1)
    above = Lake(lake.location, engine=engine, alias="upstream_0", writable=False)
    own = Lake(Location(folder=tmp_path / "dev"), engine=engine, upstream=above)
    fill(own, "more", range(3))
    fill(lake, "orders", range(50))  # pinned above: not seen
    desk = Desk(own, Policies(own, {}), threads=1)
    assert ids(desk, "SELECT orders.id FROM orders LEFT JOIN more USING (id)") == [*range(10)]
    desk.close()
    own.close()


def test_lake_with_its_catalogue_in_postgres_is_read_as_well(postgres: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres, autocommit=True) as server:  # other lakes of this run have theirs in its first one
        server.execute("CREATE DATABASE doors")
    catalogue = postgres.replace("/postgres?", "/doors?")
    lake = Lake(Location(folder=tmp_path / "shared", catalogue=catalogue), engine=DuckDB(threads=1))
    desk = Desk(lake, Policies(lake, {}), threads=1)
    for number in (5, 6, 7):
        fill(lake, "orders", range(number))
        assert ids(desk, "FROM orders") == [*range(number)]
    assert [one.rows for one in lake.state.accesses(asset="orders")] == [5, 6, 7]
    desk.close()
    lake.close()


def test_current_user_is_the_visitor(lake: Lake) -> None:
    desk = Desk(lake, Policies(lake, {}), threads=1)
    for who in ("ada", "O'Hare"):
        statement = desk.ask(Visitor(who=who, scope="all"), "SELECT current_user AS a, session_user AS b", door="test")
        assert statement.run().read_all().to_pylist() == [{"a": who, "b": who}]
    desk.close()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT length(repeat('x', 2_000_000_000))", BadRequest),
        ("SELECT length(main.repeat('x', 2_000_000_000))", BadRequest),
        ("SELECT length('x'.repeat(2_000_000_000))", BadRequest),
        ("SELECT len(range(2_000_000_000))", BadRequest),
        ("SELECT len(generate_series(0, 2_000_000_000, 1))", BadRequest),
        ("SELECT len(list_resize([1], 2_000_000_000))", BadRequest),
        ("SELECT length(lpad('x', 2_000_000_000, 'y'))", BadRequest),
        ("SELECT len(array_agg(range)) FROM range(100_000_000)", TooMuch),
    ],
)
def test_much_made_of_little_is_refused(bombed: Desk, text: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        bombed.ask(ADA, text, door="test").run().read_all()


@pytest.fixture(scope="module")
def bombed(served: Any) -> Iterator[Desk]:
    shop = served.shop
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), memory="100MB", threads=1)
    yield desk
    desk.close()
