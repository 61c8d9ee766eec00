"""Conditions on a column's value as a whole, as the search library takes them; none of them counts for the score."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pumphouse.errors import TooMuch
from pumphouse.indexes.fields import ABSENT, ROW, Field, value_of

if TYPE_CHECKING:
    import tantivy

Value = str | int | float | bool

PREFIX_CHARACTERS_MAX = 40
"""So many characters of a text are compared one by one; texts that begin with all of them are looked up."""
ALIKE_MAX = 10_000
"""How many texts may begin with the same such characters."""
_FLOAT_MAX = 1.7976931348623157e308
_CALENDAR = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_LIMITS = {"integer": (-(2**63), 2**63 - 1), "unsigned": (0, 2**64 - 1)}
_DIGITS_MAX = 40
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """What a typed value stands for: "2024-01" is a month. `last` is part of it."""

    first: Value
    last: Value


def span(field: Field, text: str) -> Span:
    """The values that a typed one stands for. Raises ValueError, with what is expected, where it is none."""
    calendar = _CALENDAR.fullmatch(text.strip()) if field.unit in ("day", "moment") else None
    if calendar is not None:
        first, after = _days(field, text, calendar)
        return Span(first, after - 1) if field.unit == "day" else Span(first * _DAY_US, after * _DAY_US - 1)
    value = value_of(field, text)
    if isinstance(value, float):
        if value != value:
            raise ValueError(f"'{text}' is not a number")
        value = max(-_FLOAT_MAX, min(_FLOAT_MAX, value))
        return Span(-0.0, 0.0) if value == 0 else Span(value, value)
    return Span(value, value)


def equal(schema: tantivy.Schema, field: Field, text: str) -> tantivy.Query:
    """Rows whose value is this one, or of this year, month or day. Raises ValueError where it is none."""
    one = span(field, text)
    return same(schema, field, one.first) if one.first == one.last else _between(schema, field, one)


def same(schema: tantivy.Schema, field: Field, value: Value | None) -> tantivy.Query:
    """Rows whose value is this one, as the index has it; None is no value."""
    import tantivy

    if value is None:
        return without(present(schema, field))
    if isinstance(value, str) or field.value == "boolean":
        return filtering(tantivy.Query.term_query(schema, field.whole, value, "basic"))
    low, high = _LIMITS.get(field.value or "", (value, value))
    if not low <= value <= high:
        return tantivy.Query.empty_query()
    if field.value == "float" and value == 0:
        return _between(schema, field, Span(-0.0, 0.0))
    return _between(schema, field, Span(value, value))


@dataclass(frozen=True, slots=True)
class End:
    """One end of a range, as the index has it."""

    value: Value
    is_included: bool


def lowest(field: Field, text: str, *, is_included: bool) -> End:
    """Where a range begins that was typed so. Raises ValueError where it is no value of the column."""
    one = _whole(field, text, ROUND_CEILING if is_included else ROUND_FLOOR)
    return End(one.first if is_included else one.last, is_included)


def highest(field: Field, text: str, *, is_included: bool) -> End:
    """Where a range ends that was typed so. Raises ValueError where it is no value of the column."""
    one = _whole(field, text, ROUND_FLOOR if is_included else ROUND_CEILING)
    return End(one.last if is_included else one.first, is_included)


def within(index: tantivy.Index, field: Field, *, low: End | None, high: End | None) -> tantivy.Query:
    """Rows whose value is between two; without one of them the range is open."""
    if field.value not in ("text", "boolean"):
        first = None if low is None else _included(field, low, up=True)
        last = None if high is None else _included(field, high, up=False)
        return _numbers(index.schema, field, first, last)
    parts = []
    if low is not None:
        parts.append(above(index, field, low.value, is_included=low.is_included))
    if high is not None:
        parts.append(below(index, field, high.value, is_included=high.is_included))
    return every(parts)


def above(index: tantivy.Index, field: Field, value: Value, *, is_included: bool) -> tantivy.Query:
    """Rows whose value, as the index has it, is more."""

    if isinstance(value, str):
        return _text_above(index, field, value, is_included=is_included)
    if field.value == "boolean":
        return any_of(
            [same(index.schema, field, one) for one in (False, True) if one > value or (is_included and one == value)]
        )
    return _numbers(index.schema, field, value if is_included else _next(field, value, up=True), None)


def below(index: tantivy.Index, field: Field, value: Value, *, is_included: bool) -> tantivy.Query:
    """Rows whose value, as the index has it, is less."""

    if isinstance(value, str):
        excluded = _text_above(index, field, value, is_included=not is_included)
        return every([present(index.schema, field), without(excluded)])
    if field.value == "boolean":
        return any_of(
            [same(index.schema, field, one) for one in (False, True) if one < value or (is_included and one == value)]
        )
    return _numbers(index.schema, field, None, value if is_included else _next(field, value, up=False))


def begun(schema: tantivy.Schema, field: Field, text: str) -> tantivy.Query:
    """Rows whose text as a whole begins so."""
    import tantivy

    return filtering(tantivy.Query.fuzzy_term_query(schema, field.whole, text, distance=0, prefix=True))


def present(schema: tantivy.Schema, field: Field) -> tantivy.Query:
    """Rows that have a value."""
    import tantivy

    if field.value is not None:
        return filtering(tantivy.Query.exists_query(field.whole))
    return without(tantivy.Query.term_query(schema, ABSENT, field.column, "basic"))


def without(query: tantivy.Query) -> tantivy.Query:
    """All rows but these."""
    import tantivy

    everything = (tantivy.Occur.Must, tantivy.Query.all_query())
    return filtering(tantivy.Query.boolean_query([everything, (tantivy.Occur.MustNot, query)]))


def every(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """Rows that are all of these."""
    import tantivy

    return tantivy.Query.boolean_query([(tantivy.Occur.Must, one) for one in queries])


def any_of(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """Rows that are any of these."""
    import tantivy

    return tantivy.Query.boolean_query([(tantivy.Occur.Should, one) for one in queries])


def filtering(query: tantivy.Query) -> tantivy.Query:
    """The same rows, with nothing added to their score."""
    import tantivy

    return tantivy.Query.const_score_query(query, 0.0)


def _included(field: Field, end: End, *, up: bool) -> float:
    value: float = end.value  # type: ignore[assignment]  # of a field of numbers
    return value if end.is_included else _next(field, value, up=up)


def _next(field: Field, value: float, *, up: bool) -> float:
    """The number beside another one, so that each range is one with its ends."""
    if field.value == "float":
        return math.nextafter(value, math.inf if up else -math.inf)
    return value + 1 if up else value - 1


def _numbers(schema: tantivy.Schema, field: Field, first: float | None, last: float | None) -> tantivy.Query:
    """Rows whose number is one of these, from the first to the last: one range, since each reads all numbers."""
    import tantivy

    low, high = _LIMITS.get(field.value or "", (-_FLOAT_MAX, _FLOAT_MAX))
    from_ = low if first is None else max(low, first)
    until = high if last is None else min(high, last)
    if from_ > until:
        return tantivy.Query.empty_query()
    if field.value == "float":  # of which zero is two
        from_, until = (-0.0 if from_ == 0 else from_), (0.0 if until == 0 else until)
    return filtering(
        _ranged(
            schema,
            field,
            lower_bound=None if first is None else from_,
            upper_bound=None if last is None else until,
        )
    )


def rows(schema: tantivy.Schema, first: int | None, last: int | None) -> tantivy.Query:
    """Rows with these ids, from the first to the last."""
    import tantivy

    return filtering(tantivy.Query.range_query(schema, ROW, tantivy.FieldType.Unsigned, first, last))


def about(schema: tantivy.Schema, field: Field | None, low: float | None, high: float | None) -> tantivy.Query:
    """Rows whose number, or id where there is no field, is between these, or the whole numbers around them."""
    if field is not None and field.value == "float":
        return _numbers(schema, field, low, high)
    least, most = _LIMITS[(field and field.value) or "unsigned"]
    first = None if low is None else max(least, min(most, math.floor(low)))
    last = None if high is None else max(least, min(most, math.ceil(high)))
    return rows(schema, first, last) if field is None else _numbers(schema, field, first, last)


def several(value: object) -> list[object]:
    """What a filter beside the query's text asks for: a value, or one of several."""
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _between(schema: tantivy.Schema, field: Field, one: Span) -> tantivy.Query:
    return filtering(_ranged(schema, field, lower_bound=one.first, upper_bound=one.last))


def _ranged(schema: tantivy.Schema, field: Field, **bounds: Value | None) -> tantivy.Query:
    import tantivy

    kinds = tantivy.FieldType
    kind = {"integer": kinds.Integer, "unsigned": kinds.Unsigned, "float": kinds.Float}[field.value or ""]
    return tantivy.Query.range_query(schema, field.whole, kind, **bounds)  # type: ignore[arg-type]  # of one kind


def _text_above(index: tantivy.Index, field: Field, value: str, *, is_included: bool) -> tantivy.Query:
    """Texts that come after this one, in the order of their characters: a pattern for the first that differs."""
    import tantivy

    patterns = []
    for number, one in enumerate(value[:PREFIX_CHARACTERS_MAX]):
        after = ord(one) + 1
        after = 0xE000 if 0xD800 <= after <= 0xDFFF else after  # there are no characters of these numbers
        if after <= 0x10FFFF:
            patterns.append(f"(?s:{_escaped(value[:number])}[\\x{{{after:X}}}-\\x{{10FFFF}}].*)")
    longer = value[PREFIX_CHARACTERS_MAX:]
    if not longer:
        patterns.append(f"(?s:{_escaped(value)}.+)")
    found = [tantivy.Query.regex_query(index.schema, field.whole, pattern) for pattern in patterns]
    if longer:
        alike = index.searcher().terms_with_prefix(field.whole, value[:PREFIX_CHARACTERS_MAX], limit=ALIKE_MAX + 1)
        if len(alike) > ALIKE_MAX:
            raise TooMuch(f"more than {ALIKE_MAX:,} values of '{field.column}' begin with the same characters")
        later = [text for text, _ in alike if text > value]
        if later:
            found.append(tantivy.Query.term_set_query(index.schema, field.whole, later))
    if is_included:
        found.append(tantivy.Query.term_query(index.schema, field.whole, value, "basic"))
    return filtering(any_of(found))


def _escaped(text: str) -> str:
    return "".join(re.escape(one) if ord(one) < 128 else one for one in text)


def _whole(field: Field, text: str, rounding: str) -> Span:
    """The span of a range's end; between two whole numbers it is one of them, by which the range has the same rows."""
    if field.value not in ("integer", "unsigned") or field.unit:
        return span(field, text)
    try:
        number = Decimal(text)
        if not number.is_finite() or number.adjusted() > _DIGITS_MAX:
            raise InvalidOperation
    except InvalidOperation:
        return span(field, text)  # it raises, and says what is expected
    scaled = number.scaleb(field.scale)
    rounded = int(scaled.to_integral_value(rounding=rounding))
    return Span(rounded, rounded)


def _days(field: Field, text: str, calendar: re.Match[str]) -> tuple[int, int]:
    """The first day of a year, a month or a day, and the one after it, as days since 1970."""
    year, month, day = (int(one) if one else None for one in calendar.groups())
    try:
        first = date(year or 0, month or 1, day or 1)
    except ValueError as error:
        raise ValueError(f"'{text}' is no {'day' if day else 'month' if month else 'year'} of the calendar") from error
    start = (first - date(1970, 1, 1)).days
    if day is not None:
        return start, start + 1
    following = (first.year + 1, 1) if month is None or month == 12 else (first.year, month + 1)
    if following[0] > date.max.year:
        return start, (date.max - date(1970, 1, 1)).days + 1
    return start, (date(*following, 1) - date(1970, 1, 1)).days


def typed(value: object) -> str:
    """A value of Python as somebody would type it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
