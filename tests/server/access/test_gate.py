from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pumphouse.errors import AccessDenied, UnknownName
from pumphouse.lake.tokens import hash_of
from pumphouse.server.access import gate as gate_module
from pumphouse.server.access.admitted import admit
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate, Visitor
from pumphouse.server.access.policies import Policies


@pytest.fixture
def gate(served: Any) -> Gate:
    return Gate(served.shop.lake, owner="ada", token="the-owners-own-token")


def test_owner_is_known_by_the_token_of_this_start(gate: Gate) -> None:
    assert gate.visitor("the-owners-own-token") == Visitor(who="ada", scope="all")
    assert gate.visitor("the-owners-own-tokem") is None


def test_person_is_known_by_a_token_of_the_lake_until_it_is_revoked(gate: Gate, served: Any) -> None:
    token = served.shop.lake.state.make_token("bob", scope="read")
    assert gate.visitor(token) == Visitor(who="bob", scope="read")
    served.shop.lake.state.tokens.revoke("bob")
    assert gate.visitor(token) is None


def test_a_token_that_another_server_knows_ends_there_too(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = served.shop.lake.state.tokens
    here, there = (Gate(served.shop.lake, owner="ada", token=f"{name}-own-token-of-ada") for name in ("here", "there"))
    token = tokens.make("lea", scope="read")
    ended = tokens.make("lea", scope="read", lasts=timedelta())
    assert [gate.visitor(ended) for gate in (here, there)] == [None, None]
    assert [gate.visitor(token) for gate in (here, there)] == [Visitor(who="lea", scope="read")] * 2
    tokens.revoke("lea")
    assert here.visitor(token) is None
    assert there.seen(token) is not None  # what it looked up just now
    monkeypatch.setattr(gate_module, "SEEN_S", 0.0)  # as SEEN_S later
    assert there.seen(token) is None
    assert there.visitor(token) is None


def test_proof_of_a_token_lets_in_without_the_token(gate: Gate, served: Any) -> None:
    token = served.shop.lake.state.tokens.make("sam", scope="read")
    known, unknown = gate.scram("sam"), gate.scram("nobody")
    assert [keys.hash for keys in known.keys] == [hash_of(token)]
    assert gate.visitor_of(known.keys[0].hash) == gate.seen_of(hash_of(token)) == Visitor(who="sam", scope="read")
    assert gate.scram("ada").keys[0].hash == hash_of("the-owners-own-token")
    assert (unknown.keys, unknown.salt, len(known.salt)) == ((), gate.scram("nobody").salt, len(unknown.salt))


def test_groups_are_those_of_the_project_and_of_who_signed_in(served: Any) -> None:
    gate = Gate(served.shop.lake, owner="ada", token="t" * 20, groups={"analysts": ["kim", "bob"], "sales": ["bob"]})
    token = served.shop.lake.state.tokens.make("kim", scope="read", groups=["staff"], tables=["orders"])
    assert gate.visitor(token) == Visitor(
        who="kim", scope="read", groups=frozenset({"analysts", "staff"}), tables=frozenset({"orders"})
    )


@pytest.fixture
def desk(served: Any) -> Desk:
    return Desk(served.shop.lake, Policies(served.shop.lake, served.shop.assets))


@pytest.mark.parametrize(
    ("scope", "act", "may"),
    [
        ("all", "read", True),
        ("all", "predict", True),
        ("read", "predict", False),
        ("predict", "predict", True),
        ("predict", "read", False),
        ("something else", "read", False),
    ],
)
def test_scope_says_what_a_token_is_good_for(gate: Gate, desk: Desk, scope: str, act: str, may: bool) -> None:
    visitor = Visitor(who="bob", scope=scope)
    if may:
        assert admit(gate, desk, visitor, "orders", act=act, door="http").visitor == visitor
    else:
        with pytest.raises(AccessDenied, match="bob"):
            admit(gate, desk, visitor, "orders", act=act, door="http")


def test_snapshot_of_the_future_is_refused(gate: Gate, desk: Desk) -> None:
    way = admit(gate, desk, Visitor(who="ada", scope="all"), "orders", act="read", door="http")
    with pytest.raises(UnknownName, match="no snapshot 999"):
        way.rows(snapshot=999)
