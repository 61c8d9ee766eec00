"""Which PostgreSQL type a column of Arrow is, and in which type of Arrow its values are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pumphouse.errors import BadRequest

TYPE_KEY = b"postgres"
"""Metadata of a field that names its type where Arrow has none for it: b"name", b"oid", b"regclass"."""
PARAMETERS_KEY = b"postgres.parameters"
"""Metadata of a schema that has the types of the statement's parameters: b"25,26"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of PostgreSQL."""

    name: str
    oid: int
    size: int
    """Bytes of a value; -1 where they differ."""
    array: int
    """The oid of its array."""
    storage: pa.DataType
    """The values in Arrow."""


_TEXT, _ZONED = pa.string(), pa.timestamp("us", tz="UTC")
KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="bool", oid=16, size=1, array=1000, storage=pa.bool_()),
        Kind(name="bytea", oid=17, size=-1, array=1001, storage=pa.binary()),
        Kind(name="char", oid=18, size=1, array=1002, storage=_TEXT),
        Kind(name="name", oid=19, size=64, array=1003, storage=_TEXT),
        Kind(name="int8", oid=20, size=8, array=1016, storage=pa.int64()),
        Kind(name="int2", oid=21, size=2, array=1005, storage=pa.int16()),
        Kind(name="int2vector", oid=22, size=-1, array=1006, storage=_TEXT),
        Kind(name="int4", oid=23, size=4, array=1007, storage=pa.int32()),
        Kind(name="regproc", oid=24, size=4, array=1008, storage=_TEXT),
        Kind(name="text", oid=25, size=-1, array=1009, storage=_TEXT),
        Kind(name="oid", oid=26, size=4, array=1028, storage=pa.uint32()),
        Kind(name="xid", oid=28, size=4, array=1011, storage=pa.uint32()),
        Kind(name="oidvector", oid=30, size=-1, array=1013, storage=_TEXT),
        Kind(name="json", oid=114, size=-1, array=199, storage=_TEXT),
        Kind(name="pg_node_tree", oid=194, size=-1, array=0, storage=_TEXT),
        Kind(name="float4", oid=700, size=4, array=1021, storage=pa.float32()),
        Kind(name="float8", oid=701, size=8, array=1022, storage=pa.float64()),
        Kind(name="aclitem", oid=1033, size=12, array=1034, storage=_TEXT),
        Kind(name="varchar", oid=1043, size=-1, array=1015, storage=_TEXT),
        Kind(name="date", oid=1082, size=4, array=1182, storage=pa.date32()),
        Kind(name="time", oid=1083, size=8, array=1183, storage=pa.time64("us")),
        Kind(name="timestamp", oid=1114, size=8, array=1115, storage=pa.timestamp("us")),
        Kind(name="timestamptz", oid=1184, size=8, array=1185, storage=_ZONED),
        Kind(name="interval", oid=1186, size=16, array=1187, storage=pa.month_day_nano_interval()),
        Kind(name="numeric", oid=1700, size=-1, array=1231, storage=pa.decimal128(38, 0)),
        Kind(name="regclass", oid=2205, size=4, array=2210, storage=_TEXT),
        Kind(name="regtype", oid=2206, size=4, array=2211, storage=_TEXT),
        Kind(name="uuid", oid=2950, size=16, array=2951, storage=_TEXT),
    )
}
TEXT = KINDS["text"].oid
BY_OID = {kind.oid: kind for kind in KINDS.values()} | {kind.array: kind for kind in KINDS.values() if kind.array}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as PostgreSQL has it."""

    name: str
    kind: Kind
    """Of its elements, where it is an array."""
    is_array: bool = False
    nested: bool = False
    """A struct, a map, a list of lists: it is written as JSON."""
    typmod: int = -1

    @property
    def oid(self) -> int:
        """The type's number."""
        return self.kind.array if self.is_array else self.kind.oid

    @property
    def size(self) -> int:
        """Bytes of a value; -1 where they differ."""
        return -1 if self.is_array else self.kind.size


def columns_of(schema: pa.Schema, kinds: Sequence[Any] = ()) -> Sequence[Column]:
    """The columns of rows of this schema; `kinds` are their types as DuckDB has them, where they are known.

    Raises BadRequest for a type that PostgreSQL has no place for.
    """
    return [_column(field, kinds[at] if at < len(kinds) else None) for at, field in enumerate(schema)]


def _column(field: pa.Field, engines: Any) -> Column:
    if engines is not None and _loses(engines):
        raise _no_place(field.name, engines)
    named = KINDS.get((field.metadata or {}).get(TYPE_KEY, b"").decode()) or _ALIKE.get(str(engines))
    kind = field.type
    is_array = _is_list(kind)
    if is_array:
        element = named or _kind(kind.value_type)
        if element is not None:
            return Column(name=field.name, kind=element, is_array=True, typmod=_typmod(kind.value_type))
    elif (found := named or _kind(kind)) is not None:
        return Column(name=field.name, kind=found, typmod=_typmod(kind))
    if is_array or pa.types.is_struct(kind) or pa.types.is_map(kind):
        return Column(name=field.name, kind=KINDS["json"], nested=True)
    raise _no_place(field.name, kind)


def _no_place(name: str, kind: Any) -> BadRequest:
    return BadRequest(
        f"the column '{name}' is of a type that can't be sent to PostgreSQL's clients ({kind})",
        mend="Cast it to VARCHAR in the query.",
    )


def _loses(engines: Any) -> bool:
    """Whether Arrow, between DuckDB and here, has other values for this type, or for one inside."""
    if engines.id in ("list", "struct", "map", "array"):
        return any(_loses(child) for name, child in engines.children if name != "size" or engines.id != "array")
    return str(engines) in _LOST


_LOST = frozenset({"TIME WITH TIME ZONE", "BIT", "UHUGEINT", "BIGNUM", "VARIANT", "TIME_NS"})
_ALIKE = {"UUID": KINDS["uuid"], "UUID[]": KINDS["uuid"], "JSON": KINDS["json"], "JSON[]": KINDS["json"]}
"""What is text in Arrow."""


def _kind(kind: pa.DataType) -> Kind | None:
    if pa.types.is_dictionary(kind):
        return _kind(kind.value_type)
    if pa.types.is_decimal(kind) or kind == pa.uint64():
        return KINDS["numeric"]
    if pa.types.is_timestamp(kind):
        return KINDS["timestamptz" if kind.tz else "timestamp"]
    if pa.types.is_time(kind):
        return KINDS["time"]
    return _SIMPLE.get(str(kind))


_SIMPLE = {
    arrow: KINDS[name]
    for arrow, name in {
        "bool": "bool", "int8": "int2", "int16": "int2", "uint8": "int2", "int32": "int4", "uint16": "int4",
        "int64": "int8", "uint32": "int8", "halffloat": "float4", "float": "float4", "double": "float8",
        "string": "text", "large_string": "text", "string_view": "text", "binary": "bytea", "large_binary": "bytea",
        "binary_view": "bytea", "date32[day]": "date", "date64[ms]": "date",
        "month_day_nano_interval": "interval", "extension<arrow.json>": "json",
        "null": "text",
    }.items()
}  # fmt: skip


def _typmod(kind: pa.DataType) -> int:
    """How PostgreSQL writes what belongs to a type: of a numeric, its precision and scale."""
    return ((kind.precision << 16) | kind.scale) + 4 if pa.types.is_decimal(kind) else -1


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def stored(array: pa.Array, column: Column) -> pa.Array:
    """The values in the storage of the column's kind. Raises BadRequest where that would change one of them."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if column.nested:
        return array
    if column.is_array != _is_list(array.type):
        raise BadRequest(
            f"the column '{column.name}' is of another type than it was said to be", mend="Prepare it anew."
        )
    wanted = (
        pa.list_(_storage(array.type.value_type, column.kind)) if column.is_array else _storage(array.type, column.kind)
    )
    if array.type == wanted:
        return array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        return array.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadRequest(
            f"a value of the column '{column.name}' can't be written as {column.kind.name} without changing it",
            mend="Cast the column to VARCHAR in the query, or nanoseconds to TIMESTAMP.",
        ) from error


def _storage(kind: pa.DataType, wanted: Kind) -> pa.DataType:
    if wanted.name == "numeric":
        return kind if pa.types.is_decimal128(kind) else pa.decimal128(38, 0)
    if wanted.name == "timestamptz" and pa.types.is_timestamp(kind) and kind.unit == "us":
        return kind  # whatever zone Arrow shows it in
    return wanted.storage
