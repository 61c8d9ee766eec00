"""Answers to a survey: events that the server has kept become rows of a wide table, one an answer.

The columns are those that the survey's questions have, whatever was answered so far. A question that the survey no
longer has keeps its column.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.errors import SourceError
from pumphouse.lake.builds import QUARANTINE_SCHEMA, Counts
from pumphouse.lake.context import Built, Context
from pumphouse.lake.state import Event
from pumphouse.sources import fetch
from pumphouse.sources.columns import MOMENT
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.rows import as_text, refuse_names

KEY = ("answer_id",)
EVENTS_PER_BATCH = 10_000
STEP, STEP_VERSION = "survey", "1"
OWN_COLUMNS: Mapping[str, pa.DataType] = {
    "answer_id": pa.string(),
    "answered_at": MOMENT,
    "survey_version": pa.string(),
}
"""Before the questions': the key that the respondent drew, when it was kept, the SHA-256 of the survey's JSON."""
LAKE_COLUMNS: Mapping[str, pa.DataType] = {"_loaded_at": MOMENT, "_raw": pa.string(), "_known_at": MOMENT}
NO_ANSWER = frozenset({"html", "image"})
NUMBERS = frozenset({"number", "range"})
COMMENT_MARKS = ("showOtherItem", "showCommentArea", "hasOther", "hasComment")


def stream_of(survey: str) -> str:
    """The stream of the lake's state in which a survey's answers are kept."""
    return f"survey/{survey}"


def read_survey(asset: Asset, folder: Path) -> str:
    """The SurveyJS JSON of a survey, as its file has it. Raises SourceError where that is missing or no JSON object."""
    file = asset.spec.path
    try:
        text: str = (folder / file).read_text(encoding="utf-8")
        survey = json.loads(text)
    except (OSError, ValueError) as error:
        raise SourceError(
            f"the survey {file} can't be read: {error}",
            asset=asset.name,
            place=asset.place,
            mend="It is a JSON file of SurveyJS.",
        ) from error
    if not isinstance(survey, dict):
        raise SourceError(
            f"the survey {file} is JSON, but no object",
            asset=asset.name,
            mend="A survey of SurveyJS is an object with pages.",
        )
    return text


def build(asset: Asset, context: Context) -> Built:
    """Answers that arrived since the last build, added to the table by their key; nothing new, nothing done.

    An answer that its question's column can't hold goes to quarantine. Raises SourceError where there is no survey.
    """
    lake = context.lake
    is_there = asset.name in lake.tables()
    visits = fetch.visits(asset, context, whole=False)
    survey = json.loads(read_survey(asset, context.folder))
    arriving = _Arriving(asset=asset, context=context, questions=_questions(survey, asset=asset.name), visits=visits)
    written = lake.stage(arriving.batches(), arriving.schema, stem=f"{asset.name}_{uuid.uuid4().hex}")
    if is_there and not written.rows and context.mode == "normal":
        return Built(asset=asset.name, snapshot=None, note="nothing new")
    entries = [pa.RecordBatch.from_pylist(arriving.quarantined, QUARANTINE_SCHEMA)]
    quarantined = lake.stage(entries, QUARANTINE_SCHEMA, stem=f"{asset.name}_quarantine_{uuid.uuid4().hex}")

    commit = context.begin(asset)
    if visits[0].whole:
        commit.replace(asset.name, written, key=KEY)
        commit.replace_quarantine(asset.name, quarantined)
    else:
        commit.upsert(asset.name, written, key=KEY)
        commit.quarantine(asset.name, quarantined)
    commit.cursor(arriving.newest)
    commit.raw(fetch.store(visits, lake.blobs, at=context.now))
    counts = Counts(rows_in=written.rows, rows_out=written.rows, quarantined=quarantined.rows)
    return Built.of(asset.name, commit.publish(counts), counts=counts)


@dataclass(slots=True, kw_only=True)
class _Arriving:
    """Answers on their way into the table. `quarantined` and `newest` are complete when `batches` has ended."""

    asset: Asset
    context: Context
    questions: Mapping[str, tuple[str, pa.DataType]]
    """The key of an answer -> its column and type."""
    visits: tuple[Visit, ...]
    quarantined: list[dict[str, str]] = field(default_factory=list)
    newest: int = 0
    """The sequence number of the last event."""

    @property
    def schema(self) -> pa.Schema:
        """The table's columns: those of the survey as it is, and of questions it once had."""
        lake, name = self.context.lake, self.asset.name
        known = lake.stored_schema(name) if name in lake.tables() else pa.schema([])
        now = {**OWN_COLUMNS, **dict(self.questions.values())}
        former = {one.name: one.type for one in known if one.name not in now and one.name not in HIDDEN_COLUMNS}
        return pa.schema([*now.items(), *former.items(), *LAKE_COLUMNS.items()])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the order in which the answers arrived."""
        schema, done = self.schema, 0
        for visit in self.visits:
            self.newest = max(self.newest, int(visit.cursor or 0))
            for exchange in self._exchanges(visit):
                events = msgspec.json.decode(visit.body(exchange), type=list[Event])
                rows = [self._row(event, schema, at=visit.at, raw=exchange.sha) for event in events]
                self.newest = max([self.newest, *(event.seq for event in events)])
                done += len(rows)
                self.context.progress(done)
                yield pa.RecordBatch.from_pylist(rows, schema)

    def _exchanges(self, visit: Visit) -> Iterator[Exchange]:
        """The batches of events of a visit, stored before they are looked into."""
        if visit.recorded:
            for exchange in visit.recorded.manifest.exchanges:
                visit.note(exchange)
                yield exchange
            return
        state, left = self.context.lake.state, self.context.sample
        after = int(visit.cursor or 0)
        while left is None or left > 0:
            limit = EVENTS_PER_BATCH if left is None else min(left, EVENTS_PER_BATCH)
            events = state.events(stream_of(self.asset.name), after=after, limit=limit)
            if not events:
                return
            after, left = events[-1].seq, None if left is None else left - len(events)
            yield visit.keep("ROWS", f"answers {events[0].seq} to {after}", msgspec.json.encode(events))

    def _row(self, event: Event, schema: pa.Schema, *, at: datetime, raw: str) -> dict[str, Any]:  # cells of any type
        body = json.loads(event.body)
        row: dict[str, Any] = {
            "answer_id": event.key,
            "answered_at": event.at,
            "survey_version": body["version"],
            "_loaded_at": at,
            "_raw": raw,
            "_known_at": at,
        }
        for key, answer in body["answers"].items():
            column, _ = self.questions.get(key, (key, None))
            if column not in schema.names or column in row:
                self._refuse(event, column, answer, "the survey has no such question any more")
                continue
            row[column] = _cell(answer, schema.field(column).type)
            if row[column] is None and answer is not None:
                self._refuse(event, column, answer, f"is no {schema.field(column).type}")
        return row

    def _refuse(self, event: Event, column: str, answer: Any, reason: str) -> None:  # JSON
        self.quarantined.append(
            {
                "row_id": event.key,
                "column": column,
                "original": as_text(answer),
                "step": STEP,
                "step_version": STEP_VERSION,
                "reason": reason,
                "run": self.context.run,
            }
        )


def _questions(survey: Mapping[str, Any], *, asset: str) -> dict[str, tuple[str, pa.DataType]]:
    """Each question's answers as they are sent: the key -> the column and its type, in the survey's order."""
    suffix = survey.get("commentSuffix", "-Comment")
    found: dict[str, tuple[str, pa.DataType]] = {}
    for element in _elements(survey):
        name = element.get("valueName") or element.get("name")
        if not isinstance(name, str) or element.get("type") in NO_ANSWER:
            continue
        found[name] = (name, _kind(element))
        if any(element.get(mark) for mark in COMMENT_MARKS):
            found[name + suffix] = (f"{name}__comment", pa.string())
    refuse_names([*OWN_COLUMNS, *(column for column, _ in found.values())], asset=asset)
    return found


def _elements(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The questions of a survey, a page or a panel, in order. Those of a panel that repeats are one answer."""
    for element in [*part.get("pages", ()), *part.get("elements", ()), *part.get("questions", ())]:
        if "elements" in element or "questions" in element or element.get("type", "page") in ("panel", "page"):
            yield from _elements(element)
        else:
            yield element


def _kind(element: Mapping[str, Any]) -> pa.DataType:
    """The type of a question's answers; lists and tables become JSON text."""
    match element.get("type"):
        case "boolean" if "valueTrue" not in element and "valueFalse" not in element:
            return pa.bool_()
        case "text" if element.get("inputType") in NUMBERS:
            return pa.float64()
        case "rating" if all(isinstance(_value(item), int | float) for item in element.get("rateValues", ())):
            return pa.float64()
    return pa.string()


def _value(item: Any) -> Any:  # SurveyJS: a value, or an object with one and its text
    return item.get("value") if isinstance(item, dict) else item


def _cell(answer: Any, kind: pa.DataType) -> Any:  # JSON to a value of the column
    """The answer as its column's type, or None where it is not of it."""
    if kind == pa.bool_():
        return answer if isinstance(answer, bool) else None
    if pa.types.is_floating(kind):
        return float(answer) if isinstance(answer, int | float) and not isinstance(answer, bool) else None
    return as_text(answer) if kind == pa.string() else None
