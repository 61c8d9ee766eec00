"""The types of columns as SQL names them, and as JDBC and ODBC number them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SEARCHABLE = 3
"""Any comparison can be made with a column of it, LIKE included."""
NULLABLE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlType:
    """One type. `code` is XdbcDataType's; `size` is in digits, letters or bytes, as JDBC counts them."""

    name: str
    code: int
    size: int | None = None
    quote: str | None = None
    """What stands before a literal of it, and after it `'` where this ends in one."""
    parameters: tuple[str, ...] = ()
    unsigned: bool | None = None
    scale_max: int | None = None
    radix: int | None = None
    subcode: int | None = None
    """Of dates and times: which of them."""


TYPES: tuple[SqlType, ...] = (
    SqlType(name="UUID", code=1, size=36, quote="'"),
    SqlType(name="UBIGINT", code=3, size=20, unsigned=True, radix=10),
    SqlType(name="DECIMAL", code=3, size=38, parameters=("precision", "scale"), unsigned=False, scale_max=38, radix=10),
    SqlType(name="INTEGER", code=4, size=10, unsigned=False, radix=10),
    SqlType(name="USMALLINT", code=4, size=5, unsigned=True, radix=10),
    SqlType(name="SMALLINT", code=5, size=5, unsigned=False, radix=10),
    SqlType(name="UTINYINT", code=5, size=3, unsigned=True, radix=10),
    SqlType(name="FLOAT", code=7, size=24, unsigned=False, radix=2),
    SqlType(name="DOUBLE", code=8, size=53, unsigned=False, radix=2),
    SqlType(name="INTERVAL", code=10, quote="INTERVAL '"),
    SqlType(name="VARCHAR", code=12, quote="'"),
    SqlType(name="DATE", code=91, size=10, quote="DATE '", subcode=1),
    SqlType(name="TIME", code=92, size=15, quote="TIME '", subcode=2),
    SqlType(name="TIMESTAMP", code=93, size=26, quote="TIMESTAMP '", subcode=3),
    SqlType(name="TIMESTAMP WITH TIME ZONE", code=93, size=32, quote="TIMESTAMPTZ '", subcode=3),
    SqlType(name="BLOB", code=-3, quote="'"),
    SqlType(name="BIGINT", code=-5, size=19, unsigned=False, radix=10),
    SqlType(name="UINTEGER", code=-5, size=10, unsigned=True, radix=10),
    SqlType(name="TINYINT", code=-6, size=3, unsigned=False, radix=10),
    SqlType(name="BOOLEAN", code=-7, size=1),
)
"""Those of columns. HUGEINT is a DECIMAL in a table, and comes as one; lists, structs and maps have no number."""

_NAMES: dict[pa.DataType, str] = {
    pa.null(): "NULL",
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.time64("us"): "TIME",
    pa.month_day_nano_interval(): "INTERVAL",
}


def type_name(kind: pa.DataType) -> str:
    """The name of a column's type in DuckDB's SQL."""
    if kind in _NAMES:
        return _NAMES[kind]
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        if kind.tz:
            return "TIMESTAMP WITH TIME ZONE"
        return {"us": "TIMESTAMP", "s": "TIMESTAMP_S", "ms": "TIMESTAMP_MS", "ns": "TIMESTAMP_NS"}[kind.unit]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return "BLOB"
    if pa.types.is_fixed_size_list(kind):
        return f"{type_name(kind.value_type)}[{kind.list_size}]"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{type_name(kind.value_type)}[]"
    if pa.types.is_map(kind):
        return f"MAP({type_name(kind.key_type)}, {type_name(kind.item_type)})"
    if pa.types.is_struct(kind):
        named = (f'"{field.name.replace(chr(34), chr(34) * 2)}" {type_name(field.type)}' for field in kind)
        return f"STRUCT({', '.join(named)})"
    return "VARCHAR"
