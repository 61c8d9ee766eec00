"""How DuckDB's types are kept in Parquet without losing a bit, and read back as what they were.

Parquet has no 128-bit integer (DuckDB would round it to a double), no interval below a millisecond (DuckDB would write
0) and no enumeration that the lake accepts. So:

    HUGEINT, UHUGEINT   DECIMAL(38, 0), and an error where a value does not fit
    ENUM                VARCHAR
    INTERVAL            STRUCT(interval_months, interval_days, interval_microseconds), an INTERVAL again when it is read
"""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError

INTERVAL_STRUCT = pa.struct(
    [("interval_months", pa.int32()), ("interval_days", pa.int32()), ("interval_microseconds", pa.int64())]
)
UNSTORABLE = frozenset({"BIT", "UNION", "GEOMETRY", "VARIANT", "TIMETZ", "TIME_NS", "BIGNUM"})
WIDE = frozenset({"INT128", "UINT128"})


def stored(column: str, kind: str) -> str:
    """The SQL expression that stores `column` of DuckDB's type `kind`, named as it. Raises BuildError if none does."""
    name = quoted(column)
    if kind.strip('"') == "NULL":
        return f"CAST({name} AS VARCHAR) AS {name}"
    outer, *inner = _types(kind)
    if outer in WIDE:
        return f"CAST({name} AS DECIMAL(38, 0)) AS {name}"
    if outer == "INTERVAL":
        months = f"datepart('year', {name}) * 12 + datepart('month', {name})"
        micros = (
            f"datepart('hour', {name})::BIGINT * 3600000000 + datepart('minute', {name})::BIGINT * 60000000"
            f" + datepart('microsecond', {name})"
        )
        values = (f"({months})::INTEGER", f"datepart('day', {name})::INTEGER", micros)
        parts = ", ".join(f"'{field.name}': {value}" for field, value in zip(INTERVAL_STRUCT, values, strict=True))
        return f"CASE WHEN {name} IS NULL THEN NULL ELSE {{{parts}}} END AS {name}"
    if outer == "ENUM":
        return f"CAST({name} AS VARCHAR) AS {name}"
    inside = {"INTERVAL", "ENUM", *WIDE, *UNSTORABLE} & {*inner}
    if inside or outer in UNSTORABLE:
        what = f"inside {kind}" if inside else kind
        raise BuildError(
            f"column '{column}' has a type that Parquet can't hold exactly: {what}",
            mend=f"Cast it in the query, for example: CAST({column} AS VARCHAR).",
        )
    return name


def _types(kind: str) -> list[str]:
    """SQLGlot's names of a type of DuckDB and of those inside it, the outermost first."""
    tree = exp.DataType.build(kind, dialect="duckdb")
    return ["INTERVAL" if isinstance(one.this, exp.Interval) else one.this.name for one in tree.find_all(exp.DataType)]


def restored(column: str, kind: pa.DataType) -> str:
    """The SQL expression that reads a stored column as what it was, named as the column."""
    name = quoted(column)
    if is_interval(kind):
        units = zip(("months", "days", "microseconds"), INTERVAL_STRUCT, strict=True)
        return f"{' + '.join(f'to_{unit}({name}.{field.name})' for unit, field in units)} AS {name}"
    return name


def is_interval(kind: pa.DataType) -> bool:
    """Whether a stored type is an interval's."""
    return bool(kind == INTERVAL_STRUCT)
