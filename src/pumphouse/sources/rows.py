"""Rows as Python or Arrow hands them over, as Arrow batches that the lake can keep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pyarrow as pa

from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.errors import SourceError, did_you_mean
from pumphouse.sources import columns
from pumphouse.sources.columns import BIG, MOMENT, NAIVE

COLUMNS_MAX = 2_000
RAW = "_raw"
"""The lake's own column that names the stored bytes a row came from."""
ORDER = "_landing_order"
"""A column for the time of landing only: the number of a row in all that came."""
VISIT = "_landing_visit"
"""Another one: the number of the visit that a row came with."""


class Column(NamedTuple):
    """A batch's column, and the types of the values in it: several where it mixes them and so had to become text."""

    values: pa.Array
    kinds: set[pa.DataType]


Batch = dict[str, Column]
_PLAIN: dict[type, pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    date: pa.date32(),
    time: pa.time64("us"),
}
_KINDS = b"kinds"


def batch_of(rows: Sequence[Mapping[str, Any]], *, asset: str) -> Batch:
    """The columns of rows, in the order in which they first come. A row without a column has null there."""
    shapes = dict.fromkeys(map(tuple, rows))  # mostly one, or few: rows of a source are alike
    names = list(dict.fromkeys(chain.from_iterable(shapes)))
    if not names:
        raise SourceError("rows without any column", asset=asset, mend="Yield only rows that have something in them.")
    refuse_names(names, asset=asset)
    everywhere = set(names).intersection(*shapes)
    return {
        name: column_of(
            list(map(itemgetter(name), rows)) if name in everywhere else [row.get(name) for row in rows],
            name=name,
            asset=asset,
        )
        for name in names
    }


def are_dicts(rows: list[Any]) -> bool:
    """Whether each of them is a dict."""
    return set(map(type, rows)) <= {dict} or all(isinstance(row, dict) for row in rows)


def batch_of_arrow(batch: pa.RecordBatch, *, asset: str) -> Batch:
    """The columns of an Arrow batch: nested ones as JSON text, times in microseconds, in UTC where they have a zone."""
    refuse_names(batch.schema.names, asset=asset)
    batch_columns: Batch = {}
    for field, values in zip(batch.schema, batch.columns, strict=True):
        plain = _plain(values, name=field.name, asset=asset)
        batch_columns[field.name] = Column(plain, set() if pa.types.is_null(plain.type) else {plain.type})
    return batch_columns


def column_of(values: list[Any], *, name: str, asset: str) -> Column:
    """Python values as one array. Values of several types that have no common one become text, JSON where nested."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return Column(pa.nulls(len(values)), set())
    if any(kind not in _PLAIN and hasattr(kind, "item") for kind in kinds):  # numpy's own scalars
        return column_of(
            [value.item() if hasattr(value, "item") else value for value in values], name=name, asset=asset
        )
    try:
        if len(kinds) == 1:
            return _of_one_kind(values, *kinds)
        if kinds == {int, float}:
            return Column(pa.array(values, pa.float64()), {pa.int64(), pa.float64()})
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
        pass  # an integer that a double does not hold, text that is none: looked at one by one
    known = {_kind_of(value, name=name, asset=asset) for value in values if value is not None}
    return Column(_texts(values), known)


def to_bytes(batch: Batch, *, compression: str = "zstd") -> bytes:
    """A batch as an Arrow IPC stream, with the types of values that a column mixes."""
    schema = pa.schema(
        [
            pa.field(name, column.values.type, metadata={_KINDS: _names_of(column.kinds)})
            for name, column in batch.items()
        ]
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([column.values for column in batch.values()], schema=schema))
    return bytes(sink.getvalue())


def from_bytes(data: bytes) -> Batch:
    """The batch that `to_bytes` wrote."""
    with pa.ipc.open_stream(data) as reader:
        batch = reader.read_next_batch()
    return {
        field.name: Column(values, set(pa.ipc.read_schema(pa.py_buffer(field.metadata[_KINDS])).types))
        for field, values in zip(batch.schema, batch.columns, strict=True)
    }


def has_kinds(schema: pa.Schema) -> bool:
    """Whether `to_bytes` wrote the batch of this schema."""
    return bool(schema) and all(_KINDS in (field.metadata or {}) for field in schema)


def as_text(value: Any) -> str:
    """A value as text: what is text stays, bytes are `\\x` and hex, times ISO 8601, all else as JSON writes it."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case bool():
            return "true" if value else "false"
        case bytes() | bytearray():
            return columns.bytes_as_text(value)
        case int() | Decimal() | UUID():
            return str(value)
        case float():
            return columns.float_as_text(value)
        case date() | time():
            return columns.time_as_text(value)
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:  # half a character
        return json.dumps(value, default=str)


def _is_text(name: str) -> bool:
    """Whether a name has neither half of a character nor a NUL in it, which no catalogue keeps."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def refuse_names(names: Iterable[Any], *, asset: str) -> None:
    """Raise SourceError where names of columns are no text, the lake's own, or differ only in case."""
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or not name or not _is_text(name):
            raise SourceError(
                f"a column is called {name!r}", asset=asset, mend="Give every column a name that is text."
            )
        if name.lower() in (*HIDDEN_COLUMNS, ORDER, VISIT):
            raise SourceError(
                f"a column is called '{name}', which is the lake's own", asset=asset, mend="Rename it in the source."
            )
        if name.lower() in seen:
            raise SourceError(
                f"two columns are called '{seen[name.lower()]}' and '{name}'; SQL does not tell them apart",
                asset=asset,
                mend="Rename or leave out one of them in the source.",
            )
        seen[name.lower()] = name
    if len(seen) > COLUMNS_MAX:
        raise SourceError(
            f"rows with more than {COLUMNS_MAX:,} columns",
            asset=asset,
            mend="Are values used as names? Yield one row for each of them instead.",
        )


def require_names(needed: Mapping[str, str], present: Iterable[str], *, asset: str) -> None:
    """Raise SourceError where a column that the declaration names (column -> what for) did not come."""
    known = list(present)
    for name, purpose in needed.items():
        if name not in known:
            raise SourceError(
                f"'{asset}' declares {purpose} '{name}', which nothing gathered has; it has {', '.join(known)}",
                asset=asset,
                mend=did_you_mean(name, known) or None,
            )


def _texts(values: list[Any]) -> pa.Array:
    return pa.array([None if value is None else as_text(value) for value in values], pa.string())


def _names_of(kinds: set[pa.DataType]) -> bytes:
    return pa.schema([(str(kind), kind) for kind in sorted(kinds, key=str)]).serialize().to_pybytes()  # type: ignore[no-any-return]


def _of_one_kind(values: list[Any], kind: type) -> Column:
    if kind is int:
        try:
            return Column(pa.array(values, pa.int64(), from_pandas=False), {pa.int64()})
        except OverflowError:
            return Column(pa.array([None if value is None else Decimal(value) for value in values], BIG), {BIG})
    if kind is datetime:
        zones = {value.tzinfo is not None for value in values if value is not None}
        target = MOMENT if zones == {True} else NAIVE
        if len(zones) > 1:
            raise pa.ArrowInvalid("times with and without a zone")
        return Column(pa.array(values, target), {target})
    if (plain := _PLAIN.get(kind)) is not None:
        return Column(pa.array(values, plain, from_pandas=False), {plain})
    if kind is Decimal:
        array = pa.array(values)
        return Column(array, {array.type})
    raise pa.ArrowInvalid(f"values of type {kind.__name__}")


def _kind_of(value: Any, *, name: str, asset: str) -> pa.DataType:
    match value:
        case str() | dict() | list() | tuple() | set() | UUID():
            return pa.string()
        case bool():
            return pa.bool_()
        case int():
            return pa.int64() if -(2**63) <= value < 2**63 else BIG if abs(value) < 10**38 else pa.string()
        case float():
            return pa.float64()
        case Decimal():
            return pa.scalar(value).type if value.is_finite() else pa.string()
        case datetime():
            return MOMENT if value.tzinfo else NAIVE
        case date():
            return pa.date32()
        case bytes() | bytearray():
            return pa.binary()
        case time():
            return pa.time64("us")
    raise SourceError(
        f"column '{name}' has a value of type {type(value).__name__}, which no table holds",
        asset=asset,
        mend="Yield text, numbers, truth values, times, lists and dicts.",
    )


def _plain(values: pa.Array, *, name: str, asset: str) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _plain(values.dictionary_decode(), name=name, asset=asset)
    if pa.types.is_nested(kind):
        return _texts(values.to_pylist())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return values.cast(pa.binary())
    if pa.types.is_timestamp(kind):
        return values.cast(MOMENT if kind.tz else NAIVE, safe=False)  # below a microsecond is cut off
    if pa.types.is_date64(kind):
        return values.cast(pa.date32())
    if pa.types.is_time(kind):
        return values.cast(pa.time64("us"), safe=False)
    if pa.types.is_duration(kind) or pa.types.is_interval(kind):
        raise SourceError(
            f"column '{name}' is an interval, which a source can't hold",
            asset=asset,
            mend="Give it as a number of seconds.",
        )
    if pa.types.is_decimal(kind) and kind.bit_width > 128:
        return values.cast(pa.string())
    if pa.types.is_float16(kind):
        return values.cast(pa.float32())
    return values
