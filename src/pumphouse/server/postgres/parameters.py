"""Values of parameters as clients send them: text or binary, of a type that they name or leave open."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from pumphouse.server.postgres.lexing import array_items
from pumphouse.server.postgres.sqlstate import Refused
from pumphouse.server.postgres.types import BY_OID, KINDS

UNKNOWN = frozenset({0, 705})
"""Types that are left open: the value is text, and what it stands beside says what it is."""
ARRAY_ITEMS_MAX = 100_000
NEGATIVE = 0x4000
_EPOCH = dt.datetime(2000, 1, 1)  # noqa: DTZ001  # PostgreSQL's timestamps without a zone count from it
Value = Any  # None, bool, int, float, Decimal, str, bytes, dates and times, lists of them


def values_of(
    raw: Sequence[bytes | None], formats: Sequence[int], oids: Sequence[int], *, lists: Collection[int] = ()
) -> list[Value]:
    """The values of a Bind; `lists` are the numbers of parameters that are arrays where their type is left open.

    Raises Refused for one that is none of its type.
    """
    values = []
    for at, data in enumerate(raw):
        oid, binary = oids[at], _format(formats, at) == 1
        if oid in UNKNOWN and at + 1 in lists and not binary:
            oid = KINDS["text"].array
        values.append(None if data is None else value_of(data, oid, binary=binary))
    return values


def value_of(data: bytes, oid: int, *, binary: bool) -> Value:
    """One value. Raises Refused where it is none of its type."""
    kind = BY_OID.get(oid)
    try:
        if binary:
            if oid in UNKNOWN or kind is None:
                return data.decode()
            return _array(data) if oid == kind.array else _BINARY.get(kind.name, bytes.decode)(data)
        text = data.decode()
        if "\0" in text:
            raise Refused("a text has a zero byte in it", state="22021")
        if oid in UNKNOWN or kind is None:
            return text
        decode = _TEXT.get(kind.name, str)
        if oid == kind.array:
            return [None if item is None else decode(item) for item in array_items(text)]
        return decode(text)
    except (ValueError, OverflowError, InvalidOperation, struct.error, IndexError) as error:
        name = kind.name if kind else "text"
        what = "in binary" if binary else f': "{data[:60].decode(errors="replace")}"'
        raise Refused(
            f"invalid value for a parameter of type {name} {what}", state="22P03" if binary else "22P02"
        ) from error


def _format(formats: Sequence[int], at: int) -> int:
    if not formats:
        return 0
    return formats[0] if len(formats) == 1 else formats[at]


def _array(data: bytes) -> list[Value]:
    dimensions, _, oid = struct.unpack_from(">iiI", data)
    if dimensions == 0:
        return []
    if dimensions != 1 or oid not in BY_OID or oid == BY_OID[oid].array:
        raise Refused("arrays of more than one dimension are not taken as parameters", state="0A000")
    (count,) = struct.unpack_from(">i", data, 12)
    if not 0 <= count <= ARRAY_ITEMS_MAX:
        raise Refused(f"an array has more than {ARRAY_ITEMS_MAX:,} items", state="54000")
    at = 20
    items: list[Value] = []
    for _ in range(count):
        (size,) = struct.unpack_from(">i", data, at)
        at += 4
        if size < 0:
            items.append(None)
            continue
        if at + size > len(data):
            raise ValueError
        items.append(value_of(data[at : at + size], oid, binary=True))
        at += size
    return items


def _exactly(form: str) -> Callable[[bytes], Value]:
    def decode(data: bytes) -> Value:
        return struct.unpack(form, data)[0]

    return decode


def _numeric(data: bytes) -> Decimal:
    count, weight, sign, scale = struct.unpack_from(">hhHh", data)
    groups = struct.unpack_from(f">{count}h", data, 8)
    if sign in (0xC000, 0xD000, 0xF000):
        return Decimal({0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}[sign])
    digits = "".join(f"{group:04}" for group in groups) or "0"
    power = 4 * (weight + 1 - count)
    if power < -scale:  # the last group has zeros beyond the scale
        digits, power = digits[: power + scale] or "0", -scale
    elif power > -scale:
        digits, power = digits + "0" * (power + scale), -scale
    return Decimal((int(sign == NEGATIVE), tuple(map(int, digits)), power))


def _moment(data: bytes) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=_exactly(">q")(data))


def _interval(data: bytes) -> str:
    microseconds, days, months = struct.unpack(">qii", data)
    return f"{months} months {days} days {microseconds} microseconds"


def _bool(text: str) -> bool:
    word = text.strip().lower()
    if word in ("t", "true", "yes", "on", "1", "y"):
        return True
    if word in ("f", "false", "no", "off", "0", "n"):
        return False
    raise ValueError(text)


def _bytes(text: str) -> bytes:
    if text.startswith("\\x"):
        return bytes.fromhex(text[2:])
    if "\\" in text:
        raise ValueError(text)
    return text.encode()


_TEXT: dict[str, Callable[[str], Value]] = {
    "bool": _bool,
    "int2": int,
    "int4": int,
    "int8": int,
    "oid": int,
    "float4": float,
    "float8": float,
    "numeric": Decimal,
    "bytea": _bytes,
    # Dates, times and intervals stay text: PostgreSQL's notation is DuckDB's, beyond the years that Python has.
}
_BINARY: dict[str, Callable[[bytes], Value]] = {
    "bool": lambda data: _exactly(">b")(data) != 0,
    "int2": _exactly(">h"),
    "int4": _exactly(">i"),
    "int8": _exactly(">q"),
    "oid": _exactly(">I"),
    "float4": _exactly(">f"),
    "float8": _exactly(">d"),
    "numeric": _numeric,
    "bytea": bytes,
    "date": lambda data: dt.date(2000, 1, 1) + dt.timedelta(days=_exactly(">i")(data)),
    "time": lambda data: (_EPOCH + dt.timedelta(microseconds=_exactly(">q")(data))).time(),
    "timestamp": _moment,
    "timestamptz": lambda data: _moment(data).replace(tzinfo=dt.UTC),
    "interval": _interval,
    "uuid": lambda data: str(uuid.UUID(bytes=data)),
}
