"""Checks inside a run: what refuses a build, what is kept of it, and in which order tables see one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pumphouse.errors import CheckFailed, ProjectFaults
from pumphouse.project.project import Project
from pumphouse.project.running import Result

Write = Callable[[dict[str, str]], Project]

ORDERS = """
/* pumphouse
key = "order_id" */
SELECT order_id, customer_id, amount_usd FROM raw_orders
"""
RULES = """
import pumphouse as ph
from pumphouse.checks import between, not_null, one_of, query, refers_to, row_count, steady, unique

raw_orders = ph.files("orders.csv")
raw_customers = ph.files("customers.csv")
"""
FILES = {
    "orders.csv": "order_id,customer_id,amount_usd\n1,7,10\n2,8,20\n",
    "customers.csv": "customer_id,email\n7,a@b.example\n8,c@d.example\n",
    "orders.sql": ORDERS,
    "customers.sql": "SELECT * FROM raw_customers",
}


def results(project: Project) -> dict[str, Result]:
    return {result.asset: result for result in project.run(refetch=True).results}


def failed(project: Project, table: str = "orders") -> list[dict[str, Any]]:
    return sorted(project[f"{table}__failed"].rows, key=lambda row: (row["_check"], str(row)))


def test_rows_of_errors_and_warnings_are_kept_and_go_when_they_are_mended(write: Write) -> None:
    rules = RULES + (
        'known = ph.check("orders", refers_to("customer_id", "customers.customer_id"))\n'
        'small = ph.check("orders", between("amount_usd", 0, 15), severity="warn")\n'
    )
    project = write({**FILES, "rules.py": rules})
    first = results(project)["orders"]
    assert first.status == "built"
    assert first.warnings == ("check 'small' found 1 row of 'orders' where amount_usd is below 0 or above 15",)
    assert failed(project) == [{"_check": "small", "order_id": 2, "customer_id": 8, "amount_usd": 20}]
    assert {name: one.status for name, one in project.lake.state.last_checks("orders").items()} == {
        "known": "passed",
        "small": "failed",
    }

    project = write({"orders.csv": "order_id,customer_id,amount_usd\n1,7,10\n3,9,20\n"})
    refused = results(project)["orders"]
    assert isinstance(refused.error, CheckFailed)
    assert refused.error.what == "check 'known' found 1 row of 'orders' whose customer_id is not in 'customers'"
    assert [row["order_id"] for row in project["orders"].rows] == [1, 2]
    assert [(row["_check"], row["order_id"]) for row in failed(project)] == [("known", 3), ("small", 3)]
    assert project.lake.state.last_checks("orders")["known"].snapshot is None

    project = write({"orders.csv": "order_id,customer_id,amount_usd\n1,7,10\n"})
    assert results(project)["orders"].status == "built"
    assert failed(project) == []


def test_what_a_check_compares_with_is_built_before_and_makes_no_loop(write: Write) -> None:
    rules = RULES + (
        'known = ph.check("orders", refers_to("customer_id", "customers.customer_id"))\n'
        'buys = ph.check("customers", refers_to("customer_id", "orders.customer_id"), severity="warn")\n'
        'whole = ph.check("orders", query("SELECT o.* FROM orders o ANTI JOIN totals t USING (customer_id)"))\n'
    )
    totals = "SELECT customer_id, sum(amount_usd) AS usd FROM orders GROUP BY ALL"
    project = write({**FILES, "totals.sql": totals, "rules.py": rules})
    order = project.graph.order()
    assert order.index("orders") < order.index("customers")  # `buys` comes first by name
    assert project.graph.waits == {"customers": ("orders",)}
    assert project.graph.checks_of("customers") == ("buys",)
    found = results(project)
    assert {name: one.status for name, one in found.items()} == dict.fromkeys(found, "built")
    assert sorted(found["orders"].warnings) == [
        "check 'known' can't tell yet: 'customers' is not built",
        "check 'whole' can't tell yet: 'totals' is not built",
    ]
    assert project.plan().builds == ()  # a change of `customers` makes `orders` no staler


def test_a_table_is_built_though_what_its_check_compares_with_fails(write: Write) -> None:
    rules = RULES + 'known = ph.check("orders", refers_to("customer_id", "customers.customer_id"), severity="warn")\n'
    project = write(
        {
            **FILES,
            "customers.sql": "SELECT customer_id, CAST(email AS INTEGER) AS email FROM raw_customers",
            "rules.py": rules,
        }
    )
    found = results(project)
    assert (found["customers"].status, found["orders"].status) == ("failed", "built")


def test_a_hidden_person_is_in_no_rows_that_failed(write: Write) -> None:
    rules = RULES + (
        'small = ph.check("orders", between("amount_usd", 0, 5), severity="warn")\n'
        'even = ph.check("orders", query("SELECT order_id, 1 AS why FROM orders"), severity="warn")\n'
    )
    project = write({**FILES, "rules.py": rules})
    results(project)
    assert len(failed(project)) == 4
    project.hide("customer_id", 8, why="asked")
    assert [(row["_check"], row["order_id"]) for row in failed(project)] == [("even", 1), ("small", 1)]
    again = results(project)["orders"]
    assert [warning.split(" of ")[0] for warning in again.warnings] == [
        "check 'even' found 1 row", "check 'small' found 1 row",
    ]  # fmt: skip


def test_a_query_may_give_columns_of_its_own_and_of_other_types(write: Write) -> None:
    rules = RULES + (
        'odd = ph.check("orders", query("SELECT \'no \' || order_id AS order_id, sum(amount_usd) AS usd,'
        ' INTERVAL 2 DAY AS late FROM orders GROUP BY ALL"), severity="warn")\n'
        'two = ph.check("orders", unique("order_id", "customer_id"))\n'
        'small = ph.check("orders", "amount_usd < $least", severity="warn", where="order_id > 1")\n'
    )
    project = write({**FILES, "pumphouse.toml": "[settings]\nleast = 5\n", "rules.py": rules})
    results(project)
    assert [(row["_check"], row["order_id"], row["usd"]) for row in failed(project)] == [
        ("odd", "no 1", 10), ("odd", "no 2", 20), ("small", "2", None),
    ]  # fmt: skip


def test_a_wrong_column_is_told_when_the_project_is_loaded(write: Write) -> None:
    rules = RULES + (
        'a = ph.check("orders", not_null("order_ids"))\n'
        'b = ph.check("customers", refers_to("customer_id", "orders.customer"))\n'
    )
    with pytest.raises(ProjectFaults) as raised:
        _ = write({**FILES, "rules.py": rules}).graph
    assert [(fault.what, fault.mend) for fault in raised.value.faults] == [
        ("the check 'a' is about 'order_ids', which 'orders' does not have", "Did you mean 'order_id'?"),
        ("the check 'b' is about 'customer', which 'orders' does not have", "Did you mean 'customer_id'?"),
    ]


def test_history_is_what_the_lake_remembers_of_the_table(write: Write) -> None:
    rules = RULES + (
        'usual = ph.check("orders", row_count(within=0.2))\nsame = ph.check("orders", steady("amount_usd"))\n'
    )

    def written(rows: int, amount: int) -> Result:
        lines = "".join(f"{n},7,{amount + n % 50}\n" for n in range(rows))
        project = write({**FILES, "orders.csv": f"order_id,customer_id,amount_usd\n{lines}", "rules.py": rules})
        return results(project)["orders"]

    assert [written(rows, 10).status for rows in (100, 110, 90)] == ["built"] * 3
    fewer = written(70, 10)
    assert "'orders' has 70 rows, and the median of the last 3 versions is 100; 20% may differ" in str(fewer.error)
    moved = written(100, 35)
    assert "the distribution of amount_usd in 'orders' is no longer that of the version before" in str(moved.error)


def test_a_sliced_build_is_checked_as_the_whole_table_that_it_leaves(write: Write) -> None:
    sliced = '/* pumphouse\nkey = "order_id"\nslice = "day by day" */\nSELECT * FROM raw_orders'
    rules = (
        "import pumphouse as ph\nfrom pumphouse.checks import row_count, unique\n"
        'raw_orders = ph.files("orders-*.csv")\n'
        'once = ph.check("orders", unique("customer_id"))\n'
        'all_there = ph.check("orders", row_count(1, within=1.0))\n'
    )
    files = {"orders.sql": sliced, "rules.py": rules}
    for number in range(4):
        files[f"orders-{number}.csv"] = f"order_id,customer_id,day\n{number},{number},2026-01-0{number + 1}\n"
        project = write(files)
        assert results(project)["orders"].status == "built"
    assert len(project["orders"].rows) == 4
    twice = write({"orders-9.csv": "order_id,customer_id,day\n9,0,2026-01-09\n"})
    error = results(twice)["orders"].error
    assert error is not None
    assert error.what == "check 'once' found 2 rows of 'orders' whose customer_id comes more than once"
    assert sorted(row["order_id"] for row in failed(twice)) == [0, 9]
