"""Workbooks: xlsx, xlsm, xlsb, xls and ods, by calamine. A row under the header is a row; blank ones are none.

A number without a fraction is a whole number, a duration its seconds. Of merged cells the first has the value. The
library gives nothing for a cell that shows an error, nor for a formula that no program has computed yet: in xlsx and
xlsm both are looked for in the file itself, become null, and stand in quarantine as they were written.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import unescape

from pumphouse.declare.formats import Excel
from pumphouse.errors import ConfigError, MissingExtra, did_you_mean
from pumphouse.sources.files.headers import named, starts_at
from pumphouse.sources.files.texts import StoredFile, Told
from pumphouse.sources.rows import as_text, column_of
from pumphouse.sources.spool import Spool

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
ROWS_AT_ONCE = 10_000
ROWS_LOOKED_AT = 100
"""Among which the header is looked for."""
PACKED_TIMES_MAX = 200
PLAIN_BYTES_MAX = 1024 * 1024 * 1024
"""What is packed in a workbook may be this many times as large, or so many bytes where that is more."""
WHOLE_MAX = 2**53
CELLS_MAX = 50_000_000
"""Between the first cell of a sheet that has something in it and the last: the library makes room for all of them."""
LOOKED_BYTES = 1024 * 1024

_AT = re.compile(rb'<(?:\w+:)?c\s[^>]{0,200}?\br="([A-Z]{1,3})([0-9]{1,7})"')
_CELL = re.compile(rb"<c\s([^>]*?)(?:/>|>(.*?)</c>)", re.DOTALL)
_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_VALUE = re.compile(rb"<v[^>]*>(.*?)</v>|<is>(.*?)</is>", re.DOTALL)
_FORMULA = re.compile(rb"<f[^>]*>(.*?)</f>", re.DOTALL)
_BOOK = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read(file: StoredFile, form: Excel, spool: Spool, told: Told) -> bool:
    """Read a workbook into the spool; false where no sheet that is wanted has anything in it."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise MissingExtra("python-calamine", extra="files", purpose=f"{file.name}: reading workbooks") from None
    _refuse_bombs(file)
    _refuse_far_cells(file)
    try:
        with CalamineWorkbook.from_path(str(file.path)) as book:
            chosen = _chosen(file, book, form)
            found = [_sheet(file, name, rows, form, spool, told) for name, rows in chosen]
    except (CalamineError, OSError, zipfile.BadZipFile) as error:
        raise file.error(
            f"it can't be read as a workbook ({error})", mend="Is it whole, and without a password? Save it once more."
        ) from None
    return any(found)


def _refuse_bombs(file: StoredFile) -> None:
    if not zipfile.is_zipfile(file.path):
        return
    with zipfile.ZipFile(file.path) as archive:
        size, packed = sum(one.file_size for one in archive.infolist()), file.path.stat().st_size
    if size > max(PLAIN_BYTES_MAX, PACKED_TIMES_MAX * packed):
        raise file.error(f"its {packed:,} bytes would become {size:,}", mend="Save it as CSV.")


def _refuse_far_cells(file: StoredFile) -> None:
    """One cell far from the others would be an area that no memory holds, and the library ends the process then."""
    if not zipfile.is_zipfile(file.path):
        return
    with zipfile.ZipFile(file.path) as archive:
        for one in archive.infolist():
            rows: set[int] = set()
            columns: set[int] = set()
            text = b""
            with archive.open(one) as member:
                while chunk := member.read(LOOKED_BYTES):
                    text = text[-300:] + chunk
                    found = _AT.findall(text)
                    columns |= {_column(letters) for letters in {letters for letters, _ in found}}
                    rows = {min(numbers), max(numbers)} if (numbers := rows | {int(row) for _, row in found}) else rows
            if not rows:
                continue
            area = (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1)
            if area > CELLS_MAX:
                raise file.error(
                    f"its cells in {one.filename} lie so far apart that there are {area:,} between the first and the"
                    f" last, and {CELLS_MAX:,} is the most",
                    mend="Is there something in a cell far below or beside the table? Delete that, or save it as CSV.",
                )


def _chosen(file: StoredFile, book: CalamineWorkbook, form: Excel) -> Iterator[tuple[str, list[list[Any]]]]:
    """The sheets that are wanted, with their rows from the first on."""
    names = [one.name for one in book.sheets_metadata]
    if form.sheet is not None:
        wanted = [name for name in names if name == form.sheet] or [n for n in names if fnmatchcase(n, form.sheet)]
        if not wanted:
            raise file.error(
                f"no sheet is called '{form.sheet}'; it has {', '.join(names)}",
                mend=did_you_mean(form.sheet, names) or None,
            )
        for name in wanted:
            yield name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        return
    from python_calamine import SheetVisibleEnum

    visible = [one.name for one in book.sheets_metadata if one.visible == SheetVisibleEnum.Visible]
    filled = [name for name in visible if book.get_sheet_by_name(name).start is not None]
    if len(filled) > 1:
        raise file.error(
            f"it has {len(filled)} sheets: {', '.join(filled)}",
            mend=f'Say which: format=ph.excel(sheet="{filled[0]}"); sheet="*" reads all of them.',
        )
    for name in filled:
        yield name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)


def _sheet(file: StoredFile, name: str, rows: list[list[Any]], form: Excel, spool: Spool, told: Told) -> bool:
    part = StoredFile(asset=file.asset, name=f"{file.name}/{name}", sha=file.sha, path=file.path, part=name)
    if not any(_is_filled(row) for row in rows):
        return False
    if form.header_row is None:
        header = starts_at(rows[:ROWS_LOOKED_AT], empty="")
    elif 0 < form.header_row <= len(rows):
        header = form.header_row - 1
    else:
        raise ConfigError(
            f"{part.name} has {len(rows):,} rows, and header_row is {form.header_row}",
            asset=file.asset,
            mend="It counts from 1, as the spreadsheet does.",
        )
    if above := [row for row in rows[:header] if _is_filled(row)]:
        told.add(
            part.name,
            f"its header is in row {header + 1}, below {len(above)} that are not read",
            says=f"ph.excel(header_row={header + 1})",
        )
    lost = _lost_cells(file, name)
    # A column that has neither a name nor a value is room beside the table.
    width = max(len(row) for row in rows)
    used = [
        at
        for at in range(width)
        if any(at < len(row) and row[at] != "" for row in rows[header:])
        or any(row > header and column == at for row, column in lost)
    ]
    cells = [as_text(_plain(rows[header][at])) if rows[header][at] != "" else "" for at in used]
    names = named(part, cells, told)
    spool.declare(dict.fromkeys(names))
    for start in range(header + 1, len(rows), ROWS_AT_ONCE):
        some = [
            (number, row)
            for number, row in enumerate(rows[start : start + ROWS_AT_ONCE], start)
            if _is_filled(row) or any((number, at) in lost for at in used)
        ]
        for number, _ in some:
            for at, column in zip(used, names, strict=True):
                if (number, at) in lost:
                    original, reason = lost[number, at]
                    spool.ledger.cell(row_id=part.row_id(number + 1), column=column, original=original, reason=reason)
        if some:
            batch = {
                column: column_of([_plain(row[at]) for _, row in some], name=column, asset=file.asset)
                for at, column in zip(used, names, strict=True)
            }
            spool.add_columns(batch, raw=part.raw)
        if spool.is_full:
            break
    return True


def _is_filled(row: Sequence[Any]) -> bool:
    return any(cell != "" for cell in row)


def _plain(cell: Any) -> Any:  # what a cell holds, as calamine gives it
    if isinstance(cell, timedelta):
        cell = cell.total_seconds()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < WHOLE_MAX:
        return int(cell)
    return None if cell == "" else cell


def _lost_cells(file: StoredFile, sheet: str) -> dict[tuple[int, int], tuple[str, str]]:
    """Row and column, from 0, of each cell that has no value and yet something in it; what that is, and why."""
    if not zipfile.is_zipfile(file.path):
        return {}
    with zipfile.ZipFile(file.path) as archive:
        if "xl/workbook.xml" not in archive.namelist():
            return {}
        text = archive.read(_path_of(archive, sheet))
    lost: dict[tuple[int, int], tuple[str, str]] = {}
    if b't="e"' not in text and b"<f" not in text:
        return lost
    for cell in _CELL.finditer(text):
        attributes, content = cell[1], cell[2] or b""
        is_error = b't="e"' in attributes
        if not is_error and b"<f" not in content:
            continue
        value, formula, place = _VALUE.search(content), _FORMULA.search(content), _PLACE.search(attributes)
        is_computed = value is not None and (value[1] or value[2] or b't="str"' in attributes)
        if place is None:
            continue
        at = (int(place[2]) - 1, _column(place[1]))
        if is_error and value and value[1]:
            lost[at] = (unescape(value[1].decode()), "is an error of the spreadsheet")
        elif (is_error or not is_computed) and formula:
            lost[at] = (f"={unescape(formula[1].decode())}", "is a formula that no program has computed yet")
    return lost


def _path_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Where in the workbook a sheet's cells are."""
    sheets = _tree(archive, "xl/workbook.xml").iter(f"{_BOOK}sheet")
    link = next(one.get(_LINK) for one in sheets if one.get("name") == sheet)
    links = _tree(archive, "xl/_rels/workbook.xml.rels")
    target = next(one.get("Target", "") for one in links if one.get("Id") == link)
    return target.removeprefix("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")


def _tree(archive: zipfile.ZipFile, name: str) -> ET.Element:
    text = archive.read(name)
    if b"<!" in text:  # no program writes one, and it may declare entities
        raise zipfile.BadZipFile(f"{name} has a document type")
    return ET.fromstring(text)  # noqa: S314  # without a document type it declares no entity


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
