"""Lists of tables at every door while the database of one of them is down, hangs, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import httpx
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import Postgres
from tests.server.conftest import TOKEN, running

from pumphouse.project.project import open_project
from pumphouse.project.served import Served
from pumphouse.sources.external import sightings

ANSWERS_S = 60
LISTED_MAX = 1_000
DECLARED = """
import pumphouse as ph

accounts = ph.external("accounts", connection="crm")
invoices = ph.external("invoices", connection="crm")
clicks = ph.external("clicks/*.parquet")
accounts_for_bob = ph.grant("accounts", to=["bob"], columns=["id", "name"], mask={"name": {"sql": "length(name)"}})
clicks_for_bob = ph.grant("clicks", to=["bob"], rows="id > 1")
"""


@pytest.fixture
def database(stoppable_postgres: Postgres) -> Postgres:
    with psycopg.connect(stoppable_postgres.url, autocommit=True) as crm:
        crm.execute("CREATE TABLE accounts (id int, name text)")
        crm.execute("INSERT INTO accounts VALUES (1, 'Ann'), (2, 'Bo')")
        crm.execute("CREATE TABLE invoices (id int)")
    return stoppable_postgres


@pytest.fixture
def lists(database: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that gives what a door lists, each table with its columns where the door tells them."""
    monkeypatch.setattr(sightings, "FRESH_S", 0.0)
    folder = tmp_path / "shop"
    (folder / "clicks").mkdir(parents=True)
    pq.write_table(pa.table({"id": [1, 2]}), folder / "clicks" / "a.parquet")
    # It waits for ever for a database that hangs, as for one behind a wall that drops what is sent to it.
    url = f"{database.url}&connect_timeout=600"
    (folder / "pumphouse.toml").write_text(f'name = "shop"\n[connections.crm]\nurl = "{url}"\n')
    (folder / "far.py").write_text(DECLARED)
    with open_project(folder) as project, ThreadPoolExecutor(8) as threads:
        bob = project.lake.state.make_token("bob", scope="read")
        serving, thread = running(Served(project), owner="owner", flight_port=0, postgres_port=0)
        doors = {one.name: one.url for one in serving.doors}

        def http(token: str) -> dict[str, Any]:
            headers = {"Authorization": f"Bearer {token}"}
            found = httpx.get(f"{serving.url}/api/tables", headers=headers, timeout=ANSWERS_S).json()["tables"]
            return {one["name"]: {column["name"]: column["type"] for column in one["columns"]} for one in found}

        def postgres(token: str) -> list[str]:
            port = int(doors["postgres"].rpartition(":")[2].partition("/")[0])
            login = {"host": "127.0.0.1", "port": port, "dbname": "shop", "user": "owner", "password": token}
            text = "SELECT relname FROM pg_class WHERE relnamespace = 2200 AND relkind = 'r' ORDER BY 1"
            with psycopg.connect(**login, autocommit=True) as session:
                return [name for (name,) in session.execute(text)]

        def flight(token: str) -> list[str]:
            options = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
            with adbc.connect(doors["flight"], db_kwargs=options, autocommit=True) as connection:
                catalogs = connection.adbc_get_objects(depth="columns").read_all().to_pylist()
            tables = catalogs[0]["catalog_db_schemas"][0]["db_schema_tables"]
            return sorted(one["table_name"] for one in tables)

        by_door = {"http": http, "postgres": postgres, "flight": flight}
        yield lambda door, who="owner": threads.submit(by_door[door], TOKEN if who == "owner" else bob).result(
            ANSWERS_S
        )
        serving.stop()
        thread.join(20)


def test_a_database_that_was_down_is_listed_again_once_it_is_up(
    database: Postgres, lists: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "WAIT_S", ANSWERS_S)  # a look takes as long as the machine lets it
    database.stop()
    for door in ("postgres", "http", "flight"):
        assert [*lists(door)] == ["clicks"]
    database.start()
    for door in ("postgres", "http", "flight"):
        assert [*lists(door)] == ["accounts", "clicks", "invoices"]
    database.stop()
    for door in ("postgres", "http", "flight"):
        assert [*lists(door)] == ["clicks"]


def test_no_list_waits_for_a_database_that_hangs(database: Postgres, lists: Any) -> None:
    with database.hanging():
        for door in ("http", "postgres", "flight"):
            assert [*lists(door)] == ["clicks"]
    masked = {"id": "int32", "name": "int64"}
    for _ in range(LISTED_MAX):
        if {"accounts", "invoices"} <= (found := lists("http", "bob")).keys():
            break
    assert found["accounts"] == masked
    with database.hanging():  # it was seen, and nobody knows yet that it is gone
        assert lists("http", "bob") == {"accounts": masked, "clicks": {"id": "int64"}, "invoices": {"id": "int32"}}
        assert [*lists("postgres")] == ["accounts", "clicks", "invoices"]
