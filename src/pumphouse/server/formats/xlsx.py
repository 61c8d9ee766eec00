"""Rows as a workbook that Excel and its like open: one sheet, as large as a sheet can be."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Generator

from pumphouse.engines.sheets import COLUMNS_MAX, ROWS_MAX, head_row, sheet_row
from pumphouse.errors import BadRequest
from pumphouse.server.access.desk import Statement
from pumphouse.server.formats.form import Options, Run
from pumphouse.server.formats.text import joined

SHEET = "xl/worksheets/sheet1.xml"
HELD_BYTES = 4 * 1024 * 1024
"""A workbook is made whole before it is sent: whether it fits is known at its end. Beyond this it is made on disk."""
PIECE_BYTES = 256 * 1024
SHEET_BYTES_MAX = 2047 * 1024 * 1024
"""Beyond 2 GiB a ZIP has another form, which Excel does not read."""
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KINDS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_AROUND = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KINDS}.sheet.main+xml"/>'
        f'<Override PartName="/{SHEET}" ContentType="{_KINDS}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KINDS}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}">'
        '<sheets><sheet name="rows" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="rId1" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_DOCUMENT}/styles" Target="styles.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_MAIN}"><numFmts count="3"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
        '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
        '<numFmt numFmtId="166" formatCode="hh:mm:ss"/></numFmts>'
        '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
        '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        '<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="166" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}
"""What a workbook is beside its sheet; the styles in the order that `engines.sheets` counts them."""


def xlsx(statement: Statement, run: Run, options: Options) -> Generator[bytes]:
    """A workbook. Raises BadRequest for what does not fit on a sheet."""
    columns = statement.columns
    if len(columns.kinds) > COLUMNS_MAX:
        _too_large(f"{COLUMNS_MAX:,} columns")
    lines = statement.lines(sheet_row(columns), columns=len(columns.kinds))
    with tempfile.SpooledTemporaryFile(max_size=HELD_BYTES) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
            for name, text in _AROUND.items():
                book.writestr(name, _XML + text)
            with book.open(SHEET, "w") as sheet, run(lines) as result:
                sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>{head_row(columns.names)}'.encode())
                size = 0
                for batch in result:
                    if result.rows > ROWS_MAX:
                        _too_large(f"{ROWS_MAX:,} rows")
                    rows = joined(batch.column(0))
                    size += len(rows)
                    if size > SHEET_BYTES_MAX:
                        _too_large(f"{SHEET_BYTES_MAX // 1024**2:,} MiB of XML")
                    sheet.write(rows)
                sheet.write(b"</sheetData></worksheet>")
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


def _too_large(what: str) -> None:
    raise BadRequest(f"a sheet of XLSX has no place for more than {what}", mend="Ask for CSV or Parquet, or for less.")
