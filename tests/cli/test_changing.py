from __future__ import annotations

from pathlib import Path
from typing import Any

COUNT = ("query", "SELECT count(*) AS n FROM orders", "--format", "json")


def test_restore_makes_a_table_what_it_was_and_says_how_to_undo_it(pumphouse: Any, shop: Path) -> None:
    with (shop / "orders.sql").open("a") as file:
        file.write("WHERE order_id > 2\n")
    assert pumphouse("run", "orders", cwd=shop).code == 0
    assert pumphouse(*COUNT, cwd=shop).json == [{"n": 2}]
    done = pumphouse("restore", "orders", "--to", "3", cwd=shop)
    assert done.code == 0
    assert done.out == (
        "orders is what it was at snapshot 3; this is snapshot 5.\nUndo it: pumphouse restore orders --to 4\n"
    )
    assert pumphouse(*COUNT, cwd=shop).json == [{"n": 4}]
    undone = pumphouse("restore", "orders", "--to", "4", "--json", cwd=shop).json
    assert undone == {"table": "orders", "to": 4, "before": 5, "snapshot": 6}
    assert pumphouse(*COUNT, cwd=shop).json == [{"n": 2}]


def test_restore_to_what_never_was_is_refused(pumphouse: Any, built: Path) -> None:
    future = pumphouse("restore", "orders", "--to", "99", cwd=built)
    assert (future.code, future.err) == (2, "error: there is no snapshot 99\n  The newest is 3.\n")
    same = pumphouse("restore", "orders", "--to", "3", cwd=built)
    assert same.out == "orders is what it was at snapshot 3 already; nothing was changed.\n"
    before = pumphouse("restore", "orders", "--to", "1", cwd=built)
    assert before.code == 2
    assert "'orders' did not exist at snapshot 1" in before.err
    assert pumphouse("restore", "ordrs", "--to", "1", cwd=built).code == 2


def test_hide_takes_a_person_out_of_every_table_at_once(pumphouse: Any, shop: Path) -> None:
    done = pumphouse("hide", "customer_id", "7", "--why", "asked by mail", cwd=shop)
    assert done.code == 0
    assert done.out.startswith(
        "customer_id 7 is hidden from orders (2 rows), orders__failed (0 rows), raw_orders (2 rows); "
        "this is snapshot 4.\n"
    )
    assert pumphouse(*COUNT, cwd=shop).json == [{"n": 2}]
    assert pumphouse(*COUNT, "--snapshot", "3", cwd=shop).json == [{"n": 2}]
    assert pumphouse("run", cwd=shop).code == 0
    by_day = pumphouse("query", "SELECT sum(orders)::INTEGER AS n FROM by_day", "--format", "json", cwd=shop)
    assert by_day.json == [{"n": 2}]


def test_hide_says_where_the_person_is_not_found(pumphouse: Any, shop: Path) -> None:
    unknown = pumphouse("hide", "customer", "7", "--why", "asked", cwd=shop)
    assert (unknown.code, unknown.err) == (
        2,
        "error: no table has a column 'customer'\n  Did you mean 'customer_id'?\n",
    )
    (shop / "renamed.sql").write_text("SELECT customer_id AS who FROM orders")
    assert pumphouse("run", "renamed", cwd=shop).code == 0
    lines = pumphouse("hide", "who", "99", "--why", "asked", cwd=shop).out.splitlines()
    assert lines[0].startswith("who 99 is hidden from renamed (0 rows); this is snapshot ")
    assert lines[1:3] == [
        "No row has that value now; one that comes will be hidden.",
        "Without that column, so they are still in: orders, raw_orders. Hide them by what they are called there.",
    ]


def test_hide_needs_a_reason(pumphouse: Any, built: Path) -> None:
    done = pumphouse("hide", "customer_id", "7", cwd=built)
    assert done.code == 2
    assert "--why" in done.err
