"""JSON files: a list of objects, or an object a line. Values inside an object that are nested stay JSON, as text."""

from __future__ import annotations

from typing import Any

import msgspec

from pumphouse.sources.spool import Spool
from pumphouse.sources.texts import StoredFile, opened

CHUNK_CHARACTERS = 8 * 1024 * 1024
LIST_CHARACTERS_MAX = 1024 * 1024 * 1024
"""A list has to be read at once; an object a line is read piece by piece."""


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
    spool.add_rows(rows, raw=file.sha)
    return True


def read_lines(file: StoredFile, spool: Spool) -> bool:
    """Read a file with an object a line; a line that is none is withheld. False where there is no line in it."""
    first, found = 1, False
    with opened(file) as text:
        while (lines := text.readlines(CHUNK_CHARACTERS)) and not spool.is_full:
            rows = _rows(file, lines, first, spool)
            found = found or any(line.strip() for line in lines)
            first += len(lines)
            spool.add_rows(rows, raw=file.sha)
    return found


def _rows(file: StoredFile, lines: list[str], first: int, spool: Spool) -> list[dict[str, Any]]:
    try:
        rows = msgspec.json.Decoder().decode_lines("".join(lines))
        if all(isinstance(row, dict) for row in rows):
            return rows
    except msgspec.DecodeError:
        pass  # found line by line below
    rows = []
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line)
            why = None if isinstance(row, dict) else "is no object"
        except msgspec.DecodeError as error:
            row, why = None, f"is not JSON: {_why(error, line)}"
        if why is None:
            rows.append(row)
        else:
            spool.ledger.row(
                row_id=f"{file.sha[:12]}:{number}",
                original=line.rstrip("\r\n"),
                reason=f"line {number:,} of {file.name} {why}",
            )
    return rows


def _why(error: Exception, text: str) -> str:
    return f"it ends in the middle, after {len(text):,} characters" if "truncated" in str(error) else str(error)
