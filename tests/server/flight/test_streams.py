from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import adbc_driver_manager as manager
import pyarrow as pa
import pytest
from pyarrow import flight
from tests.server.flight.conftest import Raw

from pumphouse.server.flight import door, streams
from pumphouse.server.flight.messages import (
    CANCELLED,
    NOT_CANCELLABLE,
    ActionCancelQueryRequest,
    ActionCancelQueryResult,
    CancelFlightInfoRequest,
    CancelFlightInfoResult,
    CommandStatementQuery,
    decoded,
    encoded,
    packed,
    unpacked,
)
from pumphouse.server.flight.streams import MESSAGE_BYTES_MAX

ENDLESS = "SELECT order_id, n.range FROM orders, range(1_000_000_000) n"
SILENT = "SELECT sum(a.range * b.range + order_id) AS s FROM orders, range(1_000_000) a, range(1_000_000) b"
"""It takes longer than anybody waits, and has no row before its end."""


def cancel(raw: Any, info: Any) -> int:
    (answer,) = raw.act("CancelFlightInfo", encoded(CancelFlightInfoRequest(info=info.serialize())))
    return decoded(answer, CancelFlightInfoResult).status


def rest(stream: Any) -> int:
    """Rows that are left. `read_all` would end the tests where the server cancels: it takes that for a Ctrl-C."""
    return sum(chunk.data.num_rows for chunk in stream)


def in_the_background(call: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # looked at by the test
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def test_statement_is_cancelled_by_its_info_while_it_runs(raw: Any, reads: Any) -> None:
    info = raw.info(CommandStatementQuery(query=SILENT))
    is_running = threading.Event()

    def ask() -> None:
        stream = raw.open(info)
        is_running.set()  # the columns have come, the rows have not
        rest(stream)

    thread, raised = in_the_background(ask)
    assert is_running.wait(60)
    assert cancel(raw, info) == CANCELLED
    thread.join()
    assert isinstance(raised[0], flight.FlightCancelledError)
    (read,) = reads("orders")
    assert read.rows == 0
    assert cancel(raw, info) == NOT_CANCELLABLE


def test_stream_is_cancelled_halfway_and_its_rows_are_in_the_log(raw: Any, reads: Any) -> None:
    info = raw.info(CommandStatementQuery(query=ENDLESS))
    stream = raw.open(info)
    taken = stream.read_chunk().data.num_rows
    (answer,) = raw.act("CancelQuery", packed(ActionCancelQueryRequest(info=info.serialize())))
    assert unpacked(answer) == ActionCancelQueryResult(result=CANCELLED)
    with pytest.raises(flight.FlightCancelledError, match="cancelled"):
        rest(stream)
    (read,) = reads("orders")
    assert taken <= read.rows < 1_000_000_000


def test_ticket_that_nobody_used_can_be_cancelled_and_is_nobody_elses(raw: Any, connect: Any, served: Any) -> None:
    bob = connect(served.shop.lake.state.tokens.make("bob", scope="read"))
    info = raw.info(CommandStatementQuery(query="SELECT 1 AS one"))
    assert cancel(bob, info) == NOT_CANCELLABLE
    assert cancel(raw, info) == CANCELLED
    with pytest.raises(KeyError):
        raw.open(info).read_all()


def test_client_that_goes_away_ends_its_query(connect: Any, served: Any, reads: Any) -> None:
    client = connect(served.serving.token)
    for text in (ENDLESS, SILENT):
        stream = client.open(client.info(CommandStatementQuery(query=text)))
        if text is ENDLESS:
            stream.read_chunk()
        stream.cancel()
    while len(reads("orders")) < 2:  # each is written when its query has ended
        time.sleep(0.02)
    rows = [read.rows for read in reads("orders")]
    assert 0 in rows
    assert max(rows) < 1_000_000_000


def test_driver_cancels_what_it_waits_for(cursor: Any) -> None:
    thread, raised = in_the_background(lambda: cursor.execute(SILENT).fetchall())
    while thread.is_alive():  # it does nothing before there is something to cancel
        cursor.adbc_cancel()
        thread.join(0.1)
    assert isinstance(raised[0], manager.OperationalError | manager.ProgrammingError), raised
    assert raised[0].status_code == manager.AdbcStatusCode.CANCELLED


def test_large_batches_come_in_messages_that_every_client_takes(raw: Any, cursor: Any) -> None:
    text = "SELECT range AS n, repeat('x', 800) AS text FROM range(60_000)"
    stream = raw.open(raw.info(CommandStatementQuery(query=text)))
    sizes = [chunk.data.nbytes for chunk in stream]
    assert len(sizes) > 4
    assert max(sizes) <= MESSAGE_BYTES_MAX * 1.1
    assert sum(cursor.execute(text).fetch_arrow_table()["n"].to_pylist()) == sum(range(60_000))


def test_enums_come_as_text_wherever_they_are(raw: Any) -> None:
    text = """
        SELECT 'b'::ENUM ('a', 'b') AS one, ['a'::ENUM ('a', 'b'), NULL] AS many, {'x': 'a'::ENUM ('a', 'b')} AS inside,
            MAP {'k': 'a'::ENUM ('a', 'b')} AS mapped
    """
    rows = raw.rows(text)
    assert rows.schema.field("one").type == pa.string()
    assert rows.to_pylist() == [{"one": "b", "many": ["a", None], "inside": {"x": "a"}, "mapped": [("k", "a")]}]


def test_columns_of_one_name_get_one_of_their_own(raw: Any) -> None:
    assert raw.rows("SELECT 1 AS a, 'x' AS a, range AS b FROM range(1)").to_pylist() == [{"a": 1, "a_1": "x", "b": 0}]


def test_client_that_takes_nothing_for_long_is_hung_up_on(
    own: Any, served: Any, reads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = own()
    monkeypatch.setattr(streams, "UNTAKEN_S", 0.3)
    with flight.connect(opened.url) as client:
        header = (b"authorization", f"Bearer {served.serving.token}".encode())
        asking = Raw(client=client, options=flight.FlightCallOptions(headers=[header]))
        stream = asking.open(asking.info(CommandStatementQuery(query=ENDLESS)))
        stream.read_chunk()
        assert reads("orders")[0].rows >= stream.read_chunk().data.num_rows
        with pytest.raises(flight.FlightError):
            rest(stream)


def test_too_many_at_once_are_told_to_come_again(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("STREAMS_MAX", "STREAMS_OF_ONE_MAX"):
        with monkeypatch.context() as patch:
            patch.setattr(streams, bound, 0)
            with pytest.raises(flight.FlightUnavailableError, match="Ask again"):
                raw.rows("SELECT 1 AS one")


def test_closed_door_lets_rows_arrive_and_takes_no_more(own: Any, served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = own()
    monkeypatch.setattr(door, "STOP_S", 60.0)  # nothing hangs: it ends as soon as the rows have come
    with flight.connect(opened.url) as client:
        header = (b"authorization", f"Bearer {served.serving.token}".encode())
        options = flight.FlightCallOptions(headers=[header])
        asking = Raw(client=client, options=options)
        stream = asking.open(asking.info(CommandStatementQuery(query="SELECT 1 AS one")))
        opened.close()
        assert stream.read_all().num_rows == 1
        with pytest.raises(flight.FlightUnavailableError):
            asking.info(CommandStatementQuery(query="SELECT 1 AS one"))


def test_closed_door_does_not_wait_for_a_client_that_reads_nothing(own: Any, served: Any, reads: Any) -> None:
    opened = own()
    with flight.connect(opened.url) as client:
        header = (b"authorization", f"Bearer {served.serving.token}".encode())
        options = flight.FlightCallOptions(headers=[header])
        asking = Raw(client=client, options=options)
        stream = asking.open(asking.info(CommandStatementQuery(query=ENDLESS)))
        stream.read_chunk()
        opened.close()
        (read,) = reads("orders")
        assert read.rows >= 50_000
        with pytest.raises(flight.FlightError):
            rest(stream)
