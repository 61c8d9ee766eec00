from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any


def test_a_token_is_made_listed_and_revoked(pumphouse: Any, shop: Path) -> None:
    assert pumphouse("token", "list", cwd=shop).out == "Nobody has a token. Make one: pumphouse token make NAME\n"
    token = pumphouse("token", "make", "checkout", "--scope", "predict", cwd=shop).out.strip()
    assert len(token) >= 32
    assert pumphouse("token", "make", "bob", "--json", cwd=shop).json["scope"] == "read"
    listed = pumphouse("token", "list", cwd=shop).out
    assert [line.split()[1:4] for line in listed.splitlines()] == [
        ["checkout", "predict", "token"],
        ["bob", "read", "token"],
    ]
    assert token not in listed
    assert pumphouse("token", "revoke", "checkout", cwd=shop).out == "1 token of checkout revoked.\n"
    assert [one["who"] for one in pumphouse("token", "list", "--json", cwd=shop).json] == ["bob"]
    again = pumphouse("token", "revoke", "bbo", cwd=shop)
    assert (again.code, again.err) == (2, "error: nobody called 'bbo' has a token\n  Did you mean 'bob'?\n")


def test_a_token_has_a_scope_that_there_is(pumphouse: Any, shop: Path) -> None:
    assert pumphouse("token", "make", "bob", "--scope", "everything", cwd=shop).code == 2


def test_a_token_ends_and_is_good_for_the_tables_it_names(pumphouse: Any, shop: Path) -> None:
    pumphouse("token", "make", "bob", "--tables", "orders", "--expires", "30d", cwd=shop)
    (bob,) = pumphouse("token", "list", "--json", cwd=shop).json
    made, expires = (datetime.fromisoformat(bob[name]) for name in ("made", "expires"))
    assert (expires - made, bob["tables"]) == (timedelta(days=30), ["orders"])
    assert pumphouse("token", "revoke", bob["id"], cwd=shop).code == 0
    wrong = pumphouse("token", "make", "bob", "--expires", "soon", cwd=shop)
    assert wrong.err == "error: a token can't expire in 'soon'\n  Say it like 12h, 30d or 8w, or never.\n"
    assert "Did you mean 'orders'?" in pumphouse("token", "make", "bob", "--tables", "oders", cwd=shop).err
