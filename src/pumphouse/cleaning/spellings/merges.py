"""The file that says which spellings of a category are one: `variant,value,note`, checked before it is used."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pumphouse.cleaning.declared_files import read_text
from pumphouse.errors import ConfigError, Place

COLUMNS = ("variant", "value", "note")
LINES_MAX = 100_000
FAULTS_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Merges:
    """What each variant becomes; and all values that the file names."""

    values: Mapping[str, str]
    known: frozenset[str]


def written_as(text: str) -> str:
    """A category as it is compared: in NFC, with single spaces."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def read_merges(path: Path) -> Merges:
    """The merges in a CSV file. Raises ConfigError with the faults found and their lines."""
    more = "; pumphouse categories TABLE.COLUMN proposes its lines"
    text = read_text(path, what="file of categories", more=more)
    return parse_merges(text, file=str(path))


def parse_merges(text: str, *, file: str) -> Merges:
    """The merges in the text of a CSV file.

    Raises ConfigError where a variant has two values, or becomes a value that becomes another one, with the chain.
    """
    faults: list[tuple[int, str]] = []
    lines: dict[str, tuple[int, str]] = {}
    try:
        for line, variant, value in _lines(text, faults):
            before = lines.setdefault(variant, (line, value))
            if before[1] != value:
                faults.append((line, f"'{variant}' already becomes '{before[1]}' (line {before[0]})"))
    except csv.Error as error:
        raise ConfigError(f"the file of categories is not CSV: {error}", place=Place(file=file)) from None
    for variant, (line, value) in lines.items():
        if value != variant and lines.get(value, (0, value))[1] != value:
            chain = [variant, value]
            while (after := lines.get(chain[-1], (0, chain[-1]))[1]) != chain[-1] and after not in chain:
                chain.append(after)
            again = ", and so on for ever" if after in chain[:-1] else ""
            faults.append((line, "' becomes '".join(["'" + chain[0], *chain[1:-1], chain[-1] + "'"]) + again))
    if faults:
        faults.sort()
        shown = "; ".join(f"line {line}: {what}" for line, what in faults[:FAULTS_SHOWN_MAX])
        more = f"; and {len(faults) - FAULTS_SHOWN_MAX} more" if len(faults) > FAULTS_SHOWN_MAX else ""
        raise ConfigError(
            f"the categories can't be used: {shown}{more}",
            place=Place(file=file, line=faults[0][0]),
            mend="Write the last value behind each variant, once.",
        )
    return Merges(
        values={variant: value for variant, (_, value) in lines.items()},
        known=frozenset(value for _, value in lines.values()),
    )


def _lines(text: str, faults: list[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """(line, variant, value) of each line. What is wrong with one goes to `faults`."""
    rows = csv.reader(io.StringIO(text, newline=""))
    header = next(rows, [])
    if header[:2] != list(COLUMNS[:2]) or not set(header) <= set(COLUMNS):
        faults.append((1, f"the columns are variant,value,note and not {','.join(header) or 'none'}"))
        return
    for number, row in enumerate(rows):
        line = rows.line_num
        if not any(row):
            continue
        if number >= LINES_MAX:
            faults.append((line, f"more than {LINES_MAX:,} lines"))
            return
        if not 2 <= len(row) <= len(header):
            faults.append((line, f"{len(row)} fields under {len(header)} columns; put a text with a comma in quotes"))
            continue
        variant, value = written_as(row[0]), written_as(row[1])
        if not variant or not value:
            faults.append((line, "variant or value is empty; for what stands for nothing there is null_if"))
            continue
        yield line, variant, value


def lines_of(rows: Iterable[tuple[str, str, str]]) -> str:
    """(variant, value, note) as lines of the file."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
