"""How a delimited text is written: what stands between cells, what cells are quoted with, and where its header is.

What a declaration leaves open is found in the beginning of the text, and told where it is not what one expects of the
file's ending. Where two ways to read it are as good, a person is asked.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pumphouse.declare.formats import Delimited
from pumphouse.errors import ConfigError
from pumphouse.sources import columns
from pumphouse.sources.files.headers import ROWS_ABOVE_MAX
from pumphouse.sources.files.texts import StoredFile, Told

DELIMITERS = (",", ";", "\t", "|")
RECORDS_LOOKED_AT = 200
COMMENT = "#"
_USUAL_SHARE_MIN = 0.5
_SAID = {"\t": "tab", " ": "space"}
_TELLING = re.compile(f"{columns.FRACTION_TEXT}|{columns.DAY_TEXT}|{columns.TIME_TEXT}")
_WHOLE = re.compile(columns.INTEGER_TEXT)
_VALUE = re.compile(f"{columns.NUMBER_TEXT}|{columns.DAY_TEXT}|{columns.TIME_TEXT}")

Record = list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How to cut a text, and its header."""

    delimiter: str
    quote: str
    """Empty where nothing is quoted."""
    names: tuple[str, ...]
    """As they stand in the header; empty ones where it has none."""
    lines_above: int
    """Lines up to the first row: the header, and what stands above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way to cut a text, and what comes of it."""

    delimiter: str
    quote: str
    records: list[Record]
    ends: list[int]
    """After each record, the number of its last line."""
    usual: int
    """How many cells most records have."""
    share: float
    """How many of all records those are."""

    @property
    def start(self) -> int:
        """The first record that is no title, note or comment."""
        for place, record in enumerate(self.records[:ROWS_ABOVE_MAX]):
            filled = sum(bool(cell.strip()) for cell in record)
            is_short = len(record) * 2 <= self.usual or filled * 2 < self.usual
            if filled and not is_short and not record[0].startswith(COMMENT):
                return place
        return next((place for place, record in enumerate(self.records) if any(record)), 0)


def dialect_of(file: StoredFile, lines: Sequence[str], form: Delimited, told: Told) -> Dialect:
    """The dialect of a text that begins with these lines, of which one is not blank. Raises SourceError if in doubt."""
    way = _way(file, lines, form)
    if form.header_row is not None and form.header_row > len(lines):
        raise ConfigError(
            f"{file.name} has no line {form.header_row}, where header_row says its header is",
            asset=file.asset,
            mend="It counts from 1; 0 says that there is none.",
        )
    if form.header_row is None:
        place = way.start
        first = way.ends[place - 1] if place else 0
        has_header = not form.names and _has_header(file, way.records[place:], lines[first])
    else:
        first = max(form.header_row - 1, 0)
        place = next((at for at, end in enumerate(way.ends) if end > first), 0)
        has_header = form.header_row > 0
    if has_header:
        record, end = _header(file, lines, first, way)
    else:
        record, end = way.records[place], first
    names = tuple(form.names or (record if has_header else [""] * len(record)))
    if len(names) != len(record) and form.names:
        raise ConfigError(
            f"{file.name} has {len(record)} columns, and ph.csv names {len(names)}",
            asset=file.asset,
            mend=f"Name all of them; its first row is {_short(lines[first])}",
        )
    _tell(file, form, way, told, lines=lines[:first], has_header=has_header)
    return Dialect(delimiter=way.delimiter, quote=way.quote, names=names, lines_above=end)


def _header(file: StoredFile, lines: Sequence[str], first: int, way: _Way) -> tuple[Record, int]:
    reader = _reader(lines[first:], way.delimiter, way.quote)
    try:
        return next(reader), first + reader.line_num
    except csv.Error as error:
        raise file.error(f"its header can't be read: {error}", mend="Is there a quote that is not closed?") from None


def _tell(file: StoredFile, form: Delimited, way: _Way, told: Told, *, lines: Sequence[str], has_header: bool) -> None:
    """Tell what was found that nobody declared; `lines` stand above the first row or the header."""
    found = {}
    above = [line for line in lines if line.strip()]
    if form.delimiter is None and way.delimiter != "," and way.usual > 1:
        found[f"{_said(way.delimiter)} between cells"] = f"delimiter={json.dumps(way.delimiter)}"
    if form.quote is None and not way.quote:
        found["quotes as they are"] = 'quote=""'
    if form.header_row is None and above:
        lines_above = "1 line" if len(above) == 1 else f"{len(above)} lines"
        found[f"{lines_above} above the header left out, the first is {_short(above[0])}"] = (
            f"header_row={len(lines) + 1}"
        )
    if form.header_row is None and not form.names and not has_header:
        found["no header"] = "header_row=0"
    if found:
        told.add(file.name, f"read with {', '.join(found)}", says=f"ph.csv({', '.join(found.values())})")


def _way(file: StoredFile, lines: Sequence[str], form: Delimited) -> _Way:
    quote = '"' if form.quote is None else form.quote
    for name, given in (("delimiter", form.delimiter), ("quote", form.quote or None)):
        if given is not None and (len(given) != 1 or given in "\r\n"):
            raise ConfigError(
                f"{name} {given!r} is not one character", asset=file.asset, mend=f'Say it like ph.csv({name}=";").'
            )
    ways = [_cut(lines, delimiter, quote) for delimiter in ([form.delimiter] if form.delimiter else DELIMITERS)]
    best = max(ways, key=_fits)
    if form.delimiter and best.usual == 1 and not form.names:
        _refuse_another(file, lines, form, [_cut(lines, other, quote) for other in DELIMITERS])
    if best.usual == 1:  # one column, and a comma is what most people know
        best = ways[0]
    rivals = [way for way in ways if _fits(way) == _fits(best)]
    if len(rivals) > 1 and best.usual > 1 and len(best.records) > 1:
        raise file.error(
            f"it can't be told whether {' or '.join(repr(way.delimiter) for way in rivals)} stands between its cells:"
            f" {_short(lines[0])}",
            mend=f"Say ph.csv(delimiter={json.dumps(best.delimiter)}).",
        )
    if form.quote is None and any('"' in line for line in lines):
        plain = _cut(lines, best.delimiter, "")
        if plain.share == 1 and plain.usual > 1 and _has_loose_quotes(plain):
            return plain
    return best


def _refuse_another(file: StoredFile, lines: Sequence[str], form: Delimited, ways: Sequence[_Way]) -> None:
    """Raise SourceError where cells stand apart by another delimiter than is declared: one column would be made of all.

    A text of one column may hold some as well, but seldom as many in its header as in each of its rows.
    """
    best = max(ways, key=_fits)
    if best.usual > 1 and best.share == 1 and len(best.records) > 1 and not best.start:
        raise file.error(
            f"{_said(form.delimiter or '')}, which its ending or its declaration says, stands nowhere in"
            f" {_short(lines[0])}; {_said(best.delimiter)} makes {best.usual} columns of it",
            mend="ph.csv() without a delimiter reads each file as it is written; a text of one column says"
            ' ph.csv(names=["text"], header_row=1).',
        )


def _said(delimiter: str) -> str:
    return f"'{_SAID.get(delimiter, delimiter)}'"


def _fits(way: _Way) -> tuple[bool, bool, float]:
    heads = len(way.records[way.start]) if way.records else 0
    return (heads == way.usual > 1, way.share >= _USUAL_SHARE_MIN, way.usual * way.share)


def _has_loose_quotes(way: _Way) -> bool:
    """Whether quotes stand in cells and never around one: they are text, as in a message that somebody typed."""
    cells = [cell for record in way.records for cell in record if '"' in cell]
    return bool(cells) and not any(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells)


def _cut(lines: Sequence[str], delimiter: str, quote: str) -> _Way:
    reader = _reader(lines, delimiter, quote)
    records: list[Record] = []
    ends: list[int] = []
    try:
        for record in islice(reader, RECORDS_LOOKED_AT):
            records.append(record)
            ends.append(reader.line_num)
    except csv.Error:  # a quote that is not closed: what stands before it tells enough
        pass
    if not records:
        records, ends = [[lines[0]]], [1]
    counts = Counter(len(record) for record in records if any(record))
    usual, number = max(counts.items(), key=lambda one: (one[1], one[0]), default=(1, 0))
    return _Way(
        delimiter=delimiter,
        quote=quote,
        records=records,
        ends=ends,
        usual=usual,
        share=number / max(counts.total(), 1),
    )


def _reader(lines: Sequence[str], delimiter: str, quote: str) -> Any:  # a reader of csv, whose type has no name
    if not quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)


def _has_header(file: StoredFile, records: list[Record], line: str) -> bool:
    """Whether the first record names columns. A number or a time above others of its kind is a value, not a name."""
    first, rest = records[0], [record for record in records[1:] if len(record) == len(records[0])]
    below = [[record[place] for record in rest if record[place]] for place in range(len(first))]
    alike = [
        cell
        for cell, values in zip(first, below, strict=True)
        if (_TELLING.match(cell) or _WHOLE.match(cell)) and all(map(_VALUE.match, values))
    ]
    if not alike:
        return True
    names = [
        cell
        for cell, values in zip(first, below, strict=True)
        if cell and not _VALUE.match(cell) and values and all(map(_VALUE.match, values))
    ]
    if names:
        return True
    again = any(cell and not _VALUE.match(cell) and cell in values for cell, values in zip(first, below, strict=True))
    if any(map(_TELLING.match, alike)) or again:
        return False
    if not rest:
        return True
    raise file.error(
        f"it can't be told whether its first line is a header: {_short(line)}",
        mend="Say ph.csv(header_row=1), or header_row=0 where it is none.",
    )


def _short(line: str) -> str:
    text = line.strip()
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
