"""Values of `$name` in SQL, written into the text as literals.

COPY and views take no prepared parameters, and a literal is the same text on every engine. Only whole tokens are
replaced, so a `$` in a string stays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokenizer_core import TokenType

from pumphouse.errors import ConfigError, did_you_mean


def bind(text: str, parameters: Mapping[str, Any]) -> str:
    """The SQL with every `$name` replaced by its value. Raises ConfigError for a name without a value."""
    if "$" not in text:
        return text
    tokens = DuckDB.Tokenizer().tokenize(text)
    pieces: list[str] = []
    position = 0
    for sign, name in pairwise(tokens):
        if sign.token_type is not TokenType.PARAMETER or name.start != sign.end + 1:
            continue
        if name.text not in parameters:
            raise ConfigError(
                f"setting '${name.text}' has no value",
                mend=did_you_mean(name.text, parameters)
                or f"Add it to pumphouse.toml under [settings]: {name.text} = ...",
            )
        pieces += [text[position : sign.start], literal(parameters[name.text])]
        position = name.end + 1
    return "".join(pieces) + text[position:]


def literal(value: Any) -> str:
    """A value as SQL text: numbers, text, dates, times, booleans, null."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float() | Decimal():
            return str(value)
        case dt.datetime() if value.tzinfo:
            return f"TIMESTAMPTZ '{value.isoformat()}'"
        case dt.datetime():
            return f"TIMESTAMP '{value.isoformat()}'"
        case dt.date():
            return f"DATE '{value.isoformat()}'"
        case dt.timedelta():
            return f"INTERVAL '{value // dt.timedelta(microseconds=1)} microseconds'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case list() | tuple():
            return "[" + ", ".join(literal(item) for item in value) + "]"
    raise ConfigError(
        f"a setting can't be of type {type(value).__name__}", mend="Use text, a number, a date or a list."
    )


def quoted(name: str) -> str:
    """A name as an SQL identifier: `quoted('a"b') == '"a""b"'`."""
    return '"' + name.replace('"', '""') + '"'
