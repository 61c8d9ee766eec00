"""A session's own commands: transactions, settings, cursors, COPY. They never reach the engine."""

from __future__ import annotations

from dataclasses import dataclass

from pumphouse.server.postgres.lexing import Piece, Token
from pumphouse.server.postgres.sqlstate import Refused

WRITES = frozenset({
    "ALTER", "ANALYZE", "CALL", "CHECKPOINT", "CLUSTER", "COMMENT", "CREATE", "DELETE", "DO", "DROP", "GRANT", "IMPORT",
    "INSERT", "LOCK", "MERGE", "REASSIGN", "REFRESH", "REINDEX", "REPLACE", "REVOKE", "SECURITY", "TRUNCATE", "UPDATE",
    "UPSERT", "VACUUM",
})  # fmt: skip
"""What starts with one of these would change something."""


@dataclass(frozen=True, slots=True)
class Begin:
    """BEGIN."""


@dataclass(frozen=True, slots=True)
class End:
    """COMMIT or ROLLBACK."""

    commits: bool


@dataclass(frozen=True, slots=True)
class Savepoint:
    """SAVEPOINT, RELEASE, ROLLBACK TO."""

    name: str
    act: str


@dataclass(frozen=True, slots=True)
class Put:
    """SET, and RESET without values; None as a name is all of them."""

    name: str | None
    values: tuple[str, ...] | None
    local: bool = False
    tag: str = "SET"


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW of a setting."""

    name: str


@dataclass(frozen=True, slots=True)
class Forget:
    """DISCARD, DEALLOCATE, CLOSE: statements or cursors; None is all."""

    what: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Declare:
    """DECLARE of a cursor."""

    name: str
    query: str
    hold: bool
    at: int
    """Where the query begins."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH or MOVE; None is all that is left."""

    cursor: str
    count: int | None
    moves: bool


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY ... TO STDOUT."""

    query: str
    format: str
    options: dict[str, str]
    at: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """What does nothing here and may be said."""

    tag: str


Command = Begin | End | Savepoint | Put | Show | Forget | Declare | Fetch | Copy | Nothing


def command_of(piece: Piece) -> Command | None:
    """The command, or None for what asks for rows. Raises Refused for what is not taken here."""
    reading = _Words(piece)
    first = reading.next()
    match first:
        case "BEGIN" | "START":
            return Begin()
        case "COMMIT" | "END":
            return _end(reading, commits=True)
        case "ROLLBACK" | "ABORT":
            reading.skip("WORK", "TRANSACTION")
            if reading.skip("TO"):
                reading.skip("SAVEPOINT")
                return Savepoint(reading.name(), "ROLLBACK")
            return _end(reading, commits=False)
        case "SAVEPOINT":
            return Savepoint(reading.name(), "SAVEPOINT")
        case "RELEASE":
            reading.skip("SAVEPOINT")
            return Savepoint(reading.name(), "RELEASE")
        case "SET":
            return _set(reading)
        case "RESET":
            name = _setting(reading)
            return Put(None if name == "all" else name, None, tag="RESET")
        case "SHOW":
            return Show(_setting(reading))
        case "DISCARD":
            what = reading.next()
            return Forget("all" if what == "ALL" else "nothing", None)
        case "DEALLOCATE":
            reading.skip("PREPARE")
            return Forget("statements", _name_or_all(reading))
        case "CLOSE":
            return Forget("cursors", _name_or_all(reading))
        case "DECLARE":
            return _declare(reading)
        case "FETCH" | "MOVE":
            return _fetch(reading, moves=first == "MOVE")
        case "COPY":
            return _copy(reading)
        case "UNLISTEN" | "LISTEN":
            return Nothing(first)
        case "PREPARE" | "EXECUTE":
            raise Refused(
                f"{first} in SQL is not taken here", state="0A000", hint="Prepare through the protocol, as drivers do."
            )
    if first in WRITES:
        raise Refused(
            f"cannot execute {first} in a read-only transaction",
            state="25006",
            hint="The lake is changed by builds, not by queries.",
        )
    return None


def _end(reading: _Words, *, commits: bool) -> End:
    reading.skip("WORK", "TRANSACTION")
    if reading.peek() == "PREPARED":
        raise Refused("transactions are not prepared here", state="0A000")
    return End(commits)


class _Words:
    """The words of a piece, one after the other."""

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        self.at = 0

    def peek(self) -> str:
        return self.piece.tokens[self.at].word if self.at < len(self.piece.tokens) else ""

    def next(self) -> str:
        word = self.peek()
        self.at += 1
        return word

    def token(self) -> Token:
        if self.at >= len(self.piece.tokens):
            raise Refused("syntax error at end of input", state="42601", position=len(self.piece.text) + 1)
        token = self.piece.tokens[self.at]
        self.at += 1
        return token

    def skip(self, *words: str) -> bool:
        if self.peek() in words and self.peek():
            self.at += 1
            return True
        return False

    def expect(self, *words: str) -> str:
        word = self.peek()
        if word not in words:
            raise self.wrong()
        self.at += 1
        return word

    def name(self) -> str:
        token = self.token()
        if token.kind not in ("word", "name"):
            self.at -= 1
            raise self.wrong()
        return token.value

    def wrong(self) -> Refused:
        if self.at >= len(self.piece.tokens):
            return Refused("syntax error at end of input", state="42601", position=len(self.piece.text) + 1)
        token = self.piece.tokens[self.at]
        return Refused(f'syntax error at or near "{token.text[:60]}"', state="42601", position=token.at + 1)

    def rest(self) -> tuple[str, int]:
        """The text from here on, and where it begins."""
        token = self.token()
        return self.piece.text[token.at :], token.at


def _setting(reading: _Words) -> str:
    if reading.peek() == "TIME":
        reading.next()
        reading.expect("ZONE")
        return "timezone"
    if reading.peek() == "TRANSACTION":
        reading.next()
        reading.expect("ISOLATION")
        reading.expect("LEVEL")
        return "transaction_isolation"
    if reading.peek() == "SESSION" and len(reading.piece.tokens) > reading.at + 1:
        reading.next()
        reading.expect("AUTHORIZATION")
        return "session_authorization"
    name = reading.name()
    while reading.skip("."):
        name += "." + reading.name()
    return name.lower()


def _set(reading: _Words) -> Command:
    local = reading.peek() == "LOCAL"
    if reading.skip("LOCAL") or (reading.peek() == "SESSION" and _second(reading) != "AUTHORIZATION"):
        reading.skip("SESSION")
    if reading.peek() in ("TRANSACTION", "CHARACTERISTICS"):
        return Nothing("SET")  # every transaction here reads, and sees one snapshot
    if reading.skip("NAMES"):
        return Put("client_encoding", _values(reading), local)
    if reading.peek() == "TIME" and _second(reading) == "ZONE":
        reading.at += 2
        reading.skip("INTERVAL")
        return Put("timezone", _values(reading), local)
    if reading.peek() == "SESSION":
        reading.at += 2
        return Put("session_authorization", _values(reading), local)
    name = reading.name()
    if name == "role" and reading.peek() not in ("=", "TO"):
        return Put(name, _values(reading), local)
    while reading.skip("."):
        name += "." + reading.name()
    reading.expect("=", "TO")
    return Put(name.lower(), _values(reading), local)


def _second(reading: _Words) -> str:
    return reading.piece.tokens[reading.at + 1].word if reading.at + 1 < len(reading.piece.tokens) else ""


def _values(reading: _Words) -> tuple[str, ...] | None:
    """What is put, each value as text; None is the default."""
    if reading.peek() == "DEFAULT" and reading.at == len(reading.piece.tokens) - 1:
        return None
    values = []
    while True:
        sign = "-" if reading.skip("-") else "" if not reading.skip("+") else "+"
        token = reading.token()
        if token.kind not in ("word", "name", "string", "escaped", "number"):
            reading.at -= 1
            raise reading.wrong()
        values.append(sign + (token.text if token.kind == "word" else token.value))
        if not reading.skip(","):
            break
    while reading.peek() in ("HOUR", "TO", "MINUTE"):  # of INTERVAL '+02:00' HOUR TO MINUTE
        reading.next()
    if reading.peek():
        raise reading.wrong()
    return tuple(values)


def _name_or_all(reading: _Words) -> str | None:
    return None if reading.skip("ALL") else reading.name()


def _declare(reading: _Words) -> Declare:
    name = reading.name()
    scrolls = False
    while (word := reading.peek()) in ("BINARY", "INSENSITIVE", "ASENSITIVE", "NO", "SCROLL"):
        scrolls = word == "SCROLL" and reading.piece.tokens[reading.at - 1].word != "NO"
        reading.next()
    reading.expect("CURSOR")
    hold = reading.peek() == "WITH"
    if reading.skip("WITH", "WITHOUT"):
        reading.expect("HOLD")
    if scrolls:
        raise Refused("a cursor here reads forward only", state="0A000", hint="Leave out SCROLL.")
    reading.expect("FOR")
    query, at = reading.rest()
    return Declare(name, query, hold, at)


def _fetch(reading: _Words, *, moves: bool) -> Fetch:
    count: int | None = 1
    word = reading.peek()
    if word in ("NEXT", "FORWARD", "RELATIVE", "ALL"):
        reading.next()
        if word == "ALL" or (word == "FORWARD" and reading.skip("ALL")):
            count = None
        elif word != "NEXT" and reading.peek().isdecimal():
            count = int(reading.next()[:18])
    elif word.isdecimal():
        count = int(reading.next()[:18])
    elif (word in ("PRIOR", "FIRST", "LAST", "ABSOLUTE", "BACKWARD") and _second(reading)) or word == "-":
        raise Refused("cursor can only scan forward", state="55000", hint="Declare it anew to start again.")
    reading.skip("FROM", "IN")
    return Fetch(reading.name(), count, moves)


def _copy(reading: _Words) -> Copy:
    if reading.peek() == "(":
        start, depth = reading.at + 1, 0
        while reading.at < len(reading.piece.tokens):
            word = reading.next()
            depth += (word == "(") - (word == ")")
            if depth == 0:
                break
        if depth or reading.at - 1 <= start - 1:
            raise reading.wrong()
        at = reading.piece.tokens[start].at
        query = reading.piece.text[at : reading.piece.tokens[reading.at - 1].at]
    else:
        at = reading.piece.tokens[reading.at].at if reading.peek() else 0
        reading.name()
        while reading.skip("."):
            reading.name()
        last = reading.piece.tokens[reading.at - 1]
        table = reading.piece.text[at : last.at + len(last.text)]
        columns = "*"
        if reading.skip("("):
            columns = ""
            while (word := reading.token().text) != ")":
                columns += word
        query, at = f"SELECT {columns} FROM {table}", 0
    if reading.peek() == "FROM":
        raise Refused(
            "cannot execute COPY FROM in a read-only transaction",
            state="25006",
            hint="The lake is changed by builds, not by queries.",
        )
    reading.expect("TO")
    if reading.peek() != "STDOUT":
        raise Refused("COPY writes to STDOUT only", state="42501", hint="psql's \\copy writes a file where you are.")
    reading.next()
    options = _copy_options(reading)
    return Copy(query, options.pop("format", "text"), options, at)


_COPY_WORDS = {"BINARY": ("format", "binary"), "CSV": ("format", "csv"), "HEADER": ("header", "true")}


def _copy_options(reading: _Words) -> dict[str, str]:
    options: dict[str, str] = {}
    reading.skip("WITH")
    in_brackets = reading.skip("(")
    while reading.peek():
        if in_brackets and reading.skip(")"):
            break
        if not in_brackets and reading.peek() in _COPY_WORDS:
            name, value = _COPY_WORDS[reading.next()]
            options[name] = value
            continue
        name = reading.name()
        if not in_brackets:
            reading.skip("AS")
        options[name] = reading.token().value if reading.peek() not in (",", ")", "") else "true"
        reading.skip(",")
    if reading.peek():
        raise reading.wrong()
    return options
