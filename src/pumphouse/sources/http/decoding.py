"""An answer's bytes as records: JSON, CSV and XML, and where in them the records are."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from pumphouse.declare.apis import Path, Records

DEPTH_MAX = 200
"""Elements inside each other in XML."""


class Undecodable(Exception):
    """Bytes are not what they should be; the text ends the sentence that the address begins."""

    def __init__(self, what: str, *, mend: str) -> None:
        super().__init__(what)
        self.mend = mend


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The records of one answer."""

    value: Any  # the answer as JSON has it; None for CSV
    rows: list[dict[str, Any]]
    texts: tuple[str, ...] = ()
    """Columns whose values are text that only looks like a number or a time, as all of CSV and XML is."""
    withheld: list[tuple[int, str, str]] = field(default_factory=list)
    """Lines that are no record: number, text, reason."""


def format_of(content_type: str, *, said: str | None) -> str:
    """The format that was declared, else the one that the server names; JSON where it names none that is known."""
    if said:
        return said
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("text/csv", "application/csv", "text/comma-separated-values"):
        return "csv"
    return "xml" if kind in ("application/xml", "text/xml") or kind.endswith("+xml") else "json"


def found(body: bytes, records: Records, *, content_type: str, said: str | None) -> Found:
    """The records of an answer. Raises Undecodable."""
    match format_of(content_type, said=said):
        case "csv":
            return _csv(body, content_type)
        case "xml":
            value = _xml(body)
            rows = rows_of(value, records)
            return Found(value=value, rows=rows, texts=tuple(dict.fromkeys(name for row in rows for name in row)))
    value = value_of(body, content_type=content_type)
    return Found(value=value, rows=rows_of(value, records))


def value_of(body: bytes, *, content_type: str = "") -> Any:
    """The JSON value of a body. Raises Undecodable."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        cut = "truncated" in str(error) and body
        where = f"it ends in the middle, after {len(body):,} bytes" if cut else str(error)
        said = content_type.partition(";")[0].strip()
        kind = f" (it says it is {said})" if said and "json" not in said else ""
        raise Undecodable(
            f"answers what is not JSON: {where}{kind}",
            mend='Its bytes are stored. Where it is CSV or XML, ph.api says so: format="csv". Else run again;'
            " if it stays, report it to whoever runs the API.",
        ) from None
    except RecursionError:
        raise Undecodable("answers JSON that is nested too deeply to be read", mend="Its bytes are stored.") from None


def at(value: Any, path: Path) -> Any:
    """What stands at a place in an answer, None where nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def rows_of(value: Any, records: Records) -> list[dict[str, Any]]:
    """The records in an answer: of a list on the way, those of each of its items. Raises Undecodable."""
    if records.whole:
        if not isinstance(value, dict):
            raise Undecodable("answers no object, which could be a row", mend='Leave out records=".".')
        return [value]
    path = records.at
    if path is None:  # the custom of most: a list, or an object that has it in `data`
        path = ("data",) if isinstance(value, dict) and records.id_into is None else ()
    here = _along(value, path)
    if records.id_into is not None:
        if isinstance(here, dict):
            return [
                {records.id_into: name, **(item if isinstance(item, dict) else {"value": item})}
                for name, item in here.items()
            ]
        raise _no_records(value, records, what="no object of records by id")
    # One record where there could be several: XML does not tell a list of one from its item.
    if isinstance(here, dict) and records.at:
        here = [here]
    if here is None and path and _is_there(value, path):
        return []
    if not isinstance(here, list):
        raise _no_records(value, records, what="no list of records")
    if set(map(type, here)) - {dict}:
        raise _no_records(value, records, what="no list of records")
    return here


def _along(value: Any, path: Path) -> Any:
    for number, name in enumerate(path):
        if isinstance(value, list):
            inner = [_along(item, path[number:]) for item in value]
            flat: list[Any] = []
            for item in inner:
                flat += item if isinstance(item, list) else [] if item is None else [item]
            return flat
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_there(value: Any, path: Path) -> bool:
    """Whether an answer has the field, though it is null."""
    above = _along(value, path[:-1])
    return isinstance(above, list) or (isinstance(above, dict) and path[-1] in above)


def _no_records(value: Any, records: Records, *, what: str) -> Undecodable:
    where = f" in '{'.'.join(records.at or ('data',))}'"
    if isinstance(value, dict):
        lists = list(_lists(value))
        mend = f'Say where they are: records="{lists[0]}".' if lists else 'Say where they are: records="...".'
        return Undecodable(f"answers {what}{where}; its fields are {', '.join(map(str, value))}", mend=mend)
    return Undecodable(f"answers {what}{where}; it is no object", mend='Say where they are: records="...".')


def _lists(value: Mapping[str, Any], *, above: str = "") -> list[str]:
    """Places of an answer that hold lists of objects, the outermost first."""
    here = [
        f"{above}{name}"
        for name, item in value.items()
        if isinstance(item, list) and item and all(isinstance(one, dict) for one in item)
    ]
    for name, item in value.items():
        if isinstance(item, dict) and above.count(".") < 3:
            here += _lists(item, above=f"{above}{name}.")
    return here


def _csv(body: bytes, content_type: str) -> Found:
    _, _, said = content_type.lower().partition("charset=")
    encoding = said.partition(";")[0].strip(' "') or "utf-8"
    try:
        text = body.decode("utf-8-sig" if encoding in ("utf-8", "utf8") else encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise Undecodable(f"answers CSV that is not {encoding}: {error}", mend="Ask for it in UTF-8.") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, Any]] = []
    withheld: list[tuple[int, str, str]] = []
    try:
        header = next(lines, [])
        width, begins = len(header), lines.line_num + 1
        for cells in lines:
            if len(cells) == width:
                rows.append({name: cell or None for name, cell in zip(header, cells, strict=True)})
            elif cells:
                few = "fewer" if len(cells) < width else "more"
                withheld.append((begins, ",".join(cells), f"has {few} cells than the header"))
            begins = lines.line_num + 1
    except csv.Error as error:
        raise Undecodable(
            f"answers what is not CSV: line {lines.line_num:,}: {error}", mend="Its bytes are stored."
        ) from None
    return Found(value=None, rows=rows, texts=tuple(header), withheld=withheld)


def _xml(body: bytes) -> Any:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Undecodable(
            "answers XML with a document type, which can name files and grow without end",
            mend="Ask for it without one, or as JSON.",
        )
    try:
        root = ET.fromstring(body)  # noqa: S314  # without a document type there is no entity to expand
    except ET.ParseError as error:
        raise Undecodable(f"answers what is not XML: {error}", mend="Its bytes are stored.") from None
    return _of_element(root, depth=0)


def _of_element(element: ET.Element, *, depth: int) -> Any:
    """An element as JSON would have it: attributes and elements inside are fields, several of one name are a list."""
    if depth > DEPTH_MAX:
        raise Undecodable(f"answers XML of more than {DEPTH_MAX} elements inside each other", mend="Ask for less.")
    text = (element.text or "").strip()
    if not len(element) and not element.attrib:
        return text or None
    fields: dict[str, Any] = {_local(name): value for name, value in element.attrib.items()}
    several: set[str] = set()
    for inner in element:
        if not isinstance(inner.tag, str):
            continue
        name, value = _local(inner.tag), _of_element(inner, depth=depth + 1)
        if name in several:
            fields[name].append(value)
        elif name in fields:
            fields[name] = [fields[name], value]
            several.add(name)
        else:
            fields[name] = value
    if text:
        fields["text"] = text
    return fields


def _local(name: str) -> str:
    return name.rpartition("}")[2]
