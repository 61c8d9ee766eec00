"""Every other attack over HTTP: addresses, headers, bodies, cookies from elsewhere, readers who do not read."""

from __future__ import annotations

import http.client
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote, unquote, urlsplit

import pytest
from tests.server.attacks.conftest import INTRUDER, WORLDS, Besieged, leaked
from tests.server.attacks.requests import ADDRESSES, NAMES, RAW, REQUESTS, ROUTES, WHERES, Sent

from pumphouse.server import replies

TIMEOUT_S = 30
SLOW_CONNECTIONS, SLOW_TIMEOUT_S = 200, 15
"""By default 128 of them are let go after 30 seconds."""
INSIDE = ("Traceback", "site-packages", ".py", "/etc/", "state.sqlite", "duckdb")


class Wire:
    """A connection to the server that sends what it is told, as it is; opened again where it was ended."""

    def __init__(self, besieged: Besieged) -> None:
        self.host = urlsplit(besieged.serving.url).netloc
        self._token = besieged.token
        self._connection = http.client.HTTPConnection(self.host, timeout=TIMEOUT_S)

    def close(self) -> None:
        self._connection.close()

    def send(self, sent: Sent, **headers: str) -> tuple[int, str]:
        """The status, and all that was answered; 0 where the connection was ended instead."""
        connection = self._connection
        given = {"Host": self.host, "Authorization": f"Bearer {self._token}", **sent.headers, **headers}
        if sent.body or sent.method == "POST":
            given.setdefault("Content-Length", str(len(sent.body)))
        try:
            connection.putrequest(sent.method, sent.target, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value:
                    connection.putheader(name, value)
            connection.endheaders(sent.body or None)
            answer = connection.getresponse()
            head = str(answer.getheaders())
            text = f"{head} {answer.read().decode('utf-8', 'replace')}"
        except (http.client.HTTPException, OSError):
            connection.close()
            return 0, ""
        if answer.status >= 400:
            connection.close()  # some of what was sent may wait to be read
        return answer.status, text


@pytest.fixture(scope="module")
def wire(besieged: Besieged) -> Iterator[Wire]:
    wire = Wire(besieged)
    yield wire
    wire.close()


@pytest.mark.parametrize("route", ROUTES)
def test_no_name_in_an_address_leads_anywhere_else(wire: Wire, route: str) -> None:
    for name in NAMES:
        status, text = wire.send(Sent(target=route.format(name)))
        assert 400 <= status < 500 or (status == 0 and len(name) > 1_000), (name, status, text)
        assert leaked(text) == [], name
        assert "evil" not in text
        said = text.replace(name, "").replace(unquote(name), "")
        assert [word for word in INSIDE if word in said] == [], (name, said)


@pytest.mark.parametrize("name", WHERES)
def test_condition_of_an_address_tells_nothing_that_is_hidden(besieged: Besieged, name: str) -> None:
    answers = []
    for world in WORLDS:
        where = besieged.places(WHERES[name], world)
        answer = besieged.http.get(f"/api/tables/{world.orders}/rows", params={"where": where, "limit": 100})
        assert leaked(answer.text) == []
        if answer.status_code == 200:
            rows = answer.json()["rows"]
            besieged.took(INTRUDER, "http", world.orders, len(rows))
            assert {row["country"] for row in rows} <= {"DE"}
        else:
            assert 400 <= answer.status_code < 500
        answers.append(answer.text.replace(WORLDS[0].orders, "orders").replace(WORLDS[1].orders, "orders"))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", ADDRESSES)
def test_parameters_of_an_address_are_names_and_numbers(besieged: Besieged, name: str) -> None:
    answer = besieged.http.get(f"/api/tables/orders_a/rows?{quote(ADDRESSES[name], safe='=&')}")
    assert 400 <= answer.status_code < 500
    assert leaked(answer.text) == []


@pytest.mark.parametrize("name", REQUESTS)
def test_request_is_answered_in_its_bounds(besieged: Besieged, wire: Wire, name: str) -> None:
    sent = REQUESTS[name]
    status, text = wire.send(sent)
    assert status in sent.statuses, (status, text[:500])
    if status == 200 and "rows" in sent.target:
        besieged.took(INTRUDER, "http", sent.target, 3)
    assert leaked(text) == []
    assert "evil.example" not in text
    assert "access-control" not in text.lower()
    assert [word for word in INSIDE if word in text] == []
    assert besieged.http.get("/health").status_code == 200


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_request_gets_no_rows(besieged: Besieged, wire: Wire, name: str) -> None:
    host, _, port = wire.host.partition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as raw:
        try:
            raw.sendall(RAW[name])
            raw.shutdown(socket.SHUT_WR)
            while data := raw.recv(65536):
                received += data
        except OSError:
            pass
    assert b'"tables"' not in received
    assert leaked(received.decode("latin-1")) == []
    assert received.count(b"HTTP/1.1 200") == 0
    assert besieged.http.get("/health").status_code == 200


POSTS = (
    "/api/sql",
    "/outcomes/a",
    "/predict/a",
    "/online/a",
    "/sign-out",
    "/surveys/a/answers",
    "/interviews/a/answers",
)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "file://"]
)
@pytest.mark.parametrize("address", POSTS)
def test_page_of_another_site_sends_nothing_with_the_cookie(
    wire: Wire, besieged: Besieged, address: str, origin: str
) -> None:
    port = wire.host.rpartition(":")[2]
    cookie = f"pumphouse-{port}={besieged.token}"
    headers = {"Authorization": "", "Cookie": cookie, "Origin": origin, "Content-Type": "application/json"}
    status, text = wire.send(Sent(method="POST", target=address, body=b'{"sql": "SELECT 1"}'), **headers)
    assert status == 403, text
    assert "another site" in text
    own = {**headers, "Origin": f"http://{wire.host}"}
    if address == "/api/sql":
        assert wire.send(Sent(method="POST", target=address, body=b'{"sql": "SELECT 1"}'), **own)[0] == 200


@pytest.mark.parametrize(
    "path", ["//evil.example/", "///evil.example", "/%5Cevil.example", "/%09/evil.example", "/\\evil"]
)
def test_address_with_a_token_leads_to_no_other_site(wire: Wire, besieged: Besieged, path: str) -> None:
    headers = {"Authorization": "", "Accept": "text/html"}
    status, text = wire.send(Sent(target=f"{path}?token={besieged.token}"), **headers)
    assert status in (200, 400)
    assert "url=//" not in text
    assert "url=/\\" not in text
    assert "url=/\t" not in text
    assert besieged.token not in text.partition("<!doctype")[2]


def test_reader_who_reads_nothing_holds_nobody_up(besieged: Besieged, wire: Wire) -> None:
    host, _, port = wire.host.partition(":")
    head = f"Host: a\r\nAuthorization: Bearer {besieged.token}\r\n\r\n"
    asked = f"GET /api/sql.csv?sql=FROM+range(50000000) HTTP/1.1\r\n{head}"
    slow = [socket.create_connection((host, int(port)), timeout=TIMEOUT_S) for _ in range(6)]
    try:
        for raw in slow[:3]:
            raw.sendall(asked.encode())
        for raw in slow[3:]:
            raw.sendall(b"POST /api/sql HTTP/1.1\r\nHost: a\r\nContent-Le")  # and never more
        for raw in slow[:3]:
            assert raw.recv(12) == b"HTTP/1.1 200"
        for _ in range(20):
            assert besieged.http.post("/api/sql", json={"sql": "SELECT 1"}).status_code == 200
    finally:
        for raw in slow:
            raw.close()


def test_body_that_does_not_arrive_ends_the_request(
    besieged: Besieged, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "BODY_S", 0.05)
    host, _, port = wire.host.partition(":")
    head = f"Host: a\r\nAuthorization: Bearer {besieged.token}\r\nContent-Type: application/json"
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as raw:
        raw.sendall(f"POST /api/sql HTTP/1.1\r\n{head}\r\nContent-Length: 20\r\n\r\n{{".encode())
        assert raw.recv(12) == b"HTTP/1.1 408"


def test_every_read_over_http_is_in_the_log(besieged: Besieged) -> None:
    logged = Counter({read: count for read, count in besieged.logged().items() if read[1] == "http"})
    handed = Counter({read: count for read, count in besieged.handed.items() if read[1] == "http"})
    assert handed - logged == Counter()
    assert {read: count for read, count in (logged - handed).items() if read[3]} == {}


def test_connections_that_never_say_what_they_ask_hold_nobody_up(besieged: Besieged) -> None:
    address = urlsplit(besieged.serving.url)
    with ExitStack() as opened:
        for _ in range(SLOW_CONNECTIONS):
            slow = opened.enter_context(
                socket.create_connection((address.hostname, address.port), timeout=SLOW_TIMEOUT_S)
            )
            slow.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        asked = http.client.HTTPConnection(address.netloc, timeout=SLOW_TIMEOUT_S)
        asked.request("GET", "/health")
        assert asked.getresponse().status == 200
        asked.close()
