"""Whom the declarations let see what, by name alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.grants import grant_spec
from pumphouse.errors import Place
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.rights import Rights

OWNER = Visitor(who="ada", scope="all")
ANN = Visitor(who="ann", scope="read", groups=frozenset({"analysts"}))
BOB = Visitor(who="bob", scope="read")
KINDS = {
    "raw_orders": ("files", ()),
    "countries": ("files", ()),
    "weather": ("files", ()),
    "orders": ("clean", ("raw_orders",)),
    "orders_by_country": ("sql", ("orders", "countries")),
    "countries_by_size": ("sql", ("countries",)),
    "raw_copy": ("sql", ("raw_orders",)),
    "weekly": ("report", ("orders_by_country",)),
    "orders_search": ("search", ("orders",)),
    "no_negative": ("check", ("orders",)),
    "forecast": ("sql", ("weather",)),
}

Declare = Callable[..., Rights]


@pytest.fixture
def declare() -> Declare:
    """A function that takes grants (asset, options) and gives the rights of the project with them."""

    def declare(*grants: tuple[str, Mapping[str, Any]], **options: Any) -> Rights:
        assets = {
            name: Asset(name=name, kind=kind, spec=None, common=Common(), place=Place(file="shop"), inputs=inputs)  # type: ignore[arg-type]
            for name, (kind, inputs) in KINDS.items()
        }
        for number, (asset, said) in enumerate(grants):
            name = f"grant_{number}"
            assets[name] = Asset(
                name=name, kind="grant", spec=grant_spec(asset, **{"to": [], **said}), common=Common(),
                place=Place(file="shop"), inputs=(asset,),
            )  # fmt: skip
        return Rights(assets, groups=["analysts"], **options)

    return declare


def whole(rights: Rights, visitor: Visitor) -> set[str]:
    return {name for name in KINDS if rights.of(visitor, name).is_whole}


def test_without_a_grant_all_is_open_to_who_may_read(declare: Declare) -> None:
    rights = declare()
    assert whole(rights, BOB) == set(KINDS)
    assert rights.of(BOB, "orders__quarantine").is_whole
    assert rights.of(BOB, "of_old").is_whole


def test_a_grant_closes_its_table_and_its_kin_to_others(declare: Declare) -> None:
    rights = declare(("orders", {"to": ["analysts"], "mask": {"email": "null"}}))
    assert whole(rights, OWNER) == set(KINDS)
    # What it is made from, and what is made from that, holds what the grant hides.
    assert whole(rights, BOB) == {"countries", "weather", "forecast", "countries_by_size"}
    right = rights.of(ANN, "orders")
    assert right.grants is not None
    assert [len(right.grants), right.is_nothing] == [1, False]
    assert rights.of(BOB, "orders").is_nothing
    hidden = {"raw_orders", "weekly", "orders_search", "no_negative", "grant_0"}
    assert all(rights.of_all(ANN)[name].is_nothing for name in hidden)
    for table in ("orders__quarantine", "raw_orders__failed", "of_old"):
        assert rights.of(ANN, table).is_nothing
        assert rights.of(OWNER, table).is_whole
    assert rights.of(BOB, "weather__quarantine").is_whole


def test_who_sees_a_table_in_full_sees_what_is_made_from_it(declare: Declare) -> None:
    rights = declare(("orders", {"to": "ann"}))
    assert whole(rights, ANN) == set(KINDS) - {"raw_orders", "raw_copy"}
    assert rights.of(ANN, "orders__quarantine").is_nothing


def test_what_is_made_from_tables_is_granted_by_its_own_name(declare: Declare) -> None:
    rights = declare(("orders", {"to": "ann"}), ("weekly", {"to": "bob"}))
    assert rights.of(BOB, "weekly").is_whole
    assert rights.of(BOB, "orders_by_country").is_nothing
    assert rights.of(ANN, "weekly").is_nothing


def test_a_grant_to_everyone_opens_what_would_be_closed_as_kin(declare: Declare) -> None:
    rights = declare(("orders", {"to": "ann"}), ("raw_copy", {"to": "everyone"}))
    assert rights.of(BOB, "raw_copy").is_whole
    assert rights.of(BOB, "raw_orders").is_nothing
    masked = declare(("orders", {"to": "everyone", "mask": {"email": "hash"}}))
    assert not masked.of(BOB, "orders").is_whole
    assert masked.of(BOB, "orders_search").is_nothing


def test_a_project_can_be_closed_to_begin_with(declare: Declare) -> None:
    rights = declare(("countries", {"to": "everyone"}), is_open=False)
    assert whole(rights, BOB) == {"countries"}
    assert rights.of(BOB, "orders__quarantine").is_nothing


def test_a_person_who_is_called_like_a_group_is_not_in_it(declare: Declare) -> None:
    rights = declare(("orders", {"to": "analysts"}), ("weather", {"to": "bob"}))
    assert rights.of(Visitor(who="analysts", scope="read"), "orders").is_nothing
    # A group of whoever signed them in that the project does not declare is nobody's name.
    assert rights.of(Visitor(who="eve", scope="read", groups=frozenset({"bob"})), "weather").is_nothing


def test_visitors_who_are_named_nowhere_are_one(declare: Declare) -> None:
    rights = declare(("orders", {"to": ["ann", "analysts"]}))
    groups = frozenset({"analysts", "staff"})
    assert rights.alike(BOB) == rights.alike(Visitor(who="kim", scope="read", groups=frozenset({"staff"})))
    assert len({rights.alike(one) for one in (BOB, ANN, Visitor(who="kim", scope="read", groups=groups), OWNER)}) == 4


def test_a_token_for_some_tables_is_good_for_these_and_what_is_made_of_them_alone(declare: Declare) -> None:
    rights = declare()
    limited = Visitor(who="bob", scope="read", tables=frozenset({"orders", "orders_by_country"}))
    assert whole(rights, limited) == {"orders", "orders_by_country", "weekly", "orders_search", "no_negative"}
    assert rights.of(limited, "orders__quarantine").is_nothing
    hidden = declare(("orders", {"to": "ann"}))
    assert hidden.of(limited, "orders").is_nothing


def test_a_scope_lets_ask_unless_a_grant_or_the_token_names_others(declare: Declare) -> None:
    shop = Visitor(who="shop", scope="predict")
    assert declare(("orders", {"to": "ann"})).may_use(shop, "weekly")
    assert not declare(("weekly", {"to": "ann"})).may_use(shop, "weekly")
    assert not declare().may_use(Visitor(who="shop", scope="predict", tables=frozenset({"orders"})), "weekly")
