from __future__ import annotations

from pathlib import Path
from typing import Any


def test_a_token_is_made_listed_and_revoked(pumphouse: Any, shop: Path) -> None:
    assert pumphouse("token", "list", cwd=shop).out == "Nobody has a token. Make one: pumphouse token make NAME\n"
    token = pumphouse("token", "make", "checkout", "--scope", "predict", cwd=shop).out.strip()
    assert len(token) >= 32
    assert pumphouse("token", "make", "bob", "--json", cwd=shop).json["scope"] == "read"
    listed = pumphouse("token", "list", cwd=shop).out
    assert [line.split() for line in listed.splitlines()] == [["checkout", "predict"], ["bob", "read"]]
    assert token not in listed
    assert pumphouse("token", "revoke", "checkout", cwd=shop).out == "1 token of checkout revoked.\n"
    assert pumphouse("token", "list", "--json", cwd=shop).json == [{"who": "bob", "scope": "read"}]
    again = pumphouse("token", "revoke", "bbo", cwd=shop)
    assert (again.code, again.err) == (2, "error: nobody called 'bbo' has a token\n  Did you mean 'bob'?\n")


def test_a_token_has_a_scope_that_there_is(pumphouse: Any, shop: Path) -> None:
    assert pumphouse("token", "make", "bob", "--scope", "everything", cwd=shop).code == 2
