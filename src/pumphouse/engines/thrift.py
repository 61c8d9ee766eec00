"""Thrift's compact form, in which a Parquet file describes itself: to be read, and the little of it that we write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
DEPTH_MAX = 32
_WHOLE, _LISTS = (I64, I32, I16), (LIST, SET)
_MORE, _SEVEN_BITS, _LONG_COUNT = 0x80, 0x7F, 15

Struct = dict[int, Any]
"""The values of a structure by the numbers of its fields; of lists they are lists, of texts bytes."""


class Reader:
    """Values one after the other. Raises ValueError where they end too early, or are none."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """The number and the kind of each field of a structure; whoever takes them reads the value of each."""
        number = 0
        while header := self._byte():
            number = number + (header >> 4) if header >> 4 else self._whole()
            yield number, header & 15

    def items(self) -> tuple[int, int]:
        """How many values a list has, and their kind."""
        header = self._byte()
        count = header >> 4
        if count == _LONG_COUNT:
            count = self._number()
        if count > len(self.data) - self.at:
            raise ValueError("a list is longer than what it is in")
        return count, header & 15

    def value(self, kind: int, depth: int = 0) -> Any:
        """A value of a kind."""
        if kind in _WHOLE:
            return self._whole()
        if kind == BINARY:
            return self._bytes(self._number())
        if kind == STRUCT:
            if depth > DEPTH_MAX:
                raise ValueError("structures are within too many others")
            return self._struct(depth + 1)
        if kind in _LISTS:
            count, of = self.items()
            if of in (TRUE, FALSE):
                return [self._byte() == TRUE for _ in range(count)]
            return [self.value(of, depth + 1) for _ in range(count)]
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self._byte()
        if kind == DOUBLE:
            return self._bytes(8)
        raise ValueError(f"there is no kind {kind}")

    def _struct(self, depth: int) -> Struct:
        """A file has thousands of them, mostly of numbers: those are read without a call for each."""
        found: Struct = {}
        data, end, number = self.data, len(self.data), 0
        while self.at < end and (header := data[self.at]):
            self.at += 1
            of = header & 15
            number = number + (header >> 4) if header >> 4 else self._whole()
            if of not in _WHOLE:
                found[number] = self.value(of, depth)
                continue
            at, value, shift = self.at, 0, 0
            while at < end:
                byte = data[at]
                at += 1
                value |= (byte & _SEVEN_BITS) << shift
                shift += 7
                if not byte & _MORE:
                    break
            found[number] = value >> 1 ^ -(value & 1)
            self.at = at
        self._byte()
        return found

    def _byte(self) -> int:
        try:
            byte = self.data[self.at]
        except IndexError:
            raise ValueError("a description ends too early") from None
        self.at += 1
        return byte

    def _bytes(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) < count:
            raise ValueError("a description ends too early")
        self.at += count
        return found

    def _number(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & _MORE:
            number |= (byte & _SEVEN_BITS) << shift
            shift += 7
        return number | byte << shift

    def _whole(self) -> int:
        number = self._number()
        return number >> 1 ^ -(number & 1)


def struct(*given: tuple[int, int, bytes], after: int = 0) -> bytes:
    """A structure, or the rest of one after a field."""
    return fields(*given, after=after) + b"\0"


def fields(*given: tuple[int, int, bytes], after: int = 0) -> bytes:
    """Fields in the order of their numbers: number, kind, and the value as it is written."""
    written = bytearray()
    for number, kind, value in given:
        written.append(number - after << 4 | kind)
        written += value
        after = number
    return bytes(written)


def listed(kind: int, values: Sequence[bytes]) -> bytes:
    """A list of values of a kind."""
    return listed_as(kind, len(values), b"".join(values))


def listed_as(kind: int, count: int, values: bytes) -> bytes:
    """A list of so many values of a kind, which are written already."""
    if count < _LONG_COUNT:
        return bytes([count << 4 | kind]) + values
    return bytes([_LONG_COUNT << 4 | kind]) + _number(count) + values


def whole(value: int) -> bytes:
    """A number of the kinds I16 to I64."""
    return _number(value << 1 ^ value >> 63)


def binary(value: bytes) -> bytes:
    """Bytes with their length before them."""
    return _number(len(value)) + value


def _number(value: int) -> bytes:
    written = bytearray()
    while value > _SEVEN_BITS:
        written.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    written.append(value)
    return bytes(written)
