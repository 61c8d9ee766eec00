from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
import uuid
from decimal import Decimal
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row
from tests.server.conftest import TOKEN
from tests.server.postgres.conftest import Postgres

from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate
from pumphouse.server.access.policies import Policies
from pumphouse.server.postgres.door import open_postgres
from pumphouse.server.postgres.hall import Limits
from pumphouse.server.postgres.messages import framed

Connection = psycopg.Connection[Any]
LONG = "SELECT count(*) FROM range(10000000) a (i), range(1000000) b (j) WHERE (i * j) % 7 = 3"


def test_simple_query_and_parameters_give_the_same_rows(connection: Connection) -> None:
    wanted = [(3, "customer 0", 0.5), (4, "customer 1", 0.75)]
    text = "SELECT order_id, customer, amount FROM orders WHERE order_id BETWEEN {} AND {} ORDER BY 1"
    assert connection.execute(text.format(3, 4)).fetchall() == wanted
    for values in ((3, 4), ("3", "4"), (Decimal(3), 4.0)):
        for binary in (False, True):
            assert connection.execute(text.format("%s", "%s"), values, binary=binary).fetchall() == wanted
    assert connection.execute("SELECT 1; SELECT 2").fetchall() == [(1,)]


def test_parameters_of_many_types_come_as_they_were(connection: Connection) -> None:
    values = [
        7, 2**40, 1.5, Decimal("12.34"), True, "it's", b"\x00\xff", dt.date(2026, 2, 28), dt.time(1, 2, 3),
        dt.datetime.fromisoformat("2026-01-02T03:04:05.000006"), None, [1, 2, None], ["a", "b c"],
    ]  # fmt: skip
    kinds = [
        "INTEGER", "BIGINT", "DOUBLE", "DECIMAL(10, 2)", "BOOLEAN", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP",
        "INTEGER", "INTEGER[]", "VARCHAR[]",
    ]  # fmt: skip
    assert connection.execute("SELECT count(*) FROM orders WHERE customer = ANY(%s)", [["customer 0"]]).fetchone() == (
        1,
    )
    for form in ("%s", "%b", "%t"):
        for value, kind in zip(values, kinds, strict=True):
            if form == "%b" and kind == "DECIMAL(10, 2)":
                continue
            assert connection.execute(f"SELECT {form}::{kind}", [value]).fetchone() == (value,)


def test_prepared_statement_is_described_and_run_again(connection: Connection) -> None:
    for number in range(8):
        found = connection.execute("SELECT order_id FROM orders WHERE order_id = %s", [number + 1], prepare=True)
        assert found.fetchall() == [(number + 1,)]
    connection.execute("DEALLOCATE ALL")
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_many_statements_go_in_one_pipeline_and_an_error_skips_to_the_next_sync(connection: Connection) -> None:
    with connection.pipeline() as pipeline:
        first, second = connection.execute("SELECT %s::INTEGER", [1]), connection.execute("SELECT 'b'")
        pipeline.sync()
        assert (first.fetchone(), second.fetchone()) == ((1,), ("b",))
    with pytest.raises(errors.UndefinedTable), connection.pipeline():  # noqa: PT012
        connection.execute("SELECT 1 FROM nothing_of_the_kind")
        connection.execute("SELECT 2")
    assert connection.execute("SELECT 3").fetchone() == (3,)


def test_cursors_on_the_server_read_forward_piece_by_piece(postgres: Any) -> None:
    with postgres.connect() as connection:
        with connection.cursor("some orders") as cursor:
            cursor.itersize = 7
            cursor.execute("SELECT order_id FROM orders WHERE order_id <= %s ORDER BY 1", [20])
            assert [row[0] for row in cursor] == list(range(1, 21))
        connection.execute("DECLARE c BINARY CURSOR FOR SELECT order_id FROM orders ORDER BY 1")
        assert connection.execute("FETCH 2 FROM c").fetchall() == [(1,), (2,)]
        assert connection.execute("MOVE 3 FROM c").statusmessage == "MOVE 3"
        assert connection.execute("FETCH NEXT FROM c").fetchall() == [(6,)]
        fetched = connection.execute("FETCH ALL FROM c")
        assert (len(fetched.fetchall()), fetched.statusmessage) == (34, "FETCH 34")
        assert connection.execute("FETCH 1 FROM c").fetchall() == []
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            connection.execute("FETCH PRIOR FROM c")
        connection.rollback()
        with pytest.raises(errors.InvalidCursorName):
            connection.execute("FETCH 1 FROM c")
        connection.rollback()
        connection.execute("DECLARE h CURSOR WITH HOLD FOR SELECT order_id FROM orders ORDER BY 1")
        connection.commit()
        assert connection.execute("FETCH 1 FROM h").fetchall() == [(1,)]
        connection.execute("CLOSE h")


def test_transaction_reads_one_snapshot_and_keeps_its_status(postgres: Any) -> None:
    shop = postgres.shop
    with postgres.connect() as connection:
        before = connection.execute("SELECT count(*) FROM tickets").fetchone()
        table = (
            shop.lake.engine.fork()
            .connection.execute("SELECT ticket_id, subject FROM lake.main.tickets")
            .to_arrow_table()
        )
        shop.fill("tickets", table)
        at = shop.lake.snapshot()
        assert connection.execute("SELECT count(*) FROM tickets").fetchone() == before
        assert connection.info.transaction_status.name == "INTRANS"
        with pytest.raises(errors.UndefinedColumn):
            connection.execute("SELECT nothing FROM tickets")
        assert connection.info.transaction_status.name == "INERROR"
        with pytest.raises(errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
        with contextlib.suppress(errors.UndefinedTable), connection.transaction(), connection.transaction():
            connection.execute("SELECT 1 FROM nothing")
        connection.execute("SET pumphouse.snapshot = 0")
        with pytest.raises(errors.UndefinedTable):
            connection.execute("SELECT count(*) FROM tickets")
        connection.rollback()
        connection.execute(f"SET pumphouse.snapshot = {at}")
        assert connection.execute("SELECT count(*) FROM tickets").fetchone() == before
        connection.commit()
        connection.execute("SET pumphouse.snapshot = 999999")
        with pytest.raises(errors.InvalidParameterValue, match="no snapshot"):
            connection.execute("SELECT count(*) FROM tickets")


def test_savepoint_brings_a_failed_transaction_back(postgres: Any) -> None:
    with postgres.connect() as connection:
        connection.execute("SAVEPOINT a")
        with pytest.raises(errors.SyntaxError):
            connection.execute("SELEC 1")
        connection.execute("ROLLBACK TO SAVEPOINT a")
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(errors.InvalidSavepointSpecification):
            connection.execute("RELEASE b")


def test_settings_are_of_the_session_and_the_zone_changes_how_moments_are_written(connection: Connection) -> None:
    def paid() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT paid_at FROM orders LIMIT 1")
            assert cursor.pgresult is not None
            return cursor.pgresult.get_value(0, 0)

    assert connection.info.parameter_status("TimeZone") == "Europe/Berlin"
    assert paid() == b"2026-11-01 01:00:00+01"
    connection.execute("SET TIME ZONE 'America/St_Johns'")
    assert connection.info.parameter_status("TimeZone") == "America/St_Johns"
    assert paid() == b"2026-10-31 21:30:00-02:30"
    assert connection.execute("SHOW timezone").fetchone() == ("America/St_Johns",)
    assert connection.execute("SELECT pg_backend_pid()").fetchone() == (connection.info.backend_pid,)
    connection.execute("BEGIN; SET LOCAL timezone = 'UTC'")
    assert paid() == b"2026-11-01 00:00:00+00"
    connection.execute("COMMIT")
    assert paid() == b"2026-10-31 21:30:00-02:30"
    connection.execute("BEGIN; SET application_name TO 'once'; ROLLBACK")
    assert connection.info.parameter_status("application_name") == ""
    connection.execute("RESET ALL")
    assert paid() == b"2026-11-01 01:00:00+01"
    connection.execute("SET search_path TO public, other; SET extra_float_digits = 3; SET my.own = 'x'")
    assert connection.execute("SHOW my.own").fetchone() == ("x",)
    connection.execute("DISCARD ALL")
    for text, error in {
        "SHOW my.own": errors.UndefinedObject,
        "SET nothing_of_the_kind = 1": errors.UndefinedObject,
        "SET datestyle = 'German'": errors.InvalidParameterValue,
        "SET timezone = 'Nowhere/Else'": errors.InvalidParameterValue,
        "SET client_encoding = 'LATIN1'": errors.InvalidParameterValue,
        "SET server_version = '9'": errors.CantChangeRuntimeParam,
    }.items():
        with pytest.raises(error):
            connection.execute(text)


@pytest.mark.parametrize(
    ("text", "error", "position"),
    [
        ("SELEC 1", errors.SyntaxError, "1"),
        ("SELECT 1 FROM", errors.SyntaxError, None),
        ("SELECT 1 +\n  nothing FROM orders", errors.UndefinedColumn, "14"),
        ("SELECT 1 FROM nothing", errors.UndefinedTable, "15"),
        ("SELECT abs(1, 2)", errors.UndefinedFunction, "8"),
        ("SELECT nothing_of_the_kind(1)", errors.InsufficientPrivilege, None),
        ("SELECT 'x'::INTEGER", errors.InvalidTextRepresentation, None),
        ("SELECT * FROM read_csv('/etc/passwd')", errors.InsufficientPrivilege, None),
        ("SELECT getenv('HOME')", errors.InsufficientPrivilege, None),
        ("INSERT INTO orders VALUES (1)", errors.ReadOnlySqlTransaction, None),
        ("CREATE TABLE x (a INTEGER)", errors.ReadOnlySqlTransaction, None),
        ("COPY orders FROM STDIN", errors.ReadOnlySqlTransaction, None),
        ("COPY orders TO '/tmp/x'", errors.InsufficientPrivilege, None),
        ("PREPARE a AS SELECT 1", errors.FeatureNotSupported, None),
        ("DECLARE c CURSOR FOR SELECT 1", errors.NoActiveSqlTransaction, None),
    ],
)  # fmt: skip
def test_error_has_its_state_and_its_place(connection: Connection, text: str, error: Any, position: str | None) -> None:
    with pytest.raises(error) as caught:
        connection.execute(text)
    if position is not None:
        assert caught.value.diag.statement_position == position
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_statement_is_cancelled_by_its_client_and_by_its_own_timeout(connection: Connection) -> None:
    cancelled = threading.Event()

    def cancel() -> None:
        while not cancelled.wait(0.3):  # one that comes before the statement is lost, as in PostgreSQL
            connection.cancel_safe()

    cancelling = threading.Thread(target=cancel)
    cancelling.start()
    began = time.monotonic()
    with pytest.raises(errors.QueryCanceled, match="user request"):
        connection.execute(LONG)
    cancelled.set()
    cancelling.join()
    connection.execute("SET statement_timeout = '200ms'")
    with pytest.raises(errors.QueryCanceled, match="statement timeout"):
        connection.execute(LONG)
    assert time.monotonic() - began < 60
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_client_that_leaves_stops_its_statement(postgres: Any) -> None:
    before = len(postgres.read("orders"))
    connection = postgres.connect(autocommit=True)
    connection.pgconn.send_query(LONG.replace(" WHERE", ", orders WHERE").encode())
    time.sleep(0.3)
    connection.close()
    deadline = time.monotonic() + 30
    while len(postgres.read("orders")) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert postgres.read("orders")[before:] == [0]  # what ends is in the log


def test_rows_are_logged_as_they_were_sent(postgres: Any, connection: Connection) -> None:
    before = len(postgres.read("orders"))
    connection.execute("SELECT * FROM orders")
    with connection.transaction(), connection.cursor("some") as cursor:
        cursor.execute("SELECT * FROM orders")
        cursor.fetchmany(3)
    assert postgres.read("orders")[before:] == [40, 3]


def test_rows_of_a_statement_that_is_cancelled_are_logged_as_they_were_sent(postgres: Any) -> None:
    before = len(postgres.read("orders"))
    with postgres.connect() as connection, socket.socket(fileno=os.dup(connection.fileno())) as raw:
        raw.setblocking(True)
        raw.sendall(framed(b"Q", b"SELECT order_id, repeat('x', 1000) FROM orders, range(50000)\0"))
        received = raw.recv(65536)
        connection.cancel_safe()
        received += received_until_ready(raw)
    kinds = kinds_in(received)
    assert kinds.count("D") > 0
    assert kinds[-2:] == "EZ"
    assert postgres.read("orders")[before:] == [kinds.count("D")]


def test_copy_writes_csv_text_and_binary(connection: Connection) -> None:
    def copied(text: str) -> bytes:
        with connection.cursor().copy(text) as copy:  # type: ignore[arg-type]
            return b"".join(map(bytes, copy))

    query = "SELECT * FROM (VALUES (1, 'a,\"b'), (2, NULL), (3, 'x\ty\n'), (4, '')) AS v (n, t)"
    assert copied(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") == b'n,t\n1,"a,""b"\n2,\n3,"x\ty\n"\n4,""\n'
    assert copied(f"COPY ({query}) TO STDOUT") == b'1\ta,"b\n2\t\\N\n3\tx\\ty\\n\n4\t\n'
    assert copied("COPY orders (order_id) TO STDOUT WITH CSV").startswith(b"1\n2\n3\n")
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:  # type: ignore[arg-type]
        copy.set_types(["int4", "text"])
        assert list(copy.rows())[:3] == [(1, 'a,"b'), (2, None), (3, "x\ty\n")]
    with connection.cursor().copy("COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT binary)") as copy:
        assert list(copy.rows()) == []
    with pytest.raises(errors.FeatureNotSupported):
        copied("COPY orders TO STDOUT (FORMAT csv, FORCE_QUOTE x)")


def test_portal_gives_as_many_rows_as_are_asked_for(postgres: Any) -> None:
    with postgres.connect(autocommit=True) as connection:
        raw = socket.socket(fileno=os.dup(connection.fileno()))
        raw.setblocking(True)
        execute = framed(b"E", b"\0" + struct.pack(">i", 15))
        raw.sendall(
            framed(b"P", b"\0SELECT order_id FROM orders ORDER BY 1\0\0\0")
            + framed(b"B", b"\0\0" + struct.pack(">hhh", 0, 0, 0))
            + execute * 4
            + framed(b"S")
        )
        received = b""
        while not received.endswith(b"Z\0\0\0\5I"):
            received += raw.recv(65536)
        raw.close()
        assert kinds_in(received) == "12" + "D" * 15 + "s" + "D" * 15 + "s" + "D" * 10 + "C" + "C" + "Z"


def test_two_hundred_clients_are_answered_at_once(served: Any) -> None:
    shop = served.shop
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), project=shop.name)
    gate = Gate(shop.lake, owner="ada", token=TOKEN)
    door = open_postgres(shop, gate, desk, limits=Limits(sign_in_s=600.0))  # these sign in on the same cores
    postgres = Postgres(shop=shop, door=door, owner="ada")

    async def one(number: int) -> int:
        async with await psycopg.AsyncConnection.connect(
            host="127.0.0.1", port=postgres.port, dbname="shop", user=postgres.owner, password=TOKEN, autocommit=True
        ) as client:
            found = await client.execute("SELECT count(*) FROM orders WHERE order_id <= %s", [number % 40 + 1])
            row = await found.fetchone()
            assert row is not None
            return int(row[0])

    async def everybody() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(200)))

    assert asyncio.run(everybody()) == [number % 40 + 1 for number in range(200)]
    door.close()
    desk.close()


def test_reader_that_does_not_read_holds_little_memory_and_no_other_up(postgres: Any, connection: Connection) -> None:
    process = psutil.Process()
    with (
        postgres.connect(autocommit=True) as slow,
        socket.socket(fileno=os.dup(slow.fileno())) as raw,
    ):
        raw.setblocking(True)
        before = process.memory_info().rss
        raw.sendall(framed(b"Q", b"SELECT i, repeat('x', 1000) FROM range(500000) AS r (i)\0"))
        for _ in range(20):
            assert connection.execute("SELECT 1").fetchone() == (1,)
            time.sleep(0.02)
        assert process.memory_info().rss - before < 100_000_000
        slow.cancel_safe()
        assert b"C57014\0" in received_until_ready(raw)


def test_rows_come_by_name_and_empty_statements_are_answered(connection: Connection) -> None:
    with connection.cursor(row_factory=dict_row) as cursor:
        assert cursor.execute("SELECT 1 AS a, 'x' AS b").fetchall() == [{"a": 1, "b": "x"}]
    for text in ("", " ; ", "-- nothing"):
        assert connection.execute(text).statusmessage in ("", None)


@pytest.mark.skipif(shutil.which("psql") is None, reason="there is no psql here")
def test_psql_shows_rows_and_tells_what_went_wrong(postgres: Any) -> None:
    def psql(*commands: str) -> subprocess.CompletedProcess[str]:
        wanted = [part for command in commands for part in ("-c", command)]
        address = f"host=127.0.0.1 port={postgres.port} dbname=shop user={postgres.owner}"
        return subprocess.run(
            ["psql", "-X", "-A", "-t", address, *wanted],
            env={**os.environ, "PGPASSWORD": TOKEN}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert psql("SELECT order_id, amount FROM orders ORDER BY 1 LIMIT 2").stdout == "1|0\n2|0.25\n"
    assert psql("BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH c; COMMIT").stdout.splitlines()[-2:] == ["1", "COMMIT"]
    failed = psql("SELECT amuont FROM orders")
    assert failed.returncode == 1
    assert "LINE 1: SELECT amuont FROM orders\n               ^" in failed.stderr
    assert psql("\\copy (SELECT order_id FROM orders ORDER BY 1 LIMIT 2) TO STDOUT CSV").stdout == "1\n2\n"


def test_types_that_arrow_has_not_keep_their_name_and_what_would_be_changed_is_refused(connection: Connection) -> None:
    ids = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
    for binary in (False, True):
        text = f"SELECT '{ids}'::UUID, '[1]'::JSON, [NULL, '{ids}'::UUID]"
        assert connection.execute(text, binary=binary).fetchone() == (ids, [1], [None, ids])
    for text in ("'01:02:03+05:30'::TIMETZ", "'101'::BIT", "340282366920938463463374607431768211455::UHUGEINT",
                 "{'a': '101'::BIT}", "union_value(a := 1)"):  # fmt: skip
        with pytest.raises(psycopg.Error, match="Cast it to VARCHAR"):
            connection.execute(f"SELECT {text} AS x")
        assert connection.execute(f"SELECT ({text})::VARCHAR").fetchone() is not None


def test_rows_are_of_the_types_that_a_statement_was_said_to_have(postgres: Any) -> None:
    """As drivers do that describe a statement before they bind it (lib/pq, Npgsql, asyncpg)."""

    def asked(text: str, *values: bytes) -> tuple[bytes, bytes]:
        parse, describe = framed(b"P", b"s\0" + text.encode() + b"\0\0\0"), framed(b"D", b"Ss\0")
        bound = struct.pack(">hh", 0, len(values)) + b"".join(struct.pack(">i", len(one)) + one for one in values)
        bind, execute = framed(b"B", b"\0s\0" + bound + b"\0\0"), framed(b"E", b"\0\0\0\0\0")
        with (
            postgres.connect(autocommit=True) as connection,
            socket.socket(fileno=os.dup(connection.fileno())) as raw,
        ):
            raw.setblocking(True)
            raw.sendall(parse + describe + framed(b"S"))
            described = received_until_ready(raw)
            raw.sendall(bind + execute + framed(b"S"))
            return described, received_until_ready(raw)

    described, rows = asked(
        "SELECT order_id FROM orders WHERE amount <= $2 AND order_id = $1 LIMIT $3", b"7", b"9.5", b"1"
    )
    assert described[described.index(b"t\0") :].startswith(b"t" + struct.pack(">ihIII", 18, 3, 20, 701, 20))
    assert b"D" + struct.pack(">ihi", 11, 1, 1) + b"7" in rows
    described, rows = asked("SELECT $1 AS x, order_id FROM orders WHERE order_id = $1", b"7")
    assert described[described.index(b"t\0") :].startswith(b"t" + struct.pack(">ihI", 10, 1, 20))
    assert b"x\0" + struct.pack(">ihI", 0, 0, 25) in described
    assert b"D" + struct.pack(">ihi", 16, 2, 1) + b"7" + struct.pack(">i", 1) + b"7" in rows


def received_until_ready(raw: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"Z\0\0\0\5I"):
        received += raw.recv(65536)
    return received


def kinds_in(received: bytes) -> str:
    """The letters of the messages."""
    kinds, at = "", 0
    while at < len(received):
        kinds += received[at : at + 1].decode()
        at += 1 + struct.unpack_from(">i", received, at + 1)[0]
    return kinds
