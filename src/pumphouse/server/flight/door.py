"""Arrow Flight SQL over the desk: what each call of the protocol means here."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, get_args

import pyarrow as pa
from pyarrow import flight

from pumphouse.errors import BadRequest, UnknownName
from pumphouse.server.access.desk import Desk, Statement
from pumphouse.server.access.gate import Gate, Visitor
from pumphouse.server.certificates import Certificate
from pumphouse.server.doors import Door
from pumphouse.server.flight.ahead import ended_on_failure
from pumphouse.server.flight.catalogue import Catalogue
from pumphouse.server.flight.connections import hang_up
from pumphouse.server.flight.entering import CALLER, Entrance, Handshake
from pumphouse.server.flight.messages import (
    CANCELLED,
    CLOSED,
    NOT_CANCELLABLE,
    ActionCancelQueryRequest,
    ActionCancelQueryResult,
    ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult,
    CancelFlightInfoRequest,
    CancelFlightInfoResult,
    CloseSessionResult,
    CommandPreparedStatementQuery,
    CommandStatementQuery,
    DoPutPreparedStatementResult,
    Message,
    Question,
    TicketStatementQuery,
    Unknown,
    decoded,
    encoded,
    packed,
    unpacked,
)
from pumphouse.server.flight.prepared import Asked, Prepared, described
from pumphouse.server.flight.received import Received
from pumphouse.server.flight.shelves import Shelf
from pumphouse.server.flight.statuses import InvalidArgument, NotTaken, told
from pumphouse.server.flight.streams import Streams, without_dictionaries
from pumphouse.server.served import ServedProject

NAME = "flight"
TICKET_S = 300.0
TICKETS_OF_ONE_MAX, TICKETS_MAX = 1_000, 5_000
PREPARED_S = 3600.0
PREPARED_OF_ONE_MAX, PREPARED_MAX = 1_000, 5_000
STOP_S = 10.0
"""How long rows that are on their way may take once the server is told to stop."""
SHUTDOWN_S = 5.0
"""How long the protocol's own threads may take after that; then connections are cut."""
_QUESTIONS = get_args(Question)
_CHANGES = "The lake is changed by builds; what is read here are SELECTs."
_ACTIONS = {
    "CreatePreparedStatement": "Keep a statement to be asked many times",
    "ClosePreparedStatement": "Let go of it",
    "CancelFlightInfo": "End a statement",
    "CancelQuery": "End a statement, as older clients say it",
    "CloseSession": "Nothing is kept for a session; it is closed",
}


def open_flight(
    project: ServedProject,
    gate: Gate,
    desk: Desk,
    *,
    host: str,
    port: int,
    certificate: Certificate | None,
) -> Door:
    """Listen for Arrow Flight SQL, in threads of its own; `port` is free."""
    scheme, keys = "grpc", None
    if certificate is not None:
        scheme, keys = "grpc+tls", [(certificate.chain.read_bytes(), certificate.key.read_bytes())]
    server = FlightSql(project, gate, desk, location=(host, port), keys=keys)
    shown = f"[{host}]" if ":" in host else host
    return Door(name=NAME, url=f"{scheme}://{shown}:{server.port}", close=server.close)


class FlightSql(flight.FlightServerBase):  # type: ignore[misc]
    """The protocol's calls. Each comes in a thread of its own; Entrance has found who makes it."""

    def __init__(
        self,
        project: ServedProject,
        gate: Gate,
        desk: Desk,
        *,
        location: tuple[str, int],
        keys: list[tuple[bytes, bytes]] | None,
    ) -> None:
        self._desk = desk
        self._catalogue = Catalogue(project, desk)
        self._streams = Streams(hang_up=lambda peer: hang_up(self.port, peer=peer))
        self._tickets: Shelf[Asked] = Shelf(
            "ticket", kept_s=TICKET_S, of_one_max=TICKETS_OF_ONE_MAX, of_all_max=TICKETS_MAX
        )
        self._prepared: Shelf[Prepared] = Shelf(
            "prepared statement", kept_s=PREPARED_S, of_one_max=PREPARED_OF_ONE_MAX, of_all_max=PREPARED_MAX
        )
        super().__init__(
            location, auth_handler=Handshake(gate), tls_certificates=keys, middleware={CALLER: Entrance(gate)}
        )
        self._received = Received(self.port)

    def close(self) -> None:
        """Take no more calls; rows on their way may take STOP_S to arrive."""
        self._streams.close(wait_s=STOP_S)
        self._received.close()
        # It waits for clients to take what was sent to them, however long that is, and so would the end of the process.
        closing = threading.Thread(target=self.shutdown, name="flight shutdown", daemon=True)
        closing.start()
        closing.join(SHUTDOWN_S)
        if closing.is_alive():
            hang_up(self.port)
            closing.join(SHUTDOWN_S)

    def get_flight_info(self, context: Any, descriptor: Any) -> Any:
        """The columns of what is asked, and the ticket for its rows."""
        with told("GetFlightInfo"):
            visitor = self._visitor(context)
            command = self._command(descriptor)
            if isinstance(command, _QUESTIONS):
                schema, ticket = self._catalogue.schema(command), packed(command)
            else:
                asked = self._begun(visitor, command)
                schema = without_dictionaries(asked.schema)
                ticket = packed(TicketStatementQuery(statement_handle=self._tickets.put(visitor, asked)))
            return flight.FlightInfo(schema, descriptor, [flight.FlightEndpoint(ticket, [])])

    def get_schema(self, context: Any, descriptor: Any) -> Any:
        """The columns of what is asked."""
        try:
            with told("GetSchema"):
                visitor = self._visitor(context)
                command = self._command(descriptor)
                if isinstance(command, _QUESTIONS):
                    return flight.SchemaResult(self._catalogue.schema(command))
                return flight.SchemaResult(without_dictionaries(described(self._statements(visitor, command)[0])))
        except flight.FlightError as error:  # pyarrow gives this call no status of Flight's own
            raise InvalidArgument(str(error)) from None

    def do_get(self, context: Any, ticket: Any) -> Any:
        """The rows of a ticket; each is good for one time."""
        with told("DoGet"):
            visitor = self._visitor(context)
            command = unpacked(ticket.ticket)
            if isinstance(command, _QUESTIONS):
                return flight.RecordBatchStream(self._catalogue.answer(command, visitor))
            if not isinstance(command, TicketStatementQuery):
                raise _not_taken(command)
            handle = command.statement_handle
            return self._streams.send(handle, visitor, context, self._tickets.take(visitor, handle))

    def do_put(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        """Bind values to a prepared statement."""
        with told("DoPut"):
            visitor = self._visitor(context)
            command = self._command(descriptor)
            if not isinstance(command, CommandPreparedStatementQuery):
                raise _not_taken(command)
            prepared = self._prepared.get(visitor, command.prepared_statement_handle)
            prepared.bind(chunk.data for chunk in reader)
            answer = DoPutPreparedStatementResult(prepared_statement_handle=command.prepared_statement_handle)
            writer.write(pa.py_buffer(encoded(answer)))

    def do_action(self, context: Any, action: Any) -> Iterator[bytes]:
        """Prepare, close and cancel statements."""
        with told(action.type[:40]):
            visitor = self._visitor(context)
            return iter(self._done(visitor, action.type, action.body.to_pybytes()))

    def list_actions(self, context: Any) -> Sequence[tuple[str, str]]:
        """What do_action takes."""
        return list(_ACTIONS.items())

    def list_flights(self, context: Any, criteria: bytes) -> Iterator[Any]:
        """Refused: whoever looks for tables asks GetTables."""
        with told("ListFlights"):
            raise NotTaken("flights are not listed", mend="Ask for tables as Flight SQL does: CommandGetTables.")

    def do_exchange(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        """Refused."""
        with told("DoExchange"):
            raise NotTaken("nothing is exchanged here", mend=_CHANGES)

    def _done(self, visitor: Visitor, kind: str, body: bytes) -> Sequence[bytes]:
        if kind == "CancelFlightInfo":
            info = decoded(body, CancelFlightInfoRequest).info
            return [encoded(CancelFlightInfoResult(status=self._cancelled(visitor, info)))]
        if kind == "CloseSession":
            return [encoded(CloseSessionResult(status=CLOSED))]
        if kind not in _ACTIONS:
            raise NotTaken(f"'{kind[:40]}' is nothing to do here", mend=_CHANGES)
        match unpacked(body):
            case ActionCreatePreparedStatementRequest(query=text, transaction_id=transaction):
                return [packed(self._prepare(visitor, text, transaction))]
            case ActionClosePreparedStatementRequest(prepared_statement_handle=handle):
                with suppress(UnknownName):
                    self._prepared.take(visitor, handle).close()
                return []
            case ActionCancelQueryRequest(info=info):
                return [packed(ActionCancelQueryResult(result=self._cancelled(visitor, info)))]
            case other:
                raise _not_taken(other)

    def _prepare(self, visitor: Visitor, text: str, transaction: bytes | None) -> Message:
        prepared = Prepared(self._desk, visitor, _checked(text, transaction), door=NAME, begin=self._streams.begin)
        return ActionCreatePreparedStatementResult(
            prepared_statement_handle=self._prepared.put(visitor, prepared),
            dataset_schema=without_dictionaries(prepared.schema).serialize().to_pybytes(),
            parameter_schema=prepared.parameters.serialize().to_pybytes(),
        )

    def _statements(self, visitor: Visitor, command: Message | Unknown) -> tuple[Statement, ...]:
        match command:
            case CommandStatementQuery(query=text, transaction_id=transaction):
                return (self._desk.ask(visitor, _checked(text, transaction), door=NAME, parameters=()),)
            case CommandPreparedStatementQuery(prepared_statement_handle=handle):
                return self._prepared.get(visitor, handle).statements()
            case _:
                raise _not_taken(command)

    def _begun(self, visitor: Visitor, command: Message | Unknown) -> Asked:
        """What is asked, which works from here on."""
        statements, ahead = self._statements(visitor, command), None
        if isinstance(command, CommandPreparedStatementQuery):
            ahead = self._prepared.get(visitor, command.prepared_statement_handle).begun(statements[0])
        ahead = ahead or self._streams.begin(statements[0])
        with ended_on_failure(ahead):
            return Asked(schema=described(statements[0], ahead), statements=statements, ahead=ahead)

    def _cancelled(self, visitor: Visitor, info: bytes) -> int:
        """What became of the statement of a FlightInfo."""
        try:
            endpoints = flight.FlightInfo.deserialize(info).endpoints
        except (pa.ArrowException, ValueError) as error:
            raise BadRequest(
                "this is no FlightInfo", mend="Send the one that the statement was answered with."
            ) from error
        became = NOT_CANCELLABLE
        for endpoint in endpoints:
            ticket = unpacked(endpoint.ticket.ticket)
            if not isinstance(ticket, TicketStatementQuery):
                continue
            stream = self._streams.find(visitor, ticket.statement_handle)
            if stream is not None:
                stream.cancel()
                became = CANCELLED
            with suppress(UnknownName):
                asked = self._tickets.take(visitor, ticket.statement_handle)
                if asked.ahead is not None:
                    asked.ahead.end()
                became = CANCELLED
        return became

    def _visitor(self, context: Any) -> Visitor:
        """Who makes a call, which is let in."""
        self._received.let_in(context.peer())
        found: Visitor = context.get_middleware(CALLER).visitor
        return found

    @staticmethod
    def _command(descriptor: Any) -> Message | Unknown:
        if descriptor.descriptor_type != flight.DescriptorType.CMD:
            raise BadRequest("a path is nothing to ask for here", mend="Ask with a client of Arrow Flight SQL.")
        return unpacked(descriptor.command)


def _checked(text: str, transaction: bytes | None) -> str:
    if transaction:
        raise NotTaken("there are no transactions here", mend="Every statement reads one snapshot of the lake.")
    return text


def _not_taken(command: object) -> NotTaken:
    name = command.name if isinstance(command, Unknown) else type(command).__name__
    return NotTaken(f"'{name[:60]}' is not taken here", mend=_CHANGES)
