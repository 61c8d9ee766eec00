"""The header of a `.sql` or `.md` file: TOML in its first comment, after the word `pumphouse`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pumphouse.declare.asset import Common, Slice, Time, names
from pumphouse.declare.layouts import layout_of
from pumphouse.declare.tables import slice_of
from pumphouse.errors import did_you_mean
from pumphouse.graph.findings import Finding

# Atomic: what has been read as white space or a comment is never read again as something else.
_SQL = re.compile(r"(?>\s+|--[^\n]*|/\*(?!\s*pumphouse\b).*?\*/)*+(/\*\s*pumphouse\b(.*?)\*/)", re.DOTALL)
_MARKDOWN = re.compile(r"\s*+(<!--\s*pumphouse\b(.*?)-->)", re.DOTALL)
_MISPLACED = {
    _SQL: re.compile(r"/\*\s*pumphouse\b"),
    _MARKDOWN: re.compile(r"^<!--\s*pumphouse\b", re.MULTILINE),
}
_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")
_MATURES = re.compile(r"\d+ (minute|hour|day|week|month|year)s?")

KEYS: Mapping[str, Mapping[str, str]] = {
    "sql": {
        "key": "names",
        "slice": "slice",
        "lookback": "count",
        "doc": "text",
        "time": "time",
        "reads": "names",
        "every": "text",
        "owner": "text",
        "tags": "names",
        "required": "names",
        "timeout_s": "seconds",
        "retries": "count",
        "layout": "layout",
        "grant": "grants",
    },
    "feature": {"entity": "names", "request": "types", "doc": "text", "owner": "text", "tags": "names"},
    "label": {
        "entity": "names",
        "matures": "matures",
        "key": "names",
        "doc": "text",
        "time": "time",
        "every": "text",
        "owner": "text",
        "tags": "names",
        "required": "names",
        "timeout_s": "seconds",
        "retries": "count",
        "layout": "layout",
        "grant": "grants",
    },
    "report": {
        "title": "text",
        "doc": "text",
        "reads": "names",
        "every": "text",
        "owner": "text",
        "tags": "names",
        "timeout_s": "seconds",
        "retries": "count",
        "grant": "grants",
    },
}
"""The keys that a header of each kind may hold, with the form of their values."""
REQUEST_TYPES = ("BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR")
"""Types of what a request may bring along: JSON has these and no others."""
_NEEDED = {"feature": ("entity",), "label": ("entity", "matures")}


class Header(msgspec.Struct, frozen=True):
    """A header as written. `lines` gives the line of the file that each key is in, `line` that of the header."""

    values: dict[str, Any] = {}  # TOML holds any of its types here; `declared` checks them
    lines: dict[str, int] = {}
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a header means. `key` of a label is its entity and `as_of`, unless it says otherwise."""

    kind: str
    common: Common
    slice: Slice | None = None
    reads: tuple[str, ...] | None = None
    entity: tuple[str, ...] = ()
    request: tuple[tuple[str, str], ...] = ()
    matures: str = ""
    title: str = ""


def read_sql_header(text: str) -> tuple[Header | None, str, list[Finding]]:
    """The header of an SQL text, the text with the header blanked out (lines and columns stay), and what is wrong."""
    return _read(text, _SQL)


def read_page_header(text: str) -> tuple[Header | None, str, list[Finding]]:
    """The header of a Markdown text, the text with the header blanked out, and what is wrong."""
    return _read(text, _MARKDOWN)


def declared(header: Header | None, *, kind: str) -> tuple[Declared, list[Finding]]:
    """What the header says, and its faults. `kind` is what the file is without one: "sql" or "report"."""
    header = header or Header()
    faults: list[Finding] = []
    values = dict(header.values)
    said = values.pop("kind", kind)
    allowed = ("report",) if kind == "report" else ("feature", "label", "sql")
    if said not in allowed:
        mend = did_you_mean(str(said), allowed) or f"It is one of {', '.join(allowed)}; a table needs no kind."
        faults.append(Finding(header.lines.get("kind", header.line), f"no such kind in a header: '{said}'", mend))
        return Declared(kind=kind, common=Common()), faults
    read: dict[str, Any] = {}  # each value has the form that KEYS says
    for key, value in values.items():
        line = header.lines.get(key, header.line)
        form = KEYS[said].get(key)
        if form is None:
            mend = did_you_mean(key, KEYS[said]) or f"It may hold {', '.join(('kind', *KEYS[said]))}."
            faults.append(Finding(line, f"a {_word(said)}'s header has no '{key}'", mend))
            continue
        try:
            read[key] = _FORMS[form](value)
        except ValueError as error:
            faults.append(Finding(line, f"'{key}' in the header: {error}"))
    faults += [
        Finding(header.line, f"a {said}'s header needs '{key}'", f"Add a line: {_EXAMPLES[key]}")
        for key in _NEEDED.get(said, ())
        if key not in values
    ]
    if "lookback" in read and "slice" not in values:
        faults.append(
            Finding(header.lines["lookback"], "'lookback' means nothing without 'slice'", f"Add {_EXAMPLES['slice']}")
        )
    entity = read.get("entity", ())
    sliced: Slice | None = read.get("slice")
    if sliced is not None:
        sliced = Slice(column=sliced.column, unit=sliced.unit, lookback=read.get("lookback", 0))
    return (
        Declared(
            kind=said,
            common=Common(
                doc=read.get("doc", ""),
                owner=read.get("owner"),
                tags=read.get("tags", ()),
                key=read.get("key") or ((*entity, "as_of") if said == "label" else ()),
                required=read.get("required", ()),
                time=read.get("time", Time()),
                every=read.get("every"),
                retries=read.get("retries", 0),
                timeout_s=read.get("timeout_s"),
                layout=read.get("layout"),
            ),
            slice=sliced,
            reads=read.get("reads"),
            entity=entity,
            request=read.get("request", ()),
            matures=read.get("matures", ""),
            title=read.get("title", ""),
        ),
        faults,
    )


def _read(text: str, pattern: re.Pattern[str]) -> tuple[Header | None, str, list[Finding]]:
    found = pattern.match(text)
    if not found:
        # A page may show what a header looks like, in a block.
        late = _MISPLACED[pattern].search(text if pattern is _SQL else re.split(r"^(?:```|~~~)", text, flags=re.M)[0])
        if not late:
            return None, text, []
        line = text.count("\n", 0, late.start()) + 1
        closed = "Move it to the top of the file." if line > 1 else "Close the comment."
        return None, text, [Finding(line, "the header is not a closed comment at the top of the file", closed)]
    start, end = found.span(1)
    blank = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
    line = text.count("\n", 0, start) + 1
    toml_line = text.count("\n", 0, found.start(2)) + 1
    try:
        values = tomllib.loads(found[2])
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        where = _TOML_PLACE.search(said)
        wrong = toml_line + (int(where[1]) - 1 if where and where[1] else found[2].rstrip().count("\n"))
        what = f"the header is not TOML: {_TOML_PLACE.sub('', said)}"
        return Header(line=line), blank, [Finding(wrong, what, 'Write key = "value", one a line.')]
    lines = {key: toml_line + _line_of(key, found[2]) for key in values}
    try:
        msgspec.msgpack.encode(values)
    except OverflowError:
        return Header(line=line), blank, [Finding(line, "the header holds a number that is too large")]
    return Header(values=values, lines=lines, line=line), blank, []


def _line_of(key: str, toml: str) -> int:
    found = re.search(rf"^[ \t]*\[{{0,2}}[ \t]*[\"']?{re.escape(key)}\b", toml, re.MULTILINE)
    return toml.count("\n", 0, found.start()) if found else 0


def _word(kind: str) -> str:
    return "table" if kind == "sql" else kind


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text in quotes, found {value!r}")
    return value.strip()


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return names(value)
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return names(value)
    raise ValueError(f"expected a name or a list of names, found {value!r}")


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a whole number from 0 up, found {value!r}")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"expected a number of seconds above 0, found {value!r}")
    return float(value)


def _time(value: object) -> Time:
    if not isinstance(value, dict) or not set(value) <= {"event", "known"}:
        raise ValueError(f'expected {{ event = "<column>", known = "<column>" }}, found {value!r}')
    return Time(**{key: _text(name) for key, name in value.items()})


def _types(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(kind, str) for kind in value.values()):
        raise ValueError(f'expected {{ basket_usd = "DOUBLE" }}, found {value!r}')
    wrong = next((kind for kind in value.values() if kind.upper() not in REQUEST_TYPES), None)
    if wrong is not None:
        raise ValueError(f"expected one of the types {', '.join(REQUEST_TYPES)}, found {wrong!r}")
    return tuple((name, kind.upper()) for name, kind in value.items())


def _grants(value: object) -> None:
    """Only their form: `graph.grants` makes them facts of their own."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError("expected tables that begin with [[grant]]")


def _matures(value: object) -> str:
    text = _text(value)
    if not _MATURES.fullmatch(text):
        raise ValueError(f'expected a length of time such as "90 days", found {text!r}')
    return text


_FORMS: Mapping[str, Any] = {  # each takes a TOML value and returns what Declared holds, or raises ValueError
    "text": _text,
    "names": _names,
    "count": _count,
    "seconds": _seconds,
    "slice": lambda value: slice_of(_text(value)),
    "time": _time,
    "layout": layout_of,
    "matures": _matures,
    "types": _types,
    "grants": _grants,
}
_EXAMPLES = {"entity": 'entity = "customer_id"', "matures": 'matures = "90 days"', "slice": 'slice = "paid_at by day"'}
