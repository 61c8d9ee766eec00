"""Flight SQL's messages: protobuf, as far as this door speaks it.

A message is a dataclass by protobuf's own name. Its fields are numbered from 1 in the order in which they stand, as
FlightSql.proto numbers them. Source: github.com/apache/arrow, format/FlightSql.proto and format/Flight.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_args

from pumphouse.errors import BadRequest

_PREFIX = "type.googleapis.com/arrow.flight.protocol.sql."
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetSqlInfo:
    """What the server can do; of nothing in particular, all."""

    info: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetXdbcTypeInfo:
    """The types there are, as JDBC and ODBC number them."""

    data_type: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetCatalogs:
    """The catalogues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetDbSchemas:
    """The schemas; `%` and `_` in a pattern stand for any text and any letter."""

    catalog: str | None = None
    db_schema_filter_pattern: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetTables:
    """The tables, with their columns where that is asked for."""

    catalog: str | None = None
    db_schema_filter_pattern: str | None = None
    table_name_filter_pattern: str | None = None
    table_types: tuple[str, ...] = ()
    include_schema: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetTableTypes:
    """The kinds of tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetPrimaryKeys:
    """The key of a table."""

    catalog: str | None = None
    db_schema: str | None = None
    table: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetExportedKeys:
    """The foreign keys that point at a table."""

    catalog: str | None = None
    db_schema: str | None = None
    table: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetImportedKeys:
    """The foreign keys of a table."""

    catalog: str | None = None
    db_schema: str | None = None
    table: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGetCrossReference:
    """The foreign keys from one table to another."""

    pk_catalog: str | None = None
    pk_db_schema: str | None = None
    pk_table: str = ""
    fk_catalog: str | None = None
    fk_db_schema: str | None = None
    fk_table: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStatementQuery:
    """A statement that is asked once."""

    query: str = ""
    transaction_id: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketStatementQuery:
    """What fetches the rows of a statement."""

    statement_handle: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPreparedStatementQuery:
    """A prepared statement, asked with the values that were bound last."""

    prepared_statement_handle: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoPutPreparedStatementResult:
    """Answers that values were bound."""

    prepared_statement_handle: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCreatePreparedStatementRequest:
    """A statement to be asked many times."""

    query: str = ""
    transaction_id: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCreatePreparedStatementResult:
    """Its handle, and the columns of its rows and parameters as IPC messages."""

    prepared_statement_handle: bytes = b""
    dataset_schema: bytes = b""
    parameter_schema: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionClosePreparedStatementRequest:
    """A prepared statement that nobody will ask again."""

    prepared_statement_handle: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCancelQueryRequest:
    """The FlightInfo of a statement to end, as older clients say it."""

    info: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCancelQueryResult:
    """What became of it."""

    result: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelFlightInfoRequest:
    """The FlightInfo of a statement to end."""

    info: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelFlightInfoResult:
    """What became of it."""

    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSessionResult:
    """What became of a session."""

    status: int = 0


CANCELLED, NOT_CANCELLABLE = 1, 3
"""What became of a statement that was to end: it has ended; or it had before."""
CLOSED = 1
"""What became of a session."""

Question = (
    CommandGetSqlInfo
    | CommandGetXdbcTypeInfo
    | CommandGetCatalogs
    | CommandGetDbSchemas
    | CommandGetTables
    | CommandGetTableTypes
    | CommandGetPrimaryKeys
    | CommandGetExportedKeys
    | CommandGetImportedKeys
    | CommandGetCrossReference
)
"""What is asked about the server and its catalogue, and not of its rows."""
Message = (
    Question
    | CommandStatementQuery
    | TicketStatementQuery
    | CommandPreparedStatementQuery
    | DoPutPreparedStatementResult
    | ActionCreatePreparedStatementRequest
    | ActionCreatePreparedStatementResult
    | ActionClosePreparedStatementRequest
    | ActionCancelQueryRequest
    | ActionCancelQueryResult
    | CancelFlightInfoRequest
    | CancelFlightInfoResult
    | CloseSessionResult
)
_One = TypeVar("_One")
_BY_NAME: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A message that this door does not take; `name` is protobuf's."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Any:
    """Protobuf's own: a message with its name."""

    type_url: str = ""
    value: bytes = b""


def unpacked(data: bytes) -> Message | Unknown:
    """The message that is in an `Any`. Raises BadRequest for what is none of Flight SQL's."""
    outer = decoded(data, _Any)
    if not outer.type_url.startswith(_PREFIX):
        raise BadRequest("this is no command of Flight SQL", mend="Ask with a client of Arrow Flight SQL.")
    name = outer.type_url.removeprefix(_PREFIX)
    kind = _BY_NAME.get(name)
    return Unknown(name=name) if kind is None else decoded(outer.value, kind)


def packed(message: Message) -> bytes:
    """The message in an `Any`."""
    return _encoded(_Any(type_url=_PREFIX + type(message).__name__, value=encoded(message)))


def encoded(message: Message) -> bytes:
    """The message itself, in protobuf."""
    return _encoded(message)


def decoded(data: bytes, kind: type[_One]) -> _One:
    """A message of this kind. What it does not know is left out. Raises BadRequest for what can't be read."""
    names = fields(kind)  # type: ignore[arg-type]  # each is one of the dataclasses above
    values: dict[str, Any] = {}
    for number, value in _fields(data):
        if not 0 < number <= len(names):
            continue
        name, type_name = names[number - 1].name, str(names[number - 1].type)
        if type_name == "tuple[str, ...]":
            values[name] = (*values.get(name, ()), _text(value))
        elif type_name == "tuple[int, ...]":
            several = tuple(_varints(value)) if isinstance(value, bytes) else (value,)
            values[name] = values.get(name, ()) + several
        else:
            values[name] = _single(value, type_name)
    return kind(**values)


def _single(value: int | bytes, type_name: str) -> Any:
    plain = type_name.removesuffix(" | None")
    if plain == "str":
        return _text(value)
    if isinstance(value, bytes) != (plain == "bytes"):
        raise _unreadable()
    if isinstance(value, int) and value >> 63:
        return value - (1 << 64)  # whole numbers below zero are written so
    return bool(value) if plain == "bool" else value


def _text(value: int | bytes) -> str:
    if isinstance(value, int):
        raise _unreadable()
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("a text of this message is not UTF-8") from error


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, form = tag >> 3, tag & 7
        if form == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if form == _BYTES:
            size, at = _varint(data, at)
        elif form in (_FIXED64, _FIXED32):
            size = 8 if form == _FIXED64 else 4
        else:
            raise _unreadable()
        if at + size > len(data):
            raise _unreadable()
        yield number, data[at : at + size]
        at += size


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[at : at + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & (1 << 64) - 1, at + place + 1
    raise _unreadable()


def _unreadable() -> BadRequest:
    return BadRequest("this message can't be read as protobuf", mend="Ask with a client of Arrow Flight SQL.")


def _encoded(message: Message | _Any) -> bytes:
    found = bytearray()
    for number, one in enumerate(fields(message), start=1):
        value = getattr(message, one.name)
        for part in value if isinstance(value, tuple) else (value,):
            if part is None or (part == one.default and not isinstance(value, tuple)):
                continue
            if isinstance(part, int):
                found += _written(number << 3 | _VARINT) + _written(int(part))
            else:
                content = part.encode() if isinstance(part, str) else part
                found += _written(number << 3 | _BYTES) + _written(len(content)) + content
    return bytes(found)


def _written(value: int) -> bytes:
    found = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
