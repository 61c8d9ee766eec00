"""A table of the lake as SQL: its columns as queries see them, and its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pumphouse.engines import storage


def as_queried(stored: pa.Schema) -> pa.Schema:
    """Columns as queries see them, of a table as its files hold it."""
    return pa.schema(
        pa.field(field.name, pa.month_day_nano_interval()) if storage.is_interval(field.type) else field
        for field in stored
    )


def selected(stored: pa.Schema, table: str, conditions: Sequence[str], ids: Mapping[str, str] = {}) -> str:
    """SQL of the rows of a table that meet all conditions, and of `ids`, columns that DuckLake has by other names."""
    columns = ", ".join(
        [
            *(storage.restored(field.name, field.type) for field in stored),
            *(f"{of} AS {name}" for name, of in ids.items()),
        ]
    )
    return f"SELECT {columns} FROM {table}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
