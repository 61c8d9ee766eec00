"""The cells of a column as bytes, all at once: what rows are put together from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.errors import BadRequest

Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Fixed:
    """Cells of one size, none of them null."""

    values: Numbers
    """As they are sent."""


@dataclass(frozen=True, slots=True)
class Varied:
    """Cells of any size."""

    data: pa.Array
    """Binary; a null is sent as nothing."""
    sizes: Numbers
    """The bytes of each; -1 is null."""


Cells = Fixed | Varied


def joined(pieces: list[pa.Array]) -> pa.Array:
    """Binary values put together, row by row; nulls are nothing."""
    return pc.binary_join_element_wise(*pieces, b"", null_handling="replace", null_replacement=b"")


def as_binary(values: Numbers) -> pa.Array:
    """Values of one size as binary ones. Their memory is shared."""
    values = np.ascontiguousarray(values)
    size = values.dtype.itemsize
    offsets = np.arange(0, (len(values) + 1) * size, size, dtype=np.int32)
    # As bytes: Arrow takes no buffer of structs.
    return pa.Array.from_buffers(
        pa.binary(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(values.view(np.uint8).reshape(-1))]
    )


def sized(values: Numbers, valid: Numbers | None) -> Cells:
    """Values of one size, of which some may be null."""
    if valid is None:
        return Fixed(values)
    sizes = np.where(valid, np.int32(values.dtype.itemsize), np.int32(0))
    data = np.ascontiguousarray(values[valid]).view(np.uint8).reshape(-1)
    return Varied(cut(data, sizes), np.where(valid, sizes, np.int32(-1)))


def cut(data: Numbers, sizes: Numbers) -> pa.Array:
    """Binary values of these sizes, one after the other in `data`."""
    offsets = np.zeros(len(sizes) + 1, dtype=np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return pa.Array.from_buffers(
        pa.binary(), len(sizes), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    )


def varied(array: pa.Array) -> Varied:
    """Text or binary as it is."""
    if array.type not in (pa.string(), pa.binary()):
        array = array.cast(pa.binary())
    offsets = offsets_of(array)
    sizes = offsets[1:] - offsets[:-1]
    valid = valid_of(array)
    if valid is not None:
        sizes = np.where(valid, sizes, np.int32(-1))
    if array.type != pa.binary():
        array = array.view(pa.binary())
    return Varied(array, sizes)


def offsets_of(array: pa.Array) -> Numbers:
    """Where each value of text, binary or lists begins, and where the last one ends."""
    if not len(array):
        return np.zeros(1, dtype=np.int32)
    return np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + len(array) + 1]


def valid_of(array: pa.Array) -> Numbers | None:
    """Which values are not null; None is all."""
    if not array.null_count:
        return None
    return bits(array.is_valid())


def bits(array: pa.Array) -> Numbers:
    """A boolean array, of which none is null."""
    whole = np.unpackbits(np.frombuffer(array.buffers()[1], dtype=np.uint8), bitorder="little")
    return whole[array.offset : array.offset + len(array)].view(np.bool_)


def numbers(array: pa.Array, dtype: str) -> Numbers:
    """The memory of an array of numbers; what is null may be anything."""
    return np.frombuffer(array.buffers()[1], dtype=dtype)[array.offset : array.offset + len(array)]


def without_zeros(array: pa.Array) -> pa.Array:
    """Text, of which PostgreSQL's has no zero byte: C programs would see it end there. Raises BadRequest."""
    offsets = offsets_of(array)
    buffer = array.buffers()[2]
    if buffer is not None and offsets[-1] > offsets[0]:
        data = np.frombuffer(buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
        if not data.min():
            raise BadRequest(
                "a text has a zero byte in it, which PostgreSQL's text can't have",
                mend="Take it out with replace(column, chr(0), '') in the query, or encode(column) to have the bytes.",
            )
    return array
