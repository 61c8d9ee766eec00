"""Taking answers from a file: each row checked by the form's own rules, kept once, or handed back with the reason."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec

from pumphouse.errors import Uncheckable
from pumphouse.lake.lake import Lake
from pumphouse.sources.surveys.events import AnswerEvent, Mark, Mode, decode, encode
from pumphouse.sources.surveys.imports.matching import Unsure, answers_of, places
from pumphouse.sources.surveys.imports.tables import read_rows
from pumphouse.sources.surveys.imports.tools import (
    FORMULA_STARTS,
    NAME_OF_ROW,
    REASON,
    Row,
    Table,
    by_name,
    moments,
    table_of,
)
from pumphouse.sources.surveys.kept import stream_of
from pumphouse.sources.surveys.questions import questions_of

ROWS_PER_BATCH = 1_000
NO_TIMES = "none"


class Checked(Protocol):
    """What the form's rules say of answers."""

    @property
    def answers(self) -> dict[str, Any]: ...  # JSON
    @property
    def errors(self) -> dict[str, list[str]]: ...
    @property
    def dropped(self) -> list[str]: ...
    @property
    def marks(self) -> dict[str, Mark]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A row that was not taken: its number in the file, and why."""

    row: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file's rows: `rows == taken + already + len(refused)`."""

    tool: str
    rows: int
    taken: int
    already: int
    """Rows whose answers were here before."""
    dropped: int
    """Answers that were left out: to questions that would not have been shown."""
    refused: tuple[Refused, ...]
    kept_in: Path | None
    """The file of the refused rows."""


def take(
    lake: Lake,
    survey: str,
    text: str,
    file: Path,
    *,
    check: Callable[[str, Mapping[str, Any]], Checked],  # JSON
    mode: Mode,
    by: str,
    on: datetime | None,
    zone: tzinfo,
    names: Mapping[str, str],
    times: str | None,
) -> Imported:
    """Keep the answers of a file that hold; `text` is the survey's JSON, `check` what says whether they do.

    A row is known by the id that the tool gave it, else by what it answers: the same file again adds nothing.
    `on` is when they were given, where the file does not say. Refused rows are written beside the file.
    """
    if file.is_file():
        lake.state.remember(f"survey:{survey}:import:{lake.blobs.put_file(file)}", file.name)
    table = table_of(read_rows(file))
    questions = questions_of(json.loads(text))
    where = places(by_name(table.headers, names), questions, survey=survey)
    form = None if times == NO_TIMES else times
    given, began = (
        {}
        if times == NO_TIMES
        else moments((getattr(row, one) for row in table.rows), table.tool, zone=zone, form=form)
        for one in ("given_at", "began_at")
    )
    version = lake.blobs.put(text.encode())
    counted = Counter[str]()
    refused: list[Refused] = []
    events: list[tuple[Row, str, AnswerEvent]] = []
    for row in table.rows:
        try:
            answers = answers_of(row.cells, where)
            if not answers:
                raise Unsure("it answers nothing")
            if table.tool.needs_end and not row.given_at:
                raise Unsure("it was never sent off")
            checked = check(text, answers)
        except (Unsure, Uncheckable) as error:
            refused.append(Refused(row=row.number, why=str(error)))
            continue
        if checked.errors:
            said = "; ".join(f"{name}: {' '.join(messages)}" for name, messages in checked.errors.items())
            refused.append(Refused(row=row.number, why=said))
            continue
        content = row.id or msgspec.json.encode([answers, given.get(row.given_at)], order="deterministic").decode()
        counted[content] += 1
        id = _id(survey, content, 0 if row.id else counted[content])
        event = AnswerEvent(
            version=version,
            answers=checked.answers,
            dropped=len(checked.dropped),
            marks=checked.marks,
            mode=mode,
            by=row.by or by,
            given_at=given.get(row.given_at) or on,
            began_at=began.get(row.began_at),
        )
        events.append((row, id, event))
    taken, already, dropped = 0, 0, 0
    stream = stream_of(survey)
    for batch in _batches(events):
        before = lake.state.bodies(stream, [id for _, id, _ in batch])
        new: dict[str, AnswerEvent] = {}
        for row, id, event in batch:
            kept = new.get(id) or (decode(before[id]) if id in before else None)
            if kept is None:
                new[id] = event
            elif _differs(kept, event):
                refused.append(Refused(row=row.number, why=f"other answers were kept before under its id {row.id!r}"))
            else:
                already += 1
        lake.state.append(stream, [(id, encode(event)) for id, event in new.items()])
        taken += len(new)
        dropped += sum(event.dropped for event in new.values())
    refused.sort(key=lambda one: one.row)
    return Imported(
        tool=table.tool.name,
        rows=len(table.rows),
        taken=taken,
        already=already,
        dropped=dropped,
        refused=tuple(refused),
        kept_in=_keep(refused, table, file) if refused else None,
    )


def _id(survey: str, content: str, number: int) -> str:
    """The answer's id: the one that it has, in a table of ours; else what it is known by hashes to."""
    if re.fullmatch(r"[0-9a-f]{32}", content):
        return content
    return hashlib.sha256(f"{survey}\nimport\n{content}\n{number}".encode()).hexdigest()[:32]


def _differs(kept: AnswerEvent, event: AnswerEvent) -> bool:
    """Whether another row stands under the id; what was withdrawn since has no answers, and comes not back."""
    return kept.withdrawn is None and kept.answers != msgspec.json.decode(encode(event), type=AnswerEvent).answers


def _batches(events: Sequence[tuple[Row, str, AnswerEvent]]) -> Iterator[list[tuple[Row, str, AnswerEvent]]]:
    left = iter(events)
    while batch := list(islice(left, ROWS_PER_BATCH)):
        yield batch


def _keep(refused: Sequence[Refused], table: Table, file: Path) -> Path:
    """The refused rows as a CSV beside the file, with the reason: mended, it is imported like the file."""
    by_number = {row.number: row for row in table.rows}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([*header, NAME_OF_ROW, REASON] for header in table.original)
    for one in refused:
        writer.writerow([*map(_unrun, (*by_number[one.row].cells, str(one.row), one.why))])
    kept = file.with_name(f"{file.stem}.refused.csv")
    kept.write_text(text.getvalue(), encoding="utf-8")
    return kept


def _unrun(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    is_number = cell[1:].replace(".", "", 1).isdigit()
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not is_number else cell
