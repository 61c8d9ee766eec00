"""What an index has of each column: its words, its value as a whole, or both; and SQL that makes documents of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Literal

import msgspec

from pumphouse.engines.parameters import literal, quoted
from pumphouse.indexes import letters, words

if TYPE_CHECKING:
    import pyarrow as pa
    import tantivy

ROW = "rowid"
"""The field of the row's id."""
ABSENT = "absent"
"""The field of the text columns that are null in a row."""
STORED = "stored"
"""The field that keeps columns as they are, as JSON, where an index does."""
DECIMAL_DIGITS_MAX = 18
"""More do not fit a whole number of 64 bits."""
_FLOAT_MAX = 1.7976931348623157e308
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_EXPECTED = {
    "text": "text",
    "boolean": "true or false",
    "float": "a number",
    "integer": "a number of the column's kind",
    "unsigned": "a whole number from 0",
    "day": "a day such as 2026-01-31",
    "moment": "a moment such as 2026-01-31T12:00:00Z",
    "time": "a time such as 12:30",
}

Value = Literal["text", "integer", "unsigned", "float", "boolean"]
Unit = Literal["", "day", "moment", "time"]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A column of an index."""

    column: str
    is_text: bool = False
    """Whether its words are searched."""
    language: str | None = None
    """By whose rules endings are taken off its words; none are where it is None."""
    value: Value | None = None
    """How its value as a whole is kept, by which rows are filtered, sorted and counted."""
    unit: Unit = ""
    """What a number is: days since 1970, or microseconds since then, or since midnight."""
    scale: int = 0
    """Of a decimal: how many digits of the whole number stand after the point."""

    @property
    def words(self) -> str:
        """The index's field of its words."""
        return f"text:{self.column}"

    @property
    def whole(self) -> str:
        """The index's field of its value."""
        return f"value:{self.column}"


def field_of(
    column: str, kind: pa.DataType, *, is_text: bool, is_value: bool, language: str | None = None
) -> Field | None:
    """How an index keeps a column of this type; None where it can't."""
    import pyarrow.types as types

    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind) or types.is_interval(kind):
        return None
    field = Field(column=column, is_text=is_text, language=language if is_text else None)
    if not is_value:
        return field
    change = msgspec.structs.replace
    if types.is_uint64(kind):
        return change(field, value="unsigned")
    if types.is_integer(kind):
        return change(field, value="integer")
    if types.is_boolean(kind):
        return change(field, value="boolean")
    if types.is_floating(kind):
        return change(field, value="float")
    if types.is_decimal(kind):
        fits = kind.precision <= DECIMAL_DIGITS_MAX
        return change(field, value="integer", scale=kind.scale) if fits else None
    if types.is_date(kind):
        return change(field, value="integer", unit="day")
    if types.is_timestamp(kind):
        return change(field, value="integer", unit="moment")
    if types.is_time(kind):
        return change(field, value="integer", unit="time")
    return change(field, value="text")


def schema(fields: Iterable[Field], *, stored: Collection[str] = ()) -> tantivy.Schema:
    """The schema of an index: nothing of a row is stored but its id, as a fast field, and the columns `stored`.

    Numbers are in no list of terms: of many different ones it is as large as the words are (decision 33).
    """
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field(ROW, fast=True, indexed=True)
    builder.add_text_field(ABSENT, tokenizer_name="raw", index_option="basic")
    add = {
        "integer": builder.add_integer_field,
        "unsigned": builder.add_unsigned_field,
        "float": builder.add_float_field,
        "boolean": builder.add_boolean_field,
    }
    for field in fields:
        if field.is_text:
            name = words.tokenizer(field.language)
            builder.add_text_field(field.words, tokenizer_name=name, index_option="position")
        if field.value == "text":
            builder.add_text_field(field.whole, fast=True, tokenizer_name="raw", index_option="basic")
        elif field.value is not None:
            add[field.value](field.whole, fast=True, indexed=field.value == "boolean")
    if stored:
        builder.add_bytes_field(STORED, stored=True)
    return builder.build()


def document(fields: Sequence[Field], *, stored: Sequence[str] = ()) -> str:
    """SQL of a row's document as JSON; `stored` are columns that are kept as they are."""
    parts = [literal(f'{{"{ROW}":'), "_rowid"]
    for field in fields:
        column = quoted(field.column)
        if field.is_text:
            prepared = letters.prepared_sql(f"CAST({column} AS VARCHAR)")
            parts.append(f"{literal(_named(field.words))} || to_json({prepared})")
        if field.value is not None:
            parts.append(f"{literal(_named(field.whole))} || {whole(field, column)}")
    absent = ", ".join(
        f"CASE WHEN {quoted(field.column)} IS NULL THEN {literal(field.column)} END"
        for field in fields
        if field.is_text
    )
    if absent:
        parts.append(f"{literal(_named(ABSENT))} || to_json(list_filter([{absent}], lambda name: name IS NOT NULL))")
    if stored:
        kept = ", ".join(f"{literal(name)}: {quoted(name)}" for name in stored)
        encoded = f"to_base64(encode(CAST(to_json({{{kept}}}) AS VARCHAR)))"
        parts.append(f"{literal(_named(STORED))} || {literal(chr(34))} || {encoded} || {literal(chr(34))}")
    return f"concat({', '.join(parts)}, '}}')"


def whole(field: Field, column: str) -> str:
    """SQL of a column's value as an index has it, as JSON; NULL where there is none."""
    match field.value, field.unit:
        case "text", _:
            return f"to_json(CAST({column} AS VARCHAR))"
        case "float", _:
            double = f"CAST({column} AS DOUBLE)"
            bounded = f"greatest(least({double}, {_FLOAT_MAX}), -{_FLOAT_MAX})"
            return f"to_json(CASE WHEN NOT isnan({double}) THEN {bounded} END)"  # least() leaves nulls out
        case _, "day":
            return f"to_json(CASE WHEN isfinite({column}) THEN date_diff('day', DATE '1970-01-01', {column}) END)"
        case _, "moment":
            return f"to_json(CASE WHEN isfinite({column}) THEN epoch_us({column}) END)"
        case _, "time":
            return f"to_json(epoch_us({column}))"
        case _ if field.scale:
            return f"to_json(CAST(replace(CAST({column} AS VARCHAR), '.', '') AS BIGINT))"
        case _:
            return f"to_json({column})"


def nothing(field: Field) -> str:
    """SQL of a null of a type that a column of this field may have, where a table has no such column."""
    by_unit = {"day": "DATE", "moment": "TIMESTAMPTZ", "time": "TIME"}
    by_value = {"float": "DOUBLE", "boolean": "BOOLEAN", "integer": "BIGINT", "unsigned": "UBIGINT"}
    return f"CAST(NULL AS {by_unit.get(field.unit) or by_value.get(field.value or 'text') or 'VARCHAR'})"


def value_of(field: Field, text: str) -> str | int | float | bool:
    """A value that somebody typed, as the index has it. Raises ValueError, with what is expected, where it is none."""
    try:
        match field.value, field.unit:
            case "text", _:
                return text
            case "boolean", _:
                return {"true": True, "false": False}[text.lower()]
            case "float", _:
                return float(text)
            case _, "day":
                return (date.fromisoformat(text) - _EPOCH.date()).days
            case _, "moment":
                moment = datetime.fromisoformat(text)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                return (moment - _EPOCH) // timedelta(microseconds=1)
            case _, "time":
                clock = time.fromisoformat(text)
                since = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
                return since // timedelta(microseconds=1) + clock.microsecond
            case _ if field.scale:
                scaled = Decimal(text).scaleb(field.scale)
                return int(scaled.to_integral_exact(context=_EXACT))
            case _:
                return int(text)
    except (ValueError, KeyError, ArithmeticError) as error:
        raise ValueError(f"'{text}' is not {_EXPECTED[field.unit or field.value or 'text']}") from error


def _named(name: str) -> str:
    return f",{msgspec.json.encode(name).decode()}:"
