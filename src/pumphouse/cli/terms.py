"""`terms list`, `terms accept`, `terms refuse`, `terms history`: a dictionary of shorthand that a team keeps."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from pumphouse.cleaning.dictionaries.files import parse_dictionary, read_text
from pumphouse.cleaning.dictionaries.history import Event, append, by_hand, history_path, read_history
from pumphouse.cleaning.dictionaries.history import accept as accept_entry
from pumphouse.cleaning.dictionaries.history import refuse as refuse_entry
from pumphouse.cleaning.dictionaries.proposals import Term
from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_text
from pumphouse.project.terms import terms_of

TERMS_SHOWN = 20
PHRASE = re.compile(r"\w+(?: \w+)+")


def show(
    column: str,
    /,
    *,
    dictionary: Annotated[list[str], Parameter(metavar="FILE")],
    limit: Annotated[int, Parameter(metavar="TERMS", validator=validators.Number(gte=1))] = TERMS_SHOWN,
    json: bool = False,
    call: Call,
) -> None:
    """List frequent words of a column that look like shorthand and are in no dictionary, with what they may stand for.

    Nothing is proposed where it isn't sure. The read is logged under your name.

    For example:

        pumphouse terms list tickets.note --dictionary shorthand.csv

    Args:
        column: The column, as TABLE.COLUMN.
        dictionary: A CSV file of the project; given several times for layers. It need not be there yet.
        limit: How many to list.
        json: Print them as JSON.
    """
    with open_project(call) as project:
        found = terms_of(project.reader(), column, dictionaries=dictionary, folder=project.config.folder)
    if json:
        print_json(found[:limit])
        return
    for term in found[:limit]:
        _tell(term, dictionary[-1])
    if not found:
        print_text(f"No frequent word of {column} looks like shorthand.")
    elif len(found) > limit:
        print_text(f"{len(found) - limit} more: --limit {len(found)}")


def _tell(term: Term, dictionary: str) -> None:
    print_text(", ".join([f"{term.term}  {term.count} times", *term.why]))
    for example in term.examples:
        print_text(f"    {example}")
    if term.proposal:
        print_text(f"  = {term.proposal.expansion}? {term.proposal.why}")
        print_text(
            f"    pumphouse terms accept {_quoted(term.term)} {_quoted(term.proposal.expansion)}"
            f" --dictionary {_quoted(dictionary)}"
        )


def _quoted(text: str) -> str:
    """A word of a command: what people typed into a table must not run in a shell that it is pasted into."""
    return f'"{text}"' if PHRASE.fullmatch(text) else shlex.quote(text)


def accept(
    shorthand: str, expansion: str, /, *, dictionary: str, note: str = "", json: bool = False, call: Call
) -> None:
    """Add an entry to a dictionary, under your name and with today's date. Refused where it contradicts another one.

    For example:

        pumphouse terms accept asap "as soon as possible" --dictionary shorthand.csv

    Args:
        shorthand: What people write.
        expansion: What it stands for.
        dictionary: A CSV file of the project. It is made if it is not there.
        note: What others should know of it.
        json: Print what was written to the history as JSON.
    """
    project = open_project(call)
    path = project.config.folder / dictionary
    entry, events = accept_entry(path, shorthand, expansion, note=note, who=project.who, at=_now())
    _done(events, f"'{entry.shorthand}' stands for '{entry.expansion}' ({entry.file}:{entry.line}).", json=json)


def refuse(shorthand: str, expansion: str = "", /, *, dictionary: str, json: bool = False, call: Call) -> None:
    """Never propose this expansion again, or without one, never list this word again.

    For example:

        pumphouse terms refuse wk week --dictionary shorthand.csv
        pumphouse terms refuse UK --dictionary shorthand.csv

    Args:
        shorthand: The word, as it was listed.
        expansion: What it was proposed to stand for.
        dictionary: A CSV file of the project, beside which it is remembered.
        json: Print what was written to the history as JSON.
    """
    project = open_project(call)
    events = refuse_entry(project.config.folder / dictionary, shorthand, expansion, who=project.who, at=_now())
    what = (
        f"'{expansion}' is not proposed for '{shorthand}' again."
        if expansion
        else f"'{shorthand}' is not listed again."
    )
    _done(events, what, json=json)


def history(shorthand: str | None = None, /, *, dictionary: str, json: bool = False, call: Call) -> None:
    """Tell who accepted, refused and changed which entry of a dictionary, and when.

    What somebody changed in the file by hand is written down as it is noticed, by this command among others.

    For example:

        pumphouse terms history --dictionary shorthand.csv
        pumphouse terms history asap --dictionary shorthand.csv

    Args:
        shorthand: Of this one only.
        dictionary: A CSV file of the project.
        json: Print it as JSON.
    """
    project = open_project(call)
    path = project.config.folder / dictionary
    known = read_history(path)
    found = by_hand(known, parse_dictionary(read_text(path), file=path.name), who=project.who, at=_now())
    append(path, found)
    events = [event for event in (*known, *found) if shorthand in (None, event.shorthand)]
    if json:
        print_json(events)
    elif events:
        print_columns([_line(event) for event in events])
    else:
        print_text(f"Nothing is told of it in {history_path(Path(dictionary))}.")


def _done(events: tuple[Event, ...], what: str, *, json: bool) -> None:
    if json:
        print_json(events)
        return
    hand = [event for event in events if event.did.endswith("by hand")]
    print_text("\n".join([*(f"noticed: {event.shorthand} {event.did}" for event in hand), what]))


def _line(event: Event) -> list[str]:
    before = f" (before: {event.before})" if event.before else ""
    return [event.at, event.who, event.did, event.shorthand, event.expansion + before]


def _now() -> datetime:
    return datetime.now(UTC)
