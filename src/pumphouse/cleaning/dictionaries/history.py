"""Who accepted, refused and changed which entry of a dictionary, and when: a log beside the file, only appended to.

`shorthand.csv` has `shorthand.history.csv`. What somebody changed by hand is seen by comparing the file with what the
log says it holds, and is written down by whoever comes next.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from pumphouse.cleaning.dictionaries.dictionary import Dictionary, Entry
from pumphouse.cleaning.dictionaries.files import COLUMNS, OPTIONAL, header_of, parse_dictionary, read_text
from pumphouse.cleaning.dictionaries.words import normalised
from pumphouse.errors import ConfigError, Place

Did = Literal["accepted", "refused", "found", "added by hand", "changed by hand", "removed by hand"]
"""`found` is what a file held when its history began."""
HEADER = ("at", "who", "did", "shorthand", "expansion", "before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a history."""

    at: str
    """A moment in ISO 8601, UTC. What was done by hand was noticed then, and is older."""
    who: str
    """Who did it, or for what was done by hand, noticed it."""
    did: Did
    shorthand: str
    expansion: str
    """'' for a shorthand that is refused with whatever expansion."""
    before: str = ""
    """The expansion that it had."""


def history_path(dictionary: Path) -> Path:
    """Where the history of a dictionary stands."""
    return dictionary.with_suffix(".history.csv")


def read_history(dictionary: Path) -> tuple[Event, ...]:
    """All that was done to a dictionary, oldest first; nothing for one without a history."""
    path = history_path(dictionary)
    if not path.exists():
        return ()
    rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    events = []
    for line, row in enumerate(rows, start=1):
        if line == 1 and tuple(row) == HEADER:
            continue
        if len(row) != len(HEADER) or row[2] not in get_args(Did):
            raise ConfigError(
                f"line {line} of the history is not {','.join(HEADER)}",
                place=Place(file=str(path), line=line),
                mend="Take back what was changed there: a history is only appended to.",
            )
        at, who, did, shorthand, expansion, before = row
        events.append(Event(at=at, who=who, did=did, shorthand=shorthand, expansion=expansion, before=before))  # type: ignore[arg-type]  # looked at above
    return tuple(events)


def refused(history: Iterable[Event]) -> frozenset[tuple[str, str]]:
    """(shorthand, expansion) of what was refused and not accepted since; with '' for whatever expansion."""
    found: set[tuple[str, str]] = set()
    for event in history:
        if event.did == "refused":
            found.add((event.shorthand, event.expansion))
        else:
            found -= {(event.shorthand, event.expansion), (event.shorthand, "")}
    return frozenset(found)


def by_hand(history: Sequence[Event], dictionary: Dictionary, *, who: str, at: datetime) -> tuple[Event, ...]:
    """What was done to the dictionary that its history does not tell."""
    told: dict[str, str] = {}
    for past in history:
        if past.did == "removed by hand":
            told.pop(past.shorthand, None)
        elif past.did != "refused":
            told[past.shorthand] = past.expansion
    holds = {entry.shorthand: entry.expansion for entry in dictionary.entries}

    def event(did: Did, shorthand: str, expansion: str, before: str = "") -> Event:
        return Event(at=_moment(at), who=who, did=did, shorthand=shorthand, expansion=expansion, before=before)

    new: Did = "added by hand" if history else "found"
    events = [event("removed by hand", one, "", before) for one, before in told.items() if one not in holds]
    for shorthand, expansion in holds.items():
        if shorthand not in told:
            events.append(event(new, shorthand, expansion))
        elif told[shorthand] != expansion:
            events.append(event("changed by hand", shorthand, expansion, told[shorthand]))
    return tuple(events)


def accept(
    path: Path, shorthand: str, expansion: str, *, note: str = "", who: str, at: datetime
) -> tuple[Entry, tuple[Event, ...]]:
    """Add an entry to a dictionary, which is made if it is not there: (the entry, what was written to the history).

    Raises ConfigError, and changes nothing, where the dictionary can't be used with it.
    """
    before = read_text(path) if path.exists() else f"{','.join((*COLUMNS, *OPTIONAL[:3]))}\n"
    cells = {"shorthand": shorthand, "expansion": expansion, "note": note, "owner": who, "since": at.date().isoformat()}
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([cells.get(name, "") for name in header_of(before)])
    text = before if not before or before.endswith("\n") else before + "\n"
    text += line.getvalue()
    was = parse_dictionary(before, file=path.name)
    dictionary = parse_dictionary(text, file=path.name)
    if len(dictionary.entries) == len(was.entries):
        there = next((one.line for one in was.entries if one.shorthand == " ".join(shorthand.split())), 1)
        raise ConfigError(f"'{shorthand}' already stands for '{expansion}'", place=Place(file=path.name, line=there))
    entry = dictionary.entries[-1]
    history = read_history(path)
    accepted = Event(at=_moment(at), who=who, did="accepted", shorthand=entry.shorthand, expansion=entry.expansion)
    events = (*by_hand(history, was, who=who, at=at), accepted)
    _replace(path, text)
    append(path, events)
    return entry, events


def refuse(path: Path, shorthand: str, expansion: str, *, who: str, at: datetime) -> tuple[Event, ...]:
    """Never propose this again: what was written to the history. Without an expansion, none is for this shorthand."""
    shorthand, expansion = (normalised(" ".join(text.split())) for text in (shorthand, expansion))
    events = (
        *by_hand(read_history(path), parse_dictionary(read_text(path), file=path.name), who=who, at=at),
        Event(at=_moment(at), who=who, did="refused", shorthand=shorthand, expansion=expansion),
    )
    append(path, events)
    return events


def append(dictionary: Path, events: Sequence[Event]) -> None:
    """Write events to the end of a dictionary's history."""
    path = history_path(dictionary)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    if not path.exists():
        writer.writerow(HEADER)
    for event in events:
        writer.writerow([event.at, event.who, event.did, event.shorthand, event.expansion, event.before])
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(lines.getvalue())


def _replace(path: Path, text: str) -> None:
    """The file whole or as it was, whenever this is stopped."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8", newline="")
    new.replace(path)


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
