"""Cells in PostgreSQL's text format, and values inside others as JSON."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.server.postgres.cells import Numbers, cut, offsets_of, without_zeros
from pumphouse.server.postgres.moments import (
    Zone,
    date_text,
    interval_text,
    time_text,
    timestamp_text,
    timestamptz_text,
)
from pumphouse.server.postgres.types import Kind, columns_of, stored

UTC = Zone("UTC")
_HEX = np.array([int.from_bytes(f"{byte:02x}".encode(), "little") for byte in range(256)], dtype="<u2")
_NEEDS_QUOTES = r'[{}",\\\s]|^$|^(?i:null)$'
_PLAIN_KINDS = frozenset({"bool", "int2", "int4", "int8", "float4", "float8", "numeric", "date", "uuid", "oid"})
_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric", "oid"})
_ESCAPES = {'"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_CONTROLS = r"[\x00-\x1f]"


def text_of(array: pa.Array, kind: Kind, zone: Zone = UTC) -> pa.Array:
    """The values of a column as PostgreSQL writes them, as text or the bytes of it."""
    if kind.name == "timestamptz":
        return timestamptz_text(array, zone)
    encode = _ENCODERS.get(kind.name)
    return array if encode is None else encode(array)


def array_text(array: pa.ListArray, kind: Kind, zone: Zone = UTC) -> pa.Array:
    """Lists of values of this kind as PostgreSQL writes arrays: {1,2,NULL}, {"a b",c}."""
    offsets = offsets_of(array)
    first, last = int(offsets[0]), int(offsets[-1])
    elements = array.values.slice(first, last - first)
    texts = text_of(elements, kind, zone) if len(elements) else pa.array([], pa.string())
    if kind.name not in _PLAIN_KINDS:
        escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
        quoted = pc.binary_join_element_wise('"', escaped, '"', "")
        texts = pc.if_else(pc.match_substring_regex(texts, _NEEDS_QUOTES), quoted, texts)
    return _lists(array, pc.fill_null(texts, "NULL"), offsets - first, "{", "}")


def json_of(array: pa.Array) -> pa.Array:
    """Values of any type as JSON; nulls stay nulls. Raises BadRequest for a type that it has no place for."""
    kind = array.type
    if pa.types.is_struct(kind):
        pieces: list[pa.Array | str] = []
        for number, field in enumerate(kind):
            values = pc.fill_null(json_of(_field(array, number)), "null")
            pieces += [("{" if number == 0 else ",") + _json_string(field.name) + ":", values]
        text = pc.binary_join_element_wise(*pieces, "}", "")
        return pc.if_else(array.is_valid(), text, None) if array.null_count else text
    if pa.types.is_map(kind):
        offsets = offsets_of(array)
        first, last = int(offsets[0]), int(offsets[-1])
        keys = _quoted(_plain_text(array.keys.slice(first, last - first)))
        values = pc.fill_null(json_of(array.items.slice(first, last - first)), "null")
        return _lists(array, pc.binary_join_element_wise(keys, values, ":"), offsets - first, "{", "}")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        array = array.cast(pa.list_(kind.value_type))
        offsets = offsets_of(array)
        first, last = int(offsets[0]), int(offsets[-1])
        values = pc.fill_null(json_of(array.values.slice(first, last - first)), "null")
        return _lists(array, values, offsets - first, "[", "]")
    if not len(array):
        return pa.array([], pa.string())
    (column,) = columns_of(pa.schema([pa.field("", kind)]))
    array = stored(array, column)
    if column.kind.name == "json":
        return array
    if column.kind.name == "bool":
        return pc.if_else(array, "true", "false")
    text = text_of(array, column.kind)
    if column.kind.name in _NUMBERS:
        unusual = pc.match_substring_regex(text, "^-?[IN]")  # JSON has no Infinity and no NaN
        return pc.if_else(unusual, pc.binary_join_element_wise('"', text, '"', ""), text)
    return _quoted(text)


def _plain_text(array: pa.Array) -> pa.Array:
    if not len(array):
        return pa.array([], pa.string())
    (column,) = columns_of(pa.schema([pa.field("", array.type)]))
    if column.nested or column.is_array:
        return json_of(array)
    return text_of(stored(array, column), column.kind)


def _field(array: pa.StructArray, number: int) -> pa.Array:
    """A field of structs, null where the struct is: `field` alone ignores both that and the slice."""
    return array.flatten()[number]


def _lists(array: pa.Array, texts: pa.Array, offsets: Numbers, left: str, right: str) -> pa.Array:
    """The texts of each list's elements between brackets; null where the list is."""
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts)
    text = pc.binary_join_element_wise(left, pc.binary_join(lists, ","), right, "")
    return pc.if_else(array.is_valid(), text, None) if array.null_count else text


def _json_string(text: str) -> str:
    return str(_quoted(pa.array([text]))[0].as_py())


def _quoted(text: pa.Array) -> pa.Array:
    escaped = pc.replace_substring(text, "\\", "\\\\")
    for plain, escape in _ESCAPES.items():
        escaped = pc.replace_substring(escaped, plain, escape)
    if pc.any(pc.match_substring_regex(escaped, _CONTROLS)).as_py():
        for code in range(1, 32):
            escaped = pc.replace_substring(escaped, chr(code), f"\\u{code:04x}")
        escaped = pc.replace_substring_regex(escaped, r"\x00", r"\\u0000")
    return pc.binary_join_element_wise('"', escaped, '"', "")


def _bool(array: pa.Array) -> pa.Array:
    return pc.if_else(array, "t", "f")


def _number(array: pa.Array) -> pa.Array:
    return array.cast(pa.string())


def _float(array: pa.Array) -> pa.Array:
    text = array.cast(pa.string())
    if pc.all(pc.is_finite(array), min_count=0).as_py():
        return text
    infinity = pc.if_else(pc.greater(array, 0), "Infinity", "-Infinity")
    return pc.if_else(pc.is_nan(array), "NaN", pc.if_else(pc.is_inf(array), infinity, text))


def _numeric(array: pa.Array) -> pa.Array:
    """With all digits of the scale: Arrow would write a small one as 1E-10."""
    scale = array.type.scale
    whole = pa.Array.from_buffers(pa.decimal128(38, 0), len(array), array.buffers(), offset=array.offset)
    digits = whole.cast(pa.string())
    if not scale:
        return digits
    negative = pc.starts_with(digits, "-")
    digits = pc.utf8_lpad(pc.utf8_ltrim(digits, "-"), scale + 1, "0")
    point = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(digits, 0, -scale), pc.utf8_slice_codeunits(digits, -scale), "."
    )
    return pc.binary_join_element_wise(pc.if_else(negative, "-", ""), point, "")


def _bytea(array: pa.Array) -> pa.Array:
    offsets = offsets_of(array)
    data = np.frombuffer(array.buffers()[2] or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    plain = cut(_HEX[data].view(np.uint8), 2 * (offsets[1:] - offsets[:-1]))
    text = pc.binary_join_element_wise(pa.scalar(b"\\x"), plain, b"").view(pa.string())
    return pc.if_else(array.is_valid(), text, None) if array.null_count else text


_ENCODERS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "bool": _bool,
    "bytea": _bytea,
    "int2": _number,
    "int4": _number,
    "int8": _number,
    "oid": _number,
    "xid": _number,
    "float4": _float,
    "float8": _float,
    "numeric": _numeric,
    "date": date_text,
    "time": time_text,
    "timestamp": timestamp_text,
    "interval": interval_text,
    "text": without_zeros,
    "json": without_zeros,
}
