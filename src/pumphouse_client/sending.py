"""A query on its way: values as JSON, and the text says of which type each is where JSON could not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from pumphouse_client.errors import ClientError
from pumphouse_client.values import Value, replaced

LARGEST = 2**63 - 1
HUGEST = 2**127 - 1
DIGITS_MAX = 38
"""Of a decimal."""
MICROSECOND = dt.timedelta(microseconds=1)


def as_json(text: str, values: Mapping[str, Value]) -> tuple[str, dict[str, Any]]:
    """The text with a CAST around each `$name` that needs one, and values that JSON has.

    Raises ClientError for a number that no column could hold.
    """
    kinds = {name: _kind(name, value) for name, value in values.items()}

    def written(name: str) -> str:
        kind = kinds.get(name)
        return f"CAST(${name} AS {kind})" if kind else f"${name}"

    plain = {name: _plain(value, as_text=kinds[name] is not None) for name, value in values.items()}
    return replaced(text, written), plain


def _kind(name: str, value: Value) -> str | None:
    """The SQL type that a value is written as text of; None where JSON has its like."""
    if isinstance(value, tuple):
        kinds = {_kind(name, one) for one in value} - {None}
        if any(kind.startswith("DECIMAL") for kind in kinds if kind):
            return f"{_decimal(name, value)}[]"
        return f"{kinds.pop()}[]" if kinds else None
    match value:
        case bool() | str() | None:
            return None
        case int() if abs(value) > HUGEST:
            raise ClientError(f"'{name}' is a number of {len(str(abs(value)))} digits", mend="Give it as text.")
        case int():
            return "HUGEINT" if abs(value) > LARGEST else None
        case Decimal() if isfinite(value):
            return _decimal(name, (value,))
        case float() | Decimal():
            return None if isfinite(value) else "DOUBLE"
        case dt.datetime():
            return "TIMESTAMP" if value.tzinfo is None else "TIMESTAMPTZ"
        case dt.date():
            return "DATE"
        case _:
            return "INTERVAL"


def _decimal(name: str, values: Sequence[Decimal]) -> str:
    """The decimal type that holds all of them exactly."""
    parts = [value.as_tuple() for value in values]
    exponents = [part.exponent if isinstance(part.exponent, int) else 0 for part in parts]
    scale = max(0, *(-exponent for exponent in exponents))
    whole = max(len(part.digits) + exponent for part, exponent in zip(parts, exponents, strict=True))
    digits = max(1, max(0, whole) + scale)
    if digits > DIGITS_MAX:
        raise ClientError(f"'{name}' has {digits} digits", mend=f"A decimal has at most {DIGITS_MAX}.")
    return f"DECIMAL({digits}, {scale})"


def _plain(value: Value, *, as_text: bool) -> Any:  # what JSON has
    if isinstance(value, tuple):
        return [_plain(one, as_text=as_text) for one in value]
    if not as_text:
        return value
    match value:
        case dt.datetime() | dt.date():
            return value.isoformat()
        case dt.timedelta():
            return f"{value // MICROSECOND} microseconds"
        case Decimal() if isfinite(value):
            return f"{value:f}"
    return str(value)
