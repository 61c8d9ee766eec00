"""Attacks below SQL on PostgreSQL's protocol and Flight: broken messages, tickets and tokens of others."""

from __future__ import annotations

import os
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import httpx
import psycopg
import pyarrow as pa
import pytest
from pyarrow import flight
from tests.server.attacks.conftest import INTRUDER, SHOWN, Besieged, leaked
from tests.server.conftest import TOKEN

from pumphouse.server.flight.messages import (
    ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult,
    CommandGetPrimaryKeys,
    CommandGetTables,
    CommandPreparedStatementQuery,
    CommandStatementQuery,
    TicketStatementQuery,
    packed,
    unpacked,
)
from pumphouse.server.postgres.messages import framed

TIMEOUT_S = 30
INSIDE = (b"Traceback", b"site-packages", b".py", b"XX000", b"went wrong")


def place(besieged: Besieged) -> tuple[str, int]:
    return "127.0.0.1", int(besieged.url("postgres").rpartition(":")[2].partition("/")[0])


def all_of(raw: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while data := raw.recv(65536):
            received += data
    return received


def startup(*said: str, version: int = 196608) -> bytes:
    body = struct.pack(">I", version) + "".join(f"{one}\0" for one in said).encode() + b"\0"
    return struct.pack(">I", len(body) + 4) + body


HELLO = startup("user", INTRUDER, "database", "shop")


def sasl(first: bytes, mechanism: bytes = b"SCRAM-SHA-256") -> bytes:
    return framed(b"p", mechanism + b"\0" + struct.pack(">i", len(first)) + first)


SYNC = framed(b"S", b"")
STRANGERS = {
    "a length of nothing": struct.pack(">I", 0),
    "a length below itself": struct.pack(">I", 3),
    "a length of everything": b"\xff" * 4,
    "a length that never comes": struct.pack(">I", 9_000) + b"a",
    "an old version": startup("user", "ada", version=131072),
    "a version to come": startup("user", "ada", version=0x00FF0000),
    "no end": struct.pack(">II", 12, 196608) + b"user",
    "no user": startup("database", "shop"),
    "a user of many": startup("user", "a" * 9_000),
    "a user of SQL": startup("user", "' OR 1=1 --", "database", "shop"),
    "a user with a line": startup("user", "ada\nERROR", "database", "shop"),
    "a file as database": startup("user", INTRUDER, "database", "../../state.sqlite"),
    "replication": startup("user", INTRUDER, "database", "shop", "replication", "true"),
    "a query before the password": HELLO + framed(b"Q", b"SELECT * FROM vault_pay\0"),
    "a statement before the password": HELLO + framed(b"P", b"\0SELECT 1\0\0\0") + SYNC,
    "a password in the clear": HELLO + framed(b"p", TOKEN.encode() + b"\0"),
    "MD5": HELLO + framed(b"p", b"md5" + b"a" * 32 + b"\0"),
    "a way to sign in that is not there": HELLO + sasl(b"n,,n=,r=abc", b"PLAIN"),
    "a way that wants TLS": HELLO + sasl(b"p=tls-server-end-point,,n=,r=abc", b"SCRAM-SHA-256-PLUS"),
    "no nonce": HELLO + sasl(b"n,,n=,r="),
    "a proof of nothing": HELLO + sasl(b"n,,n=,r=abc") + framed(b"p", b"c=biws,r=abc,p="),
    "a proof of zeros": HELLO + sasl(b"n,,n=,r=abc") + framed(b"p", b"c=biws,r=abc,p=" + b"A" * 43 + b"="),
    "a proof without an end": HELLO + sasl(b"n,,n=,r=abc") + framed(b"p", b"c=biws" + b"," * 4_000),
    "a first message of -1": HELLO + framed(b"p", b"SCRAM-SHA-256\0" + struct.pack(">i", -1)),
    "a long proof": HELLO + b"p" + struct.pack(">I", 2**31 - 1),
    "encryption again and again": struct.pack(">II", 8, 80877103) * 10,
    "a cancel of nobody": struct.pack(">IIII", 16, 80877102, 1, 1),
    "a cancel that is too short": struct.pack(">IIH", 10, 80877102, 1),
    "a cancel that is too long": struct.pack(">II", 300, 80877102) + b"a" * 292,
    "HTTP": b"GET /api/tables HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS at once": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500,
    "zeros": b"\0" * 5_000,
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_nobody_gets_in_by_a_broken_beginning(besieged: Besieged, name: str) -> None:
    with socket.create_connection(place(besieged), timeout=TIMEOUT_S) as raw:
        with suppress(ConnectionError):
            raw.sendall(STRANGERS[name])
            raw.shutdown(socket.SHUT_WR)
        received = all_of(raw)
    assert b"R\0\0\0\x08\0\0\0\0" not in received  # AuthenticationOk
    assert leaked(received.decode("latin-1")) == []
    assert [one for one in INSIDE if one in received] == []


PARSED = framed(b"P", b"\0SELECT $1::TEXT\0\0\0")
SESSIONS = {
    "a length of nothing": b"Q" + struct.pack(">I", 0),
    "a length of everything": b"Q\xff\xff\xff\xff",
    "a long statement": b"Q" + struct.pack(">I", 2**30),
    "a query without an end": framed(b"Q", b"SELECT 1"),
    "a query that is no UTF-8": framed(b"Q", b"SELECT '\xff\xfe'\0"),
    "two queries in one": framed(b"Q", b"SELECT 1\0SELECT * FROM vault_pay\0"),
    "a letter that is not there": framed(b"~", b"a"),
    "a function call": framed(b"F", struct.pack(">IhhIh", 2089, 0, 1, 4, 0)),
    "copied data out of place": framed(b"d", b"1\t2\n") + framed(b"c", b""),
    "a password out of place": framed(b"p", b"secret\0"),
    "a startup out of place": HELLO,
    "a portal of another": framed(b"E", b"theirs\0" + struct.pack(">I", 0)) + SYNC,
    "a statement of another": framed(b"D", b"Stheirs\0") + SYNC,
    "a describe of nothing": framed(b"D", b"Xa\0") + SYNC,
    "many parameters": framed(b"P", b"\0SELECT 1\0" + struct.pack(">H", 65_535)) + SYNC,
    "parameters of less than nothing": framed(b"P", b"\0SELECT 1\0" + struct.pack(">h", -1)) + SYNC,
    "a type that is not there": framed(b"P", b"\0SELECT $1\0" + struct.pack(">HI", 1, 4_000_000_000)) + SYNC,
    "a value of -2 bytes": (
        PARSED + framed(b"B", b"\0\0" + struct.pack(">hhih", 0, 1, -2, 0)) + SYNC
    ),
    "a value that is longer than its message": (
        PARSED + framed(b"B", b"\0\0" + struct.pack(">hhih", 0, 1, 2**30, 0)) + SYNC
    ),
    "a form that is not there": (
        PARSED + framed(b"B", b"\0\0" + struct.pack(">hhhi", 1, 9, 1, -1) + b"\0\0") + SYNC
    ),
    "rows of less than nothing": (
        framed(b"P", b"\0SELECT 1\0\0\0") + framed(b"B", b"\0\0" + struct.pack(">hhh", 0, 0, 0))
        + framed(b"E", b"\0" + struct.pack(">i", -1)) + SYNC
    ),
    "a parameter far away": framed(b"P", b"\0SELECT $2000000000\0\0\0") + framed(b"D", b"S\0") + SYNC,
    "many syncs": SYNC * 2_000,
    "many statements": b"".join(framed(b"P", f"s{n}\0SELECT {n}\0\0\0".encode()) for n in range(300)) + SYNC,
    "a stack of transactions": framed(b"Q", b"BEGIN; SAVEPOINT a; " + b"SAVEPOINT a; " * 500 + b"\0"),
}  # fmt: skip


@pytest.mark.parametrize("name", SESSIONS)
def test_broken_messages_of_a_session_end_it_or_are_refused(besieged: Besieged, name: str) -> None:
    host, port = place(besieged)
    login = {"host": host, "port": port, "dbname": "shop", "user": INTRUDER, "password": besieged.token}
    with psycopg.connect(**login) as connection, socket.socket(fileno=os.dup(connection.fileno())) as raw:
        raw.settimeout(TIMEOUT_S)
        with suppress(ConnectionError):
            raw.sendall(SESSIONS[name])
            raw.shutdown(socket.SHUT_WR)
        received = all_of(raw)
    assert leaked(received.decode("latin-1")) == []
    assert b"vault_pay" not in received
    assert [one for one in INSIDE if one in received] == []


def test_wrong_keys_cancel_nothing(besieged: Besieged) -> None:
    host, port = place(besieged)
    with psycopg.connect(host=host, port=port, dbname="shop", user=INTRUDER, password=besieged.token) as connection:
        process = connection.info.backend_pid
        connection.execute("DECLARE c CURSOR FOR SELECT order_id FROM orders_a ORDER BY 1")
        for key in (0, 1, 2**32 - 1, process):
            with socket.create_connection((host, port), timeout=TIMEOUT_S) as raw:
                raw.sendall(struct.pack(">IIII", 16, 80877102, process, key))
                assert all_of(raw) == b""
        assert len(connection.execute("FETCH ALL FROM c").fetchall()) == SHOWN
        besieged.took(INTRUDER, "postgres", "orders_a", SHOWN)


# -- Flight ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who speaks Flight without a driver."""

    client: Any
    token: str

    @property
    def options(self) -> Any:
        return flight.FlightCallOptions(
            headers=[(b"authorization", f"Bearer {self.token}".encode())], timeout=TIMEOUT_S
        )

    def info(self, command: bytes) -> Any:
        return self.client.get_flight_info(flight.FlightDescriptor.for_command(command), self.options)

    def get(self, ticket: bytes) -> Any:
        return self.client.do_get(flight.Ticket(ticket), self.options).read_all()

    def act(self, kind: str, body: bytes) -> list[bytes]:
        return [one.body.to_pybytes() for one in self.client.do_action(flight.Action(kind, body), self.options)]

    def put(self, command: bytes, rows: pa.RecordBatch) -> None:
        descriptor = flight.FlightDescriptor.for_command(command)
        writer, told = self.client.do_put(descriptor, rows.schema, self.options)
        with writer:
            writer.write_batch(rows)
            writer.done_writing()
            told.read()

    def prepare(self, text: str) -> bytes:
        (answer,) = self.act("CreatePreparedStatement", packed(ActionCreatePreparedStatementRequest(query=text)))
        made = unpacked(answer)
        assert isinstance(made, ActionCreatePreparedStatementResult)
        return made.prepared_statement_handle


@pytest.fixture(scope="module")
def callers(besieged: Besieged) -> Iterator[tuple[Caller, Caller]]:
    """The intruder, and the owner whose things are wanted."""
    with flight.connect(besieged.url("flight")) as client:
        yield Caller(client=client, token=besieged.token), Caller(client=client, token=TOKEN)


def refused(call: Callable[[], Any]) -> str:
    """What is said by a call that is refused, with nothing that is hidden in it."""
    with pytest.raises((flight.FlightError, pa.ArrowException, KeyError, NotImplementedError, OSError)) as caught:
        call()
    said = str(caught.value)
    assert leaked(said) == []
    assert [one for one in INSIDE if one.decode() in said] == []
    return said


def _any(name: str, value: bytes) -> bytes:
    url = f"type.googleapis.com/arrow.flight.protocol.sql.{name}".encode()
    return b"\x0a" + bytes([len(url)]) + url + b"\x12" + bytes([len(value)]) + value


GARBAGE = {
    "nothing": b"",
    "zeros": b"\0" * 100,
    "ones": b"\xff" * 100,
    "a text": b"SELECT * FROM vault_pay",
    "a length beyond the end": b"\x0a\xff\xff\xff\xff\x7f",
    "a number without an end": b"\x08" + b"\xff" * 30,
    "a group": b"\x0b" * 500 + b"\x0c" * 500,
    "a field of number 0": b"\x02\x01a",
    "a type of another": b"\x0a\x0aevil/Thing\x12\x02ab",
    "a handle of nobody": packed(TicketStatementQuery(statement_handle=b"\0" * 16)),
    "no handle": packed(TicketStatementQuery(statement_handle=b"")),
    "a long handle": packed(TicketStatementQuery(statement_handle=b"a" * 100_000)),
    "a statement of nobody": packed(CommandPreparedStatementQuery(prepared_statement_handle=b"a" * 16)),
    "an update": _any("CommandStatementUpdate", b"\x0a\x17DROP TABLE orders_a    "),
    "a prepared update": _any("CommandPreparedStatementUpdate", b"\x0a\x01a"),
    "an ingest": _any("CommandStatementIngest", b"\x0a\x01a"),
    "a plan": _any("CommandStatementSubstraitPlan", b"\x0a\x01a"),
    "an Any in an Any": _any("CommandStatementQuery", _any("CommandStatementQuery", b"\x0a\x08SELECT 1")),
    "a query that is no text": _any("CommandStatementQuery", b"\x0a\x02\xff\xfe"),
    "a query that is a number": _any("CommandStatementQuery", b"\x08\x01"),
    "a transaction": packed(CommandStatementQuery(query="SELECT 1", transaction_id=b"a")),
    "the vault": packed(CommandStatementQuery(query="SELECT * FROM vault_pay")),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_refused_in_every_call(callers: tuple[Caller, Caller], name: str) -> None:
    intruder, _ = callers
    data = GARBAGE[name]
    refused(lambda: intruder.info(data))
    refused(lambda: intruder.get(data))
    refused(lambda: intruder.client.get_schema(flight.FlightDescriptor.for_command(data), intruder.options))
    refused(lambda: intruder.put(data, pa.RecordBatch.from_pydict({"a": [1]})))
    for action in ("CreatePreparedStatement", "CancelQuery", "BeginTransaction", "EndTransaction", "SetSessionOptions"):
        refused(lambda action=action: intruder.act(action, data))
    if data not in (b"", b"\0" * 100):
        refused(lambda: intruder.act("CancelFlightInfo", data))


def test_paths_lists_and_exchanges_lead_nowhere(callers: tuple[Caller, Caller]) -> None:
    intruder, _ = callers
    for path in ("vault_pay", "../state.sqlite", "/etc/passwd", ""):
        descriptor = flight.FlightDescriptor.for_path(path)
        refused(lambda descriptor=descriptor: intruder.client.get_flight_info(descriptor, intruder.options))
    refused(lambda: list(intruder.client.list_flights(b"", intruder.options)))

    def exchange() -> None:
        writer, reader = intruder.client.do_exchange(flight.FlightDescriptor.for_command(b"a"), intruder.options)
        with writer:
            reader.read_all()

    refused(exchange)


def test_what_is_another_visitors_is_nobody_elses(besieged: Besieged, callers: tuple[Caller, Caller]) -> None:
    intruder, owner = callers
    info = owner.info(packed(CommandStatementQuery(query="SELECT * FROM vault_pay")))
    ticket = info.endpoints[0].ticket.ticket
    refused(lambda: intruder.get(ticket))
    handle = owner.prepare("SELECT * FROM vault_pay WHERE pay > ?")
    theirs = packed(CommandPreparedStatementQuery(prepared_statement_handle=handle))
    refused(lambda: intruder.info(theirs))
    refused(lambda: intruder.put(theirs, pa.RecordBatch.from_pydict({"a": [0]})))
    intruder.act(
        "ClosePreparedStatement", packed(ActionClosePreparedStatementRequest(prepared_statement_handle=handle))
    )
    owner.put(theirs, pa.RecordBatch.from_pydict({"a": [0]}))  # it is still there
    assert owner.get(owner.info(theirs).endpoints[0].ticket.ticket).num_rows == 3
    assert owner.get(ticket).num_rows == 3  # the intruder's try took nothing
    refused(lambda: owner.get(ticket))


def test_ticket_is_good_once_and_in_no_other_spelling(besieged: Besieged, callers: tuple[Caller, Caller]) -> None:
    intruder, _ = callers
    asked = packed(CommandStatementQuery(query="SELECT order_id FROM orders_a"))
    ticket = intruder.info(asked).endpoints[0].ticket.ticket
    for forged in (ticket[:-1], ticket + b"\0", ticket[:-1] + bytes([ticket[-1] ^ 1]), ticket[::-1], ticket.upper()):
        refused(lambda forged=forged: intruder.get(forged))
    assert intruder.get(ticket).num_rows == SHOWN
    besieged.took(INTRUDER, "flight", "orders_a", SHOWN)
    refused(lambda: intruder.get(ticket))


def test_lists_name_nothing_that_is_hidden(callers: tuple[Caller, Caller]) -> None:
    intruder, _ = callers
    for pattern in ("%", "vault%", "v%", "", "vault_pay", "%' OR '1'='1", "\0"):
        command = packed(CommandGetTables(table_name_filter_pattern=pattern, include_schema=True))
        names = intruder.get(intruder.info(command).endpoints[0].ticket.ticket)
        assert "vault_pay" not in names["table_name"].to_pylist()
        assert leaked(str(names.to_pylist())) == []
    keys = packed(CommandGetPrimaryKeys(table="vault_pay"))
    assert intruder.get(intruder.info(keys).endpoints[0].ticket.ticket).num_rows == 0


# -- tokens ------------------------------------------------------------------------------------------------------------


def enter_http(besieged: Besieged, token: str) -> bool:
    bearer = {"Authorization": f"Bearer {token}"}
    answers = [
        httpx.get(f"{besieged.serving.url}/api/sql?sql=SELECT+1", headers=bearer),
        httpx.get(f"{besieged.serving.url}/api/sql?sql=SELECT+1", auth=(INTRUDER, token)),
    ]
    assert leaked("".join(answer.text for answer in answers)) == []
    return any(answer.status_code == 200 for answer in answers)


def enter_flight(besieged: Besieged, token: str) -> bool:
    header = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    try:
        with adbc.connect(besieged.url("flight"), db_kwargs=header, autocommit=True) as one, one.cursor() as cursor:
            return bool(cursor.execute("SELECT 1").fetchall())
    except adbc.Error:
        return False


def enter_postgres(besieged: Besieged, token: str, *, user: str = INTRUDER) -> bool:
    host, port = place(besieged)
    try:
        with psycopg.connect(host=host, port=port, dbname="shop", user=user, password=token) as one:
            return one.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


DOORS = {"http": enter_http, "flight": enter_flight, "postgres": enter_postgres}


@pytest.mark.parametrize("door", DOORS)
def test_token_that_is_not_good_any_more_or_never_was_lets_nobody_in(besieged: Besieged, door: str) -> None:
    tokens, enter = besieged.shop.lake.state.tokens, DOORS[door]
    revoked = tokens.make(f"{INTRUDER}-{door}", scope="read")
    assert tokens.revoke(f"{INTRUDER}-{door}") == 1
    kept = besieged.token
    for token in (
        revoked,
        tokens.make(INTRUDER, scope="read", lasts=timedelta(seconds=-1)),
        tokens.make(INTRUDER, scope="predict"),
        tokens.make(INTRUDER, scope="interview"),
        tokens.make(INTRUDER, scope="admin"),
        kept[:-1],
        f"{kept}a",
        kept.swapcase(),
        f"x{kept}",
        "' OR '1'='1",
        "%",
        "a" * 3_000,
    ):
        assert not enter(besieged, token), token
    assert enter(besieged, kept)


def test_token_is_good_for_its_own_name_alone(besieged: Besieged) -> None:
    for user in ("ada", "boss", "mallory ", "MALLORY", "*"):
        assert not enter_postgres(besieged, besieged.token, user=user)


def test_token_for_one_table_shows_no_other(besieged: Besieged) -> None:
    token = besieged.shop.lake.state.tokens.make(INTRUDER, scope="read", tables=["countries"])
    bearer = {"Authorization": f"Bearer {token}"}
    answers = [
        httpx.post(f"{besieged.serving.url}/api/sql", json={"sql": f"SELECT * FROM {table}"}, headers=bearer)
        for table in ("orders_a", "missing_", "countries")
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 200]
    assert answers[0].text.replace("orders_a", "missing_") == answers[1].text
    besieged.took(INTRUDER, "http", "countries", 3)


def test_every_read_below_sql_is_in_the_log(besieged: Besieged) -> None:
    logged = Counter({read: count for read, count in besieged.logged().items() if read[1] != "http"})
    handed = Counter({read: count for read, count in besieged.handed.items() if read[1] != "http"})
    assert handed - logged == Counter()
    assert {read: count for read, count in (logged - handed).items() if read[3]} == {}
