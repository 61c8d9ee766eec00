"""Checks that came from another tool, as Python to paste: what was understood, and what was not, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.declare.checks import Condition, FailingRows, Matches, code_of
from pumphouse.graph.sql import read_query

WIDTH = 120
_PYTHON_CLASSES = re.compile(r"\\[dwsb]", re.IGNORECASE)
ASCII_ONLY = "in RE2 \\d, \\w, \\s and \\b know ASCII only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A check that was understood. `notes` tell what is not quite as it was."""

    asset: str
    about: str
    """What its name is made of, such as "status_one_of"."""
    condition: Condition
    severity: Literal["error", "warn"] = "error"
    where: str | None = None
    mostly: float = 1.0
    doc: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A check that can't be had here, and why."""

    asset: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file of checks came to."""

    source: str
    taken: tuple[Taken, ...]
    left: tuple[Left, ...]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The same as plain values."""
        return {
            "source": self.source,
            "checks": [
                {
                    "name": name,
                    "asset": one.asset,
                    "condition": _code(one.condition),
                    "severity": one.severity,
                    "where": one.where,
                    "mostly": one.mostly,
                    "notes": list(one.notes),
                }
                for name, one in self._named()
            ],
            "left": [{"asset": one.asset, "what": one.what, "why": one.why} for one in self.left],
            "notes": list(self.notes),
        }

    def to_python(self) -> str:
        """Declarations to paste into a file of the project, with comments of what was left out."""
        rules = sorted({name for one in self.taken if (name := _rule(one.condition)) is not None})
        lines = [f"# From {self.source}: {len(self.taken)} checks, {len(self.left)} left out."]
        lines += [f"# {note}" for note in self.notes]
        lines += ["import pumphouse as ph"]
        lines += [f"from pumphouse.checks import {', '.join(rules)}"] if rules else []
        lines += [""]
        for name, one in self._named():
            lines += [f"# {note}" for note in one.notes]
            lines += _declaration(name, one)
        if self.left:
            lines += ["", "# Left out:"]
            lines += [f"# - {one.asset}: {_on_one_line(one.what)}: {_on_one_line(one.why)}" for one in self.left]
        return "\n".join(lines)

    def _named(self) -> Iterator[tuple[str, Taken]]:
        known: set[str] = set()
        for one in self.taken:
            stem = re.sub(r"[\W_]+", "_", f"{one.asset}_{one.about}").strip("_").lower()
            stem = stem if stem[:1].isalpha() else f"check_{stem}"
            name, number = stem, 2
            while name in known:
                name, number = f"{stem}_{number}", number + 1
            known.add(name)
            yield name, one


def admitted(one: Taken, *, what: str) -> Taken | Left:
    """The check, unless its SQL or its pattern would be refused here; then what stands against it."""
    for text, is_query in _texts(one):
        if "{{" in text or "{%" in text:
            return Left(asset=one.asset, what=what, why="it has Jinja, which only dbt can run")
        facts = read_query(text if is_query else f"SELECT (\n{text}\n)")
        found = [*facts.faults, *([facts.unparsed] if facts.unparsed else [])]
        if found:
            return Left(asset=one.asset, what=what, why=f"{found[0].what}: {text}")
        if facts.names and not is_query:
            return Left(asset=one.asset, what=what, why=f"it reads other tables: {text}. Write it as a query")
    notes = list(one.notes)
    for pattern in _patterns(one.condition):
        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except pa.ArrowInvalid:
            return Left(
                asset=one.asset, what=what, why=f"RE2 has no such pattern (look-around, references?): {pattern}"
            )
        if _PYTHON_CLASSES.search(pattern):
            notes.append(ASCII_ONLY)
    return Taken(
        asset=one.asset, about=one.about, condition=one.condition, severity=one.severity, where=one.where,
        mostly=one.mostly, doc=one.doc, notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _texts(one: Taken) -> Iterator[tuple[str, bool]]:
    if isinstance(one.condition, str):
        yield one.condition, False
    elif isinstance(one.condition, FailingRows):
        yield one.condition.text, True
    if one.where:
        yield one.where, False


def _patterns(condition: Condition) -> list[str]:
    if isinstance(condition, Matches):
        return [condition.pattern]
    if isinstance(condition, str):
        found = re.findall(r"regexp_matches\([^']*'((?:[^']|'')*)'", condition)
        return [pattern.replace("''", "'") for pattern in found]
    return []


def _declaration(name: str, one: Taken) -> list[str]:
    options = [f"severity={one.severity!r}"] if one.severity != "error" else []
    options += [f"where={one.where!r}"] if one.where else []
    options += [f"mostly={one.mostly!r}"] if one.mostly < 1 else []
    options += [f"doc={one.doc!r}"] if one.doc else []
    arguments = [repr(one.asset), _code(one.condition), *options]
    line = f"{name} = ph.check({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return [line]
    return [f"{name} = ph.check(", *(f"    {argument}," for argument in arguments), ")"]


def _code(condition: Condition) -> str:
    match condition:
        case str():
            return repr(condition)
        case FailingRows(text=text):
            return f"query({text!r})"
    return code_of(condition)


def _rule(condition: Condition) -> str | None:
    return None if isinstance(condition, str) else code_of(condition).partition("(")[0]


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
