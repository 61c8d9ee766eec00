"""What is put together is one SELECT that means what was said, in whatever order it was said; values stay beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse_client import ClientError
from pumphouse_client.selects import Select, quoted
from pumphouse_client.values import names_in, replaced

ORDERS = Select(title="orders", source='"orders"', is_table=True)


def test_a_table_is_asked_as_a_person_would_write_it() -> None:
    asked = ORDERS.meeting(("amount > $least",), {"least": 10}).meeting((), {"country": "DE"})
    asked = asked.selecting(("id",), {"net": "amount / 2"}).ordered(("-amount", "id")).limited(5)
    assert asked.text == (
        'SELECT "id", amount / 2 AS "net"\nFROM "orders"\nWHERE (amount > $least)\n  AND ("country" = $value_1)\n'
        'ORDER BY "amount" DESC, "id"\nLIMIT 5'
    )
    assert asked.parameters == {"least": 10, "value_1": "DE"}


def test_a_query_of_which_nothing_more_is_asked_is_its_own_text() -> None:
    query = Select(title="query", source="SELECT 1 -- one\n;", is_table=False)
    assert query.text == "SELECT 1 -- one\n;"
    assert query.limited(2).text == "SELECT *\nFROM (\nSELECT 1 -- one\n\n) AS query\nLIMIT 2"


def answered(asked: Select) -> list[tuple[Any, ...]]:
    """What DuckDB says over five rows: id 1 to 5, amount ten times that, country A for the odd."""
    db = duckdb.connect()
    db.execute("CREATE TABLE orders AS SELECT range AS id, range * 10 AS amount FROM range(1, 6)")
    db.execute("ALTER TABLE orders ADD COLUMN country VARCHAR")
    db.execute("UPDATE orders SET country = CASE WHEN id % 2 = 1 THEN 'A' END")
    return db.execute(asked.text, dict(asked.parameters)).fetchall()


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        (ORDERS.selecting(("id",), {}).meeting(("amount > 30",), {}), [(4,), (5,)]),
        (ORDERS.meeting(("amount > 30",), {}).selecting(("id",), {}), [(4,), (5,)]),
        (ORDERS.limited(2).meeting(("id > 1",), {}).selecting(("id",), {}), [(2,)]),
        (ORDERS.selecting((), {"half": "amount / 2"}).meeting(("half > 20",), {}), [(25.0,)]),
        (ORDERS.selecting(("id", "amount"), {}).selecting(("amount",), {}).limited(1), [(10,)]),
        (ORDERS.selecting((), {"n": "count(*)"}).selecting((), {"m": "n + 1"}), [(6,)]),
        (ORDERS.selecting(("id",), {}).ordered(("-id",)).limited(3).limited(9).limited(2), [(5,), (4,)]),
        (ORDERS.selecting(("id",), {}).ordered(("-id",)).limited(2).ordered(("id",)), [(4,), (5,)]),
        (ORDERS.meeting((), {"country": None}).selecting(("id",), {}), [(2,), (4,)]),
        (ORDERS.meeting((), {"id": [2, 5, 9]}).selecting(("id",), {}), [(2,), (5,)]),
        (ORDERS.meeting((), {"id": []}), []),
        (ORDERS.counting(), [(5,)]),
        (ORDERS.limited(3).counting(), [(3,)]),
        (ORDERS.selecting((), {"n": "count(*)"}).counting(), [(1,)]),
        (ORDERS.selecting((), {"half": "amount / 2"}).meeting(("half > 20",), {}).counting(), [(1,)]),
        (ORDERS.meeting(("id > 1 -- all but one",), {}).counting(), [(4,)]),
    ],
)
def test_what_was_said_is_what_is_meant(asked: Select, rows: list[tuple[Any, ...]]) -> None:
    assert answered(asked) == rows


@given(st.text(), st.text(min_size=1).filter(lambda name: name != "orders"))
def test_no_value_and_no_name_becomes_sql(value: str, name: str) -> None:
    asked = ORDERS.meeting((), {name: value}).selecting((name,), {})
    assert asked.text.replace(quoted(name), "", 2).replace("\n)", ")") == 'SELECT \nFROM "orders"\nWHERE ( = $value_1)'
    assert asked.parameters == {"value_1": value}


@given(st.text(alphabet="$ab'\"-/*\n e1_"))
def test_putting_names_back_changes_no_text(text: str) -> None:
    assert replaced(text, lambda name: f"${name}") == text


def test_a_name_in_a_quote_or_a_comment_is_none() -> None:
    text = """a = $one AND b = '$two' AND "$three" = $$ $four $$ -- $five
        /* $six */ AND c > $seven"""
    assert names_in(text) == {"one", "seven"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: ORDERS.meeting(("a > 1",), {"b": 2}), r"no \$b stands in 'a > 1'. .*\.where\(b=\.\.\.\)"),
        (lambda: ORDERS.meeting(("a > $n",), {"n": 1}).meeting(("b > $n",), {"n": 2}), r"\$n has two values"),
        (lambda: ORDERS.meeting(("a > $n",), {"n": object()}), "'n' can't be a object"),
        (lambda: ORDERS.meeting((), {"n": [1, None]}), "'n' has a null among its values. .*IS NULL"),
        (lambda: ORDERS.meeting((), {"n": [1, "a"]}), "of several types"),
        (lambda: ORDERS.selecting((), {}), "no column was selected"),
        (lambda: ORDERS.limited(-1), "no limit of -1 rows"),
    ],
)
def test_what_can_not_be_meant_is_refused(wrong: Callable[[], Select], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        wrong()


def test_values_of_every_kind_are_taken_as_they_are() -> None:
    values = {
        "a": True, "b": 2**80, "c": 0.5, "d": "x", "e": Decimal("1.10"), "f": date(2026, 1, 2),
        "g": datetime(2026, 1, 2, tzinfo=UTC), "h": None,
    }  # fmt: skip
    asked = ORDERS.meeting((" AND ".join(f"{name} = ${name}" for name in values),), values)
    assert asked.parameters == values
