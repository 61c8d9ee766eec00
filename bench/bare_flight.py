"""The least that Flight SQL takes: a server of pyarrow's that checks nothing, logs nothing and lets everybody in.

    PYTHONPATH=. python bench/bare_flight.py FILE...         bench/flight.py starts it

A statement with WHERE, or without a table, is answered by one row that is there already; any other by all rows of the
files, as DuckDB reads them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
from pyarrow import flight

from pumphouse.server.flight import information
from pumphouse.server.flight.messages import (
    ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult,
    CommandGetSqlInfo,
    CommandPreparedStatementQuery,
    DoPutPreparedStatementResult,
    TicketStatementQuery,
    encoded,
    packed,
    unpacked,
)

BATCH_ROWS = 50_000


class Bare(flight.FlightServerBase):  # type: ignore[misc]
    """Answers what ADBC asks for a statement, and nothing else."""

    def __init__(self, files: list[str]) -> None:
        self._all = f"FROM read_parquet({files})"
        self._duckdb = duckdb.connect()
        self._duckdb.execute("SET GLOBAL TimeZone = 'UTC'")
        self._row = self._duckdb.execute(f"{self._all} LIMIT 1").to_arrow_table()
        super().__init__(("127.0.0.1", 0))

    def get_flight_info(self, context: Any, descriptor: Any) -> Any:
        """The same columns always."""
        command = unpacked(descriptor.command)
        schema, ticket = self._row.schema, packed(command)
        if isinstance(command, CommandGetSqlInfo):
            schema = information.SCHEMA
        elif isinstance(command, CommandPreparedStatementQuery):
            ticket = packed(TicketStatementQuery(statement_handle=command.prepared_statement_handle))
        return flight.FlightInfo(schema, descriptor, [flight.FlightEndpoint(ticket, [])])

    def do_get(self, context: Any, ticket: Any) -> Any:
        """The row, or all."""
        match unpacked(ticket.ticket):
            case TicketStatementQuery(statement_handle=b"all"):
                reader = self._duckdb.cursor().execute(self._all).to_arrow_reader(BATCH_ROWS)
                return flight.GeneratorStream(reader.schema, iter(reader))
            case TicketStatementQuery():
                return flight.RecordBatchStream(self._row)
            case _:
                return flight.RecordBatchStream(information.SCHEMA.empty_table())

    def do_put(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        """Take values and forget them."""
        for _ in reader:
            pass
        writer.write(pa.py_buffer(encoded(DoPutPreparedStatementResult(prepared_statement_handle=b"row"))))

    def do_action(self, context: Any, action: Any) -> Iterator[bytes]:
        """Prepare a statement; what else there is needs no answer."""
        asked = unpacked(action.body.to_pybytes()) if action.type == "CreatePreparedStatement" else None
        if isinstance(asked, ActionCreatePreparedStatementRequest):
            is_all = "FROM" in asked.query and "WHERE" not in asked.query
            yield packed(
                ActionCreatePreparedStatementResult(
                    prepared_statement_handle=b"all" if is_all else b"row",
                    dataset_schema=self._row.schema.serialize().to_pybytes(),
                    parameter_schema=pa.schema([("1", pa.string())] * asked.query.count("?")).serialize().to_pybytes(),
                )
            )


if __name__ == "__main__":
    server = Bare(sys.argv[1:])
    print(f"grpc://127.0.0.1:{server.port}", flush=True)
    server.serve()
