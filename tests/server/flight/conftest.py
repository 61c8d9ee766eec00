from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest
from pyarrow import flight

from pumphouse.lake.state import Access
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate
from pumphouse.server.access.policies import Policies
from pumphouse.server.certificates import Certificate
from pumphouse.server.doors import Door
from pumphouse.server.flight import door
from pumphouse.server.flight.messages import CommandStatementQuery, Message, packed

STILL_LOOKS = 5
LOGGED_WITHIN_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Somebody who speaks Flight without a driver."""

    client: flight.FlightClient
    options: flight.FlightCallOptions

    def info(self, command: Message) -> Any:
        return self.client.get_flight_info(flight.FlightDescriptor.for_command(packed(command)), self.options)

    def open(self, info: Any) -> Any:
        return self.client.do_get(info.endpoints[0].ticket, self.options)

    def rows(self, command: Message | str) -> pa.Table:
        asked = CommandStatementQuery(query=command) if isinstance(command, str) else command
        return self.open(self.info(asked)).read_all()

    def act(self, kind: str, body: bytes) -> list[bytes]:
        return [one.body.to_pybytes() for one in self.client.do_action(flight.Action(kind, body), self.options)]


@pytest.fixture(scope="session")
def uri(served: Any) -> str:
    (door,) = (door for door in served.serving.doors if door.name == "flight")
    return str(door.url)


@pytest.fixture(scope="session")
def connect(uri: str) -> Iterator[Callable[[str], Raw]]:
    clients = []

    def connect(token: str) -> Raw:
        clients.append(flight.connect(uri))
        header = (b"authorization", f"Bearer {token}".encode())
        return Raw(client=clients[-1], options=flight.FlightCallOptions(headers=[header]))

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def raw(served: Any, connect: Callable[[str], Raw]) -> Raw:
    return connect(served.serving.token)


@pytest.fixture
def cursor(served: Any, uri: str) -> Iterator[Any]:
    options = {"username": "ada", "password": served.serving.token}
    with adbc.connect(uri, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def own(served: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Door]]:
    """A door that a test may close, to the shop of all tests."""
    monkeypatch.setattr(door, "STOP_S", 0.2)
    monkeypatch.setattr(door, "SHUTDOWN_S", 0.5)
    shop = served.shop
    doors = []

    def opened(certificate: Certificate | None = None) -> Door:
        gate = Gate(shop.lake, owner="ada", token=served.serving.token)
        desk = Desk(shop.lake, Policies(shop.lake, shop.assets))
        doors.append(door.open_flight(shop, gate, desk, host="127.0.0.1", port=0, certificate=certificate))
        return doors[-1]

    yield opened
    for one in doors:
        one.close()


@pytest.fixture
def reads(served: Any) -> Callable[[str], tuple[Access, ...]]:
    """Reads of a table since the test began, once one is in the log."""
    state = served.shop.lake.state
    before, still = len(state.accesses()), 0
    while still < STILL_LOOKS:  # what the test before has left may be written yet
        time.sleep(0.02)
        still = still + 1 if before == (before := len(state.accesses())) else 0

    def reads(asset: str) -> tuple[Access, ...]:
        end = time.monotonic() + LOGGED_WITHIN_S
        while time.monotonic() < end:
            if found := tuple(one for one in state.accesses()[before:] if one.asset == asset):
                return found
            time.sleep(0.02)
        raise AssertionError(f"no read of {asset} is in the log")

    return reads
