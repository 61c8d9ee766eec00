"""How DuckDB's types are kept in Parquet without losing a bit, and read back as what they were.

Parquet has no 128-bit integer (DuckDB would round it to a double), no interval below a millisecond (DuckDB would write
0) and no enumeration that the lake accepts. So:

    HUGEINT, UHUGEINT   DECIMAL(38, 0), and an error where a value does not fit
    ENUM                VARCHAR
    INTERVAL            STRUCT(months INTEGER, days INTEGER, microseconds BIGINT), an INTERVAL again when it is read
"""

from __future__ import annotations

import pyarrow as pa

from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError

INTERVAL_FIELDS = ("months", "days", "microseconds")
INTERVAL_STRUCT = pa.struct([("months", pa.int32()), ("days", pa.int32()), ("microseconds", pa.int64())])
UNSTORABLE = ("BIT", "UNION", "GEOMETRY", "VARIANT", "TIME WITH TIME ZONE", "TIME_NS", "BIGNUM")


def stored(column: str, kind: str) -> str:
    """The SQL expression that stores `column` of DuckDB's type `kind`, named as it. Raises BuildError if none does."""
    name = quoted(column)
    upper = kind.upper()
    if upper in ("HUGEINT", "UHUGEINT"):
        return f"CAST({name} AS DECIMAL(38, 0)) AS {name}"
    if upper == "INTERVAL":
        months = f"datepart('year', {name}) * 12 + datepart('month', {name})"
        micros = (
            f"datepart('hour', {name})::BIGINT * 3600000000 + datepart('minute', {name})::BIGINT * 60000000"
            f" + datepart('microsecond', {name})"
        )
        parts = f"{{'months': ({months})::INTEGER, 'days': datepart('day', {name})::INTEGER, 'microseconds': {micros}}}"
        return f"CASE WHEN {name} IS NULL THEN NULL ELSE {parts} END AS {name}"
    if upper in ('"NULL"', "NULL") or (upper.startswith("ENUM(") and not upper.endswith("]")):
        return f"CAST({name} AS VARCHAR) AS {name}"
    inside = [word for word in ("HUGEINT", "INTERVAL", "ENUM(") if word in upper]
    if inside or upper.startswith(UNSTORABLE):
        what = f"inside {kind}" if inside else kind
        raise BuildError(
            f"column '{column}' has a type that Parquet can't hold exactly: {what}",
            mend=f"Cast it in the query, for example: CAST({column} AS VARCHAR).",
        )
    return name


def restored(column: str, kind: pa.DataType) -> str:
    """The SQL expression that reads a stored column as what it was, named as the column."""
    name = quoted(column)
    if is_interval(kind):
        parts = f"to_months({name}.months) + to_days({name}.days) + to_microseconds({name}.microseconds)"
        return f"{parts} AS {name}"
    return name


def is_interval(kind: pa.DataType) -> bool:
    """Whether a stored type is an interval's."""
    return pa.types.is_struct(kind) and tuple(field.name for field in kind) == INTERVAL_FIELDS
