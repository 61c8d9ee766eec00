"""Values of `$name` in SQL, written into the text as literals.

COPY and views take no prepared parameters, and a literal is the same text on every engine. Only settings are
replaced: a `$` in a string stays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

from pumphouse.errors import ConfigError, did_you_mean
from pumphouse.graph.sql_words import with_settings


def bind(text: str, parameters: Mapping[str, Any]) -> str:
    """The SQL with every `$name` replaced by its value. Raises ConfigError for a name without a value."""

    def value(name: str) -> str:
        if name not in parameters:
            raise ConfigError(
                f"setting '${name}' has no value",
                mend=did_you_mean(name, parameters) or f"Add it to pumphouse.toml under [settings]: {name} = ...",
            )
        return literal(parameters[name])

    return with_settings(text, value)


def literal(value: Any) -> str:
    """A value as SQL text: numbers, text, dates, times, booleans, null."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float() | Decimal() if isfinite(value):
            return f"({value})" if value < 0 else str(value)  # `5 -$n` must not become a comment
        case float() | Decimal():
            return f"CAST('{value}' AS DOUBLE)"
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
