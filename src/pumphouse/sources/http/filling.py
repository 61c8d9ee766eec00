"""What a declared call leaves open, filled in: how far was read, the day, settings, and a row's columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pumphouse.declare.apis import CURSOR, OPEN, TODAY
from pumphouse.errors import ConfigError, did_you_mean
from pumphouse.lake.context import Context
from pumphouse.sources.rows import as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What stands for `$name` and `{column}`. A cursor that is None is nowhere yet: what holds it is left out."""

    named: Mapping[str, Any] = field(default_factory=dict)  # as TOML has them
    row: Mapping[str, Any] = field(default_factory=dict)  # JSON

    @classmethod
    def at(
        cls, moment: datetime, context: Context, *, cursor: object = None, row: Mapping[str, Any] | None = None
    ) -> Values:
        """Those of a visit. `$today` is its own day: what is read again from stored answers is what was asked then."""
        today = moment.astimezone(ZoneInfo(context.zone)).date()
        return cls(named={**context.settings, TODAY: today, CURSOR: cursor}, row=row or {})

    def path(self, text: str) -> str:
        """A path with its values quoted."""
        return OPEN.sub(lambda found: quote(as_text(self._value(found)), safe=""), text)

    def fill(self, value: Any) -> Any:  # JSON
        """A parameter or a body with its values; None where a cursor is nowhere yet."""
        match value:
            case str():
                return self._text(value)
            case Mapping():
                filled = {name: self.fill(item) for name, item in value.items()}
                return {name: item for name, item in filled.items() if item is not None or value[name] is None}
            case list() | tuple():
                return [self.fill(item) for item in value]
        return value

    def _text(self, text: str) -> Any:  # JSON
        if whole := OPEN.fullmatch(text):
            return self._value(whole)
        values = [self._value(found) for found in OPEN.finditer(text)]
        if None in values:
            return None
        given = iter(values)
        return OPEN.sub(lambda found: as_text(next(given)), text)

    def _value(self, found: Any) -> Any:  # a match of OPEN; JSON
        name, column = found["name"], found["column"]
        if column is not None:
            return self.row[column] if self.row else found[0]
        if name is None:  # $$
            return "$"
        if name not in self.named:
            raise ConfigError(
                f"setting '${name}' has no value",
                mend=did_you_mean(name, self.named)
                or f"Add it to pumphouse.toml under [settings]: {name} = ...; or write $${name} for the text itself.",
            )
        value = self.named[name]
        return value if value is None or isinstance(value, str | int | float | bool | list) else as_text(value)
