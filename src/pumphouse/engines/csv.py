"""CSV that a spreadsheet opens as what it is: no cell is run as a formula, and nothing of it is lost.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, whoever typed it. Such a text gets an
apostrophe in front, which a spreadsheet does not show. A text that begins with apostrophes before such a character gets
one more, so that taking one off gives back what was there. Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO

from pumphouse.engines.python_values import far_times, python_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

FORMULA = "^'*[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]"
"""The full-width forms too: some spreadsheets read them as the plain ones."""

NUMBER = "^[+\\-][0-9][0-9 .,]*$"
"""A telephone number such as +4930901820, or an amount: it begins like a formula and can only be a number."""


def write_csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, sink: BinaryIO) -> int:
    """The number of rows written to `sink` as UTF-8 with a header line, one batch at a time.

    Text is quoted, so that an empty text (`""`) and no value (nothing) stay two things. Nested values are JSON, bytes
    are hexadecimal, moments and intervals are ISO 8601; infinity and years beyond 1 to 9999 as DuckDB writes them.
    """
    import pyarrow as pa
    from pyarrow import csv

    names = [guarded_name(field.name) for field in schema]
    rows = 0
    csv.write_csv(pa.record_batch([pa.nulls(0)] * len(names), names=names), sink)
    for batch in batches:
        columns = [guarded(column) for column in batch.columns]
        csv.write_csv(pa.record_batch(columns, names=names), sink, csv.WriteOptions(include_header=False))
        rows += batch.num_rows
    return rows


def guarded(column: pa.Array) -> pa.Array:
    """The column as CSV holds it: numbers and times as they are, anything that is text kept from being a formula."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = _plain_type(column.type)
    if (far := far_times(column)) is not None:  # the column is text then
        return guarded(pc.coalesce(far, column.cast(pa.string())))
    text = column if plain == column.type else _as_text(column, plain)
    if not _is_text(plain):
        return text
    formula = pc.and_not(pc.match_substring_regex(text, FORMULA), pc.match_substring_regex(text, NUMBER))
    return pc.if_else(formula, pc.binary_join_element_wise("'", text, ""), text)


def guarded_name(name: str) -> str:
    """The name of a column as CSV holds it."""
    import pyarrow as pa

    return str(guarded(pa.array([name]))[0].as_py())


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """The type in which a column is written: its own where CSV has a form for it, else text."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    own_form = (
        pa.types.is_primitive(kind) and not pa.types.is_duration(kind) and not pa.types.is_interval(kind)
    ) or pa.types.is_decimal(kind)
    return kind if own_form or pa.types.is_null(kind) or pa.types.is_large_string(kind) else pa.string()


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _as_text(column: pa.Array, plain: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type) or pa.types.is_string_view(column.type):
        return column.cast(plain)
    return pa.array([None if value is None else as_text(value) for value in python_values(column)], plain)


def as_text(value: Any) -> str:  # any value Arrow can hold
    """A value that CSV has no form for, as text: nested ones as JSON, bytes in hexadecimal, intervals in ISO 8601."""
    from pyarrow import MonthDayNano

    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=as_text)
    if isinstance(value, MonthDayNano):
        return f"P{value.months}M{value.days}DT{Decimal(value.nanoseconds).scaleb(-9):f}S"
    return str(value)
