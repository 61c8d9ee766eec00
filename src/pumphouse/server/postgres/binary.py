"""Cells in PostgreSQL's binary format.

Source: the `_send` functions of PostgreSQL 15 (src/backend/utils/adt); a numeric is written in digits of base 10,000.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.server.postgres.cells import (
    Cells,
    Fixed,
    Numbers,
    Varied,
    as_binary,
    bits,
    joined,
    numbers,
    offsets_of,
    sized,
    valid_of,
    varied,
    without_zeros,
)
from pumphouse.server.postgres.moments import (
    days_since_2000,
    interval_parts,
    microseconds_since_2000,
)
from pumphouse.server.postgres.types import Kind

GROUP = 10_000
DIGITS_OF_INT64 = 18
NEGATIVE = 0x4000


def binary_cells(array: pa.Array, kind: Kind) -> Cells:
    """The cells of a column, in the storage of its kind."""
    encode = _ENCODERS.get(kind.name)
    return varied(array) if encode is None else encode(array)


def binary_array_cells(array: pa.ListArray, kind: Kind) -> Varied:
    """The cells of a column of lists whose elements are of this kind: arrays of one dimension from 1."""
    offsets = offsets_of(array)
    first, last = int(offsets[0]), int(offsets[-1])
    elements = array.values.slice(first, last - first)
    counts = offsets[1:] - offsets[:-1]
    valid = valid_of(array)
    header = np.zeros(
        len(array), dtype=[("dimensions", ">i4"), ("nulls", ">i4"), ("oid", ">i4"), ("size", ">i4"), ("from", ">i4")]
    )
    header["dimensions"], header["nulls"], header["oid"] = counts > 0, _with_nulls(elements, offsets - first), kind.oid
    header["size"], header["from"] = counts, 1
    heads = as_binary(header)
    if (counts == 0).any():  # an empty array has no dimension
        heads = pc.if_else(pa.array(counts == 0), pc.binary_slice(heads, 0, 12), heads)
    body = with_sizes(binary_cells(elements, kind)) if len(elements) else pa.array([], pa.binary())
    ends = offsets_of(body)[offsets - first]
    data = pa.Array.from_buffers(
        pa.binary(), len(array), [None, pa.py_buffer(np.ascontiguousarray(ends)), body.buffers()[2]]
    )
    whole = joined([heads, data])
    sizes = np.diff(offsets_of(whole)).astype(np.int32)
    if valid is None:
        return Varied(whole, sizes)
    return Varied(pc.if_else(pa.array(valid), whole, b""), np.where(valid, sizes, np.int32(-1)))


def _with_nulls(elements: pa.Array, offsets: np.ndarray) -> np.ndarray:
    """Of each list, whether an element of it is null."""
    nulls = np.concatenate([[0], np.cumsum(elements.is_null().to_numpy(zero_copy_only=False))])
    found: np.ndarray = nulls[offsets[1:]] > nulls[offsets[:-1]]
    return found


def with_sizes(cells: Cells) -> pa.Array:
    """Each cell with its size before it."""
    if isinstance(cells, Fixed):
        size = cells.values.dtype.itemsize
        both = np.empty(len(cells.values), dtype=[("size", ">i4"), ("value", cells.values.dtype)])
        both["size"], both["value"] = size, cells.values
        return as_binary(both)
    return joined([as_binary(cells.sizes.astype(">i4")), cells.data])


def _plain(dtype: str) -> Callable[[pa.Array], Cells]:
    def encode(array: pa.Array) -> Cells:
        return sized(numbers(array, dtype).astype(f">{dtype}"), valid_of(array))

    return encode


def _bool(array: pa.Array) -> Cells:
    return sized(bits(array).view(np.uint8), valid_of(array))


def _date(array: pa.Array) -> Cells:
    return sized(days_since_2000(array).astype(">i4"), valid_of(array))


def _time(array: pa.Array) -> Cells:
    return sized(numbers(array, "i8").astype(">i8"), valid_of(array))


def _timestamp(array: pa.Array) -> Cells:
    return sized(microseconds_since_2000(array).astype(">i8"), valid_of(array))


def _interval(array: pa.Array) -> Cells:
    months, days, microseconds = interval_parts(array)
    values = np.empty(len(array), dtype=[("microseconds", ">i8"), ("days", ">i4"), ("months", ">i4")])
    values["microseconds"], values["days"], values["months"] = microseconds, days, months
    return sized(values, valid_of(array))


def _uuid(array: pa.Array) -> Cells:
    valid = valid_of(array)
    plain = pc.replace_substring(array, "-", "")
    data = np.frombuffer(plain.buffers()[2], dtype=np.uint8)[offsets_of(plain)[0] : offsets_of(plain)[-1]]
    nibbles = np.where(data > ord("9"), (data | 0x20) - ord("a") + 10, data - ord("0")).astype(np.uint8)
    values = (nibbles[0::2] << 4 | nibbles[1::2]).reshape(-1, 16)
    if valid is None:
        return Fixed(np.ascontiguousarray(values).view("V16").reshape(-1))
    whole = np.zeros((len(array), 16), dtype=np.uint8)
    whole[valid] = values
    return sized(whole.view("V16").reshape(-1), valid)


def _oid_of_name(array: pa.Array) -> Cells:
    """Of what is shown by its name and sent as a number: the number, where the name is one."""
    numbers_of = pc.if_else(pc.match_substring_regex(array, "^[0-9]{1,9}$"), array, pa.scalar("0", pa.string()))
    return _plain("u4")(numbers_of.cast(pa.uint32()))


def _numeric(array: pa.Array) -> Cells:
    scale = array.type.scale
    words = np.frombuffer(array.buffers()[1], dtype=np.int64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    negative = words[:, 1] < 0
    groups = _groups(words, negative, precision=array.type.precision, scale=scale)
    whole = groups.shape[1] - -(-scale // 4)  # groups before the point
    significant = groups != 0
    any_left = significant.any(axis=1)
    first = np.where(any_left, significant.argmax(axis=1), 0)
    last = np.where(any_left, groups.shape[1] - significant[:, ::-1].argmax(axis=1), 0)
    cells = np.empty((len(array), 4 + groups.shape[1]), dtype=">i2")
    cells[:, 0] = last - first
    cells[:, 1] = np.where(any_left, whole - 1 - first, 0)
    cells[:, 2] = np.where(negative & any_left, NEGATIVE, 0)
    cells[:, 3] = scale
    cells[:, 4:] = groups
    at = np.arange(groups.shape[1])
    kept = np.ones(cells.shape, dtype=np.bool_)
    kept[:, 4:] = (at >= first[:, None]) & (at < last[:, None])
    sizes = (2 * (4 + last - first)).astype(np.int32)
    valid = valid_of(array)
    if valid is not None:
        kept &= valid[:, None]
        sizes = np.where(valid, sizes, np.int32(0))
    offsets = np.zeros(len(array) + 1, dtype=np.int32)
    np.cumsum(sizes, out=offsets[1:])
    data = pa.Array.from_buffers(
        pa.binary(), len(array), [None, pa.py_buffer(offsets), pa.py_buffer(cells[kept].view(np.uint8))]
    )
    return Varied(data, sizes if valid is None else np.where(valid, sizes, np.int32(-1)))


def _groups(words: Numbers, negative: Numbers, *, precision: int, scale: int) -> Numbers:
    """The digits in groups of four on both sides of the point, the first group first; without the sign."""
    after = -(-scale // 4)
    before = -(-max(precision - scale, 1) // 4)
    if precision <= DIGITS_OF_INT64:
        value = np.abs(words[:, 0]).astype(np.uint64)
        high, low = np.divmod(value, np.uint64(10**scale))
        low = low * np.uint64(10 ** (4 * after - scale)) if 4 * after <= DIGITS_OF_INT64 + 1 else low
        if 4 * after > DIGITS_OF_INT64 + 1:  # a shift would leave 64 bits
            return _groups_of_any(words, negative, before=before, after=after, scale=scale)
        return np.concatenate([_split(high, before), _split(low, after)], axis=1)
    return _groups_of_any(words, negative, before=before, after=after, scale=scale)


def _split(value: Numbers, count: int) -> Numbers:
    groups = np.empty((len(value), count), dtype=np.int16)
    for at in range(count - 1, -1, -1):
        value, groups[:, at] = np.divmod(value, np.uint64(GROUP))
    return groups


def _groups_of_any(words: Numbers, negative: Numbers, *, before: int, after: int, scale: int) -> Numbers:
    """The same by long division of the 128 bits; first times what makes its last group whole."""
    low, high = words[:, 0].view(np.uint64), words[:, 1].view(np.uint64)
    low = np.where(negative, ~low + np.uint64(1), low)
    high = np.where(negative, ~high + (low == 0), high)
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    limbs = [high >> half, high & mask, low >> half, low & mask]
    carry = np.zeros(len(low), dtype=np.uint64)
    shifted = []
    for limb in reversed(limbs):
        product = limb * np.uint64(10 ** (4 * after - scale)) + carry
        shifted.append(product & mask)
        carry = product >> half
    limbs = [carry, *reversed(shifted)]
    groups = np.empty((len(low), before + after), dtype=np.int16)
    for at in range(before + after - 1, -1, -1):
        rest = np.zeros(len(low), dtype=np.uint64)
        for number, limb in enumerate(limbs):
            limbs[number], rest = np.divmod(limb | (rest << half), np.uint64(GROUP))
        groups[:, at] = rest
    return groups


_ENCODERS: dict[str, Callable[[pa.Array], Cells]] = {
    "bool": _bool,
    "int2": _plain("i2"),
    "int4": _plain("i4"),
    "int8": _plain("i8"),
    "oid": _plain("u4"),
    "xid": _plain("u4"),
    "float4": _plain("f4"),
    "float8": _plain("f8"),
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
    "interval": _interval,
    "numeric": _numeric,
    "uuid": _uuid,
    "regproc": _oid_of_name,
    "regclass": _oid_of_name,
    "regtype": _oid_of_name,
    "text": lambda array: varied(without_zeros(array)),
    "json": lambda array: varied(without_zeros(array)),
}
