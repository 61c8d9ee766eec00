"""A column of IP addresses as numbers. Plain addresses of version 4 are read all at once, others one by one."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.addresses.written import V4_IN_V6, address
from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[Any, Any]  # Any: numpy's own types

DOT, ZERO = ord("."), ord("0")
LENGTH_MIN, LENGTH_MAX, DOTS = 7, 15, 3
LEAST = (256, 0, 10, 100, 256)
"""The least number of so many digits that has no leading zero; none is up to 255 where there are none or too many."""


def numpy(step: str) -> Any:  # Any: a module
    """The library. Raises MissingExtra where it is not installed."""
    try:
        import numpy as np
    except ImportError:
        raise MissingExtra("numpy", extra="cleaning", purpose=step) from None
    return np


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a column, and where they stand in it. What is in neither place is null or was declined."""

    v4_places: Numbers
    v4: Numbers
    """Unsigned, 32 bits."""
    v6_places: Numbers
    v6: Numbers
    """Sixteen bytes each, big end first."""
    reasons: dict[int, str]
    """By place, why there is no address."""


def addresses(column: pa.Array, *, forwarded: str | None, step: str) -> Addresses:
    """The addresses of a column of text. Blank text is a gap."""
    np = numpy(step)
    import pyarrow.compute as pc

    plain, numbers = plain_v4(column, step=step)
    v4_places, v6_places, v4_packed, v6_packed = [], [], [], []
    reasons: dict[int, str] = {}
    others = np.flatnonzero(~plain & pc.is_valid(column).to_numpy(zero_copy_only=False))
    known: dict[str, tuple[bytes | None, str | None]] = {}
    packed: bytes | None
    to_bytes, v6 = socket.inet_pton, socket.AF_INET6
    texts = column.take(others).to_pylist()
    try:
        whole = [to_bytes(v6, written) for written in texts]
    except (OSError, ValueError):
        whole = []
    if whole and not any(map(bytes.startswith, whole, repeat(V4_IN_V6))):  # all others are of version 6
        return Addresses(np.flatnonzero(plain), numbers[plain], others, np.frombuffer(b"".join(whole), "S16"), reasons)
    for place, written in zip(others.tolist(), texts, strict=True):
        try:
            packed = to_bytes(v6, written)
        except (OSError, ValueError):
            if written not in known:
                read = address(written, forwarded) if written.strip() else None
                known[written] = (read.packed, read.reason) if read else (None, None)
            packed, reason = known[written]
            if packed is None:
                if reason is not None:
                    reasons[place] = reason
                continue
        if packed.startswith(V4_IN_V6):
            packed = packed[12:]
        if len(packed) == 4:
            v4_places.append(place)
            v4_packed.append(packed)
        else:
            v6_places.append(place)
            v6_packed.append(packed)
    more = np.frombuffer(b"".join(v4_packed), dtype=">u4").astype(np.uint32)
    return Addresses(
        np.concatenate([np.flatnonzero(plain), np.array(v4_places, dtype=np.int64)]),
        np.concatenate([numbers[plain], more]),
        np.array(v6_places, dtype=np.int64),
        np.frombuffer(b"".join(v6_packed), dtype="S16"),
        reasons,
    )


def plain_v4(column: pa.Array, *, step: str) -> tuple[Numbers, Numbers]:
    """(which rows are four numbers up to 255, without leading zeros, and three dots; each row's 32 bits)."""
    np = numpy(step)
    rows = len(column)
    _, offset_bytes, text_bytes = column.buffers()
    if not rows or text_bytes is None:
        return np.zeros(rows, dtype=bool), np.zeros(rows, dtype=np.uint32)
    offsets = np.frombuffer(offset_bytes, dtype=np.int32)[column.offset : column.offset + rows + 1]
    text = np.frombuffer(text_bytes, dtype=np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    lengths = np.diff(offsets)
    dots = np.flatnonzero(text == DOT).astype(np.int32)
    before = np.searchsorted(dots, offsets)
    is_plain = (lengths >= LENGTH_MIN) & (lengths <= LENGTH_MAX) & (np.diff(before) == DOTS)
    strange = np.flatnonzero(((text - ZERO) > 9) & (text != DOT))  # unsigned: what is below "0" is far above 9
    if len(strange):
        is_plain[np.searchsorted(offsets, strange, side="right") - 1] = False
    if column.null_count:
        is_plain &= column.is_valid().to_numpy(zero_copy_only=False)
    numbers = np.zeros(rows, dtype=np.uint32)
    places = np.flatnonzero(is_plain)
    if not len(places):
        return is_plain, numbers
    first = before[:-1][places]
    edges = [offsets[:-1][places] - 1, *(dots.take(first + number) for number in range(DOTS)), offsets[1:][places]]
    number = np.zeros(len(places), dtype=np.uint32)
    right = np.ones(len(places), dtype=bool)
    least = np.array(LEAST, dtype=np.uint16)
    for left, end in pairwise(edges):
        digits = end - left - 1
        ones, tens, hundreds = ((text.take(end - place, mode="clip") - ZERO).astype(np.uint16) for place in (1, 2, 3))
        value = ones + tens * (digits > 1) * np.uint16(10) + hundreds * (digits > 2) * np.uint16(100)
        right &= (value <= 255) & (value >= least.take(digits, mode="clip"))
        number = (number << np.uint32(8)) | value
    is_plain[places] = right
    numbers[places] = number
    return is_plain, numbers
