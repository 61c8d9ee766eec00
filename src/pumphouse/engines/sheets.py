"""SQL that writes a row of a spreadsheet's XML (SpreadsheetML, ECMA-376): every text is a text, never a formula.

A spreadsheet's numbers are doubles of which it shows 15 digits, and its days begin in 1900: what does not fit stays
text. Characters that XML has no place for are written as `_xHHHH_`, as ECMA-376 has it (ST_Xstring).
"""

from __future__ import annotations

import re
from typing import Any

from pumphouse.engines.parameters import literal
from pumphouse.engines.texts import LARGE, MOMENTS, SMALL, UNSIGNED, Columns, plain_text

ROWS_MAX = 1_048_575
"""Below the line with the names."""
COLUMNS_MAX = 16_384
CELL_CHARACTERS_MAX = 32_767
WHOLE_MAX = 10**15 - 1
DAY_STYLE, MOMENT_STYLE, TIME_STYLE, HEAD_STYLE = 1, 2, 3, 4
"""Places in the list of styles that a workbook with such rows has to have."""

_DIGITS_MAX = 15
_NO_XML = tuple(chr(code) for code in (*range(9), 11, 12, *range(13, 32), 0xFFFE, 0xFFFF))
"""The return too: XML would make a line feed of it."""
_NO_XML_CLASS = r"\x00-\x08\x0B-\x1F\x{FFFE}\x{FFFF}"
"""The same, as a regular expression has it."""
_ESCAPE = "_x[0-9A-Fa-f]{4}_"
_MARKUP = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_FIRST_DAY, _LAST_DAY = "1900-03-01", "10000-01-01"
"""Before that, spreadsheets count a day that was none; after it, they have none."""
_DAY_US = 86_400_000_000


def sheet_row(columns: Columns) -> str:
    """SQL of one `<row>`, in which the cells stand in their order."""
    cells = [_cell(f"c{place}", kind) for place, kind in enumerate(columns.kinds)]
    return f"concat('<row>', {', '.join(cells)}, '</row>')"


def head_row(names: list[str]) -> str:
    """The `<row>` with the columns' names."""
    return f"<row>{''.join(_head_cell(name) for name in names)}</row>"


def _cell(value: str, kind: Any) -> str:
    """SQL of a `<c>`; an empty one where there is no value, since its place counts."""
    return f"coalesce({_filled(value, kind)}, '<c/>')"


def _filled(value: str, kind: Any) -> str:
    text = _text_cell(plain_text(value, kind))
    match kind.id:
        case "boolean":
            return f"'<c t=\"b\"><v>' || CAST({value} AS INTEGER) || '</v></c>'"
        case small if small in SMALL:
            return _number(value)
        case large if large in LARGE:
            least = 0 if kind.id in UNSIGNED else -WHOLE_MAX
            return f"CASE WHEN {value} BETWEEN {least} AND {WHOLE_MAX} THEN {_number(value)} ELSE {text} END"
        case "float" | "double":
            return f"CASE WHEN isfinite({value}) THEN {_number(value)} ELSE {text} END"
        case "decimal" if dict(kind.children)["precision"] <= _DIGITS_MAX:
            return _number(value)
        case "date":
            days = f"datediff('day', DATE '1899-12-30', {value})"
            fits = f"{value} >= DATE '{_FIRST_DAY}' AND {value} < DATE '{_LAST_DAY}'"
            return f"CASE WHEN {fits} THEN {_number(days, DAY_STYLE)} ELSE {text} END"
        case "time":
            return _number(f"(epoch_us({value}) / {_DAY_US})", TIME_STYLE)
        case moment if moment in MOMENTS:
            clock = f"({value} AT TIME ZONE 'UTC')" if moment == "timestamp with time zone" else value
            clock = f"CAST({clock} AS TIMESTAMP)"
            days = f"(epoch_us({clock} - TIMESTAMP '1899-12-30') / {_DAY_US})"
            fits = f"{clock} >= TIMESTAMP '{_FIRST_DAY}' AND {clock} < TIMESTAMP '{_LAST_DAY}'"
            return f"CASE WHEN {fits} THEN {_number(days, MOMENT_STYLE)} ELSE {text} END"
    return text


def _number(value: str, style: int = 0) -> str:
    opened = f'<c s="{style}"><v>' if style else "<c><v>"
    return f"{literal(opened)} || {value} || '</v></c>'"


def _text_cell(text: str) -> str:
    units = f"length({text}) + length(regexp_replace({text}, '[^\\x{{10000}}-\\x{{10FFFF}}]', '', 'g'))"
    long = f"length({text}) > {CELL_CHARACTERS_MAX // 2} AND {units} > {CELL_CHARACTERS_MAX}"
    said = literal(f"a text has more than the {CELL_CHARACTERS_MAX:,} characters that a cell of XLSX can hold")
    odd = f"regexp_matches({text}, {literal(f'[{_NO_XML_CLASS}]|{_ESCAPE}')})"
    # Each `_x`, not each match: one match may begin with the end of another.
    escaped = f"replace({text}, '_x', '_x005F_x')"
    for character in _NO_XML:
        escaped = f"replace({escaped}, chr({ord(character)}), '_x{ord(character):04X}_')"
    escaped = f"CASE WHEN {odd} THEN {escaped} ELSE {text} END"
    for character, written in _MARKUP:
        escaped = f"replace({escaped}, '{character}', '{written}')"
    return (
        f'\'<c t="inlineStr"><is><t xml:space="preserve">\''
        f" || CASE WHEN {long} THEN error({said}) ELSE {escaped} END || '</t></is></c>'"
    )


def _head_cell(name: str) -> str:
    if re.search(f"[{re.escape(''.join(_NO_XML))}]|{_ESCAPE}", name):
        name = name.replace("_x", "_x005F_x")
        for character in _NO_XML:
            name = name.replace(character, f"_x{ord(character):04X}_")
    for character, written in _MARKUP:
        name = name.replace(character, written)
    return f'<c s="{HEAD_STYLE}" t="inlineStr"><is><t xml:space="preserve">{name}</t></is></c>'
