"""Values of `$name` in SQL: which there are, which may be given, and how a text says that it means one.

A value never becomes part of a text. It goes beside it, and whoever runs the text puts it in as a literal or a
parameter.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pumphouse_client.errors import ClientError

Value = Any  # None, a bool, a number, text, a Decimal, a day, a time, a span of time, or a list of one of these

KINDS = (bool, int, float, str, Decimal, dt.datetime, dt.date, dt.timedelta)
LIST_MAX = 100_000

_PIECES = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
    r"|\$((?:[^\W\d]\w*)?)\$.*?\$\1\$|\$(?P<name>[^\W\d]\w*)",
    re.DOTALL,
)


def names_in(text: str) -> frozenset[str]:
    """The names written `$name`; a `$` in a quote or a comment is none."""
    return frozenset(found["name"] for found in _PIECES.finditer(text) if found["name"])


def replaced(text: str, by: Callable[[str], str]) -> str:
    """The text with `by(name)` in place of each `$name`."""
    return _PIECES.sub(lambda found: by(found["name"]) if found["name"] else found[0], text)


def checked(name: str, value: Value) -> Value:
    """The value, lists as tuples. Raises ClientError for what can't be one."""
    if isinstance(value, (list, tuple, set, frozenset)):
        items = tuple(value)
        if len(items) > LIST_MAX:
            raise ClientError(f"'{name}' has {len(items):,} values", mend=f"Give at most {LIST_MAX:,}.")
        if None in items:
            raise ClientError(f"'{name}' has a null among its values", mend="Ask for it apart: column IS NULL.")
        if len({type(item) for item in items}) > 1:
            raise ClientError(f"the values of '{name}' are of several types", mend="Give them all one type.")
        return tuple(checked(name, item) for item in items)
    if not isinstance(value, KINDS) and callable(getattr(value, "item", None)):
        value = value.item()  # a number of numpy's
    if value is None or isinstance(value, KINDS):
        return value
    raise ClientError(
        f"'{name}' can't be a {type(value).__name__}", mend="Use text, a number, a day, a time, or a list of them."
    )
