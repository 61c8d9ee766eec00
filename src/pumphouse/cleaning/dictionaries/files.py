"""Reading dictionaries of shorthand: CSV files `shorthand,expansion,note`, checked before they are used.

Expanding twice must be the same as expanding once. So an entry is refused if what it leaves in a text holds the
shorthand of another one, or could be a part of it together with the words around.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pumphouse.cleaning import declared_files
from pumphouse.cleaning.dictionaries.conflicts import conflicts
from pumphouse.cleaning.dictionaries.dictionary import Dictionary, Entry
from pumphouse.cleaning.dictionaries.words import normalised
from pumphouse.errors import ConfigError, Place

ENTRIES_MAX = 200_000
"""In all layers together. 100,000 are read and checked in 7 s of a core and some 300 MB."""
FAULTS_SHOWN_MAX = 10
COLUMNS = ("shorthand", "expansion")
OPTIONAL = ("note", "owner", "since", "inside")
OWNER = re.compile(r"#\s*owner:\s*(.*?)[\s,]*")
"""A line above the header: whose the dictionary is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The text of one file."""

    file: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a line of a file."""

    file: str
    line: int
    what: str


def read_dictionaries(folder: Path, names: Sequence[str]) -> Dictionary:
    """The dictionary in CSV files of a folder, of which a later one's entries stand for those of one before.

    Raises ConfigError with the faults found, their lines, and chains in full.
    """
    return parse_dictionaries(tuple(Layer(file=name, text=read_text(folder / name)) for name in names))


def read_text(path: Path) -> str:
    """The text of a file. Raises ConfigError where it is not there, or is not UTF-8."""
    return declared_files.read_text(path, what="dictionary")


def parse_dictionaries(layers: Sequence[Layer]) -> Dictionary:
    """The dictionary in the texts of CSV files. Raises ConfigError as `read_dictionaries` does."""
    faults: list[Fault] = []
    entries: dict[str, Entry] = {}
    for layer in layers:
        try:
            entries |= {entry.identity: entry for entry in _entries(layer, faults)}
        except csv.Error as error:
            raise ConfigError(f"the dictionary is not CSV: {error}", place=Place(file=layer.file)) from None
    if not faults and len(entries) > ENTRIES_MAX:
        faults.append(Fault(file=layers[-1].file, line=1, what=f"more than {ENTRIES_MAX:,} entries"))
    mend = f"Mend these lines: an entry is {','.join((*COLUMNS, OPTIONAL[0]))}, the note may be left out."
    if not faults:
        found = conflicts(tuple(entries.values()))
        order = {layer.file: place for place, layer in enumerate(layers)}
        faults = [Fault(file=entry.file, line=entry.line, what=what) for entry, what in found]
        faults.sort(key=lambda fault: (order[fault.file], fault.line))
        mend = "Write out the last form in each entry, or take one of them out."
    if faults:
        raise _refused(faults, is_layered=len(layers) > 1, mend=mend)
    return Dictionary(entries.values())


def parse_dictionary(text: str, *, file: str) -> Dictionary:
    """The dictionary in the text of one CSV file."""
    return parse_dictionaries((Layer(file=file, text=text),))


def header_of(text: str) -> list[str]:
    """The names of the columns in a dictionary's text, of which lines above the header may say whose it is."""
    lines = csv.reader(io.StringIO(text, newline=""))
    return next((row for row in lines if row and not row[0].startswith("#")), [])


def _refused(faults: list[Fault], *, is_layered: bool, mend: str) -> ConfigError:
    shown = "; ".join(
        f"{f'{fault.file}:{fault.line}' if is_layered else f'line {fault.line}'}: {fault.what}"
        for fault in faults[:FAULTS_SHOWN_MAX]
    )
    more = f"; and {len(faults) - FAULTS_SHOWN_MAX} more" if len(faults) > FAULTS_SHOWN_MAX else ""
    return ConfigError(
        f"the dictionary can't be used: {shown}{more}",
        place=Place(file=faults[0].file, line=faults[0].line),
        mend=mend,
    )


def _entries(layer: Layer, faults: list[Fault]) -> Iterator[Entry]:
    """The entries of a file. What is wrong with a line goes to `faults`."""

    def wrong(line: int, what: str) -> None:
        faults.append(Fault(file=layer.file, line=line, what=what))

    lines = csv.reader(io.StringIO(layer.text, newline=""))
    owner, header = "", next(lines, [])
    while header and header[0].startswith("#"):
        if found := OWNER.fullmatch(",".join(header)):
            owner = found[1]
        header = next(lines, [])
    if tuple(header[:2]) != COLUMNS or not set(header) <= {*COLUMNS, *OPTIONAL} or len(set(header)) < len(header):
        known = f"{','.join((*COLUMNS, OPTIONAL[0]))} (and {', '.join(OPTIONAL[1:])})"
        wrong(max(lines.line_num, 1), f"the columns are {known} and not {','.join(header) or 'none'}")
        return
    seen: dict[str, Entry] = {}
    for row in lines:
        line = lines.line_num
        if not any(row):
            continue
        if not 2 <= len(row) <= len(header):
            fields = f"{len(row)} field{'' if len(row) == 1 else 's'} under {len(header)} columns"
            wrong(line, f"{fields}; put a text with a comma in quotes")
            continue
        cells = {name: normalised(" ".join(cell.split())) for name, cell in zip(header, row, strict=False)}
        if fault := _fault(cells):
            wrong(line, fault)
            continue
        entry = Entry(
            shorthand=cells["shorthand"],
            expansion=cells["expansion"],
            line=line,
            file=layer.file,
            inside=cells.get("inside") == "yes",
            owner=cells.get("owner") or owner,
            since=cells.get("since", ""),
            note=cells.get("note", ""),
        )
        before = seen.setdefault(entry.identity, entry)
        if (before.expansion, before.inside) != (entry.expansion, entry.inside):
            wrong(line, f"'{entry.shorthand}' already stands for '{before.expansion}' (line {before.line})")
        elif len(seen) > ENTRIES_MAX:
            wrong(line, f"more than {ENTRIES_MAX:,} entries")
            return
        elif before is entry:
            yield entry


def _fault(cells: dict[str, str]) -> str | None:
    shorthand, expansion = cells["shorthand"], cells["expansion"]
    if not shorthand or not expansion:
        return "shorthand or expansion is empty"
    if unicodedata.combining(shorthand[0]) or unicodedata.combining(expansion[0]):
        return "a combining mark stands at the start, where it would join what is before"
    if shorthand != expansion and ("<" in expansion or ">" in expansion):
        return "the expansion holds < or >, which could make a tag of the text around it"
    if cells.get("inside", "") not in ("", "yes"):
        return f"inside is yes or empty, not '{cells['inside']}'"
    if since := cells.get("since", ""):
        try:
            date.fromisoformat(since)
        except ValueError:
            return f"since is a date like 2026-11-29, not '{since}'"
    return None
