from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import pytest
from pyarrow import flight

from pumphouse.server.certificates import self_made
from pumphouse.server.flight.messages import CommandStatementQuery, packed

ONE = flight.FlightDescriptor.for_command(packed(CommandStatementQuery(query="SELECT 1 AS one")))


class Password(flight.ClientAuthHandler):  # type: ignore[misc]
    """The older handshake, as a client makes it."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__()
        self._basic = flight.BasicAuth(user, password)
        self._token = b""

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        outgoing.write(self._basic.serialize())
        self._token = incoming.read()

    def get_token(self) -> bytes:
        return self._token


@pytest.fixture
def client(uri: str) -> Any:
    with flight.connect(uri) as client:
        yield client


def headers(value: str) -> flight.FlightCallOptions:
    return flight.FlightCallOptions(headers=[(b"authorization", value.encode())])


def test_token_comes_as_bearer_as_password_or_by_either_handshake(served: Any, client: Any) -> None:
    token = served.serving.token
    basic = base64.b64encode(f"ada:{token}".encode()).decode()
    for value in (f"Bearer {token}", f"bearer {token}", f"Basic {basic}", f"Basic {basic.rstrip('=')}"):
        assert client.get_flight_info(ONE, headers(value)).schema.names == ["one"]
    header = client.authenticate_basic_token("ada", token)
    assert header == (b"authorization", f"Bearer {token}".encode())
    client.authenticate(Password("ada", token))
    assert client.get_flight_info(ONE).schema.names == ["one"]


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer nobody-has-this-token", "Basic !!", "Basic YWRh", "Digest x"])
def test_who_shows_no_token_of_anybody_is_unauthenticated_in_every_call(value: str, client: Any) -> None:
    options = headers(value) if value else flight.FlightCallOptions()
    calls: list[Callable[[], Any]] = [
        lambda: client.get_flight_info(ONE, options),
        lambda: client.get_schema(ONE, options),
        lambda: client.do_get(flight.Ticket(b"x"), options).read_all(),
        lambda: list(client.do_action("CloseSession", options)),
        lambda: list(client.list_actions(options)),
        lambda: list(client.list_flights(b"", options)),
        lambda: [client.do_exchange(ONE, options)[1].read_all()],
    ]
    for call in calls:
        # pyarrow's client makes an OSError of any status of GetSchema.
        with pytest.raises((flight.FlightUnauthenticatedError, OSError), match="Detail: Unauthenticated") as refused:
            call()
        assert "Sign in with a token" in str(refused.value)
        assert "Traceback" not in str(refused.value)


def test_neither_handshake_lets_a_wrong_password_in(client: Any) -> None:
    with pytest.raises(flight.FlightUnauthenticatedError, match="nobody has this token"):
        client.authenticate_basic_token("ada", "not-the-token-of-anybody")
    with pytest.raises(flight.FlightUnauthenticatedError, match="nobody has this token"):
        client.authenticate(Password("ada", "not-the-token-of-anybody"))


def test_token_that_is_not_good_for_reading_is_denied(served: Any, client: Any) -> None:
    token = served.shop.lake.state.tokens.make("forecaster", scope="predict")
    with pytest.raises(flight.FlightUnauthorizedError, match="not to read"):
        client.get_flight_info(ONE, headers(f"Bearer {token}"))


def test_driver_signs_in_by_password_and_by_header(served: Any, uri: str) -> None:
    token = served.serving.token
    bearer = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    for options in ({"username": "ada", "password": token}, bearer):
        with adbc.connect(uri, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
            assert cursor.execute("SELECT 1 AS one").fetchone() == (1,)


def test_certificate_is_shown_and_nobody_is_heard_in_the_clear(served: Any, own: Any, tmp_path: Path) -> None:
    made = self_made(tmp_path, host="127.0.0.1", now=datetime.now(UTC))
    opened = own(made)
    assert opened.url.startswith("grpc+tls://127.0.0.1:")
    options = {
        "username": "ada",
        "password": served.serving.token,
        "adbc.flight.sql.client_option.tls_root_certs": made.chain.read_text(),
    }
    with adbc.connect(opened.url, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM orders").fetchone() == (40,)
    for address in (opened.url, opened.url.replace("grpc+tls", "grpc")):
        with flight.connect(address) as client, pytest.raises(flight.FlightUnavailableError):
            client.get_flight_info(ONE, headers(f"Bearer {served.serving.token}"))
