"""Whom the declarations let see what, by name alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@st.composite
def projects(draw: st.DrawFn) -> tuple[dict[str, tuple[str, ...]], dict[str, list[dict[str, Any]]]]:
    """Tables that are made from earlier ones, and grants of some of them."""
    inputs: dict[str, tuple[str, ...]] = {}
    for number in range(draw(st.integers(1, 8))):
        earlier = st.lists(st.sampled_from(list(inputs)), unique=True, max_size=3) if inputs else st.just([])
        inputs[f"t{number}"] = tuple(draw(earlier))
    some = {"to": "ann", "rows": "a = 1"}, {"to": "everyone", "columns": "a"}
    said = st.sampled_from([{"to": "ann"}, {"to": "eve"}, {"to": "everyone"}, *some])
    granted = draw(st.lists(st.sampled_from(list(inputs)), unique=True, max_size=3))
    return inputs, {name: draw(st.lists(said, min_size=1, max_size=2)) for name in granted}


@settings(max_examples=200, deadline=None)
@given(project=projects())
def test_nothing_that_a_grant_hides_is_seen_by_way_of_kin(project: Any) -> None:
    inputs, grants = project
    common, place = Common(), Place(file="shop")
    assets = {
        name: Asset(name=name, kind="sql", spec=None, common=common, place=place, inputs=of)
        for name, of in inputs.items()
    }
    for name, several in grants.items():
        for number, said in enumerate(several):
            spec = grant_spec(name, **said)
            assets[f"{name}_{number}"] = Asset(
                name=f"{name}_{number}", kind="grant", spec=spec, common=common, place=place, inputs=(name,)
            )
    rights = Rights(assets)
    opened = {name for name, several in grants.items() if {"to": "everyone"} in several}
    for who in (ANN, BOB):
        sees = {name for name in inputs if rights.of(who, name).is_whole}
        hidden = set(grants) - opened - sees
        for name in sees - grants.keys():  # whose own grant says nothing of it
            # It is made from nothing that is hidden, and nothing that is restricted at all is made from it.
            assert not hidden & made_of(name, inputs, past=grants)
            assert not any(name in made_of(one, inputs, past=grants) for one in set(grants) - opened)
        for name in sees & grants.keys():
            assert any(said.get("to") in (who.who, "everyone") and len(said) == 1 for said in grants[name])


def made_of(name: str, inputs: Mapping[str, tuple[str, ...]], *, past: Collection[str]) -> set[str]:
    """What a thing is made from, up to what has grants of its own."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for one in inputs[waiting.pop()]:
            if one not in found:
                found.add(one)
                waiting += [] if one in past else [one]
    return found
