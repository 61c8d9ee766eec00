"""JSON in text: the value at a path, in one form of writing it, so that equal values are equal text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pumphouse.cleaning.step import EachValue, Resources, Step

PART = re.compile(r"""\.([^\W\d]\w*)|\[(-?[0-9]{1,9})\]|\["((?:[^"\\]|\\.)*)"\]|\['((?:[^'\\]|\\.)*)'\]""")
PARTS_MAX = 100
NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
EXPONENT_DIGITS_MAX = 9
PLAIN_DIGITS_MAX = 21
"""Numbers up to this length are written without an exponent, as JavaScript does."""


class _Declined(Exception):
    """Why a text gives no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPath(Step):
    """The step that `json_path` makes."""

    name: ClassVar[str] = "json_path"
    gives: ClassVar[str] = "VARCHAR"
    path: str
    into: str | None = None
    version: str = field(default="1", init=False)

    def target(self, column: str) -> str:
        """The text stays as it is."""
        return self.into or f"{column}__value"

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, PathReader(parts_of(self.path)).value)


def json_path(path: str, *, into: str | None = None) -> JsonPath:
    """A step that takes a value out of JSON: `json_path("$.address.lines[0]", into="street")`.

    A path is made of `$`, `.name`, `["any name"]` and `[0]`; `[-1]` is the last one. Without `into` the value goes to
    `<column>__value`. It is text: a string as it is, a number with all its digits (`1.50` is `1.5`; whole ones of any
    size stay whole), true or false; an object or a list as JSON without spaces, names in their order. What is not there
    is a gap, and so is null. Declined are texts that are not JSON to the letter (`NaN`, a comma too many), names that
    stand twice in an object, and a path through something that has no such parts.

    `json_path("$.id").one('{"id": 12345678901234567890}').value == "12345678901234567890"`
    """
    parts_of(path)
    return JsonPath(path=path, into=into)


def parts_of(path: str) -> tuple[str | int, ...]:
    """The names and places that a path is made of. Raises ValueError where it is none."""
    parts: list[str | int] = []
    place = 1
    while place < len(path) and len(parts) < PARTS_MAX:
        found = PART.match(path, place)
        if not found:
            break
        name, index, *quoted = found.groups()
        written = next((text for text in quoted if text is not None), None)
        parts.append(int(index) if index else name if name else re.sub(r"\\(.)", r"\1", written or ""))
        place = found.end()
    if not path.startswith("$") or place < len(path):
        raise ValueError(
            f'a path into JSON is like $.lines[0].sku or $["any name"], and of up to {PARTS_MAX} parts; not {path!r}'
        )
    return tuple(parts)


class PathReader:
    """A path, ready to follow."""

    def __init__(self, parts: tuple[str | int, ...]) -> None:
        self.parts = parts

    def value(self, written: str) -> tuple[str | None, str | None]:
        """(value as text, reason)."""
        try:
            found = _followed(_parsed(written.strip().lstrip("\ufeff")), self.parts)
            text = found if type(found) is str else "".join(_canonical(found))
            text.encode()
        except _Declined as why:
            return None, str(why)
        except RecursionError:
            return None, "JSON nested too deep"
        except UnicodeEncodeError:
            return None, "half of a character in it"
        return (None, None) if found is None else (text, None)


class _Number(str):
    """A number of JSON, as it is written there."""

    __slots__ = ()


def _parsed(text: str) -> Any:  # Any: what JSON holds
    try:
        return json.loads(
            text, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant, object_pairs_hook=_object
        )
    except ValueError:
        return _decline("not JSON")


def _no_constant(name: str) -> Any:  # Any: as json wants it; it never returns
    return _decline(f"not JSON: it knows no {name}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: what JSON holds
    found = dict(pairs)
    return found if len(found) == len(pairs) else _decline("a name stands twice in one object")


def _followed(value: Any, parts: tuple[Any, ...]) -> Any:  # Any: what JSON holds; names and places
    for place, part in enumerate(parts, start=1):
        if value is None:
            return None
        wanted = dict if isinstance(part, str) else list
        if not isinstance(value, wanted):
            raise _Declined(f"part {place} of the path needs {'an object' if isinstance(part, str) else 'a list'}")
        try:
            value = value[part]
        except LookupError:
            return None
    return value


def _canonical(value: Any) -> Iterator[str]:  # Any: what JSON holds
    """JSON of a value in parts: names in order, no spaces, numbers in their shortest exact form."""
    if isinstance(value, _Number):
        yield _number(value)
    elif isinstance(value, dict):
        yield "{"
        for place, name in enumerate(sorted(value)):
            yield "," if place else ""
            yield json.dumps(name, ensure_ascii=False) + ":"
            yield from _canonical(value[name])
        yield "}"
    elif isinstance(value, list):
        yield "["
        for place, item in enumerate(value):
            yield "," if place else ""
            yield from _canonical(item)
        yield "]"
    else:
        yield json.dumps(value, ensure_ascii=False)


def _number(written: str) -> str:
    """All digits of a number and none too many: 1.50 is 1.5, 1e2 is 100, -0 is 0."""
    found = NUMBER.fullmatch(written)
    assert found
    sign, whole, part, power = found[1], found[2], found[3] or "", (found[4] or "0").lstrip("+")
    if len(power.lstrip("-").lstrip("0")) > EXPONENT_DIGITS_MAX:
        raise _Declined("a number too large to write")
    digits = (whole + part).lstrip("0")
    if not digits:
        return "0"
    kept = digits.rstrip("0")
    exponent = int(power) - len(part) + len(digits) - len(kept)
    ends = len(kept) + exponent  # where the point stands
    if exponent >= 0 and (ends <= PLAIN_DIGITS_MAX or not (part or found[4])):
        return sign + kept + "0" * exponent
    if exponent < 0 and -PLAIN_DIGITS_MAX < ends <= 0:
        return f"{sign}0.{'0' * -ends}{kept}"
    if exponent < 0 and ends > 0:
        return f"{sign}{kept[:ends]}.{kept[ends:]}"
    rest = f".{kept[1:]}" if len(kept) > 1 else ""
    return f"{sign}{kept[0]}{rest}e{'+' if ends > 0 else ''}{ends - 1}"


def _decline(reason: str) -> Any:  # Any: it never returns
    raise _Declined(reason)
