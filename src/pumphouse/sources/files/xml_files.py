"""XML: an element is a row, wherever it stands; the rest is passed by, piece by piece, in bounded memory.

An attribute, and a child that holds only text, is a column. A child that holds more, or comes more than once, is JSON
as text, in which "@name" is an attribute and "#text" the text between other elements. An attribute that has the
name of a child is the column "<name>_attribute". Text is read as in a CSV: what is a number throughout becomes one.

What a document declares beyond its elements is refused: entities are never expanded, and nothing is fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, cast
from xml.etree import ElementTree as ET
from xml.parsers import expat

import msgspec

from pumphouse.declare.formats import Xml
from pumphouse.errors import ConfigError, did_you_mean
from pumphouse.sources.files.texts import CHUNK_BYTES, StoredFile
from pumphouse.sources.spool import Spool

ROWS_AT_ONCE = 5_000
DEPTH_MAX = 200
NAMES_SHOWN_MAX = 5
RECORD_ELEMENTS_MAX = 1_000_000
TEXT = "text"
"""The column with the text of a record that stands beside its children."""


def read(file: StoredFile, form: Xml, spool: Spool) -> bool:
    """Read a file into the spool; false where its first element is empty."""
    wanted = form.records.strip("/").split("/")
    if not all(wanted):
        raise ConfigError(
            f"xml(records={form.records!r}) is no path of elements", asset=file.asset, mend='It is like "orders/order".'
        )
    try:
        with file.path.open("rb") as stream:
            _refuse_entities(file, stream)
            stream.seek(0)
            return _rows(file, stream, wanted, spool)
    except (ET.ParseError, expat.ExpatError) as error:
        raise file.error(f"it is no whole XML ({error})", mend="Fetch the file again.") from None
    except (LookupError, ValueError) as error:
        raise file.error(f"its text can't be read ({error})", mend="Save it as UTF-8.") from None


class _Begun(Exception):  # no error: how a parser is stopped from inside
    """The first element has begun: no error, but how a parser is stopped from inside."""


def _refuse_entities(file: StoredFile, stream: IO[bytes]) -> None:
    """Entities can be declared before the first element only, so all after it is safe to read."""

    def declared(name: str, *_: object) -> None:
        raise file.error(
            f"it declares an entity ('{name}'), and entities are never expanded",
            mend="They can make a small file fill the memory, or fetch what is elsewhere. Write it without them.",
        )

    def begun(*_: object) -> None:
        raise _Begun

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = declared
    parser.StartElementHandler = begun
    try:
        parser.ParseFile(stream)
    except _Begun:
        return


def _rows(file: StoredFile, stream: IO[bytes], wanted: list[str], spool: Spool) -> bool:
    path: list[str] = []
    elements: list[ET.Element] = []
    within = 0
    """At which depth the record began that is being read; 0 outside of any."""
    seen: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    found = inside = 0
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(("start", "end"))
    while chunk := stream.read(CHUNK_BYTES):
        parser.feed(chunk)
        for event, element in cast("Iterator[tuple[str, ET.Element]]", parser.read_events()):
            if event == "start":
                path.append(_name(element.tag))
                elements.append(element)
                if len(path) > DEPTH_MAX:
                    raise file.error(f"its elements are nested more than {DEPTH_MAX} deep")
                if not within and path[-len(wanted) :] == wanted:
                    within, inside = len(path), 0
                inside += 1
                if within and inside > RECORD_ELEMENTS_MAX:
                    raise file.error(
                        f"one '{path[within - 1]}' holds more than {RECORD_ELEMENTS_MAX:,} elements",
                        mend="Name the element of one record with ph.xml(records=...).",
                    )
                continue
            if not within:
                seen[path[-1]] += 1
            elif len(path) == within:
                row = _row(element)
                found += 1
                if row:
                    rows.append(row)
                else:
                    spool.ledger.row(
                        row_id=file.row_id(found),
                        original=f"<{path[-1]}/>",
                        reason=f"{path[-1]} {found:,} of {file.name} has nothing in it",
                    )
                within = 0
            path.pop()
            elements.pop()
            if not within and elements:
                elements[-1].remove(element)  # it was read, or is not wanted
        if len(rows) >= ROWS_AT_ONCE:
            _add(rows, file, spool)
            rows = []
            if spool.is_full:
                return True
    parser.close()
    _add(rows, file, spool)
    if not found and len(seen) > 1:
        names = [f"{name} ({count:,})" for name, count in seen.most_common(NAMES_SHOWN_MAX)]
        raise file.error(
            f"it has no element '{'/'.join(wanted)}'; it has {', '.join(names)}",
            mend=did_you_mean(wanted[-1], list(seen)) or 'Name one with ph.xml(records="...").',
        )
    return found > 0


def _add(rows: list[dict[str, Any]], file: StoredFile, spool: Spool) -> None:
    if rows:
        spool.declare(dict.fromkeys((name for row in rows for name in row), "text"))
        spool.add_rows(rows, raw=file.raw)


def _row(element: ET.Element) -> dict[str, str | None]:
    """An element's children and attributes by name. Empty text is null."""
    row: dict[str, str | None] = {}
    for name, values in _children(element).items():
        plain = values[0] if len(values) == 1 else values
        row[name] = plain if plain is None or isinstance(plain, str) else msgspec.json.encode(plain).decode()
    for name, value in element.attrib.items():
        local = _name(name)
        row[f"{local}_attribute" if local in row else local] = value or None
    if text := _text(element):
        row[f"{TEXT}_content" if TEXT in row else TEXT] = text
    return row


def _children(element: ET.Element) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for child in element:
        found.setdefault(_name(child.tag), []).append(_value(child))
    return found


def _value(element: ET.Element) -> Any:  # text, or what JSON makes of nested elements
    text = _text(element) or None
    if not len(element) and not element.attrib:
        return text
    inner: dict[str, Any] = {f"@{_name(name)}": value for name, value in element.attrib.items()}
    inner |= {name: values[0] if len(values) == 1 else values for name, values in _children(element).items()}
    return inner | ({"#text": text} if text else {})


def _text(element: ET.Element) -> str:
    """The text directly in an element."""
    pieces = (element.text, *(child.tail for child in element))
    return " ".join(piece.strip() for piece in pieces if piece and piece.strip())


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]
