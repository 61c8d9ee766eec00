from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pyarrow import flight
from tests.server.flight.conftest import Raw
from tests.server.flight.test_streams import SILENT, cancel, rest

from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.places import EACH_MAX
from pumphouse.server.access.policies import Policies
from pumphouse.server.flight import ahead, streams
from pumphouse.server.flight.ahead import Begun
from pumphouse.server.flight.messages import (
    CANCELLED,
    ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest,
    CommandPreparedStatementQuery,
    CommandStatementQuery,
    packed,
    unpacked,
)

ENDS_WITHIN_S = 10
ADA = Visitor(who="ada", scope="all")


@pytest.fixture
def desk(served: Any) -> Any:
    desk = Desk(served.shop.lake, Policies(served.shop.lake, served.shop.assets))
    yield desk
    desk.close()


def nothing_works() -> None:
    end = time.monotonic() + ENDS_WITHIN_S
    while any(thread.name == "flight ahead" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.02)


def prepared(raw: Any, text: str) -> bytes:
    (answer,) = raw.act("CreatePreparedStatement", packed(ActionCreatePreparedStatementRequest(query=text)))
    handle: bytes = unpacked(answer).prepared_statement_handle
    return handle


def test_statement_whose_rows_nobody_asks_for_ends_soon_and_is_no_read(
    raw: Any, reads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "AHEAD_S", 0.1)
    info = raw.info(CommandStatementQuery(query=SILENT))
    prepared(raw, SILENT)
    nothing_works()
    assert raw.rows("SELECT count(*) AS n FROM orders").num_rows == 1
    assert [read.rows for read in reads("orders")] == [1]
    stream = raw.open(info)  # it begins anew
    assert cancel(raw, info) == CANCELLED
    with pytest.raises(Exception, match="cancelled"):
        rest(stream)


def test_cancelled_ticket_ends_what_works_ahead(raw: Any) -> None:
    info = raw.info(CommandStatementQuery(query=SILENT))
    assert any(thread.name == "flight ahead" for thread in threading.enumerate())
    assert cancel(raw, info) == CANCELLED
    nothing_works()


def test_prepared_statement_that_is_closed_ends_what_works_ahead(raw: Any) -> None:
    handle = prepared(raw, SILENT)
    body = packed(ActionClosePreparedStatementRequest(prepared_statement_handle=handle))
    raw.act("ClosePreparedStatement", body)
    nothing_works()


def test_rows_are_the_same_where_nothing_works_ahead(raw: Any, cursor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "SELECT order_id FROM orders WHERE order_id < ? ORDER BY 1"
    found = cursor.execute(text, (20,)).fetchall()
    for bound in ("AHEAD_MAX", "AHEAD_OF_ONE_MAX"):
        with monkeypatch.context() as patch:
            patch.setattr(streams, bound, 0)
            assert cursor.execute(text, (20,)).fetchall() == found
            assert raw.rows("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_values_that_were_bound_last_are_those_that_are_asked_with(cursor: Any) -> None:
    for number in (1, 2, 3):
        assert cursor.execute("SELECT ?::BIGINT + count(*) * 0 AS n FROM orders", (number,)).fetchone() == (number,)


def test_prepared_statement_is_asked_anew_each_time(raw: Any, reads: Any) -> None:
    asked = CommandPreparedStatementQuery(
        prepared_statement_handle=prepared(raw, "SELECT count(*) AS n, random() AS r FROM orders")
    )
    rows = [raw.rows(asked).to_pylist()[0] for _ in range(3)]
    assert len({row["r"] for row in rows}) == 3
    assert len({row["n"] for row in rows}) == 1
    while len(reads("orders")) < 3:
        time.sleep(0.02)
    assert [read.rows for read in reads("orders")] == [1, 1, 1]


def test_what_has_begun_is_of_its_snapshot_and_values_only(desk: Desk) -> None:
    text = "SELECT order_id FROM orders WHERE order_id < ?"

    def asked(value: int, snapshot: int | None = None) -> Any:
        return desk.ask(ADA, text, door="flight", parameters=(value,), snapshot=snapshot)

    begun = Begun(asked(20).run())
    assert begun.is_of(asked(20))
    assert not begun.is_of(asked(21))
    assert not begun.is_of(asked(20, desk.at(None) - 1))
    assert not begun.is_of(desk.ask(ADA, "SELECT 1", door="flight", parameters=()))
    begun.end()
    assert begun.take() is None
    assert not begun.is_waiting


def test_what_has_failed_is_asked_again_and_told(raw: Any) -> None:
    info = raw.info(CommandStatementQuery(query="SELECT CAST('x' || order_id AS BIGINT) AS n FROM orders"))
    nothing_works()
    with pytest.raises(Exception, match="can't be read as"):
        rest(raw.open(info))


def test_withdrawn_result_is_in_the_log_where_rows_were_taken(desk: Desk, reads: Any) -> None:
    result = desk.ask(ADA, "SELECT order_id FROM orders", door="flight").run()
    taken = next(iter(result)).num_rows
    result.withdraw()
    unread = desk.ask(ADA, "SELECT order_id FROM orders", door="flight").run()
    assert unread.schema.names == ["order_id"]
    unread.withdraw()
    assert [read.rows for read in reads("orders")] == [taken]


def test_nothing_works_ahead_where_every_place_is_taken(desk: Desk) -> None:
    statement = desk.ask(ADA, "SELECT 1 AS one", door="flight", parameters=())
    held = [desk.places.ask("ada") for _ in range(EACH_MAX)]
    assert statement.run_where_free() is None
    held.pop().leave()
    result = statement.run_where_free()
    assert result is not None
    assert result.read_all().to_pylist() == [{"one": 1}]
    assert desk.places.ask("ada").is_held


def test_closed_door_leaves_nothing_at_work(own: Any, served: Any) -> None:
    opened = own()
    with flight.connect(opened.url) as client:
        header = (b"authorization", f"Bearer {served.serving.token}".encode())
        asking = Raw(client=client, options=flight.FlightCallOptions(headers=[header]))
        asking.info(CommandStatementQuery(query=SILENT))
        opened.close()
        assert not any(thread.name == "flight ahead" for thread in threading.enumerate())
