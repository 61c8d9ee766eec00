from __future__ import annotations

import logging
import socket
import threading
from base64 import b64decode
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from tests.sources.conftest import Reply, json_reply

from pumphouse.declare.apis import api
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.http.client import Reach, is_inside
from pumphouse.sources.http.rates import Rate, pause_of

SECRET = "s3cr:t/ü"


class Tokens:
    """An OAuth 2.0 server of its own making: it gives a token for an id with its secret, and takes it for a while."""

    def __init__(self, world):
        self.world, self.given, self.accepted = world, 0, set()
        self.expires_in = 3600
        world.replies = {"/token": self.token, "/api/orders": self.orders}

    def token(self, target):
        form = parse_qs(self.world.sent[-1].decode())
        basic = self.world.headers[-1].get("Authorization", "")
        in_header = basic and b64decode(basic.split()[1]).decode() == "shop:s3cr%3At%2F%C3%BC"
        in_body = form.get("client_id") == ["shop"] and form.get("client_secret") == [SECRET]
        if form.get("grant_type") != ["client_credentials"] or not (in_header or in_body):
            return json_reply({"error": "invalid_client", "seen": SECRET}, 401)
        self.given += 1
        self.accepted = {f"token-{self.given}"}
        return json_reply(
            {"access_token": f"token-{self.given}", "token_type": "Bearer", "expires_in": self.expires_in}
        )

    def orders(self, target):
        token = self.world.headers[-1].get("Authorization", "").removeprefix("Bearer ")
        if token not in self.accepted:
            return json_reply({"error": f"bad token {token}"}, 401)
        page = int(target.partition("page=")[2] or 1)
        return json_reply({"data": [{"id": page}], "next": f"orders?page={page + 1}" if page < 3 else None})


@pytest.fixture
def tokens(world):
    return Tokens(world)


def connected(works, world, **auth):
    auth = {"token_url": f"{world.url}/token", "client_id": "shop", "client_secret": SECRET, **auth}
    works.connections["shop_api"] = Connection(
        name="shop_api", url=f"{world.url}/api", options={"auth": auth, "tries": 1}
    )
    return works.asset(api("shop_api", "/orders", pages={"next": "next"}))


@pytest.mark.parametrize("auth", [{}, {"send": "body", "scope": "orders:read"}])
def test_a_token_is_fetched_once_and_kept_nowhere(works, world, tokens, caplog, auth):
    caplog.set_level(logging.DEBUG)
    works.run(connected(works, world, **auth))
    assert works.rows() == [(1,), (2,), (3,)]
    assert world.asked == ["/token", "/api/orders", "/api/orders?page=2", "/api/orders?page=3"]
    assert parse_qs(world.sent[0].decode()).get("scope", ["none"]) == [auth.get("scope", "none")]
    kept = b"".join(path.read_bytes() for path in works.lake.folder.rglob("*") if path.is_file())
    for secret in (SECRET, "token-1", "s3cr%3At"):
        assert secret.encode() not in kept
        assert secret not in caplog.text


def test_a_token_that_ended_or_was_refused_is_fetched_anew(works, world, tokens):
    tokens.expires_in = 0
    works.run(connected(works, world))
    assert world.asked.count("/token") == 3
    del world.asked[:]
    tokens.expires_in = 3600
    orders = tokens.orders

    def forgetful(target):
        if "page=3" in target and tokens.given < 5:
            tokens.accepted = set()
        return orders(target)

    world.replies["/api/orders"] = forgetful
    works.run(connected(works, world), mode="refetch")
    assert world.asked == [
        "/token", "/api/orders", "/api/orders?page=2", "/api/orders?page=3", "/token", "/api/orders?page=3",
    ]  # fmt: skip


def test_a_fresh_token_that_is_refused_is_an_error_without_it(idle, world, tokens):
    made = connected(idle, world)
    world.replies["/api/orders"] = lambda target: json_reply({"said": world.headers[-1]["Authorization"]}, 401)
    with pytest.raises(SourceError, match="answered 401") as caught:
        idle.run(made)
    assert "token-" not in str(caught.value)
    assert world.asked == ["/token", "/api/orders", "/token", "/api/orders"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (json_reply({"error": "invalid_client"}, 401), "answered 401 to signing in: invalid_client"),
        (json_reply({"expires_in": 5}), "answered 200 to signing in: no token"),
        (json_reply({"access_token": "x", "token_type": "mac"}), "a token of type 'mac'"),
        (Reply(b"<html>"), "answered 200 to signing in: no token"),
        (Reply(b"", 503), "/token answered 503"),
    ],
)
def test_what_is_no_token_is_an_error(idle, world, tokens, reply, said):
    world.replies["/token"] = reply
    with pytest.raises(SourceError, match=said) as caught:
        idle.run(connected(idle, world))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("auth", [{"token_url": "nowhere"}, {"send": "query"}, {"client_secre": "x"}])
def test_a_sign_in_that_means_nothing_is_refused(idle, world, auth):
    with pytest.raises(ConfigError) as caught:
        idle.run(connected(idle, world, **auth))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "60"}, 0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}, 60),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7),
        ({"ratelimit": "limit=100, remaining=0, reset=50"}, 50),
        ({"ratelimit": '"default";r=0;t=30'}, 30),
        ({"ratelimit": '"default";r=5;t=30'}, 0),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795500010", "date": "Tue, 24 Nov 2026 06:00:00 GMT"},
            10,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795500010"}, 0),
        ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "60"}, 0),
    ],
)
def test_what_an_api_says_of_its_rate_is_learned(headers, seconds):
    assert pause_of(headers) == seconds


def test_requests_of_several_threads_keep_the_declared_distance(monkeypatch):
    clock, slept = [100.0], []
    clocks = SimpleNamespace(monotonic=lambda: clock[0], sleep=slept.append)
    monkeypatch.setattr("pumphouse.sources.http.rates.time", clocks)  # and nobody else's
    rate = Rate(Connection(name="x", url="", options={"rate": "10/s"}))
    threads = [threading.Thread(target=rate.wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(round(pause, 3) for pause in slept) == [0.1, 0.2, 0.3, 0.4]
    rate.learn({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5"})
    rate.wait()
    assert round(slept[-1], 3) == 5.0


@pytest.mark.parametrize("rate", ["fast", "0/s", "10/day", 10])
def test_a_rate_that_means_nothing_is_refused(rate):
    with pytest.raises(ConfigError, match="has a rate of"):
        Rate(Connection(name="x", url="", options={"rate": rate}))


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("localhost", True), ("127.0.0.1", True), ("10.1.2.3", True), ("[::1]", True), ("intranet", True),
        ("erp.corp", True), ("nas.home.arpa", True), ("api.example.com", False), ("8.8.8.8", False),
        ("localhost.example.com", False),
    ],
)  # fmt: skip
def test_a_name_says_whether_it_is_inside(host, inside):
    assert is_inside(host) is inside
    reach = Reach(Connection(name="x", url=""), [host])
    assert reach.refuses(host, "169.254.169.254") is not inside
    assert not reach.refuses(host, "93.184.216.34")


def test_a_public_name_at_a_private_address_is_not_asked_unless_it_is_said(works, world, monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: real(b"127.0.0.1" if b"shop" in _bytes(host) else host, *rest, **more),
    )
    port = world.server_port
    world.replies["/api/orders"] = json_reply([{"id": 1}])

    def made(**options):
        works.connections["shop_api"] = Connection(
            name="shop_api", url=f"http://api.shop.example:{port}/api", options={"tries": 1, **options}
        )
        return works.asset(api("shop_api", "/orders"))

    with pytest.raises(SourceError, match=r"was not asked: api.shop.example is at 127.0.0.1.*private = true"):
        works.run(made())
    assert world.asked == []
    works.run(made(private=True))
    assert works.rows() == [(1,)]


def _bytes(host):
    return host if isinstance(host, bytes) else str(host).encode()


def test_a_key_that_the_server_writes_into_its_links_is_kept_in_no_manifest(works, world, caplog):
    caplog.set_level(logging.INFO)
    works.connections["shop_api"] = Connection(
        name="shop_api", url=f"{world.url}/api", options={"auth": {"query": "api key", "value": SECRET}, "tries": 1}
    )

    def orders(target):
        if "page=3" not in target:
            following = 3 if "page=2" in target else 2
            link = f"<{world.url}/api/orders?api+key=s3cr%3At%2F%C3%BC&page={following}>; rel=next"
            return json_reply([{"id": following - 1}], Link=link)
        return json_reply([{"id": 3}])

    world.replies["/api/orders"] = orders
    made = works.asset(api("shop_api", "/orders", pages={"link": "next"}))
    works.run(made)
    assert [target.count("api+key=s3cr%3At") for target in world.asked] == [1, 1, 1]
    manifest = works.lake.blobs.get(works.lake.builds()["raw"].raw).decode()
    assert "s3cr" not in manifest
    assert f"{world.url}/api/orders?page=2>; rel=next" in manifest
    assert "s3cr" not in caplog.text
    works.run(made, mode="full")
    assert works.rows() == [(1,), (2,), (3,)]
    assert len(world.asked) == 3


@pytest.mark.parametrize(
    "auth",
    [
        {"bearer": "s3cret\nXYZ"},
        {"bearer": "s3crétXYZ"},
        {"header": "X-Key", "value": "s3cretXYZ\r\nEvil: 1"},
    ],
)
def test_a_secret_that_no_header_can_carry_is_refused_without_being_told(idle, world, auth):
    idle.connections["shop_api"] = Connection(name="shop_api", url=world.url, options={"auth": auth, "tries": 1})
    with pytest.raises(ConfigError, match="no header can carry") as told:
        idle.run(idle.asset(api("shop_api", "/orders")))
    assert "XYZ" not in str(told.value)
    assert world.asked == []


def test_a_token_that_no_header_can_carry_is_none(works, world, tokens):
    world.replies["/token"] = json_reply({"access_token": "s3cret\r\nXYZ", "token_type": "bearer"})
    with pytest.raises(SourceError, match="answered 200 to signing in") as told:
        works.run(connected(works, world))
    assert "XYZ" not in str(told.value)
