from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from pyarrow import flight
from tests.server.flight.conftest import Raw

from pumphouse.server.flight import received
from pumphouse.server.flight.connections import connections, peer_of
from pumphouse.server.flight.received import Received

MB = 1024**2


@pytest.fixture
def listening() -> Any:
    """A port, and what connects to it."""
    server = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = [server]

    def connect() -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(server.getsockname())
        taken, _ = server.accept()
        opened.extend((client, taken))
        return client, taken

    yield server.getsockname()[1], connect
    for one in opened:
        one.close()


def send(client: socket.socket, taken: socket.socket, size: int) -> None:
    client.sendall(bytes(size))
    while size:
        size -= len(taken.recv(size))


def refused_often(client: flight.FlightClient) -> None:
    """A message may be faster than a look."""
    for _ in range(20):
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.get_flight_info(flight.FlightDescriptor.for_command(bytes(32 * MB)))


def is_cut(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


def test_message_of_somebody_who_is_not_signed_in_is_cut(
    own: Callable[..., Any], served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "RECEIVED_MAX", MB)
    monkeypatch.setattr(received, "GROWN", -1)
    monkeypatch.setattr(received, "LOOK_S", 0.005)
    opened = own()
    header = (b"authorization", f"Bearer {served.serving.token}".encode())
    with flight.connect(opened.url) as known, flight.connect(opened.url) as unknown:
        asking = Raw(client=known, options=flight.FlightCallOptions(headers=[header]))
        with pytest.raises(flight.FlightUnavailableError):
            refused_often(unknown)
        for number in range(50):
            assert asking.rows(f"SELECT {number} AS n").num_rows == 1


def test_connection_is_cut_by_what_it_sent_since_its_last_call(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    port, connect = listening
    monkeypatch.setattr(received, "RECEIVED_MAX", 10_000)
    watch = Received(port)
    calls, sends = connect(), connect()
    name = f"ipv4:127.0.0.1:{calls[0].getsockname()[1]}"
    for _ in range(3):
        for pair in (calls, sends):
            send(*pair, 4_000)
        watch.let_in(name)
        watch.look()
    watch.close()
    assert is_cut(sends[0])
    assert not is_cut(calls[0])


def test_largest_are_cut_where_all_have_sent_too_much(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    port, connect = listening
    monkeypatch.setattr(received, "RECEIVED_OF_ALL_MAX", 20_000)
    watch = Received(port)
    pairs = [connect() for _ in range(4)]
    for number, pair in enumerate(pairs, start=1):
        send(*pair, number * 3_000)
    watch.look()
    watch.close()
    assert [is_cut(client) for client, _ in pairs] == [False, False, False, True]


def test_peer_is_named_as_its_connection_is(listening: Any) -> None:
    port, connect = listening
    client, _ = connect()
    host, own_port = client.getsockname()
    (found,) = connections(port)
    assert found.peer == peer_of(f"ipv4:{host}:{own_port}")
    assert peer_of("ipv6:%5B::1%5D:40001") == "[::1]:40001"
