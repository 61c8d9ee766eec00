"""When a table's columns change: added is added, wider is widened, anything else is a person's choice."""

from __future__ import annotations

import pyarrow as pa

from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.engines.parquet import storable
from pumphouse.errors import SchemaChange

_INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64()]
_UNSIGNED = [pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]


def as_compared(schema: pa.Schema) -> pa.Schema:
    """Columns as the lake tells its own: DuckDB says a UUID as text."""
    return pa.schema(
        [field.with_type(pa.string()) if isinstance(field.type, pa.UuidType) else field for field in storable(schema)]
    )


def widens(old: pa.DataType, new: pa.DataType) -> bool:
    """Whether every value of the old type is exactly a value of the new one."""
    if old == new:
        return True
    for ladder in (_INTEGERS, _UNSIGNED, [pa.float32(), pa.float64()]):
        if old in ladder and new in ladder:
            return ladder.index(old) <= ladder.index(new)
    if old in _UNSIGNED[:3] and new in _INTEGERS:
        return _INTEGERS.index(new) > _UNSIGNED.index(old)
    if pa.types.is_decimal(old) and pa.types.is_decimal(new):
        return bool(new.scale >= old.scale and new.precision - new.scale >= old.precision - old.scale)
    if pa.types.is_integer(old) and pa.types.is_decimal(new):
        digits = {8: 3, 16: 5, 32: 10, 64: 20}[old.bit_width]
        return bool(new.precision - new.scale >= digits)
    return False


def refuse_narrowing(table: str, *, old: pa.Schema, new: pa.Schema) -> None:
    """Raise SchemaChange, with each choice spelled out, where `new` lacks a column of `old` or holds less in one."""
    gone = [name for name in old.names if name not in new.names]
    added = [name for name in new.names if name not in old.names]
    narrowed = [
        f"'{field.name}' was {field.type} and would be {new.field(field.name).type}"
        for field in old
        if field.name in new.names and not widens(field.type, new.field(field.name).type)
    ]
    if not gone and not narrowed:
        return
    changes = [*narrowed]
    for name in gone:
        same_type = [other for other in added if new.field(other).type == old.field(name).type]
        renamed = f" (renamed to '{same_type[0]}'?)" if len(same_type) == 1 else ""
        own = " (the lake's own, which the new query does not pass on: select it)" if name in HIDDEN_COLUMNS else ""
        changes.append(f"'{name}'{own} would be gone{renamed}")
    raise SchemaChange(
        f"the columns of '{table}' would narrow: " + "; ".join(changes),
        asset=table,
        mend=(
            "Choose: keep the columns as they were (cast or select them in the declaration), or accept the new ones "
            f"for this table with: pumphouse run {table} --accept-schema. Earlier snapshots keep the old columns."
        ),
    )
