"""Fingerprints: hashes of all that decides an asset's content, equal in every process and on every machine."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from pumphouse.declare.asset import Common
from pumphouse.errors import Place
from pumphouse.graph.cache import Cache
from pumphouse.graph.code import ModuleFacts, Statement
from pumphouse.graph.findings import Finding

FILE_BYTES_MAX = 64 * 1024 * 1024
"""Of a larger file that code names, only size and time of change count."""
_LENGTH = 20


def fingerprint(*parts: object) -> str:
    """A short hash of values that JSON can hold."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]


def content_of(common: Common) -> list[object]:
    """What of the common declarations decides a table's content: not its doc, owner, schedule, retries or timeout."""
    return [common.key, common.required, common.time.event, common.time.known]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """All statements of the project that a piece of code needs, directly or through others."""

    digests: tuple[str, ...]
    strings: tuple[tuple[str, str], ...]
    """(folder of the module, text) of every text that could name a file."""
    impure: tuple[tuple[str, Finding], ...]
    """(file, finding) of every call of a clock or of chance."""


class Code:
    """The project's Python text: which statement needs which others, across modules."""

    def __init__(self, modules: Mapping[str, tuple[str, ModuleFacts]]) -> None:
        """`modules` maps dotted names to a file (relative to the project's folder) and its facts."""
        self._modules = dict(modules)
        # A package without __init__.py holds no statements, and is a step on the way to its modules.
        for name in modules:
            while (name := name.rpartition(".")[0]) and name not in self._modules:
                self._modules[name] = ("", ModuleFacts())
        self._packages = {name.rpartition(".")[0] for name in self._modules}

    def __contains__(self, module: str) -> bool:
        return module in self._modules

    def closure(self, starts: Iterable[tuple[str, str]]) -> Closure:
        """Everything that the names (module, name) need. A name that no statement binds stands for its whole module."""
        seen: dict[tuple[str, int], Statement] = {}
        waiting: list[tuple[str, int]] = []
        for module, name in starts:
            waiting += self._resolve(module, name, frozenset()) or self._whole(module)
        while waiting:
            module, number = key = waiting.pop()
            if key in seen:
                continue
            statement = seen[key] = self._modules[module][1].statements[number]
            for read in statement.reads:
                waiting += self._resolve(module, read, frozenset())
            for target in statement.imports:
                waiting += self._follow(module, target, "", frozenset())
        folders = {module: self._modules[module][0].rpartition("/")[0] for module, _ in seen}
        return Closure(
            digests=tuple(sorted({statement.digest for statement in seen.values()})),
            strings=tuple(
                sorted(
                    {(folders[module], text) for (module, _), statement in seen.items() for text in statement.strings}
                )
            ),
            impure=tuple(
                (self._modules[module][0], finding)
                for (module, _), statement in seen.items()
                for finding in statement.impure
            ),
        )

    def _resolve(self, module: str, chain: str, seen: Set[tuple[str, str]]) -> list[tuple[str, int]]:
        """Statements that bind the first name of `a.b.c` in a module, or that it stands for through imports."""
        if (module, chain) in seen:
            return []
        seen = {*seen, (module, chain)}
        facts = self._modules[module][1]
        root, _, rest = chain.partition(".")
        found = [(module, number) for number in facts.bindings.get(root, ())]
        if root in facts.imports:
            found += self._follow(module, facts.imports[root], rest, seen)
        if not found and root not in facts.imports:
            for star in facts.stars:
                source = self._absolute(module, star.partition(":")[0])
                if source in self._modules:
                    found += self._resolve(source, chain, seen)
        return found

    def _follow(self, module: str, target: str, rest: str, seen: Set[tuple[str, str]]) -> list[tuple[str, int]]:
        source, _, name = target.partition(":")
        source = self._absolute(module, source)
        if source not in self._modules:
            return []
        parts = [part for part in (name, *rest.split(".")) if part]
        while parts and f"{source}.{parts[0]}" in self._modules:
            source = f"{source}.{parts.pop(0)}"
        return self._resolve(source, ".".join(parts), seen) if parts else self._whole(source)

    def _whole(self, module: str) -> list[tuple[str, int]]:
        return [(module, number) for number in range(len(self._modules[module][1].statements))]

    def _absolute(self, module: str, target: str) -> str:
        name = target.lstrip(".")
        level = len(target) - len(name)
        if not level:
            return name
        is_package = module in self._packages
        parts = module.split(".")
        above = parts[: len(parts) - level + is_package]
        return ".".join([*above, name] if name else above)


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


class NamedFiles:
    """Finds which texts name files of the project, and hashes those."""

    def __init__(self, folder: str, *, cache: Cache, own: Set[str], ignore: Iterable[str] = ()) -> None:
        """`own` are the files that declare the assets themselves: what they hold is counted by its meaning."""
        self._folder = folder
        self._cache = cache
        self._own = own
        self._ignored = tuple(f"{name.strip('/')}/" for name in ignore)
        self._known: dict[tuple[str, str], tuple[str, str] | None] = {}

    def find(self, texts: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Hash by path of each file that a (folder of the module, text) names, from there or from the project."""
        found: dict[str, str] = {}
        for where, text in texts:
            for start in dict.fromkeys(("", where)):
                if (start, text) not in self._known:
                    self._known[start, text] = self._look(start, text)
                named = self._known[start, text]
                if named:
                    found[named[0]] = named[1]
        return dict(sorted(found.items()))

    def _look(self, start: str, text: str) -> tuple[str, str] | None:
        if (
            not text
            or len(text) > 512
            or "\n" in text
            or "\0" in text
            or text.startswith(("/", "\\", "~"))
            or ":" in text
        ):
            return None
        path = os.path.normpath(f"{start}/{text}" if start else text).replace(os.sep, "/")
        if path in self._own or path.startswith((".pumphouse/", *self._ignored)):
            return None
        full = Path(self._folder, path)
        try:
            status = full.stat()
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_size > FILE_BYTES_MAX:
                return path, f"{status.st_size} {status.st_mtime_ns}"
            return path, self._cache.sha(path, str(full), status)
        except OSError:  # no such file, or one that may not be read: the build will say so
            return None
