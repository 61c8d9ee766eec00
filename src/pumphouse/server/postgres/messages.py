"""The messages of PostgreSQL's protocol 3.0, in both directions: bytes here, values beyond.

Source: PostgreSQL 15, chapter 55, "Frontend/Backend Protocol".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pumphouse.errors import RequestError
from pumphouse.server.postgres.types import Column

STARTUP_BYTES_MAX = 10_000
"""PostgreSQL's own bound."""
SIGN_IN_BYTES_MAX = 4096
"""Before it is known who they are."""
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""A statement, or the values of its parameters."""
PARAMETERS_MAX = 2**15 - 1
PROTOCOL, CANCEL_REQUEST, SSL_REQUEST, GSSENC_REQUEST = 3 << 16, 80877102, 80877103, 80877104
COLUMNS_MAX = 1664
"""PostgreSQL's own bound on the columns of a row."""


class BrokenMessage(RequestError):
    """What came is no message of the protocol; nothing that comes after it can be understood."""


@dataclass(frozen=True, slots=True)
class Startup:
    """The first message: who wants to come in."""

    minor: int
    parameters: Mapping[str, str]
    unknown_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Another connection's statement is to be stopped."""

    process: int
    key: int


@dataclass(frozen=True, slots=True)
class EncryptionRequest:
    """TLS, or GSSAPI, before anything else."""

    tls: bool


@dataclass(frozen=True, slots=True)
class Query:
    """Statements in text, run at once."""

    text: str


@dataclass(frozen=True, slots=True)
class Parse:
    """A statement to be kept under a name."""

    name: str
    text: str
    oids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bind:
    """Values for a statement's parameters, kept as a portal under a name."""

    portal: str
    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    results: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    """What columns a statement ("S") or a portal ("P") has."""

    what: str
    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    """Rows of a portal; all of them for 0."""

    portal: str
    rows_max: int


@dataclass(frozen=True, slots=True)
class Close:
    """A statement ("S") or a portal ("P") that is not needed any more."""

    what: str
    name: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A step of signing in."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Plain:
    """A message without content: "S" Sync, "H" Flush, "X" Terminate, and those of a COPY that nobody asked for."""

    letter: str


Message = Query | Parse | Bind | Describe | Execute | Close | Secret | Plain
FirstMessage = Startup | CancelRequest | EncryptionRequest


@dataclass(slots=True)
class _Reading:
    """The content of a message, taken from its start."""

    data: bytes
    at: int = field(default=0)

    def text(self) -> str:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise BrokenMessage("a text in a message has no end")
        raw, self.at = self.data[self.at : end], end + 1
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise BrokenMessage("a text in a message is not UTF-8") from error

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise BrokenMessage("a message is shorter than it says")
        raw, self.at = self.data[self.at : self.at + count], self.at + count
        return raw

    def number(self, form: str) -> int:
        (found,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(found)

    def numbers(self, form: str) -> tuple[int, ...]:
        """As many as the number before them says."""
        count = self.number(">h")
        if not 0 <= count <= PARAMETERS_MAX:
            raise BrokenMessage("a message counts less than nothing")
        return tuple(self.number(form) for _ in range(count))

    def end(self) -> None:
        if self.at != len(self.data):
            raise BrokenMessage("a message is longer than it says")


def first_message(data: bytes) -> FirstMessage:
    """What comes first on a connection, without its length. Raises BrokenMessage."""
    reading = _Reading(data)
    code = reading.number(">i")
    if code == CANCEL_REQUEST:
        request = CancelRequest(process=reading.number(">I"), key=reading.number(">I"))
        reading.end()
        return request
    if code in (SSL_REQUEST, GSSENC_REQUEST):
        reading.end()
        return EncryptionRequest(tls=code == SSL_REQUEST)
    if code >> 16 != PROTOCOL >> 16:
        raise BrokenMessage(f"the protocol {code >> 16}.{code & 0xFFFF} is not spoken here, only 3.0")
    parameters: dict[str, str] = {}
    while name := reading.text():
        parameters[name] = reading.text()
    reading.end()
    unknown = tuple(name for name in parameters if name.startswith("_pq_."))
    return Startup(code & 0xFFFF, {name: parameters[name] for name in parameters if name not in unknown}, unknown)


def message(letter: bytes, data: bytes) -> Message:
    """A message by its letter and content. Raises BrokenMessage."""
    reading = _Reading(data)
    found: Message
    match letter:
        case b"Q":
            found = Query(reading.text())
        case b"P":
            found = Parse(reading.text(), reading.text(), reading.numbers(">I"))
        case b"B":
            found = _bind(reading)
        case b"D" | b"C":
            what = reading.take(1).decode("latin-1")
            if what not in ("S", "P"):
                raise BrokenMessage("only a statement or a portal can be described or closed")
            found = (Describe if letter == b"D" else Close)(what, reading.text())
        case b"E":
            found = Execute(reading.text(), reading.number(">i"))
        case b"p":
            return Secret(data)
        case b"d" | b"f" | b"F":
            return Plain(letter.decode())  # nobody asked for it, whatever is in it
        case b"S" | b"H" | b"X" | b"c":
            found = Plain(letter.decode())
        case _:
            raise BrokenMessage(f"there is no message {letter!r}")
    reading.end()
    return found


def _bind(reading: _Reading) -> Bind:
    portal, statement, formats = reading.text(), reading.text(), reading.numbers(">h")
    values: list[bytes | None] = []
    count = reading.number(">h")
    if count < 0:
        raise BrokenMessage("a message counts less than nothing")
    for _ in range(count):
        size = reading.number(">i")
        values.append(None if size == -1 else reading.take(size))
    results = reading.numbers(">h")
    if any(one not in (0, 1) for one in (*formats, *results)):
        raise BrokenMessage("a format is neither text nor binary")
    return Bind(portal, statement, formats, tuple(values), results)


def secret_first(data: bytes) -> tuple[str, bytes]:
    """The mechanism and the first step of SASL. Raises BrokenMessage."""
    reading = _Reading(data)
    mechanism = reading.text()
    size = reading.number(">i")
    answer = reading.take(size) if size >= 0 else b""
    reading.end()
    return mechanism, answer


def framed(letter: bytes, data: bytes = b"") -> bytes:
    """A message that is sent."""
    return letter + struct.pack(">i", len(data) + 4) + data


def cstring(text: str) -> bytes:
    """A text as messages have it: it ends with a zero byte, and has none inside."""
    return text.replace("\0", "").encode(errors="replace") + b"\0"


AUTHENTICATED = framed(b"R", struct.pack(">i", 0))
PARSED, BOUND, CLOSED = framed(b"1"), framed(b"2"), framed(b"3")
NO_DATA, SUSPENDED, EMPTY_QUERY, COPY_DONE = framed(b"n"), framed(b"s"), framed(b"I"), framed(b"c")


def sasl_mechanisms(names: Sequence[str]) -> bytes:
    """Which ways there are to sign in."""
    return framed(b"R", struct.pack(">i", 10) + b"".join(map(cstring, names)) + b"\0")


def sasl_step(data: bytes, *, last: bool) -> bytes:
    """The server's word in SASL, or its last one."""
    return framed(b"R", struct.pack(">i", 12 if last else 11) + data)


def parameter_status(name: str, value: str) -> bytes:
    """A setting that clients want to know of."""
    return framed(b"S", cstring(name) + cstring(value))


def backend_key(process: int, key: int) -> bytes:
    """What a client needs to cancel."""
    return framed(b"K", struct.pack(">II", process, key))


def ready(status: str) -> bytes:
    """The next statement may come. "I" is idle, "T" in a transaction, "E" in one that failed."""
    return framed(b"Z", status.encode())


def negotiated(options: Sequence[str]) -> bytes:
    """What a client asked for is not all there: the newest minor version, and options that nobody here knows."""
    return framed(b"v", struct.pack(">ii", PROTOCOL, len(options)) + b"".join(map(cstring, options)))


def command_complete(tag: str) -> bytes:
    """A statement is done."""
    return framed(b"C", cstring(tag))


def row_description(columns: Sequence[Column], formats: Sequence[int]) -> bytes:
    """The columns of the rows that come."""
    parts = [struct.pack(">h", len(columns))]
    for column, form in zip(columns, formats, strict=True):
        parts += [
            cstring(column.name),
            struct.pack(">ihihih", 0, 0, _signed(column.oid), column.size, column.typmod, form),
        ]
    return framed(b"T", b"".join(parts))


def parameter_description(oids: Sequence[int]) -> bytes:
    """The types of a statement's parameters."""
    return framed(b"t", struct.pack(">h", len(oids)) + b"".join(struct.pack(">I", oid) for oid in oids))


def copy_out(columns: int, *, binary: bool) -> bytes:
    """Rows of a COPY come."""
    return framed(b"H", struct.pack(">bh", int(binary), columns) + struct.pack(">h", int(binary)) * columns)


def error_response(
    *, state: str, message: str, severity: str = "ERROR", hint: str | None = None, position: int | None = None
) -> bytes:
    """What went wrong, with its SQLSTATE; `position` is a character of the statement, from 1."""
    return framed(
        b"N" if severity in ("NOTICE", "WARNING") else b"E", _fields(state, message, severity, hint, position)
    )


def _fields(state: str, message: str, severity: str, hint: str | None, position: int | None) -> bytes:
    parts = [b"S" + cstring(severity), b"V" + cstring(severity), b"C" + cstring(state), b"M" + cstring(message)]
    if hint:
        parts.append(b"H" + cstring(hint))
    if position:
        parts.append(b"P" + cstring(str(position)))
    return b"".join(parts) + b"\0"


def _signed(oid: int) -> int:
    return oid - (1 << 32) if oid >= 1 << 31 else oid
