"""What somebody asks at the desk: with values, with names as SQL clients write them, again and again."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import BadRequest, Cancelled, Late, TooMuch, UnknownName
from pumphouse.server.access import runs
from pumphouse.server.access.desk import Bounds, Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies

ADA = Visitor(who="ada", scope="all")


@pytest.fixture(scope="module")
def desk(served: Any) -> Iterator[Desk]:
    shop = served.shop
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), project="shop", settings=lambda: {"least": 3})
    yield desk
    desk.close()


def rows(desk: Desk, text: str, *values: Any, **named: Any) -> list[tuple[Any, ...]]:
    found = desk.ask(ADA, text, door="test", parameters=named or values or None).run().read_all()
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


@pytest.mark.parametrize(
    "value",
    [
        None, True, 7, -(2**63), 2**100, 1.5, Decimal("12.30"), "'; DROP TABLE orders --", "ünïcode \U0001f600",
        b"\x00\xff",
        date(1, 1, 1), time(1, 2, 3, 4), datetime(2026, 3, 1, 12, 30, 0, 7),  # noqa: DTZ001
        datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=3, microseconds=5), [1, 2, None], ["a", "b"],
    ],
)  # fmt: skip
def test_value_of_any_type_comes_back_as_it_was_given(desk: Desk, value: Any) -> None:
    for text in ("SELECT ?", "SELECT $1", "SELECT $value"):
        given: Any = {"value": value} if "value" in text else [value]
        found = desk.ask(ADA, text, door="test", parameters=given).run().read_all().column(0)[0].as_py()
        # Arrow has no 128-bit integers of its own, and DuckDB's intervals have months.
        expected = value.days * 86_400_000 if isinstance(value, timedelta) else value
        assert expected == (found if not isinstance(value, timedelta) else found.days * 86_400_000)


def test_uuid_is_taken(desk: Desk) -> None:
    one = uuid.uuid4()
    assert rows(desk, "SELECT ?::VARCHAR", one) == [(str(one),)]


def test_values_are_taken_by_position_and_never_as_text(desk: Desk) -> None:
    assert rows(desk, "SELECT order_id FROM orders WHERE order_id = ? OR order_id = ?", 7, 9) == [(7,), (9,)]
    assert rows(desk, "SELECT order_id FROM orders WHERE order_id = $2 AND $1 = 'x'", "x", 5) == [(5,)]
    assert rows(desk, "SELECT order_id FROM orders WHERE customer = ?", "customer 0' OR true --") == []


def test_settings_stand_beside_values(desk: Desk) -> None:
    assert rows(desk, "SELECT order_id FROM orders WHERE order_id < $least AND order_id > ?", 1) == [(2,)]
    assert rows(desk, "SELECT $least, '$least', $1", "b") == [(3, "$least", "b")]
    assert rows(desk, "SELECT $least", least=9) == [(9,)]


def test_values_that_are_not_what_the_query_wants_are_refused(desk: Desk) -> None:
    with pytest.raises(BadRequest, match="has 2 parameters, 1 values"):
        rows(desk, "SELECT ?, ?", 1)
    with pytest.raises(BadRequest, match=r"no value for \$other"):
        rows(desk, "SELECT $other", name=1)
    with pytest.raises(BadRequest, match=r"no value for \$1"):
        desk.ask(ADA, "SELECT ?", door="test").run()
    with pytest.raises(BadRequest, match="has 0 parameters"):
        desk.ask(ADA, "SELECT 1", door="test", parameters=[1])


def test_statement_is_described_before_it_has_values(desk: Desk) -> None:
    statement = desk.ask(ADA, "SELECT order_id, ? AS said, date_trunc('day', $2) AS d FROM orders", door="test")
    assert statement.parameters == ("1", "2")
    assert [(field.name, field.type) for field in statement.schema][:2] == [
        ("order_id", pa.int64()),
        ("said", pa.string()),
    ]
    assert pa.types.is_temporal(statement.schema.field("d").type)
    assert statement.bound(["x", datetime(2026, 3, 1)]).schema.field("d").type == pa.timestamp("us")  # noqa: DTZ001
    assert desk.ask(ADA, "SELECT $b, $a, $b", door="test").parameters == ("b", "a")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT orders.order_id FROM main.orders WHERE orders.order_id = 7",
        "SELECT public.orders.order_id FROM public.orders WHERE public.orders.order_id = 7",
        'SELECT "shop"."public"."orders"."order_id" FROM "shop"."public"."orders" WHERE order_id = 7',
        "SELECT o.order_id FROM lake.main.orders AS o WHERE o.order_id = 7",
        "SELECT 'ä', * FROM (SELECT order_id FROM\n main /* public.b */ .\n -- c.\n orders) WHERE order_id = 7",
        "WITH orders AS (SELECT 1 AS order_id) SELECT order_id FROM public.orders WHERE order_id = 7",
        (
            "WITH o AS (SELECT * FROM MAIN.Orders) SELECT o.order_id FROM o, shop.main.tickets t, lake.public.tickets"
            " WHERE o.order_id = 7 AND t.ticket_id = tickets.ticket_id AND t.ticket_id = 1"
        ),
        "FROM shop.orders WHERE order_id IN (SELECT max(public.orders.order_id) - 33 FROM public.orders)",
    ],
)
def test_tables_are_found_by_the_names_that_clients_write(desk: Desk, text: str) -> None:
    found = desk.ask(ADA, text, door="test").run().read_all()
    assert found.column("order_id").to_pylist() == [7]


@pytest.mark.parametrize(
    "text", ["FROM other.orders", "FROM lake.pumphouse.orders", "FROM memory.main.orders", "FROM lake.main.nothing"]
)
def test_names_of_elsewhere_are_unknown(desk: Desk, text: str) -> None:
    with pytest.raises(UnknownName, match="the lake has no table"):
        desk.ask(ADA, text, door="test")


def test_statement_is_described_without_values_and_asked_with_others(desk: Desk) -> None:
    text = "SELECT order_id, customer FROM public.orders WHERE order_id = $1"
    described = desk.ask(ADA, text, door="test")
    assert (described.parameters, described.schema.names) == (("1",), ["order_id", "customer"])
    asked = [desk.ask(ADA, text, door="test", parameters=[n]) for n in (1, 40, 41)]
    assert [one.run().read_all().num_rows for one in asked] == [1, 1, 0]
    nobody = Visitor(who="eve", scope="read", tables=frozenset({"tickets"}))
    with pytest.raises(UnknownName, match=r"no table 'public\.orders'"):
        desk.ask(nobody, text, door="test", parameters=[1])


def test_no_rows_have_their_columns(desk: Desk) -> None:
    with desk.ask(ADA, "SELECT order_id, amount FROM orders WHERE false", door="test").run() as result:
        assert result.schema == pa.schema({"order_id": pa.int64(), "amount": pa.float64()})
        assert list(result) == []


def test_rows_of_any_width_come_in_few_batches_and_in_their_order(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "GATHER_S", 20.0)  # they are gathered by their size, however long it takes
    text = "SELECT range AS n, 'customer ' || range AS name, ['a' || range % 3] AS tags FROM range(300_000)"
    with desk.ask(ADA, text, door="test").run() as result:
        batches = list(result)
    assert len(batches) < 300_000 / 2_048 / 2
    assert max(batch.nbytes for batch in batches) < 8 * 1024 * 1024
    told = pa.Table.from_batches(batches)
    assert told["n"].to_pylist() == list(range(300_000))
    assert told["name"][299_999].as_py() == "customer 299999"


def test_rows_beyond_the_bound_are_not_given(served: Any) -> None:
    shop = served.shop
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), bounds=Bounds(rows=30))
    assert desk.ask(ADA, "FROM orders LIMIT 30", door="test").run().read_all().num_rows == 30
    result = desk.ask(ADA, "FROM orders", door="test").run()
    with pytest.raises(TooMuch, match="more than the 30 rows"):
        result.read_all()
    assert result.rows == 30


@pytest.mark.parametrize(
    ("text", "line", "match"),
    [
        ("SELECT order_id,\n customr FROM orders", 2, "customr"),
        ("SELECT order_id\nFROM orders\nWHERE customer::INT = 1", 3, "can't be read as INT32"),
        ("SELECT *\nFORM orders", 2, "syntax error"),
    ],
)
def test_faults_of_a_query_say_where(desk: Desk, text: str, line: int, match: str) -> None:
    with pytest.raises(BadRequest, match=match) as caught:
        desk.ask(ADA, text, door="test").run().read_all()
    assert str(caught.value.place) == f"query:{line}"


def test_who_cancels_gets_no_more(desk: Desk) -> None:
    with desk.ask(ADA, "FROM range(10_000_000)", door="test").run() as result:
        next(iter(result))
        result.cancel()
        with pytest.raises(Cancelled):
            list(result)


def test_text_beyond_the_bound_is_refused_unread_and_its_values_come_as_parameters(desk: Desk) -> None:
    numbers = ", ".join(map(str, range(100_000)))
    with pytest.raises(BadRequest, match="longer than 256 KiB") as caught:
        desk.ask(ADA, f"SELECT count(*) FROM orders WHERE order_id IN ({numbers})", door="test")
    assert "parameters" in str(caught.value.mend)
    found = rows(desk, "SELECT count(*) FROM orders WHERE list_contains(?, order_id)", list(range(100_000)))
    assert found == [(40,)]
    shorter = ", ".join(map(str, range(20_000)))
    assert rows(desk, f"SELECT count(*) FROM orders WHERE order_id IN ({shorter})") == [(40,)]


def test_time_that_checking_took_is_part_of_what_a_statement_may_take(desk: Desk) -> None:
    text = "SELECT sum(hash(a.range + b.range)) FROM range(1_000_000) a, range(1_000_000) b"
    asked = desk.ask(ADA, f"{text} -- {'x' * 20_000}", door="test")
    assert asked.checked_s > 0
    with pytest.raises(Late, match="60 seconds"):
        replace(asked, checked_s=60.0, bounds=Bounds(seconds=60.0)).run().read_all()


def test_long_texts_are_checked_one_after_the_other_and_short_ones_beside_them(desk: Desk) -> None:
    text = f"SELECT count(*) FROM orders WHERE order_id IN ({', '.join(map(str, range(8_000)))})"
    with desk._checking:
        waits = threading.Thread(target=rows, args=(desk, text))
        waits.start()
        assert rows(desk, "SELECT count(*) + 0 FROM orders") == [(40,)]
        assert waits.is_alive()
    waits.join(20)
    assert not waits.is_alive()


@pytest.mark.parametrize("calls", [20_000])
def test_names_and_calls_of_a_long_text_are_found_in_one_walk(desk: Desk, calls: int) -> None:
    text = f"SELECT {', '.join(['pi()'] * calls)} FROM main.orders WHERE main.orders.order_id = 1"
    assert len(desk.ask(ADA, text, door="test").text) > 6 * calls
