from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.server.conftest import TOKEN
from tests.server.postgres.conftest import Postgres

from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate
from pumphouse.server.access.policies import Policies
from pumphouse.server.certificates import self_made
from pumphouse.server.postgres.door import open_postgres
from pumphouse.server.postgres.hall import Limits
from pumphouse.server.postgres.messages import framed


def test_person_comes_in_with_any_of_their_tokens_until_it_is_revoked(postgres: Any) -> None:
    state = postgres.shop.lake.state
    tokens = [state.make_token("pia", scope="read") for _ in range(2)]
    for token in tokens:
        with postgres.connect(user="pia", password=token) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert connection.execute("SHOW session_authorization").fetchone() == ("pia",)
    with postgres.connect(user="pia", password=tokens[0], autocommit=True) as connection:
        state.tokens.revoke("pia")
        with contextlib.suppress(psycopg.errors.AdminShutdown):
            for _ in range(200):  # it was seen within the last seconds
                connection.execute("SELECT 1")
                threading.Event().wait(0.05)
            pytest.fail("a token that was revoked is still good")
        assert connection.closed
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        postgres.connect(user="pia", password=tokens[0])


@pytest.mark.parametrize(("user", "password"), [("", "wrong"), ("nobody", TOKEN), ("nobody", "wrong"), ("", "")])
def test_whoever_has_no_token_is_not_told_whether_the_name_is_known(postgres: Any, user: str, password: str) -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        postgres.connect(user=user, password=password or " ")
    assert f'FATAL:  password authentication failed for user "{user or postgres.owner}"' in str(caught.value)


def test_salt_of_an_unknown_person_stays_the_same(postgres: Any) -> None:
    def salt(user: str) -> bytes:
        with socket.create_connection(("127.0.0.1", postgres.port), timeout=20) as raw:
            body = struct.pack(">i", 196608) + b"user\0" + user.encode() + b"\0\0"
            raw.sendall(struct.pack(">i", len(body) + 4) + body)
            raw.recv(4096)
            first = b"n,,n=,r=abc"
            raw.sendall(framed(b"p", b"SCRAM-SHA-256\0" + struct.pack(">i", len(first)) + first))
            return raw.recv(4096).partition(b",s=")[2].partition(b",")[0]

    assert salt("nobody") == salt("nobody") != salt("nobody else")
    assert len(salt("nobody")) == len(salt("ada"))


def test_token_that_is_not_for_reading_is_told_so(postgres: Any) -> None:
    token = postgres.shop.lake.state.make_token("robot", scope="predict")
    with pytest.raises(psycopg.OperationalError, match="good for 'predict', not to read"):
        postgres.connect(user="robot", password=token)


def test_another_database_is_not_there(postgres: Any) -> None:
    with pytest.raises(psycopg.OperationalError, match='database "other" does not exist'):
        psycopg.connect(host="127.0.0.1", port=postgres.port, dbname="other", user=postgres.owner, password=TOKEN)


def test_encryption_that_is_not_there_is_declined(postgres: Any) -> None:
    for code in (80877103, 80877104):
        with socket.create_connection(("127.0.0.1", postgres.port), timeout=20) as raw:
            raw.sendall(struct.pack(">ii", 8, code))
            assert raw.recv(1) == b"N"


def test_cancel_with_a_wrong_key_does_nothing(postgres: Any, connection: psycopg.Connection[Any]) -> None:
    ended = threading.Event()

    def send() -> None:
        with socket.create_connection(("127.0.0.1", postgres.port), timeout=20) as raw:
            process = connection.info.backend_pid
            raw.sendall(struct.pack(">iiII", 16, 80877102, process, 12345))
            assert raw.recv(1) == b""
        ended.set()

    timer = threading.Timer(0.05, send)
    timer.start()
    found = connection.execute("SELECT count(*) FROM range(3000000) a (i) WHERE hash(i) % 7 = 3").fetchone()
    assert found is not None
    assert ended.wait(20)


def test_options_of_the_start_are_set(postgres: Any) -> None:
    with postgres.connect(options="-c timezone=UTC -c statement_timeout=5s", application_name="a test") as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("5000",)
        assert connection.info.parameter_status("application_name") == "a test"


@pytest.fixture(scope="module")
def strict(served: Any) -> Iterator[Postgres]:
    shop = served.shop
    gate = Gate(shop.lake, owner="ada", token=TOKEN)
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), project=shop.name)
    limits = Limits(connections=2, sign_in_s=3.0, idle_s=2.0, idle_in_transaction_s=2.0)
    door = open_postgres(shop, gate, desk, limits=limits)
    yield Postgres(shop=shop, door=door, owner="ada")
    door.close()


@pytest.mark.parametrize(("before", "error"), [("SELECT 1", "57P05"), ("BEGIN", "25P03")])
def test_session_that_is_idle_for_too_long_ends(strict: Postgres, before: str, error: str) -> None:
    with contextlib.closing(strict.connect(autocommit=True)) as connection:
        connection.execute(before)
        with socket.socket(fileno=os.dup(connection.fileno())) as raw:
            raw.setblocking(True)
            assert f"C{error}\0".encode() in raw.recv(4096)


def test_who_does_not_sign_in_is_sent_away(strict: Postgres) -> None:
    with socket.create_connection(("127.0.0.1", strict.port), timeout=30) as raw:
        assert b"C08006\0" in raw.recv(4096)


def test_more_clients_than_there_may_be_are_told_so(strict: Postgres) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(socket.create_connection(("127.0.0.1", strict.port), timeout=30))
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            strict.connect()


def test_door_that_closes_ends_its_sessions(served: Any) -> None:
    shop = served.shop
    gate = Gate(shop.lake, owner="ada", token=TOKEN)
    door = open_postgres(shop, gate, Desk(shop.lake, Policies(shop.lake, shop.assets), project=shop.name))
    with Postgres(shop=shop, door=door, owner="ada").connect(autocommit=True) as connection:
        connection.execute("SELECT 1")
        door.close()
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("SELECT 1")


@pytest.fixture(scope="module")
def secure(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Path]]:
    made = self_made(tmp_path_factory.mktemp("tls"), host="localhost", now=datetime.now(UTC))
    shop = served.shop
    gate = Gate(shop.lake, owner="ada", token=TOKEN)
    door = open_postgres(
        shop, gate, Desk(shop.lake, Policies(shop.lake, shop.assets), project=shop.name), certificate=made
    )
    yield Postgres(shop=shop, door=door, owner="ada"), made.chain
    door.close()


def test_connection_is_encrypted_and_bound_to_the_certificate(secure: tuple[Postgres, Path]) -> None:
    postgres, chain = secure
    for options in ({"channel_binding": "require"}, {"channel_binding": "disable"}):
        with psycopg.connect(
            f"host=localhost hostaddr=127.0.0.1 port={postgres.port} dbname=shop user=ada password={TOKEN}",
            sslmode="verify-full",
            sslrootcert=str(chain),
            **options,
        ) as connection:
            assert connection.execute("SELECT count(*) FROM orders").fetchone() == (40,)
            assert connection.pgconn.ssl_in_use
    with pytest.raises(psycopg.OperationalError, match="encrypted connections only"):
        postgres.connect(sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        postgres.connect(sslmode="verify-full", sslrootcert="system")


def test_rows_sent_in_the_clear_after_tls_was_asked_for_are_refused(secure: tuple[Postgres, Path]) -> None:
    postgres, _ = secure
    with socket.create_connection(("127.0.0.1", postgres.port), timeout=20) as raw:
        raw.sendall(struct.pack(">ii", 8, 80877103) + b"Q\0\0\0\x0eSELECT 1\0")
        assert b"C08P01\0" in raw.recv(4096)


def test_client_that_fails_at_tls_leaves_the_door_open(secure: tuple[Postgres, Path]) -> None:
    postgres, _ = secure
    with socket.create_connection(("127.0.0.1", postgres.port), timeout=20) as raw:
        raw.sendall(struct.pack(">ii", 8, 80877103))
        assert raw.recv(1) == b"S"
        raw.sendall(b"nothing of the kind at all, and then some more of it\r\n" * 3)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            raw.recv(4096)
    with postgres.connect(sslmode="require") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
