from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager as manager
import pyarrow as pa
import pytest
from pyarrow import flight

from pumphouse.server.access.desk import TEXT_BYTES_MAX
from pumphouse.server.access.gate import Gate
from pumphouse.server.flight.messages import (
    ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult,
    CommandPreparedStatementQuery,
    CommandStatementQuery,
    packed,
    unpacked,
)
from pumphouse.server.flight.prepared import ROWS_MAX, VALUES_BYTES_MAX

LEAKS = ("Traceback", "File ", ".py", ".pyx", "/tmp", "/work", "parquet", "site-packages")


def test_driver_reads_a_table_and_the_log_has_its_rows(cursor: Any, reads: Any, served: Any) -> None:
    cursor.execute("SELECT order_id, amount FROM orders ORDER BY order_id")
    table = cursor.fetch_arrow_table()
    assert table.schema == pa.schema([("order_id", pa.int64()), ("amount", pa.float64())])
    assert table["amount"].to_pylist() == [n / 4 for n in range(40)]
    (read,) = reads("orders")
    assert (read.door, read.rows, read.snapshot) == ("flight", 40, served.shop.lake.snapshot())


def test_rows_come_as_batches_and_as_frames(cursor: Any) -> None:
    cursor.execute("SELECT order_id, customer FROM orders ORDER BY order_id LIMIT 3")
    assert cursor.fetch_df()["order_id"].tolist() == [1, 2, 3]
    cursor.execute("SELECT range AS n FROM range(120_000)")
    batches = list(cursor.fetch_record_batch())
    assert sum(batch.num_rows for batch in batches) == 120_000
    assert len(batches) > 1


def test_polars_reads_by_the_same_driver(served: Any, uri: str, cursor: Any) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.read_database("SELECT order_id, paid_at FROM orders ORDER BY 1", cursor)
    assert frame.height == 40
    assert frame["paid_at"].dtype == polars.Datetime("us", "UTC")


def test_pandas_reads_by_the_same_driver(cursor: Any) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_sql("SELECT order_id, paid_at FROM orders ORDER BY 1", cursor.connection)
    assert frame["order_id"].tolist() == list(range(1, 41))


def test_columns_can_be_asked_without_the_rows_and_rows_from_another_connection(
    cursor: Any, served: Any, uri: str
) -> None:
    assert cursor.adbc_execute_schema("SELECT order_id FROM orders") == pa.schema([("order_id", pa.int64())])
    (part,), schema = cursor.adbc_execute_partitions("SELECT order_id FROM orders")
    assert schema.names == ["order_id"]
    bearer = {"adbc.flight.sql.authorization_header": f"Bearer {served.serving.token}"}
    with adbc.connect(uri, db_kwargs=bearer, autocommit=True) as connection, connection.cursor() as other:
        other.adbc_read_partition(part)
        assert other.fetch_arrow_table().num_rows == 40


def test_no_rows_still_have_columns(cursor: Any) -> None:
    cursor.execute("SELECT * FROM orders WHERE false")
    assert cursor.fetch_arrow_table().schema.names == ["order_id", "customer", "amount", "paid_at"]


def test_prepared_statement_is_asked_many_times_and_closed(raw: Any) -> None:
    request = ActionCreatePreparedStatementRequest(query="SELECT count(*) AS n FROM orders")
    (answer,) = raw.act("CreatePreparedStatement", packed(request))
    made = unpacked(answer)
    assert isinstance(made, ActionCreatePreparedStatementResult)
    assert pa.ipc.read_schema(pa.py_buffer(made.dataset_schema)).names == ["n"]
    handle = made.prepared_statement_handle
    for _ in range(2):
        rows = raw.rows(CommandPreparedStatementQuery(prepared_statement_handle=handle))
        assert rows.to_pylist() == [{"n": 40}]
    for _ in range(2):  # a second time does nothing
        raw.act("ClosePreparedStatement", packed(ActionClosePreparedStatementRequest(prepared_statement_handle=handle)))
    with pytest.raises(KeyError, match="no such prepared statement"):
        raw.info(CommandPreparedStatementQuery(prepared_statement_handle=handle))


def test_values_are_bound_by_position_and_by_name_and_never_become_text(cursor: Any) -> None:
    evil = "x' OR 1=1 --"
    some = "SELECT order_id FROM orders WHERE order_id IN (?, ?) ORDER BY 1"
    assert cursor.execute(some, (3, 1)).fetchall() == [(1,), (3,)]
    assert cursor.execute("SELECT ? AS told", (evil,)).fetchone() == (evil,)
    cursor.execute("SELECT $low + 1 AS low, $high AS high", pa.RecordBatch.from_pydict({"high": ["h"], "low": [1]}))
    assert cursor.fetchall() == [(2, "h")]


def test_values_of_all_types_come_back_as_they_went(cursor: Any) -> None:
    values = (
        None, True, -(2**63), 1.5, "Zürich ✓", b"\x00\xff", Decimal("12345678901234567890.123456789"), date(1, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
        time(23, 59, 59, 1), [1, None],
    )  # fmt: skip
    for value in values:
        kind = pa.decimal128(38, 9) if isinstance(value, Decimal) else None
        given = pa.RecordBatch.from_arrays([pa.array([value], kind)], ["told"])
        (row,) = cursor.execute("SELECT ? AS told", given).fetchall()
        assert row == (value,), value


def test_many_rows_of_values_are_a_run_for_each(raw: Any, reads: Any) -> None:
    made = prepare(raw, "SELECT order_id, ?::VARCHAR AS tag FROM orders WHERE order_id <= ? ORDER BY 1")
    bind(raw, made, pa.RecordBatch.from_pydict({"a": ["x", None], "b": [2, 1]}))
    rows = raw.rows(CommandPreparedStatementQuery(prepared_statement_handle=made)).to_pylist()
    assert [tuple(row.values()) for row in rows] == [(1, "x"), (2, "x"), (1, None)]
    assert [read.rows for read in reads("orders")] == [2, 1]


def test_values_that_do_not_fit_are_refused(raw: Any) -> None:
    made = prepare(raw, "SELECT ? + 1 AS n")
    asked = CommandPreparedStatementQuery(prepared_statement_handle=made)
    refused(lambda: raw.rows(asked), pa.ArrowInvalid, "1 parameters, 0 values")
    bind(raw, made, pa.RecordBatch.from_pydict({"a": [1], "b": [2]}))
    refused(lambda: raw.rows(asked), pa.ArrowInvalid, "1 parameters, 2 values")
    bind(raw, made, pa.RecordBatch.from_pydict({"a": ["many"]}))
    refused(lambda: raw.rows(asked), pa.ArrowInvalid, "type casts")
    many = pa.RecordBatch.from_pydict({"a": [1] * (ROWS_MAX + 1)})
    refused(lambda: bind(raw, made, many), pa.ArrowInvalid, "rows of values")
    large = pa.RecordBatch.from_pydict({"a": ["x" * (VALUES_BYTES_MAX + 1)]})
    refused(lambda: bind(raw, made, large), pa.ArrowInvalid, "MiB of values")


def prepare(raw: Any, text: str) -> bytes:
    (answer,) = raw.act("CreatePreparedStatement", packed(ActionCreatePreparedStatementRequest(query=text)))
    made = unpacked(answer)
    assert isinstance(made, ActionCreatePreparedStatementResult)
    return made.prepared_statement_handle


def bind(raw: Any, handle: bytes, values: pa.RecordBatch) -> None:
    command = packed(CommandPreparedStatementQuery(prepared_statement_handle=handle))
    writer, told = raw.client.do_put(flight.FlightDescriptor.for_command(command), values.schema, raw.options)
    with writer:
        writer.write_batch(values)
        writer.done_writing()
        told.read()


def test_ticket_is_good_once_and_for_its_visitor_alone(raw: Any, connect: Any, served: Any) -> None:
    bob = connect(served.shop.lake.state.tokens.make("bob", scope="read"))
    info = raw.info(CommandStatementQuery(query="SELECT 1 AS one"))
    with pytest.raises(KeyError, match="no such ticket"):
        bob.open(info).read_all()
    assert raw.open(info).read_all().num_rows == 1
    with pytest.raises(KeyError, match="no such ticket"):
        raw.open(info).read_all()


def test_revoked_token_ends_what_it_began(served: Any, connect: Any) -> None:
    tokens = served.shop.lake.state.tokens
    eve = connect(tokens.make("eve", scope="read"))
    assert eve.rows("SELECT 1 AS one").num_rows == 1
    info = eve.info(CommandStatementQuery(query="SELECT * FROM orders"))
    tokens.revoke("eve")
    # The gate knows a token for some seconds; whoever it has forgotten is looked up.
    gc.unfreeze()  # another server that began since has frozen what was there
    for gate in (one for one in gc.get_objects() if type(one) is Gate):
        gate._seen.clear()
    with pytest.raises(flight.FlightUnauthenticatedError):
        eve.open(info).read_all()


def refused(call: Callable[[], Any], kind: Any, says: str) -> str:
    with pytest.raises(kind, match=says) as error:
        call()
    told = str(error.value)
    assert not [leak for leak in LEAKS if leak in told], told
    return told


def test_error_has_its_status_and_says_how_to_mend(raw: Any) -> None:
    cases: list[tuple[str, type[Exception], str]] = [
        ("SELECT * FROM ordes", KeyError, "Did you mean 'orders'"),
        ("SELEC 1", pa.ArrowInvalid, "can't be parsed"),
        ("SELECT 1; SELECT 2", pa.ArrowInvalid, "one SELECT"),
        ("SELECT amuont FROM orders", pa.ArrowInvalid, "Did you mean 'amount'"),
        ("SELECT * FROM read_csv('/etc/passwd')", flight.FlightUnauthorizedError, "read_csv"),
        ("INSERT INTO orders VALUES (1)", pa.ArrowInvalid, "changed by builds"),
        ("SELECT " + " " * TEXT_BYTES_MAX + "1", pa.ArrowInvalid, "longer than"),
        ("SELECT CAST(customer AS INTEGER) FROM orders", pa.ArrowInvalid, "can't be read as"),
    ]
    for text, kind, says in cases:
        refused(lambda text=text: raw.rows(text), kind, says)
        command = flight.FlightDescriptor.for_command(packed(CommandStatementQuery(query=text)))
        if "CAST" not in text:
            refused(lambda asked=command: raw.client.get_schema(asked, raw.options), Exception, says)


def test_driver_is_told_in_its_own_errors(cursor: Any) -> None:
    for text, code in (
        ("SELECT * FROM nowhere", manager.AdbcStatusCode.NOT_FOUND),
        ("SELEC", manager.AdbcStatusCode.INVALID_ARGUMENT),
        ("SELECT getenv('HOME')", manager.AdbcStatusCode.UNAUTHORIZED),
    ):
        with pytest.raises(manager.ProgrammingError) as error:
            cursor.execute(text)
        assert error.value.status_code == code


def test_what_changes_the_lake_is_refused_as_unimplemented(raw: Any, cursor: Any) -> None:
    other = packed(CommandStatementQuery(query="DELETE FROM orders")).replace(
        b"CommandStatementQuery", b"CommandStatementXXXXX"
    )
    for name in (b"CommandStatementUpdate", b"CommandStatementIngest", b"CommandStatementSubstraitPlan"):
        url = b"type.googleapis.com/arrow.flight.protocol.sql." + name
        command = flight.FlightDescriptor.for_command(b"\x0a" + bytes([len(url)]) + url)
        refused(lambda c=command: raw.client.get_flight_info(c, raw.options), NotImplementedError, "changed by builds")
    for kind in ("BeginTransaction", "EndTransaction", "SetSessionOptions", "Nonsense"):
        refused(lambda k=kind: raw.act(k, other), NotImplementedError, kind)
    with pytest.raises(manager.ProgrammingError, match="changed by builds") as error:
        cursor.execute("DELETE FROM orders")
    assert error.value.status_code == manager.AdbcStatusCode.INVALID_ARGUMENT
    with pytest.raises(manager.NotSupportedError):
        cursor.adbc_ingest("orders", pa.table({"order_id": [1]}), mode="append")


def test_nonsense_is_an_invalid_argument(raw: Any) -> None:
    for data in (b"", b"x", b"\xff" * 40):
        asked = flight.FlightDescriptor.for_command(data)
        refused(lambda a=asked: raw.client.get_flight_info(a, raw.options), pa.ArrowInvalid, "Flight SQL")
        refused(
            lambda d=data: raw.client.do_get(flight.Ticket(d), raw.options).read_all(), pa.ArrowInvalid, "Flight SQL"
        )
        refused(lambda d=data: raw.act("CreatePreparedStatement", d), pa.ArrowInvalid, "Flight SQL")
    asked = flight.FlightDescriptor.for_path("orders")
    refused(lambda: raw.client.get_flight_info(asked, raw.options), pa.ArrowInvalid, "path")


def test_fault_of_ours_is_a_number_and_the_log_has_the_rest(
    raw: Any, served: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pumphouse.server.access.desk.asked", lambda *_, **__: 1 / 0)
    with caplog.at_level(logging.ERROR, logger="pumphouse.server.flight"):
        told = refused(lambda: raw.rows("SELECT 1"), flight.FlightInternalError, "log has it under [0-9a-f]{8}")
    assert "ZeroDivisionError" not in told
    assert caplog.records[-1].exc_info[0] is ZeroDivisionError  # type: ignore[index]


def test_actions_are_listed(raw: Any) -> None:
    kinds = {one.type for one in raw.client.list_actions(raw.options)}
    assert {"CreatePreparedStatement", "ClosePreparedStatement", "CancelFlightInfo"} <= kinds
