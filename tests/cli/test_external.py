"""What the command line says of tables that stay where they are."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

TOML = """
name = "far"
[connections.crm]
url = "sqlite:///crm.db"
[connections.gone]
url = "sqlite:///gone.db"
"""
DECLARED = """
import pumphouse as ph

accounts = ph.external("accounts", connection="crm", key="id", doc="Who has an account.")
visits = ph.external("visits", connection="gone")
"""


@pytest.fixture
def far(tmp_path: Path) -> Path:
    (tmp_path / "pumphouse.toml").write_text(TOML)
    (tmp_path / "far.py").write_text(DECLARED)
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        crm.execute("CREATE TABLE accounts (id INTEGER, name TEXT)")
    crm.close()
    return tmp_path


def test_show_has_its_columns_and_where_it_lies(pumphouse: Any, far: Path) -> None:
    said = pumphouse("show", "accounts", cwd=far)
    assert "accounts of connection 'crm', read there as it is now; there are no snapshots of it" in said.out
    shown = pumphouse("show", "accounts", "--json", cwd=far).json
    assert {one["name"]: one["type"] for one in shown["columns"]} == {"id": "BIGINT", "name": "VARCHAR"}
    gone = pumphouse("show", "visits", cwd=far)
    assert gone.code == 0
    assert "visits of connection 'gone'" in gone.out
    assert "Its columns can't be told: connection 'gone'" in gone.err


@pytest.mark.parametrize("command", ["plan", "run"])
def test_who_builds_it_is_told_that_it_is_never_built(pumphouse: Any, far: Path, command: str) -> None:
    said = pumphouse(command, "accounts", cwd=far)
    assert said.code == 0
    assert "'accounts' is an external table: it is read where it lies, as it is now, and is never built." in said.err


def test_validate_tells_what_is_wrong_with_a_connection_without_asking_it(pumphouse: Any, far: Path) -> None:
    assert pumphouse("validate", cwd=far).code == 0  # a database that is not there is no fault of the declaration
    more = """
[connections.erp]
url = "oracle://reader@db.example/erp"
[connections.lite]
url = "sqlite:crm.db"
[connections.odd]
url = "postgresql://reader@db.example:port/crm"
"""
    (far / "pumphouse.toml").write_text(TOML + more)
    wrong = """
a = ph.external("accounts", connection="crn")
b = ph.external("accounts", connection="erp")
c = ph.external("accounts", connection="lite")
d = ph.external("accounts", connection="odd")
e = ph.external("shop.public.accounts", connection="crm")
f = ph.external("clicks/*.parquet", connection="warehouse")
"""
    (far / "far.py").write_text(DECLARED + wrong)
    said = pumphouse("validate", cwd=far)
    assert said.code == 2
    for text in (
        "external table 'a' is of connection 'crn', which pumphouse.toml does not have",
        "Did you mean 'crm'?",
        "external table 'b' is of connection 'erp', a 'oracle', which can't be read where it is",
        "external table 'c' is of connection 'lite', whose url names no file",
        "external table 'd' is of connection 'odd', whose url is none",
        "external table 'e' is 'shop.public.accounts', which names no table",
        "external table 'f' is of connection 'warehouse', which pumphouse.toml does not have",
    ):
        assert text in said.err, text
