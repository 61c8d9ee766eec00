"""A column's values as Python has them. Days and moments that Python has none for are texts, written as DuckDB does.

DuckDB's calendar has infinity at both ends, and years before 1 and after 9999; Python's has neither. Handed on as
numbers they would raise an error, or come out as another day.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

INFINITY = 2**63 - 1
INFINITY_DAYS = 2**31 - 1
"""What stands for infinity among moments and days; below zero, for the other end."""

DAY_S = 86_400
CYCLE_YEARS, CYCLE_DAYS = 400, 146_097
"""The calendar repeats itself."""

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def python_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column of any type, None where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in python_values(chunk)]
    if pa.types.is_dictionary(column.type):
        return python_values(column.dictionary_decode())
    if (far := far_times(column)) is not None:
        near: list[Any] = pc.if_else(pc.is_valid(far), None, column).to_pylist()
        return [value if text is None else text for value, text in zip(near, far.to_pylist(), strict=True)]
    if not pa.types.is_nested(column.type) or not _holds_times(column.type):
        return list(column.to_pylist())
    if pa.types.is_struct(column.type):
        fields = [python_values(values) for values in column.flatten()]
        rows = [dict(zip(column.type.names, row, strict=True)) for row in zip(*fields, strict=True)]
        return [row if there else None for row, there in zip(rows, column.is_valid().to_pylist(), strict=True)]
    inner = [python_values(cell.values) if cell.is_valid else None for cell in column]
    if pa.types.is_map(column.type):
        return [cell and [tuple(entry.values()) for entry in cell] for cell in inner]
    return inner


def python_rows(rows: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as dicts; of two columns with one name the last."""
    columns = [python_values(column) for column in rows.columns]
    return [dict(zip(rows.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def far_times(column: pa.Array) -> pa.Array | None:
    """Texts for the days or moments of the column that Python has none for, null elsewhere; None where there is none.

    DuckDB's `CAST(... AS VARCHAR)` writes the same, moments in UTC.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_date32(kind):
        numbers, least, most = column.view(pa.int32()), _FIRST, _LAST
    elif pa.types.is_timestamp(kind):
        # A moment of the very first or last day may lie beyond it on the clocks of another zone.
        margin, second = (1 if kind.tz else 0), _PER_SECOND[kind.unit]
        numbers = column.view(pa.int64())
        least = max((_FIRST + margin) * DAY_S * second, 1 - INFINITY)
        most = min((_LAST + 1 - margin) * DAY_S * second - 1, INFINITY - 1)
    else:
        return None
    outside = pc.fill_null(pc.or_(pc.less(numbers, least), pc.greater(numbers, most)), False)  # noqa: FBT003
    if not pc.any(outside).as_py():
        return None
    found = pc.if_else(outside, numbers, None).to_pylist()
    return pa.array([None if number is None else _text(number, kind) for number in found], pa.string())


def _text(number: int, kind: pa.DataType) -> str:
    import pyarrow as pa

    is_day = pa.types.is_date32(kind)
    if abs(number) >= (INFINITY_DAYS if is_day else INFINITY):
        return "infinity" if number > 0 else "-infinity"
    if is_day:
        return _day(number)
    second = _PER_SECOND[kind.unit]
    days, rest = divmod(number, DAY_S * second)
    seconds, part = divmod(rest, second)
    fraction = f".{part:0{len(str(second)) - 1}d}".rstrip("0").rstrip(".") if part else ""
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{_day(days)} {clock}{fraction}{'+00' if kind.tz else ''}"


def _day(days: int) -> str:
    """A day, counted from 1 January 1970, in any year: as it is called in the first cycle, with the year it has."""
    cycles, place = divmod(days - _FIRST, CYCLE_DAYS)
    day = date.fromordinal(place + 1)
    year = day.year + cycles * CYCLE_YEARS
    text = f"{year if year > 0 else 1 - year:04d}-{day:%m-%d}"
    return text if year > 0 else f"{text} (BC)"


def _holds_times(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_nested(kind):
        return any(_holds_times(kind.field(place).type) for place in range(kind.num_fields))
    return bool(pa.types.is_date32(kind) or pa.types.is_timestamp(kind))
