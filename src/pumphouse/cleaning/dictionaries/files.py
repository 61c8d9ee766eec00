"""Reading a dictionary of shorthand: a CSV file `shorthand,expansion,note`, checked before it is used.

Expanding twice must be the same as expanding once. So an entry is refused if what it leaves in a text holds the
shorthand of another one, or could be a part of it together with the words around.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from pumphouse.cleaning.dictionaries.dictionary import Dictionary, Entry
from pumphouse.cleaning.dictionaries.words import SPACE, folded, normalised, spaced, tokens
from pumphouse.errors import ConfigError, Place

ENTRIES_MAX = 50_000
FAULTS_SHOWN_MAX = 10
CHAIN_MAX = 10
COLUMNS = ("shorthand", "expansion", "note")


def read_dictionary(path: Path) -> Dictionary:
    """The dictionary in a CSV file. Raises ConfigError with the faults found, their lines, and chains in full."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"the dictionary {path.name} is not there",
            place=Place(file=str(path)),
            mend="Its path is relative to the project's folder.",
        ) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"the dictionary {path.name} is not UTF-8", place=Place(file=str(path), line=line), mend="Save it as UTF-8."
        ) from None
    return parse_dictionary(text, file=str(path))


def parse_dictionary(text: str, *, file: str) -> Dictionary:
    """The dictionary in the text of a CSV file. Raises ConfigError as `read_dictionary` does."""
    faults: list[tuple[int, str]] = []
    try:
        entries = tuple(_entries(text, faults))
    except csv.Error as error:
        raise ConfigError(f"the dictionary is not CSV: {error}", place=Place(file=file)) from None
    mend = f"Mend these lines: an entry is {','.join(COLUMNS)}, the note may be left out."
    if not faults:
        faults, mend = sorted(_conflicts(entries)), "Write out the last form in each entry, or take one of them out."
    if faults:
        shown = "; ".join(f"line {line}: {what}" for line, what in faults[:FAULTS_SHOWN_MAX])
        more = f"; and {len(faults) - FAULTS_SHOWN_MAX} more" if len(faults) > FAULTS_SHOWN_MAX else ""
        raise ConfigError(
            f"the dictionary can't be used: {shown}{more}",
            place=Place(file=file, line=faults[0][0]),
            mend=mend,
        )
    return Dictionary(entries)


def _entries(text: str, faults: list[tuple[int, str]]) -> Iterator[Entry]:
    """The entries of a file's text. What is wrong with a line goes to `faults`."""
    lines = csv.reader(io.StringIO(text, newline=""))
    header = next(lines, [])
    if header[:2] != list(COLUMNS[:2]) or not set(header) <= set(COLUMNS):
        faults.append((1, f"the columns are shorthand,expansion,note and not {','.join(header) or 'none'}"))
        return
    seen: dict[str, Entry] = {}
    for row in lines:
        line = lines.line_num
        if not any(row):
            continue
        if not 2 <= len(row) <= len(header):
            fields = f"{len(row)} field{'' if len(row) == 1 else 's'} under {len(header)} columns"
            faults.append((line, f"{fields}; put a text with a comma in quotes"))
            continue
        shorthand, expansion = (normalised(" ".join(field.split())) for field in row[:2])
        if not shorthand or not expansion:
            faults.append((line, "shorthand or expansion is empty"))
            continue
        if unicodedata.combining(shorthand[0]) or unicodedata.combining(expansion[0]):
            faults.append((line, "a combining mark stands at the start, where it would join what is before"))
            continue
        entry = Entry(shorthand=shorthand, expansion=expansion, line=line)
        before = seen.setdefault(_identity(entry), entry)
        if before.expansion != expansion:
            faults.append((line, f"'{shorthand}' already stands for '{before.expansion}' (line {before.line})"))
        elif len(seen) > ENTRIES_MAX:
            faults.append((line, f"more than {ENTRIES_MAX:,} entries"))
            return
        elif before is entry:
            yield entry


def _identity(entry: Entry) -> str:
    return entry.shorthand if entry.is_exact else " ".join(map(folded, tokens(entry.shorthand)))


def _conflicts(entries: tuple[Entry, ...]) -> Iterator[tuple[int, str]]:
    """(line, what) of each entry whose expansion would be expanded further."""
    places = _places(entries)
    follows: Mapping[int, int] = {
        number: other
        for number, entry in enumerate(entries)
        if (other := _expanded_by(entry, entries, places)) is not None
    }
    for number in follows:
        chain = [number]
        while chain[-1] in follows and follows[chain[-1]] not in chain and len(chain) < CHAIN_MAX:
            chain.append(follows[chain[-1]])
        said = ", and ".join(f"'{entries[link].shorthand}' becomes '{entries[link].expansion}'" for link in chain)
        again = ", and so on for ever" if chain[-1] in follows and follows[chain[-1]] in chain else ""
        yield entries[number].line, said + again


def _places(entries: tuple[Entry, ...]) -> Mapping[str, list[tuple[int, int]]]:
    """Where each word stands in shorthands: word -> (number of the entry, place in its tokens)."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, entry in enumerate(entries):
        for place, token in enumerate(tokens(entry.shorthand)):
            places[folded(token)].append((number, place))
    return places


def _expanded_by(entry: Entry, entries: tuple[Entry, ...], places: Mapping[str, list[tuple[int, int]]]) -> int | None:
    """Number of an entry whose shorthand could match a word that `entry` leaves in a text, whatever stands around."""
    for left in {entry.expansion, entry.capitalised}:
        parts = tokens(left)
        for place, token in enumerate(parts):
            for number, at in places.get(folded(token), ()) if folded(token) != SPACE else ():
                other = entries[number]
                if _lies_over(other, parts, place - at) and not _is_itself(entry, other, left):
                    return number
    return None


def _lies_over(other: Entry, parts: list[str], start: int) -> bool:
    """Whether the shorthand of `other`, laid at `start` (negative: before them), equals `parts` where both are."""
    same = spaced if other.is_exact else folded
    laid = [
        (place, token) for place, token in enumerate(tokens(other.shorthand), start=start) if 0 <= place < len(parts)
    ]
    return all(same(token) == same(parts[place]) for place, token in laid)


def _is_itself(entry: Entry, other: Entry, left: str) -> bool:
    """Whether the match is the entry's own result, which it leaves as it is: "usa" becomes "USA"."""
    return entry is other and [*map(folded, tokens(left))] == [*map(folded, tokens(entry.shorthand))]
