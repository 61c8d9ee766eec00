"""Tools themselves, through the door: psql, SQLAlchemy, psycopg and JDBC."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg.types import TypeInfo
from tests.server.conftest import TOKEN

DRIVER = Path("/usr/share/java/postgresql.jar")
ENDED_S = 120


def run(*command: str, password: str = "") -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=ENDED_S,
        env={**os.environ, "PGPASSWORD": password},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("psql") is None, reason="there is no psql")
def test_psql_describes_what_is_there(postgres: Any) -> None:
    asked = (r"\l", r"\dn", r"\d", r"\d orders", r"\d+ orders", r"\dt+", r"\di", r"\df", r"\du", r"\dp")
    commands = [word for one in asked for word in ("-c", one)]
    found = run("psql", "-X", postgres.door.url, *commands, password=TOKEN)
    assert "ERROR" not in found
    for line in (
        " shop | pumphouse | UTF8 ",
        " public | pumphouse",
        " public | orders             | table | pumphouse",
        'Table "public.orders"',
        " order_id | bigint                   |           | not null | ",
        " paid_at  | timestamp with time zone |           |          | ",
        '"orders_pkey" PRIMARY KEY, btree (order_id)',
        "Paid orders. One row per order; USD.",
        " public | orders_pkey | index | pumphouse | orders",
    ):
        assert line in found


def test_sqlalchemy_reflects_what_is_there(postgres: Any) -> None:
    password = f":{TOKEN}@"
    engine = sqlalchemy.create_engine(
        postgres.door.url.replace("postgresql://", "postgresql+psycopg://").replace("@", password)
    )
    look = sqlalchemy.inspect(engine)
    assert look.default_schema_name == "public"
    assert look.get_schema_names() == ["information_schema", "public"]
    assert {"orders", "tickets"} <= set(look.get_table_names())
    assert look.get_view_names() == []
    columns = {one["name"]: (str(one["type"]), one["nullable"]) for one in look.get_columns("orders")}
    assert columns == {
        "order_id": ("BIGINT", False),
        "customer": ("TEXT", True),
        "amount": ("DOUBLE PRECISION", True),
        "paid_at": ("TIMESTAMP", True),
    }
    assert look.get_pk_constraint("orders")["constrained_columns"] == ["order_id"]
    assert look.get_indexes("orders") == look.get_foreign_keys("orders") == look.get_unique_constraints("orders") == []
    assert look.get_table_comment("tickets") == {"text": "What customers wrote."}
    orders = sqlalchemy.Table("orders", sqlalchemy.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        first = connection.execute(sqlalchemy.select(orders.c.order_id).order_by(orders.c.order_id).limit(1))
        assert first.scalar_one() == 1
    with pytest.raises(sqlalchemy.exc.NoSuchTableError):
        look.get_columns("nosuch")
    engine.dispose()


def test_psycopg_finds_types_and_names(connection: psycopg.Connection[Any], postgres: Any) -> None:
    found = TypeInfo.fetch(connection, "int8")
    assert found is not None
    assert (found.oid, found.array_oid, found.regtype) == (20, 1016, "bigint")
    assert TypeInfo.fetch(connection, "hstore") is None
    who = connection.execute("SELECT current_user, current_schema(), current_database()").fetchone()
    assert who == (postgres.owner, "public", "shop")
    text = "SELECT relname, relkind, oid::regclass::text FROM pg_class WHERE relname = %s"
    assert connection.execute(text, ["orders"], binary=True).fetchone() == ("orders", "r", "orders")
    text = "SELECT indkey, indrelid::regclass FROM pg_index WHERE indrelid = 'orders'::regclass"
    assert connection.execute(text, binary=True).fetchall() == [("1", "orders")]
    ((process,),) = connection.execute("SELECT pg_backend_pid()").fetchall()
    assert process == connection.info.backend_pid
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT 'nosuch'::regclass")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute("SELECT * FROM pg_class, orders")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute("SELECT pg_read_file('/etc/passwd')")


@pytest.mark.skipif(
    shutil.which("javac") is None or not DRIVER.exists(), reason="there is no Java, or no driver for PostgreSQL"
)
def test_jdbc_tells_what_is_there(postgres: Any) -> None:
    address = f"jdbc:postgresql://127.0.0.1:{postgres.port}/shop"
    program = str(Path(__file__).with_name("Meta.java"))
    found = run("java", "-XX:TieredStopAtLevel=1", "-cp", str(DRIVER), program, address, postgres.owner, TOKEN)
    lines = found.splitlines()
    assert "PostgreSQL 15" in lines
    assert f"shop public {postgres.owner}" in lines
    assert "TABLE_CAT=shop" in lines
    assert "table_schem=public|table_catalog=null" in lines
    for start in (
        "TABLE_CAT=null|TABLE_SCHEM=public|TABLE_NAME=orders|TABLE_TYPE=TABLE|REMARKS=Paid orders.",
        "TABLE_CAT=null|TABLE_SCHEM=public|TABLE_NAME=orders|COLUMN_NAME=order_id|DATA_TYPE=-5|TYPE_NAME=int8|",
        "TABLE_CAT=null|TABLE_SCHEM=public|TABLE_NAME=orders|COLUMN_NAME=paid_at|DATA_TYPE=93|TYPE_NAME=timestamptz|",
        "table_cat=null|table_schem=public|table_name=orders|column_name=order_id|key_seq=1|pk_name=orders_pkey",
        "TYPE_NAME=numeric|DATA_TYPE=2|",
    ):
        assert any(line.startswith(start) for line in lines), start
