"""Programs in other languages read a table of all types here and in a real PostgreSQL: what they print is the same."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
from tests.server.clients.forwarding import forwarded
from tests.server.clients.languages import LANGUAGES
from tests.server.clients.matrix import COLUMNS, rows_in_duckdb, rows_in_postgres
from tests.server.conftest import TOKEN

from pumphouse.engines.engine import Query

NOT_IN_A_LAKE = ("span", "key")
"""Parquet has no place for all intervals, and a lake keeps UUIDs as text: these are what a query makes."""
TABLE = ", ".join(one.name for one in COLUMNS if one.name not in NOT_IN_A_LAKE)
ROWS = 5
READ = f"SELECT id, {TABLE} FROM types ORDER BY id"
MADE = ", ".join(NOT_IN_A_LAKE)


@pytest.fixture(scope="session")
def ours(served: Any) -> dict[str, str]:
    """How libpq finds our door, and the table behind it."""
    shop = served.shop
    rows = shop.lake.engine.read(Query(text=f"SELECT id, {TABLE} FROM ({rows_in_duckdb()})")).read_all()
    shop.fill("types", rows)
    (door,) = (door for door in served.serving.doors if door.name == "postgres")
    port = door.url.rpartition(":")[2].partition("/")[0]
    return _found_at(port, database="shop", user=getpass.getuser(), password=TOKEN)


@pytest.fixture(scope="session")
def real(postgres: str) -> Iterator[dict[str, str]]:
    """How libpq finds a real PostgreSQL, which listens at a socket alone, by TCP as some languages need it."""
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(f"CREATE TABLE types AS {rows_in_postgres()}")
        db.execute("ALTER ROLE pumphouse SET TimeZone = 'UTC'")
    socket = Path(dict(parse_qsl(urlsplit(postgres).query))["host"]) / ".s.PGSQL.5432"
    with forwarded(socket) as port:
        yield {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGDATABASE": "postgres",
            "PGUSER": "pumphouse",
            "PGTZ": "UTC",
        }


@pytest.mark.parametrize("name", LANGUAGES)
def test_table_of_all_types_reads_as_from_postgresql(
    name: str, ours: dict[str, str], real: dict[str, str], built: Path
) -> None:
    expected = LANGUAGES[name].run(READ, real, built)
    assert expected.count("\n") > ROWS
    assert LANGUAGES[name].run(READ, ours, built) == expected


@pytest.mark.parametrize("name", [name for name in LANGUAGES if name != "odbc"])
def test_what_a_query_makes_reads_as_from_postgresql(
    name: str, ours: dict[str, str], real: dict[str, str], built: Path
) -> None:
    made = f"SELECT id, {MADE} FROM ({rows_in_duckdb()}) AS made ORDER BY id"
    expected = LANGUAGES[name].run(f"SELECT id, {MADE} FROM types ORDER BY id", real, built)
    assert LANGUAGES[name].run(made, ours, built) == expected


def _found_at(port: str, *, database: str, user: str, password: str) -> dict[str, str]:
    where = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGDATABASE": database}
    return {**where, "PGUSER": user, "PGPASSWORD": password, "PGTZ": "UTC"}
