"""Fingerprints: hashes of all that decides an asset's content, equal in every process and on every machine."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from pumphouse.declare.asset import Common
from pumphouse.errors import Place

_LENGTH = 20


def fingerprint(*parts: object) -> str:
    """A short hash of values that JSON can hold."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]


def content_of(common: Common) -> list[object]:
    """What of the common declarations decides a table's content: not its doc, owner, schedule, retries or timeout."""
    return [common.key, common.required, common.time.event, common.time.known]


@dataclass(slots=True)
class SpecReading:
    """What a spec holds, as values that JSON can hold, with what has to be looked up beside it."""

    strings: list[str] = field(default_factory=list)
    callables: list[Any] = field(default_factory=list)  # functions and classes
    opaque: bool = False
    """Whether it holds an object of which only its making tells what it is."""

    def value(self, value: object) -> object:
        """The spec without places and identities."""
        match value:
            case None | bool() | int() | float():
                return repr(value)
            case str():
                self.strings.append(value)
                return ["text", value]
            case bytes():
                return ["bytes", hashlib.sha256(value).hexdigest()]
            case enum.Enum():
                return [type(value).__qualname__, value.name]
            case Place():
                return None
            case decimal.Decimal() | dt.date() | dt.time() | dt.timedelta() | complex():
                return repr(value)
            case PurePath():
                self.strings.append(value.as_posix())
                return ["path", value.as_posix()]
            case re.Pattern():
                return ["pattern", value.pattern, value.flags]
            case tuple() | list():
                return [self.value(item) for item in value]
            case dict() | Mapping():
                return ["map", *([self.value(key), self.value(item)] for key, item in value.items())]
            case set() | frozenset():
                return ["set", *sorted((self.value(item) for item in value), key=json.dumps)]
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                fields = {one.name: self.value(getattr(value, one.name)) for one in dataclasses.fields(value)}
                return [type(value).__qualname__, fields]
            case _ if callable(value) and hasattr(value, "__qualname__"):
                self.callables.append(value)
                return ["code", value.__qualname__]
        self.opaque = True
        return ["object", type(value).__qualname__]
