"""What was asked: the rows of a request, each value of its column's type before anything is computed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.errors import RequestRefused, did_you_mean
from pumphouse.features.online.store import Key

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_MAX = 1_000
"""Entities that one request may ask about."""
FEATURES = "features"
PREDICTION_ID = "prediction_id"
ID_CHARACTERS_MAX = 80
_SHOWN_MAX = 80

Value = float | str | None
"""A feature's value as a model is asked with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entity that is asked about. Without a key, all features are given."""

    key: Key | None
    request: Mapping[str, Any]
    """Values of the columns that features take from the request."""
    given: Mapping[str, Value]
    """Values that count in place of the features' own."""
    id: str
    repeatable: bool
    """Whether who asked chose the id, to ask again where the answer was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a rollout is asked with: the entity's columns, those of the request, and the features that may be given."""

    rollout: str
    entity: Mapping[str, pa.DataType]
    request: Mapping[str, pa.DataType]
    columns: Mapping[str, str]
    """Each feature column with its form, "number" or "text"."""
    complete: frozenset[str]
    """The columns that make a key unnecessary where all are given."""

    def rows(self, asked: Any) -> tuple[Row, ...]:  # from JSON
        """The rows of a request: an object, or a list of up to ROWS_MAX of them. Raises RequestRefused."""
        if isinstance(asked, Mapping):
            return (self._row(asked),)
        if not isinstance(asked, list) or not asked:
            raise self._refused("a request is an object or a list of objects", "Ask as in {...} or [{...}, {...}].")
        if len(asked) > ROWS_MAX:
            raise self._refused(f"{len(asked):,} were asked about at once", f"Ask about {ROWS_MAX:,} at most.")
        rows = []
        for number, one in enumerate(asked):
            try:
                rows.append(self._row(one))
            except RequestRefused as error:
                raise self._refused(f"entry {number} (counted from 0): {error.what}", error.mend) from error
        ids: set[str] = set()
        for number, row in enumerate(rows):
            if row.id in ids:
                raise self._refused(
                    f"entry {number} (counted from 0): its {PREDICTION_ID} is that of an earlier one",
                    "Give each an id of its own, or none.",
                )
            ids.add(row.id)
        return tuple(rows)

    def _row(self, asked: Any) -> Row:
        if not isinstance(asked, Mapping):
            raise self._refused(f"an entry is an object, not {_kind(asked)}", "Ask as in {...} or [{...}, {...}].")
        for name in asked:
            if name not in self.entity and name not in self.request and name not in (FEATURES, PREDICTION_ID):
                known = [*self.entity, *self.request, FEATURES]
                raise self._refused(
                    f"'{self.rollout}' is asked by {self._needed}, not by '{str(name)[:_SHOWN_MAX]}'",
                    did_you_mean(str(name), known)
                    or (f"Give it in '{FEATURES}'." if name in self.columns else f"It takes {', '.join(known)}."),
                )
        given = self._given(asked.get(FEATURES))
        keyless = not any(name in asked for name in self.entity) and self.complete <= given.keys()
        if not keyless:
            for name in self.entity:
                if asked.get(name) is None:
                    raise self._refused(f"the request has no '{name}'", f"Ask by {self._needed}.")
        for name in self.request:
            if name not in asked and not self.complete <= given.keys():
                raise self._refused(f"the request has no '{name}'", f"Ask by {self._needed}.")
        chosen = asked.get(PREDICTION_ID)
        if chosen is not None and not (
            isinstance(chosen, str) and 0 < len(chosen) <= ID_CHARACTERS_MAX and chosen.isprintable()
        ):
            raise self._refused(
                f"the {PREDICTION_ID} is not 1 to {ID_CHARACTERS_MAX} printable characters",
                "Leave it out to have one made.",
            )
        return Row(
            key=None if keyless else tuple(self._typed(name, asked[name], kind) for name, kind in self.entity.items()),
            request={
                name: None if asked.get(name) is None else self._typed(name, asked[name], kind)
                for name, kind in self.request.items()
            },
            given=given,
            id=chosen or new_id(),
            repeatable=chosen is not None,
        )

    @property
    def _needed(self) -> str:
        return ", ".join([*self.entity, *self.request])

    def _given(self, asked: Any) -> dict[str, Value]:  # from JSON
        if asked is None:
            return {}
        if not isinstance(asked, Mapping):
            raise self._refused(f"'{FEATURES}' is an object, not {_kind(asked)}", 'Give it as in {"name": value}.')
        given: dict[str, Value] = {}
        for name, value in asked.items():
            form = self.columns.get(name)
            if form is None:
                raise self._refused(
                    f"'{self.rollout}' has no feature '{str(name)[:_SHOWN_MAX]}'",
                    did_you_mean(str(name), self.columns) or f"It has {', '.join(self.columns)}.",
                )
            given[name] = None if value is None else self._feature(name, value, form)
        return given

    def _feature(self, name: str, value: Any, form: str) -> Value:
        if form == "text":
            return str(self._text(name, value))
        if isinstance(value, bool | int | float):
            try:
                number = float(value)
            except OverflowError:
                number = float("inf")
            if number == value and abs(number) != float("inf"):  # NaN is not itself
                return number
            raise self._refused(f"'{name}' has no such value", "It is a number of 64 bits, with null for none.")
        raise self._refused(f"'{name}' is a number, not {_kind(value)}", "Give it as a number.")

    def _typed(self, name: str, value: Any, kind: pa.DataType) -> Any:
        """The value, of its column's type. Raises RequestRefused."""
        import pyarrow as pa

        types = pa.types
        if types.is_integer(kind):
            if type(value) is not int:  # true is an int to Python, not to us
                raise self._refused(f"'{name}' is a whole number, not {_kind(value)}", "Give it as a whole number.")
        elif types.is_boolean(kind):
            if type(value) is not bool:
                raise self._refused(f"'{name}' is true or false, not {_kind(value)}", "Give it as true or false.")
        elif types.is_floating(kind):
            return self._feature(name, value, "number")
        else:
            return self._text(name, value)
        if kind == pa.int64() and -(2**63) <= value < 2**63:  # as most are
            return value
        try:
            pa.scalar(value, kind)
        except (pa.ArrowException, OverflowError) as error:
            raise self._refused(f"'{name}' has no such value", f"It is of type {kind}.") from error
        return value

    def _text(self, name: str, value: Any) -> str:
        if type(value) is not str:
            raise self._refused(f"'{name}' is text, not {_kind(value)}", "Give it as text.")
        try:
            value.encode()
        except UnicodeEncodeError as error:  # half a character
            raise self._refused(f"'{name}' has no such value", "It is Unicode text.") from error
        return value

    def _refused(self, what: str, mend: str | None) -> RequestRefused:
        return RequestRefused(what, asset=self.rollout, mend=mend)


def new_id() -> str:
    """An id that nobody has; ids made later sort after it, so that a log's index grows at its end."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
