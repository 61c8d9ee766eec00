"""Answers to a survey: events that the server has kept become rows of a wide table, one an answer.

The columns are those that the survey's questions have, whatever was answered so far. A question that the survey no
longer has keeps its column. Beside a question that may have no answer stands why it has none.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.questions import DONT_KNOW
from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.lake.builds import QUARANTINE_SCHEMA, Counts
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake
from pumphouse.sources import fetch
from pumphouse.sources.columns import MOMENT
from pumphouse.sources.rows import as_text, refuse_names
from pumphouse.sources.surveys.documentation import document
from pumphouse.sources.surveys.kept import Batch, Found, Kept, batches, look, questions_by_version
from pumphouse.sources.surveys.questions import REFUSED, WHY, Asked, questions_of, read_survey

KEY = ("answer_id",)
STEP, STEP_VERSION = "survey", "1"
OWN_COLUMNS: Mapping[str, pa.DataType] = {
    "answer_id": pa.string(),
    "answered_at": MOMENT,
    "survey_version": pa.string(),
}
"""Before the questions': the key that the respondent drew, when it was given, the SHA-256 of the survey's JSON."""
USED_COLUMNS: Mapping[str, tuple[str, pa.DataType]] = {
    "began_at": ("began_at", MOMENT),
    "mode": ("answer_mode", pa.string()),
    "by": ("typed_by", pa.string()),
    "invitation": ("invitation_id", pa.string()),
    "consent": ("consent_version", pa.string()),
}
"""Field of an event -> the column that it has in a survey in which it was ever said."""
LAKE_COLUMNS: Mapping[str, pa.DataType] = {"_loaded_at": MOMENT, "_raw": pa.string(), "_known_at": MOMENT}
CHOSEN = {DONT_KNOW: "unknown", REFUSED: "refused"}
"""Choices that say why there is no answer."""


def build(asset: Asset, context: Context) -> Built:
    """Answers that arrived since the last build, added to the table by their key; nothing new, nothing done.

    An answer that its question's column can't hold goes to quarantine, an event that can't be read as a whole row. What
    was withdrawn is left out, and hidden wherever it stood. Raises SourceError where there is no survey.
    """
    lake = context.lake
    is_there = asset.name in lake.tables()
    visits = fetch.visits(asset, context, whole=False)
    questions = questions_of(json.loads(read_survey(asset, context.folder)))
    _refuse_names(questions, asset=asset.name)
    arrived = batches(asset, context, visits)
    found = look(arrived, newest=max(int(visit.cursor or 0) for visit in visits))
    if is_there and not arrived and context.mode == "normal":
        return Built(asset=asset.name, snapshot=None, note="nothing new")
    arriving = _Arriving(asset=asset, context=context, now=questions, arrived=arrived, found=found)
    written = lake.stage(arriving.batches(), arriving.schema, stem=f"{asset.name}_{uuid.uuid4().hex}", key=KEY)
    entries = [pa.RecordBatch.from_pylist(arriving.quarantined, QUARANTINE_SCHEMA)]
    quarantined = lake.stage(entries, QUARANTINE_SCHEMA, stem=f"{asset.name}_quarantine_{uuid.uuid4().hex}")

    commit = context.begin(asset)
    if visits[0].whole:
        commit.replace(asset.name, written, key=KEY)
        commit.replace_quarantine(asset.name, quarantined)
    else:
        commit.upsert(asset.name, written, key=KEY)
        commit.quarantine(asset.name, quarantined)
    for one in not_yet_hidden(lake, found.withdrawn):
        commit.tombstone(KEY[0], one, why="withdrawn")
    commit.cursor(found.newest)
    commit.raw(fetch.store(visits, lake.blobs, at=context.now))
    document(commit, lake, asset, now=questions, versions=found.versions, whole=visits[0].whole)
    counts = Counts(
        rows_in=written.rows + arriving.dropped + arriving.withheld,
        rows_out=written.rows,
        quarantined=quarantined.rows - arriving.withheld,
        dropped=arriving.dropped,
        withheld=arriving.withheld,
    )
    return Built.of(asset.name, commit.publish(counts), counts=counts)


def not_yet_hidden(lake: Lake, answers: set[str]) -> tuple[str, ...]:
    """Those of these answers that no tombstone hides."""
    told = pa.table({KEY[0]: pa.array(sorted(answers), pa.string())})
    return tuple(lake.without_hidden(told).column(KEY[0]).to_pylist()) if answers else ()


@dataclass(slots=True, kw_only=True)
class _Arriving:
    """Answers on their way into the table. What it counts and `quarantined` are complete when `batches` has ended."""

    asset: Asset
    context: Context
    now: Mapping[str, Asked]
    """The questions of the survey as it is, by the key of their answers."""
    arrived: list[Batch]
    found: Found
    quarantined: list[dict[str, str]] = field(default_factory=list)
    dropped: int = 0
    """Answers that were withdrawn."""
    withheld: int = 0
    """Events that can't be read."""
    questions: dict[str, Asked] = field(init=False)
    """Those of now, and those that earlier versions had."""
    schema: pa.Schema = field(init=False)
    former: set[str] = field(init=False, default_factory=set)
    """Columns of questions of which only the table still knows."""

    def __post_init__(self) -> None:
        earlier = questions_by_version(self.context.lake.blobs, self.found.versions)
        self.questions = dict(self.now)
        taken = {one.column.lower() for one in self.now.values()} | _own_names()
        for version in reversed(list(earlier)):
            for key, one in earlier[version].items():
                if key not in self.questions and one.column.lower() not in taken:
                    self.questions[key] = one
                    taken.add(one.column.lower())
        self.schema = self._schema()

    def _schema(self) -> pa.Schema:
        """The table's columns: those of the survey as it is, of questions it once had, and why they have no answer."""
        lake, name = self.context.lake, self.asset.name
        known = lake.stored_schema(name) if name in lake.tables() else pa.schema([])
        said = {
            column: kind
            for one, (column, kind) in USED_COLUMNS.items()
            if one in self.found.used or column in known.names
        }
        whys = {one.why: pa.string() for one in self.questions.values() if one.can_be_empty}
        asked = {one.column: one.type for key, one in self.questions.items() if key in self.now}
        earlier = {one.column: one.type for one in self.questions.values() if one.column not in asked}
        now = {**OWN_COLUMNS, **said, **asked}
        gone = {one.name: one.type for one in known if one.name not in {*now, *earlier, *whys, *HIDDEN_COLUMNS}}
        self.former = {column for column in gone if not column.endswith(WHY)}
        return pa.schema([*{**now, **earlier, **gone}.items(), *whys.items(), *LAKE_COLUMNS.items()])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the order in which the answers arrived."""
        done = 0
        for batch in self.arrived:
            rows = [row for kept in batch.read() if (row := self._row(kept)) is not None]
            table = self.context.lake.without_hidden(pa.Table.from_pylist(rows, self.schema))
            self.dropped += len(rows) - table.num_rows
            done += len(rows)
            self.context.progress(done)
            yield from table.to_batches()

    def _row(self, kept: Kept) -> dict[str, Any] | None:  # cells of any type
        event, answer = kept.event, kept.answer
        if answer is None:
            self.withheld += 1
            self._refuse(event.key, "*", event.body, "is no answer that this version of Pumphouse can read")
            return None
        if answer.withdrawn is not None:
            return None
        if event.key in self.found.withdrawn:
            self.dropped += 1
            return None
        row: dict[str, Any] = {
            "answer_id": event.key,
            "answered_at": kept.answered_at,
            "survey_version": answer.version,
            "_loaded_at": kept.loaded_at,
            "_raw": kept.raw,
            "_known_at": kept.loaded_at,
        }
        for name, (column, _) in USED_COLUMNS.items():
            if column in self.schema.names:
                row[column] = getattr(answer, name)
        for key, mark in answer.marks.items():
            if key in self.questions and (why := self.questions[key].why) in self.schema.names:
                row[why] = mark
        for key, value in answer.answers.items():
            self._answer(row, key, value)
        return row

    def _answer(self, row: dict[str, Any], key: str, value: Any) -> None:  # JSON
        question = self.questions.get(key)
        column = question.column if question else key
        if question is None and column not in self.former:
            self._refuse(row["answer_id"], column, value, "the survey has no such question any more")
            return
        if question is not None and (why := why_not(question, value)) is not None:
            if question.why in self.schema.names:
                row[question.why] = why
            return
        row[column] = _cell(value, self.schema.field(column).type)
        if row[column] is None and value is not None:
            self._refuse(row["answer_id"], column, value, f"is no {self.schema.field(column).type}")

    def _refuse(self, answer: str, column: str, value: Any, reason: str) -> None:  # JSON
        self.quarantined.append(
            {
                "row_id": answer,
                "column": column,
                "original": as_text(value),
                "step": STEP,
                "step_version": STEP_VERSION,
                "reason": reason,
                "run": self.context.run,
            }
        )


def why_not(question: Asked, value: Any) -> str | None:  # JSON
    """Why there is no answer, where what was chosen says so: "don't know", "rather not say"."""
    chosen = value[0] if isinstance(value, list) and len(value) == 1 else value
    return CHOSEN.get(chosen) if isinstance(chosen, str) and chosen in question.choices else None


def _refuse_names(questions: Mapping[str, Asked], *, asset: str) -> None:
    whys = [one.why for one in questions.values() if one.can_be_empty]
    refuse_names([*sorted(_own_names()), *(one.column for one in questions.values()), *whys], asset=asset)


def _own_names() -> set[str]:
    return {*OWN_COLUMNS, *(column for column, _ in USED_COLUMNS.values())}


def _cell(answer: Any, kind: pa.DataType) -> Any:  # JSON to a value of the column
    """The answer as its column's type, or None where it is not of it."""
    if kind == pa.bool_():
        return answer if isinstance(answer, bool) else None
    if pa.types.is_floating(kind):
        return float(answer) if isinstance(answer, int | float) and not isinstance(answer, bool) else None
    if pa.types.is_date(kind):
        return _day(answer)
    return as_text(answer) if kind == pa.string() else None


def _day(answer: Any) -> date | None:  # JSON
    try:
        return date.fromisoformat(answer)
    except (TypeError, ValueError):
        return None
