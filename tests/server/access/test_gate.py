from __future__ import annotations

from typing import Any

import pytest

from pumphouse.errors import AccessDenied, UnknownName
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
    served.shop.lake.state.revoke("bob")
    assert gate.visitor(token) is None


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
