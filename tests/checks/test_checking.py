"""`pumphouse check` finds what went bad while nothing was built, and says so everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pumphouse.catalog.description import describe
from pumphouse.cli import main
from pumphouse.errors import UnknownName
from pumphouse.project.checking import check_tables
from pumphouse.project.project import Project

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
FILES = {
    "orders.csv": "order_id,customer_id,paid_on\n1,7,2026-05-01\n2,8,2026-05-02\n",
    "customers.csv": "customer_id,name\n7,Ann\n8,Bob\n",
    "rules.py": """
    import pumphouse as ph
    from pumphouse.checks import fresh, refers_to

    orders = ph.files("orders.csv")
    customers = ph.files("customers.csv")
    known = ph.check("orders", refers_to("customer_id", "customers.customer_id"))
    coming = ph.check("orders", fresh("paid_on", within="2 days"), severity="warn")
    named = ph.check("customers", "name <> ''")
    """,
}


@pytest.fixture
def project(write: Callable[[dict[str, str]], Project]) -> Project:
    one = write(FILES)
    assert one.run(now=NOW).ok
    return one


def test_checks_go_bad_while_nothing_is_built(project: Project, write: Callable[[dict[str, str]], Project]) -> None:
    assert check_tables(project, now=NOW).ok
    later = write({"customers.csv": "customer_id,name\n7,Ann\n"})
    assert later.run("customers", now=NOW).ok
    checked = check_tables(later, ["orders"], now=NOW + timedelta(days=9))
    assert {one.check.name: (one.status, one.failing) for one in checked.found} == {
        "known": ("failed", 1),
        "coming": ("failed", 0),
    }
    assert not checked.ok
    assert [(row["_check"], row["order_id"]) for row in later["orders__failed"].rows] == [("known", 2)]
    assert [row["order_id"] for row in later["orders"].rows] == [1, 2]
    assert later.lake.state.runs()[0].command == "check orders"
    lines = describe(later.lake, later.graph.assets, "orders", folder=later.config.folder, now=datetime.now(UTC)).checks
    assert lines == (
        "coming: fresh('paid_on', within='2 days') (warn); failed just now",
        "known: refers_to('customer_id', 'customers.customer_id') (error); failed by 1 row just now",
    )
    assert later.plan(now=NOW).builds == ()  # nothing that a check leaves behind makes a table stale


def test_what_has_no_check_or_is_not_built_is_told(write: Callable[[dict[str, str]], Project]) -> None:
    project = write(FILES)
    assert {one.status for one in check_tables(project).found} == {"undecided"}
    with pytest.raises(UnknownName, match="there is no asset 'order'") as raised:
        check_tables(project, ["order"])
    assert raised.value.mend == "Did you mean 'orders'?"


def test_the_command_ends_with_1_where_an_error_check_fails(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.close()
    monkeypatch.chdir(tmp_path)
    assert main.call(["check", "named"]) == 0
    assert capsys.readouterr().out.split() == ["passed", "customers", "named", "1", "passed;", "snapshot", "2."]
    (tmp_path / "rules.py").write_text((tmp_path / "rules.py").read_text().replace("name <> ''", "name <> 'Bob'"))
    assert main.call(["check", "customers"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "failed  customers  named"
    assert lines[1].strip() == "check 'named' found 1 row of 'customers' where not (name <> 'Bob')"
    assert lines[3] == "Look at rows that failed: pumphouse query 'FROM customers__failed'"
    assert main.call(["check", "customers", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["checks"][0]["failing"]) == (False, 1)
