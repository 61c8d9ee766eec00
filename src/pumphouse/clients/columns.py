"""What a column's Arrow type is to another language: a few kinds, read from the type's text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Scalar = Literal[
    "whole", "small", "number", "decimal", "text", "boolean", "day", "moment", "local", "time", "span", "bytes",
    "record", "unknown",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is; of a list, what is in it."""

    scalar: Scalar
    lists: int = 0
    """How many lists it is in."""


_KINDS: tuple[tuple[str, Scalar], ...] = (
    (r"u?int(8|16)|int32", "small"),
    (r"u?int\d+", "whole"),
    (r"(half)?float|double", "number"),
    (r"decimal\d*\(.*", "decimal"),
    (r"(large_)?string(_view)?|dictionary<values=string.*", "text"),
    (r"bool", "boolean"),
    (r"date\d+.*", "day"),
    (r"timestamp\[\w+, tz=.*", "moment"),
    (r"timestamp.*", "local"),
    (r"time\d+.*", "time"),
    (r"duration.*|month_day_nano_interval", "span"),
    (r"(large_|fixed_size_)?binary.*", "bytes"),
    (r"(struct|map)<.*", "record"),
)
_LIST = re.compile(r"(?:large_|fixed_size_)?list(?:_view)?<[^:<>]*: (.*)>(?:\[\d+\])?", re.DOTALL)


def kind_of(type: str) -> Kind:
    """The kind of an Arrow type as text: `kind_of("list<item: int64>")` is a list of whole numbers."""
    lists = 0
    while inner := _LIST.fullmatch(type):
        type, lists = inner[1].removesuffix(" not null"), lists + 1
    for pattern, scalar in _KINDS:
        if re.fullmatch(pattern, type, re.DOTALL):
            return Kind(scalar, lists)
    return Kind("unknown", lists)
