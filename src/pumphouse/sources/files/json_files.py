"""JSON files: a list of objects, or an object a line. Values inside an object that are nested stay JSON, as text.

What a reader of JSON passes over is withheld with its reason: an object that has a name twice, of which one value would
be lost, and a number that no double holds (1e400, 1e-400).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from math import isfinite
from typing import Any

import msgspec

from pumphouse.sources.columns import vanishes
from pumphouse.sources.files.texts import StoredFile, opened
from pumphouse.sources.spool import Spool

CHUNK_CHARACTERS = 8 * 1024 * 1024
LIST_CHARACTERS_MAX = 1024 * 1024 * 1024
"""A list has to be read at once; an object a line is read piece by piece."""

_TINY = tuple(map(re.compile, (r"e-0*[1-9]\d\d", r"E-0*[1-9]\d\d", r"0\.0{100}")))
"""What a number that a double can't tell from zero looks like; each begins alike throughout, and so is found fast."""


def read_list(file: StoredFile, spool: Spool) -> bool:
    """Read a file that is one list of objects, or one object; false where there is nothing in it."""
    with opened(file) as text:
        content = text.read(LIST_CHARACTERS_MAX)
        if text.read(1):
            raise file.error("it is too large for one list", mend="Write it with an object a line, as .jsonl.")
    if not content.strip():
        return False
    try:
        value = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise file.error(f"it is not JSON: {_why(error, content)}", mend="Fetch the file again.") from None
    rows = [value] if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise file.error(
            "it is JSON, and no list of objects", mend="Gather it with a function, @ph.source, that picks the rows."
        )
    if _may_lose(content, rows):
        texts = (
            [content] if isinstance(value, dict) else map(_text, msgspec.json.decode(content, type=list[msgspec.Raw]))
        )
        rows = _one_by_one(file, texts, "row", 1, spool)
    spool.add_rows(rows, raw=file.raw)
    return True


def read_lines(file: StoredFile, spool: Spool) -> bool:
    """Read a file with an object a line; a line that is none is withheld. False where there is no line in it."""
    first, found = 1, False
    with opened(file) as text:
        while (lines := text.readlines(CHUNK_CHARACTERS)) and not spool.is_full:
            rows = _rows(file, lines, first, spool)
            found = found or any(line.strip() for line in lines)
            first += len(lines)
            spool.add_rows(rows, raw=file.raw)
    return found


def _rows(file: StoredFile, lines: list[str], first: int, spool: Spool) -> list[dict[str, Any]]:
    content = "".join(lines)
    try:
        rows = msgspec.json.Decoder().decode_lines(content)
        if all(isinstance(row, dict) for row in rows) and not _may_lose(content, rows):
            return rows
    except msgspec.DecodeError:
        pass  # found line by line below
    return _one_by_one(file, lines, "line", first, spool)


def _one_by_one(file: StoredFile, texts: Iterable[str], what: str, first: int, spool: Spool) -> list[dict[str, Any]]:
    """The rows of these texts, numbered from `first`; those that are none, or would lose something, are withheld."""
    rows = []
    for number, text in enumerate(texts, first):
        if not text.strip():
            continue
        row: Any = None
        try:
            row = msgspec.json.decode(text)
            why = _loss(text, row) if isinstance(row, dict) else "is no object"
        except msgspec.DecodeError as error:
            why = f"is not JSON: {_why(error, text)}"
        if why is None:
            rows.append(row)
        else:
            spool.ledger.row(
                row_id=file.row_id(number),
                original=text.rstrip("\r\n"),
                reason=f"{what} {number:,} of {file.name} {why}",
            )
    return rows


def _may_lose(content: str, rows: list[dict[str, Any]]) -> bool:
    """Whether parsing may have lost something: there are more quotes than what was parsed has, or tiny numbers."""
    written = msgspec.json.Encoder().encode_lines(rows)
    quotes = content.count('"') > written.count(b'"') or "\\u0022" in content
    return quotes or any(pattern.search(content) for pattern in _TINY)


def _loss(text: str, row: dict[str, Any]) -> str | None:
    """What of the text is not in the row that was parsed from it; None where all of it is."""
    if not _may_lose(text, [row]):
        return None
    faults: list[str] = []

    def number(said: str) -> float:
        value = float(said)
        if not isfinite(value) or vanishes(said, value):
            faults.append(f"holds {said}, which is beyond what a double can hold")
        return value

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        faults.extend(
            f"has '{name}' {count} times" for name, count in Counter(k for k, _ in found).items() if count > 1
        )
        return dict(found)

    json.loads(text, parse_float=number, object_pairs_hook=pairs)
    return faults[0] if faults else None


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def _why(error: Exception, text: str) -> str:
    return f"it ends in the middle, after {len(text):,} characters" if "truncated" in str(error) else str(error)
