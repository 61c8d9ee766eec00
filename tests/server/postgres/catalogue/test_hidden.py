"""What a visitor may not see has no place in any table of their catalogue, not even its name."""

from __future__ import annotations

from typing import Any

import pytest

from pumphouse.server.access.policies import Policy
from pumphouse.server.postgres.catalogue.builtin import builtin
from pumphouse.server.postgres.catalogue.visible import table_seen
from pumphouse.server.postgres.sqlstate import Refused

KNOWN = builtin()


def everything(ask: Any, **asking: Any) -> str:
    """All rows of all tables, as one text."""
    return "\n".join(str(ask.rows(f"SELECT * FROM {name}", **asking)) for name in KNOWN.relations)


def test_a_table_that_is_not_theirs_is_nowhere(ask: Any) -> None:
    seen = everything(ask, who="bob", tables=["orders"])
    assert "orders" in seen
    assert "customer" in seen
    for hidden in (
        "Tickets",
        "ticket_id",
        "Subject",
        "line_items",
        "kinds_pkey",
        "'kinds', 2200",
        "Whether it is so",
        "ada=",
    ):
        assert hidden not in seen, hidden


def test_what_is_theirs_is_in_every_table_it_belongs_to(ask: Any) -> None:
    seen = everything(ask, who="bob")
    for shown in ("Tickets", "Subject", "line_items_pkey", "Whether it is so", "shorten", "bob"):
        assert shown in seen


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'line_items'::regclass",
        "SELECT has_table_privilege('line_items', 'SELECT')",
        "SELECT '\"Tickets\"'::regclass::oid",
        "SELECT obj_description('line_items'::regclass)",
    ],
)
def test_a_hidden_table_is_as_one_that_is_not_there(ask: Any, text: str) -> None:
    with pytest.raises(Refused, match="does not exist") as hidden:
        ask(text, tables=["orders"])
    with pytest.raises(Refused, match="does not exist") as missing:
        ask(text.replace("line_items", "nosuch").replace("Tickets", "Nosuch"), tables=["orders"])
    assert hidden.value.state == missing.value.state == "42P01"
    assert str(hidden.value).replace("line_items", "nosuch").replace("Tickets", "Nosuch") == str(missing.value)
    assert ask.rows("SELECT to_regclass('line_items'), to_regclass('orders')", tables=["orders"]) == [(None, "orders")]


def test_numbers_of_a_hidden_table_tell_nothing(ask: Any) -> None:
    ((oid,),) = ask.rows("SELECT oid FROM pg_class WHERE relname = 'line_items'")
    text = f"""SELECT {oid}::regclass::text, pg_table_is_visible({oid}), obj_description({oid}),
        has_table_privilege({oid}, 'SELECT'), col_description({oid}, 1)"""
    assert ask.rows(text, tables=["orders"]) == [(str(oid), None, None, None, None)]


def test_a_key_of_which_a_column_is_hidden_or_masked_is_no_key(ask: Any) -> None:
    project = ask.project
    at = project.lake.snapshot()
    asset, schema = project.assets["line_items"], project.lake.schema("line_items")

    def key(policy: Policy) -> tuple[str, ...]:
        return table_seen(project.lake, asset, policy, shown=policy.shown(schema), snapshot=at).key

    columns = ("order_id", "line", "price")
    assert key(Policy(table="line_items", columns=columns)) == ("order_id", "line")
    assert key(Policy(table="line_items", columns=columns, masks={"line": "0"})) == ()
    some = Policy(table="line_items", columns=("line", "price"))
    hidden = table_seen(project.lake, asset, some, shown=some.shown(schema), snapshot=at)
    assert hidden.key == ()
    assert [column.name for column in hidden.columns] == ["line", "price"]


def test_numbers_are_the_same_for_everybody(ask: Any) -> None:
    text = "SELECT oid, relname FROM pg_class WHERE relname IN ('orders', 'orders_pkey') ORDER BY 2"
    assert ask.rows(text, who="bob", tables=["orders"]) == ask.rows(text, who="ada")


def test_everybody_is_themselves_alone(ask: Any) -> None:
    for who in ("ada", "bob", "Eve O'Hara", 'quo"te', "pumphouse"):
        assert ask.rows("SELECT current_user, session_user, user", who=who) == [(who, who, who)]
        roles = {name for (name,) in ask.rows("SELECT rolname FROM pg_roles", who=who)}
        assert roles == {who, "pumphouse"}
        assert ask.rows("SELECT usename FROM pg_user", who=who) == [(who,)]
        assert ask.rows("SELECT pg_has_role(current_user, 'usage')", who=who) == [(True,)]
