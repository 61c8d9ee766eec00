"""Values that came after a generation: a log, on disk before it is acknowledged, and what it comes to in memory."""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from pumphouse.errors import Overloaded
from pumphouse.features.online.store import Key, Value
from pumphouse.lake.disk import to_disk

LOG_BYTES_MAX = 64 * 1024 * 1024
RECORD_BYTES_MAX = 1024 * 1024
_HEAD = struct.Struct("<II")


class Put(msgspec.Struct, frozen=True, kw_only=True, tag="put"):
    """Newer values of one entity, in microseconds since 1970 UTC."""

    key: tuple[int | str, ...]
    values: dict[str, float | int | str | bool | None]
    at: int


class Hide(msgspec.Struct, frozen=True, kw_only=True, tag="hide"):
    """Whoever has this value in a column of the entity is hidden."""

    column: str
    value: str


Record = Put | Hide
Hidden = Mapping[str, frozenset[str | int]]
"""By each column, in lower case, who is hidden: as text, and as the number that the text stands for."""
_BIG = 2**64


class Overlay:
    """What a log comes to. It follows the file as others write it; threads may share one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        self.entries: dict[Key, dict[str, tuple[Value, int]]] = {}
        """For each entity its newest values, each with its moment."""
        self.hidden: dict[str, frozenset[str | int]] = {}
        self._end = 0
        self._seen = 0
        self._lock = threading.Lock()

    def follow(self) -> None:
        """Take in what was written since."""
        size = _size(self._name)
        if size == self._seen:
            return
        with self._lock:
            if size == self._seen:
                return
            with self.path.open("rb") as file:
                file.seek(self._end)
                data = file.read()
            records, end = parse(data)
            for record in records:
                self._take(record)
            self._end += end
            self._seen = size

    def hides(self, entity: Sequence[str], key: Key) -> bool:
        """Whether an entity is somebody who is hidden."""
        return bool(self.hidden) and is_hidden(entity, key, self.hidden)

    def _take(self, record: Record) -> None:
        if isinstance(record, Hide):
            self.hidden = merged(self.hidden, [record])
            return
        known = self.entries.get(record.key, {})
        newer = {name: (value, record.at) for name, value in record.values.items()}
        for name, (_, at) in known.items():
            if name in newer and at > record.at:
                newer[name] = known[name]
        self.entries[record.key] = known | newer  # a new one: others may be reading the old


def merged(hidden: Hidden, more: Iterable[Hide]) -> dict[str, frozenset[str | int]]:
    """Who is hidden, with those of more records."""
    found = dict(hidden)
    for record in more:
        column = record.column.lower()
        found[column] = found.get(column, frozenset()) | {record.value, *_whole(record.value)}
    return found


def is_hidden(entity: Sequence[str], key: Key, hidden: Hidden) -> bool:
    """Whether one of the key's values is among those hidden: a text as it was entered, a number however written."""
    return any(part in hidden.get(name.lower(), ()) for name, part in zip(entity, key, strict=True))


def _whole(value: str) -> Iterator[int]:
    """The whole number that a text stands for, if it does."""
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return
    if number.is_finite() and abs(number) < _BIG and number == int(number):
        yield int(number)


def parse(data: bytes) -> tuple[list[Record], int]:
    """The records that are whole, and where the last of them ends. One that the disk changed is left out."""
    records: list[Record] = []
    at = end = 0
    while (payload := _payload(data, at)) is not None:
        at += _HEAD.size + len(payload)
        if zlib.crc32(payload) == _HEAD.unpack_from(data, at - _HEAD.size - len(payload))[1]:
            records.append(msgspec.msgpack.decode(payload, type=Record))
            end = at
    return records, end


def _payload(data: bytes, at: int) -> bytes | None:
    """The bytes of the record there; None where it is not all there."""
    if at + _HEAD.size > len(data):
        return None
    length, _ = _HEAD.unpack_from(data, at)
    if not 0 < length <= RECORD_BYTES_MAX or at + _HEAD.size + length > len(data):
        return None
    return data[at + _HEAD.size : at + _HEAD.size + length]


def framed(record: Record) -> bytes:
    """A record as it stands in the log."""
    payload = msgspec.msgpack.encode(record)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def append(path: Path, frames: Sequence[bytes]) -> None:
    """Add records, on disk when this returns; a torn record before them is cut off. The caller holds the log's lock.

    Raises Overloaded where the log is as long as it may be.
    """
    with path.open("r+b" if path.exists() else "w+b") as file:
        _, end = parse(file.read())
        file.truncate(end)
        if end + sum(map(len, frames)) > LOG_BYTES_MAX:
            raise Overloaded(
                f"more than {LOG_BYTES_MAX >> 20} MB of newer values wait for a generation",
                mend="Publish: pumphouse run with the online store's name.",
            )
        file.seek(end)
        file.write(b"".join(frames))
        to_disk(file)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  # each read asks, and a Path takes three times as long
    except FileNotFoundError:
        return 0
