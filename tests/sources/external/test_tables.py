from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest

from pumphouse.declare.asset import Asset
from pumphouse.declare.external import external
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import ConfigError, PumphouseError, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.external.tables import ExternalTables


@pytest.fixture
def engine() -> Iterator[DuckDB]:
    made = DuckDB(threads=2)
    yield made
    made.close()


def asset(name: str, what: str, **declared: Any) -> Asset:
    one = external(what, **declared)
    return Asset(name=name, kind="external", spec=one.spec, common=one.common, place=one.place)


def opened(
    engine: DuckDB,
    *assets: Asset,
    folder: Path,
    connections: Mapping[str, Connection] | None = None,
    locked: bool = True,
) -> ExternalTables:
    found = ExternalTables(engine, {one.name: one for one in assets}, connections or {}, folder=folder)
    found.attach()
    engine.execute("SET enable_external_access = false")  # as behind a door
    return found


def read(engine: DuckDB, tables: ExternalTables, name: str, sql: str = "") -> list[dict[str, Any]]:
    scan = tables.scan(name, snapshot=1)
    found: list[dict[str, Any]] = (
        engine.read(Query(text=sql or f"FROM {name}", inputs={name: scan})).read_all().to_pylist()
    )
    return found


@pytest.fixture
def crm(postgres: str) -> Iterator[str]:
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("CREATE SCHEMA crm")
        db.execute(
            "CREATE TABLE crm.accounts (id int PRIMARY KEY, name text, paid numeric(12,2), ratio numeric, "
            " huge numeric(50,2), opens timetz, since timestamptz)"
        )
        db.execute(
            "INSERT INTO crm.accounts SELECT n, 'account ' || n, n / 100.0, 1.23456789012345678901, 1, '12:00+02',"
            " '2026-01-01 00:00+00' FROM generate_series(1, 5000) n"
        )
    yield postgres
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("DROP SCHEMA crm CASCADE")


EXACT = ["id", "name", "paid", "opens", "since"]


def test_table_of_postgresql_is_read_where_it_is_with_filters_pushed_down(
    crm: str, engine: DuckDB, tmp_path: Path
) -> None:
    accounts = asset("accounts", "crm.accounts", connection="crm", columns=EXACT)
    tables = opened(engine, accounts, folder=tmp_path, connections={"crm": Connection(name="crm", url=crm)})
    sql = "SELECT name, paid, opens FROM accounts WHERE id = 7"
    assert read(engine, tables, "accounts", sql) == [
        {"name": "account 7", "paid": Decimal("0.07"), "opens": "12:00:00+02"}
    ]
    scan = tables.scan("accounts", snapshot=1)
    plan = engine.read(Query(text=f"EXPLAIN ANALYZE {sql}", inputs={"accounts": scan})).read_all().to_pylist()
    assert "id=7" in str(plan).replace(" ", "")
    assert "5,000" not in str(plan)
    assert scan.is_live


def test_decimals_that_would_become_doubles_are_refused_by_name(crm: str, engine: DuckDB, tmp_path: Path) -> None:
    connections = {"crm": Connection(name="crm", url=crm)}
    whole = asset("accounts", "crm.accounts", connection="crm")
    large = asset("large", "crm.accounts", connection="crm", columns="huge")
    tables = opened(engine, whole, large, folder=tmp_path, connections=connections)
    with pytest.raises(SourceError, match=r"'ratio' of 'crm.accounts' has more digits than can be read exactly"):
        tables.scan("accounts", snapshot=1)
    with pytest.raises(SourceError, match="'huge' of"):
        tables.scan("large", snapshot=1)


def test_change_of_a_table_is_seen_at_the_next_read(crm: str, engine: DuckDB, tmp_path: Path) -> None:
    accounts = asset("accounts", "crm.accounts", connection="crm", columns=["id", "name"])
    tables = opened(engine, accounts, folder=tmp_path, connections={"crm": Connection(name="crm", url=crm)})
    counted = "SELECT count(*) AS rows FROM accounts"
    assert read(engine, tables, "accounts", counted) == [{"rows": 5000}]
    with psycopg.connect(crm, autocommit=True) as db:
        db.execute("DELETE FROM crm.accounts WHERE id > 10")
    assert read(engine, tables, "accounts", counted) == [{"rows": 10}]


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_database_that_is_down_is_named_and_its_password_is_not(scheme: str, engine: DuckDB, tmp_path: Path) -> None:
    url = f"{scheme}://reader:s3cret@127.0.0.1:1/shop"
    connection = Connection(name="crm", url=url, options={"password": "t0psecret"})
    gone = asset("gone", "accounts", connection="crm")
    tables = opened(engine, gone, folder=tmp_path, connections={"crm": connection})
    with pytest.raises(SourceError, match="connection 'crm' can't be read") as told:
        tables.scan("gone", snapshot=1)
    assert "s3cret" not in str(told.value)
    assert "t0psecret" not in str(told.value)


def test_table_that_is_not_there_or_has_no_such_column_is_named(crm: str, engine: DuckDB, tmp_path: Path) -> None:
    connections = {"crm": Connection(name="crm", url=crm)}
    none = asset("none", "crm.acounts", connection="crm")
    wrong = asset("wrong", "crm.accounts", connection="crm", columns=["nmae"])
    tables = opened(engine, none, wrong, folder=tmp_path, connections=connections)
    with pytest.raises(SourceError, match=r"has no table 'crm.acounts'"):
        tables.scan("none", snapshot=1)
    with pytest.raises(SourceError, match=r"has no column 'nmae'"):
        tables.scan("wrong", snapshot=1)


def test_table_of_mariadb_keeps_what_its_numbers_are(mariadb: str, engine: DuckDB, tmp_path: Path) -> None:
    socket = dict(parse_qsl(urlsplit(mariadb).query))["unix_socket"]
    with pymysql.connect(user="root", unix_socket=socket, database="shop", autocommit=True).cursor() as db:
        db.execute("CREATE TABLE stock (id INT, kind TINYINT(1), size BIGINT UNSIGNED, many DECIMAL(40, 2))")
        db.execute("INSERT INTO stock VALUES (1, 5, 18446744073709551615, 1), (2, NULL, 0, 2)")
    try:
        connections = {"shop": Connection(name="shop", url=mariadb)}
        stock = asset("stock", "stock", connection="shop", columns=["id", "kind", "size"])
        many = asset("many", "shop.stock", connection="shop")
        tables = opened(engine, stock, many, folder=tmp_path, connections=connections)
        assert read(engine, tables, "stock", "FROM stock ORDER BY id") == [
            {"id": 1, "kind": 5, "size": 2**64 - 1},
            {"id": 2, "kind": None, "size": 0},
        ]
        with pytest.raises(SourceError, match=r"'many' of 'shop.stock' has more digits"):
            tables.scan("many", snapshot=1)
    finally:
        with pymysql.connect(user="root", unix_socket=socket, database="shop", autocommit=True).cursor() as db:
            db.execute("DROP TABLE stock")


def test_files_of_sqlite_and_duckdb_are_tables(engine: DuckDB, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as lite:
        lite.execute("CREATE TABLE stock (id INTEGER, name TEXT)")
        lite.executemany("INSERT INTO stock VALUES (?, ?)", [(1, "a"), (2, None)])
    lite.close()
    with duckdb.connect(str(tmp_path / "other.duckdb")) as other:
        other.execute("CREATE TABLE visits AS SELECT 1 AS id, DATE '2026-01-01' AS at")
    connections = {
        "lite": Connection(name="lite", url="sqlite:///shop.db"),
        "other": Connection(name="other", url="duckdb:///other.duckdb"),
    }
    stock, visits = asset("stock", "stock", connection="lite"), asset("visits", "visits", connection="other")
    tables = opened(engine, stock, visits, folder=tmp_path, connections=connections)
    assert read(engine, tables, "stock") == [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
    assert [row["id"] for row in read(engine, tables, "visits")] == [1]


def write(folder: Path, name: str, rows: pa.Table) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / name)


def test_parquet_files_are_one_table_and_new_ones_are_seen(engine: DuckDB, tmp_path: Path) -> None:
    write(tmp_path, "clicks/year=2025/a.parquet", pa.table({"id": [1, 2]}))
    tables = opened(engine, asset("clicks", "clicks/*/*.parquet"), folder=tmp_path)
    assert read(engine, tables, "clicks", "FROM clicks WHERE id > 1") == [{"id": 2, "year": 2025}]
    write(tmp_path, "clicks/year=2026/b.parquet", pa.table({"id": [3]}))
    assert read(engine, tables, "clicks", "FROM clicks WHERE year = 2026") == [{"id": 3, "year": 2026}]


def test_file_that_is_no_parquet_is_told_without_where_the_project_lies(engine: DuckDB, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nothing of the kind")
    tables = opened(engine, asset("broken", "*.parquet"), folder=tmp_path)
    with pytest.raises(SourceError, match="can't be read as Parquet") as told:
        tables.scan("broken", snapshot=1)
    assert str(tmp_path) not in str(told.value)


def test_parquet_in_object_storage_is_a_table(s3: Any, engine: DuckDB, tmp_path: Path) -> None:
    write(tmp_path, "a.parquet", pa.table({"id": [1, 2], "name": ["x", "y"]}))
    s3.put("warehouse")
    s3.put("warehouse/clicks/a.parquet", (tmp_path / "a.parquet").read_bytes())
    clicks = asset("clicks", "s3://warehouse/clicks/*.parquet", connection="warehouse")
    options = {"endpoint": s3.url, "access_key": "any", "secret_key": "any"}
    connections = {"warehouse": Connection(name="warehouse", url="s3://warehouse", options=options)}
    tables = opened(engine, clicks, folder=tmp_path, connections=connections)
    assert read(engine, tables, "clicks", "SELECT name FROM clicks WHERE id = 2") == [{"name": "y"}]


def test_connection_that_nobody_wrote_down_is_told(engine: DuckDB, tmp_path: Path) -> None:
    tables = opened(engine, asset("accounts", "accounts", connection="crn"), folder=tmp_path)
    with pytest.raises(ConfigError, match=r"of connection 'crn', which pumphouse.toml does not have"):
        tables.scan("accounts", snapshot=1)


def test_other_database_is_refused_with_what_there_is(engine: DuckDB, tmp_path: Path) -> None:
    connections = {"erp": Connection(name="erp", url="oracle://reader@db.example/erp")}
    tables = opened(engine, asset("accounts", "accounts", connection="erp"), folder=tmp_path, connections=connections)
    with pytest.raises(PumphouseError, match="is a 'oracle', which can't be read where it is"):
        tables.scan("accounts", snapshot=1)


def test_declaration_needs_a_connection_or_files() -> None:
    with pytest.raises(TypeError, match="needs the connection"):
        external("accounts")
