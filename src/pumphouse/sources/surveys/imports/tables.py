"""A file as rows of cells: CSV with any delimiter, and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pumphouse.errors import MissingExtra, SourceError

SHEETS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
DELIMITERS = (",", ";", "\t", "|")
BYTES_MAX = 256 * 1024 * 1024
ROWS_MAX = 1_000_000
CELL_CHARACTERS_MAX = 1_000_000
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_rows(file: Path) -> list[list[str]]:
    """The rows of a file, cells as text: days and moments in ISO 8601, whole numbers without a fraction.

    Of a spreadsheet it is the first sheet. Raises SourceError for what is no table, MissingExtra for a spreadsheet that
    nothing here reads.
    """
    try:
        if file.stat().st_size > BYTES_MAX:
            raise SourceError(f"{file.name} is larger than {BYTES_MAX // 2**20} MB", mend="Split it.")
        rows = _of_sheet(file) if file.suffix.lower() in SHEETS else _of_text(file.read_bytes())
    except (OSError, csv.Error) as error:
        raise SourceError(f"{file} can't be read: {error}", mend="It is a CSV file or a spreadsheet.") from error
    if len(rows) > ROWS_MAX:
        raise SourceError(f"{file.name} has more than {ROWS_MAX:,} rows", mend="Split it.")
    return rows


def _of_text(data: bytes) -> list[list[str]]:
    text = _decoded(data)
    start = text[:CELL_CHARACTERS_MAX]
    delimiter = max(DELIMITERS, key=lambda one: len(next(_records(start, one), [])))
    return [[cell.strip() for cell in row] for row in _records(text, delimiter) if any(cell.strip() for cell in row)]


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _decoded(data: bytes) -> str:
    if data[:2] in _UTF16:
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # what a spreadsheet saves as CSV most often


def _of_sheet(file: Path) -> list[list[str]]:
    try:
        from python_calamine import CalamineError, load_workbook
    except ImportError as error:
        raise MissingExtra("python-calamine", extra="files", purpose=f"reading {file.name}") from error
    try:
        sheet: Any = load_workbook(str(file)).get_sheet_by_index(0)
        found = [[_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=True)]
    except CalamineError as error:
        raise SourceError(f"{file.name} is no spreadsheet that can be read: {error}") from error
    return [row for row in found if any(row)]


def _text(cell: Any) -> str:  # a cell as calamine gives it
    match cell:
        case bool():
            return "true" if cell else "false"
        case float():
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell.total_seconds())
    return str(cell).strip()
