"""Which type a gathered column has, and its values as that type. What does not fit is null, for the quarantine to keep.

Nothing is guessed: a value fits a type only where it can be told back from it. `007` is text, `12` in a column of
numbers with a fraction is one of them, `2024-01-02` is a day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import copysign, isfinite
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

MOMENT = pa.timestamp("us", tz="UTC")
NAIVE = pa.timestamp("us")
BIG = pa.decimal128(38, 0)
"""Integers beyond 64 bits."""
INT64_DIGITS = 19
EXACT_IN_DOUBLE_MAX = 2**53
"""Up to here a double holds every whole number."""

# Text that is a number, a truth value or a time, told back exactly (a fraction: as the nearest double).
INTEGER_TEXT = r"^(0|-?[1-9][0-9]{0,37})$"
FRACTION_TEXT = r"^-?((0|[1-9][0-9]*)?\.[0-9]+([eE][+-]?[0-9]{1,3})?|(0|[1-9][0-9]*)[eE][+-]?[0-9]{1,3})$"
VANISHING_TEXT = r"^[^eE]*[1-9]"
"""Of a number that is zero as a double: it is not zero."""
NUMBER_TEXT = f"{INTEGER_TEXT}|{FRACTION_TEXT}"
TRUTH_TEXT = r"^(true|false|True|False|TRUE|FALSE)$"
DAY_TEXT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
TIME_TEXT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"


def natural(seen: Iterable[pa.DataType]) -> pa.DataType:
    """The narrowest type that holds values of all these types; text where there is no other."""
    kinds = set(seen)
    if len(kinds) < 2:
        return kinds.pop() if kinds else pa.string()
    if all(pa.types.is_integer(kind) for kind in kinds):
        return BIG if pa.uint64() in kinds else pa.int64()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    if all(pa.types.is_integer(kind) or pa.types.is_decimal(kind) for kind in kinds):
        return _wide_enough(kinds)
    if kinds in ({pa.date32(), MOMENT}, {pa.date32(), NAIVE}):
        return MOMENT if MOMENT in kinds else NAIVE
    return pa.string()


def chosen(seen: Iterable[pa.DataType], *, known: pa.DataType | None) -> pa.DataType:
    """The type for values of these types in a column that has the type `known` already.

    It stays `known` where the values are told back from it, and where some are of it and the others are strays among
    them. Else it is what the values are, and the lake says what that changes.
    """
    kinds = set(seen)
    fresh = natural(kinds)
    if known is None or not kinds:
        return known or fresh
    if known == pa.string() or all(_held(kind, known) for kind in kinds):
        return known
    return known if known in kinds and fresh == pa.string() else fresh


def kinds_of_text(texts: pa.Array) -> set[pa.DataType]:
    """The types that the texts of a file's column are of, each text of the narrowest it has."""
    rest = pc.unique(texts).drop_null()
    found: set[pa.DataType] = set()
    for pattern, kind, beyond in (
        (INTEGER_TEXT, pa.int64(), BIG),
        (FRACTION_TEXT, pa.float64(), pa.string()),
        (TRUTH_TEXT, pa.bool_(), pa.string()),
        (DAY_TEXT, pa.date32(), pa.string()),
        (TIME_TEXT, None, None),
    ):
        matching = pc.match_substring_regex(rest, pattern)
        if pc.any(matching).as_py():
            texts_of_it = rest.filter(matching)
            found |= _kinds_that_fit(texts_of_it, kind, beyond) if kind else kinds_of_times(texts_of_it)
            rest = rest.filter(pc.invert(matching))
    return found | ({pa.string()} if len(rest) else set())


def kinds_of_digits(texts: pa.Array) -> set[pa.DataType]:
    """Whole numbers where all of it is digits, which may begin with zeros; else text."""
    digits = pc.all(pc.match_substring_regex(texts, r"^[0-9]{1,18}$")).as_py()
    return {pa.int64()} if digits else {pa.string()}


def kinds_of_times(texts: pa.Array) -> set[pa.DataType]:
    """Days, moments (with a time zone), times without one, or text: what ISO 8601 with its dashes makes of each."""
    found: set[pa.DataType] = set()
    for text in pc.unique(texts).drop_null().to_pylist():
        found_time = _time(text) if re.match(f"{DAY_TEXT}|{TIME_TEXT}", text) else None
        if found_time is None:
            found.add(pa.string())
        elif re.match(DAY_TEXT, text):
            found.add(pa.date32())
        else:
            found.add(MOMENT if found_time.tzinfo else NAIVE)
    return found


def fit(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values as `kind`, null where one does not fit."""
    if values.type == kind:
        return values
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), kind)
    if kind == pa.string():
        return _texts(values)
    if values.type == pa.string():
        return _parsed(values, kind)
    if kind == MOMENT and values.type == NAIVE:
        return pc.assume_timezone(values, "UTC")
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([_cast(value, kind) for value in values], kind)


def bytes_as_text(value: bytes | bytearray) -> str:
    """Bytes as text that tells them back: `\\x` and two digits for each."""
    return f"\\x{value.hex()}"


def float_as_text(value: float) -> str:
    """A number as text: a whole one as if it were an integer, since JSON writes 1 and 1.0 for the same."""
    if isfinite(value) and abs(value) <= EXACT_IN_DOUBLE_MAX and value == int(value) and not _is_minus_zero(value):
        return str(int(value))
    return msgspec.json.encode(value).decode() if isfinite(value) else str(value)


def time_as_text(value: datetime | date | time) -> str:
    """ISO 8601, a moment in UTC."""
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def said(kind: pa.DataType) -> str:
    """A type as a reason names it."""
    if pa.types.is_integer(kind):
        return "a whole number of 64 bits"
    if pa.types.is_decimal(kind):
        return (
            f"a number of {kind.scale} decimals and {kind.precision} digits at most"
            if kind.scale
            else "a whole number of 38 digits"
        )
    if pa.types.is_floating(kind):
        return "a number that a double holds"
    if pa.types.is_boolean(kind):
        return "true or false"
    if pa.types.is_date(kind):
        return "a day (ISO 8601)"
    if pa.types.is_time(kind):
        return "a time of the day"
    if pa.types.is_string(kind):
        return "text"
    if pa.types.is_timestamp(kind):
        return "a time (ISO 8601)" if kind.tz else "a time without a zone (ISO 8601)"
    return f"a value of type {kind}"


def vanishes(text: str, number: float) -> bool:
    """Whether a number is zero and its text is not: 1e-400 is smaller than a double can be."""
    return number == 0 and re.match(VANISHING_TEXT, text) is not None


def _is_minus_zero(value: float) -> bool:
    return value == 0 and copysign(1, value) < 0


def _texts(values: pa.Array) -> pa.Array:
    """Values as the text that one of them has among texts."""
    write: Callable[[Any], str] | None = None
    if pa.types.is_binary(values.type):
        write = bytes_as_text
    elif pa.types.is_floating(values.type):
        write = float_as_text
    elif pa.types.is_timestamp(values.type) or pa.types.is_time(values.type):
        write = time_as_text
    if write is None:
        return values.cast(pa.string())
    return pa.array([None if value is None else write(value) for value in values.to_pylist()], pa.string())


def _wide_enough(kinds: set[pa.DataType]) -> pa.DataType:
    decimals = [kind for kind in kinds if pa.types.is_decimal(kind)]
    scale = max(kind.scale for kind in decimals)
    digits = max(kind.precision - kind.scale for kind in decimals)
    if len(decimals) < len(kinds):
        digits = max(digits, INT64_DIGITS)
    return pa.decimal128(digits + scale, scale) if digits + scale <= BIG.precision else pa.string()


def _held(kind: pa.DataType, known: pa.DataType) -> bool:
    """Whether a column of type `known` takes values of `kind`; one by one, where that depends on the value."""
    if kind == known:
        return True
    if pa.types.is_integer(kind):
        return bool(
            known == pa.float64() or (pa.types.is_decimal(known) and known.precision - known.scale >= INT64_DIGITS)
        )
    if pa.types.is_decimal(kind) and pa.types.is_decimal(known):
        return bool(known.scale >= kind.scale and known.precision - known.scale >= kind.precision - kind.scale)
    return bool((kind == pa.date32() and pa.types.is_timestamp(known)) or (kind == NAIVE and known == MOMENT))


def _kinds_that_fit(texts: pa.Array, kind: pa.DataType, beyond: pa.DataType) -> set[pa.DataType]:
    """`kind`, and `beyond` where some of the texts look like it and are not (20 digits, 1e999, 1e-400, 2024-02-30)."""
    misfits = _parsed(texts, kind).null_count
    return ({kind} if misfits < len(texts) else set()) | ({beyond} if misfits else set())


def _parsed(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Texts as what they say. All at once where all are plain numbers, else each distinct text once."""
    numbers = _numbers(texts, kind)
    if numbers is not None:
        return numbers
    coded, parse = texts.dictionary_encode(), _parser(kind)
    values = pa.array([None if text is None else parse(text) for text in coded.dictionary.to_pylist()], kind)
    return values.take(coded.indices)


def _numbers(texts: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Texts as numbers where all of them are and all can be told back."""
    pattern = {pa.int64(): INTEGER_TEXT, pa.float64(): NUMBER_TEXT}.get(kind)
    if pattern is None or not pc.all(pc.match_substring_regex(texts, pattern)).as_py():
        return None
    try:
        numbers = texts.cast(kind)
    except pa.ArrowInvalid:  # one of them does not fit 64 bits
        return None
    if kind != pa.float64():
        return numbers
    largest = pc.max(pc.abs(numbers)).as_py()
    vanishing = pc.match_substring_regex(texts.filter(pc.equal(numbers, 0)), VANISHING_TEXT)
    is_all_told = largest is None or largest < EXACT_IN_DOUBLE_MAX
    return numbers if is_all_told and not pc.any(vanishing).as_py() else None


def _parser(kind: pa.DataType) -> Callable[[str], Any]:
    if pa.types.is_integer(kind):
        return _integer
    if pa.types.is_decimal(kind):
        return lambda text: _decimal(text, kind)
    if pa.types.is_floating(kind):
        return _double
    if pa.types.is_boolean(kind):
        return lambda text: {"true": True, "false": False}.get(text.lower())
    if pa.types.is_date(kind):
        return _day
    if pa.types.is_timestamp(kind):
        return _moment if kind.tz else _naive
    if pa.types.is_time(kind):
        return _clock
    return lambda text: None


def _integer(text: str) -> int | None:
    number = int(text) if re.match(INTEGER_TEXT, text) else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _decimal(text: str, kind: pa.DataType) -> Decimal | None:
    if not re.match(NUMBER_TEXT, text):
        return None
    number = Decimal(text)
    if number.adjusted() >= kind.precision - kind.scale:
        return None
    exact = round(number, kind.scale)
    return exact if exact == number else None


def _double(text: str) -> float | None:
    if not re.match(NUMBER_TEXT, text):
        return None
    number = float(text)
    if re.match(INTEGER_TEXT, text) and int(text) != number:
        return None
    return number if isfinite(number) and not vanishes(text, number) else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _clock(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    found = _time(text)
    if found is None:
        return None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:  # the first or last day that there is, moved beyond
        return None


def _naive(text: str) -> datetime | None:
    found = _time(text)
    return found if found is not None and found.tzinfo is None else None


def _cast(value: pa.Scalar, kind: pa.DataType) -> Any:  # a Python value of whatever type
    if pa.types.is_integer(value.type) and kind == pa.float64():
        number = value.as_py()
        return float(number) if number is not None and int(float(number)) == number else None
    try:
        return value.cast(kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
