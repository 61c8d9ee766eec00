"""The same answers as events: one row for each answer to each question, or for each thing chosen.

They are made from the stored bytes that the wide table was made from, so both say the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.declare.asset import Asset
from pumphouse.lake.builds import Counts
from pumphouse.lake.column_docs import keep_column_docs
from pumphouse.lake.context import Built, Context
from pumphouse.sources import fetch
from pumphouse.sources.columns import MOMENT
from pumphouse.sources.fetch import Visit
from pumphouse.sources.rows import as_text
from pumphouse.sources.surveys.build import LAKE_COLUMNS, not_yet_hidden, why_not
from pumphouse.sources.surveys.documentation import EVENT_DOCS, OWN_DOCS
from pumphouse.sources.surveys.kept import Batch, Found, Kept, batches, look, questions_by_version
from pumphouse.sources.surveys.questions import MULTIPLE, Asked, choice_text

KEY = ("answer_id", "question", "item")
SCHEMA = pa.schema(
    {
        "answer_id": pa.string(),
        "question": pa.string(),
        "item": pa.string(),
        "value": pa.string(),
        "number": pa.float64(),
        "label": pa.string(),
        "why": pa.string(),
        "answered_at": MOMENT,
        "survey_version": pa.string(),
        "answer_mode": pa.string(),
        "typed_by": pa.string(),
        **LAKE_COLUMNS,
    }
)
_BEGAN = "survey_began"


def build(asset: Asset, context: Context) -> Built:
    """Answers and their absence that the survey's table took since the last build, one row each.

    Counts are of answers to questions: those of withdrawn answers are dropped.
    """
    lake, (survey,) = context.lake, asset.inputs
    history = tuple(one for one in lake.history(survey) if one.snapshot <= context.snapshot)
    records = fetch.recorded_since_whole(history, lake.blobs)
    visits = [
        Visit(
            lake.blobs,
            asset=survey,
            at=one.manifest.at,
            cursor=one.manifest.cursor,
            whole=one.manifest.whole,
            recorded=one,
        )
        for one in records
    ]
    began = records[0].sha if records else ""
    last = lake.builds().get(asset.name)
    is_on_top = (
        last is not None
        and asset.name in lake.tables()
        and context.mode == "normal"
        and last.detail.get(_BEGAN) == began
        and last.fingerprint == context.fingerprint
    )
    after = int(last.cursor or 0) if last is not None and is_on_top else 0
    arrived = [one for one in batches(asset, context, visits) if int(one.exchange.address.split()[-1]) > after]
    found = look(arrived, newest=after, after=after)
    arriving = _Arriving(context=context, survey=survey, arrived=arrived, found=found, after=after)
    written = lake.stage(arriving.batches(), SCHEMA, stem=f"{asset.name}_{uuid.uuid4().hex}", key=KEY)
    commit = context.begin(asset)
    if is_on_top:
        commit.upsert(asset.name, written, key=KEY)
    else:
        commit.replace(asset.name, written, key=KEY)
    for one in not_yet_hidden(lake, found.withdrawn):
        commit.tombstone(KEY[0], one, why="withdrawn")
    for one in _hidden_in(survey, asset.name, context) if is_on_top else ():
        commit.tombstone(KEY[0], one, why=f"hidden in {survey}")
    commit.cursor(found.newest)
    commit.detail(**{_BEGAN: began})
    keep_column_docs(commit, lake, {**OWN_DOCS, **EVENT_DOCS})
    counts = Counts(rows_in=written.rows + arriving.dropped, rows_out=written.rows, dropped=arriving.dropped)
    return Built.of(asset.name, commit.publish(counts), counts=counts)


def _hidden_in(survey: str, events: str, context: Context) -> tuple[str, ...]:
    """Answers with events whose row in the survey's table is hidden: by a column that only that table has."""
    if not context.lake.hidden_at(survey):
        return ()
    own, wide = context.lake.scan(events).relation, context.lake.scan(survey, snapshot=context.snapshot).relation
    return tuple(
        row[0]
        for row in context.lake.engine.fork().execute(
            f"SELECT DISTINCT answer_id FROM ({own}) WHERE answer_id NOT IN (SELECT answer_id FROM ({wide})) ORDER BY 1"
        )
    )


@dataclass(slots=True, kw_only=True)
class _Arriving:
    """Answers on their way into the table. `dropped` is complete when `batches` has ended."""

    context: Context
    survey: str
    arrived: list[Batch]
    found: Found
    after: int
    dropped: int = 0
    """Rows of answers that were withdrawn."""
    questions: dict[str, Mapping[str, Asked]] = field(init=False)

    in_sight: pa.Array | None = field(init=False, default=None)
    """Answers that the survey's table shows; None where nobody in it is hidden."""

    def __post_init__(self) -> None:
        lake = self.context.lake
        self.questions = questions_by_version(lake.blobs, self.found.versions)
        if lake.hidden_at(self.survey):
            shown = lake.scan(self.survey, snapshot=self.context.snapshot).relation
            rows = lake.engine.fork().execute(f"SELECT answer_id FROM ({shown})")
            self.in_sight = pa.array([row[0] for row in rows], pa.string())

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the order in which the answers arrived."""
        done = 0
        for batch in self.arrived:
            rows = [row for kept in batch.read() if kept.event.seq > self.after for row in self._rows(kept)]
            table = self.context.lake.without_hidden(pa.Table.from_pylist(rows, SCHEMA))
            if self.in_sight is not None:
                table = table.filter(pc.is_in(table.column(KEY[0]), value_set=self.in_sight))
            self.dropped += len(rows) - table.num_rows
            done += table.num_rows
            self.context.progress(done)
            yield from table.to_batches()

    def _rows(self, kept: Kept) -> Iterator[dict[str, Any]]:  # cells of any type
        answer = kept.answer
        if answer is None or answer.withdrawn is not None:
            return
        asked = self.questions.get(answer.version, {})
        whole = {
            "answer_id": kept.event.key,
            "answered_at": kept.answered_at,
            "survey_version": answer.version,
            "answer_mode": answer.mode,
            "typed_by": answer.by,
            "_loaded_at": kept.loaded_at,
            "_raw": kept.raw,
            "_known_at": kept.loaded_at,
        }
        marks: dict[str, str] = dict(answer.marks)
        columns = {one.column for one in asked.values()}
        for key, value in answer.answers.items():
            question = asked.get(key)
            if question is not None and (why := why_not(question, value)) is not None:
                marks.setdefault(key, why)
            if key in marks:
                continue
            name = question.column if question else f"?{key}" if key in columns else key
            for item, leaf in _leaves(value):
                yield from self._kept(whole | {"question": name, "item": item} | _cells(question, leaf))
        for key, why in marks.items():
            name = asked[key].column if key in asked else f"?{key}" if key in columns else key
            yield from self._kept(whole | {"question": name, "item": "", "why": why})

    def _kept(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:  # as above
        if row["answer_id"] in self.found.withdrawn:
            self.dropped += 1
        else:
            yield row


def _cells(question: Asked | None, leaf: Any) -> dict[str, Any]:  # JSON
    text = choice_text(leaf) if isinstance(leaf, int | float) else as_text(leaf)
    number = float(leaf) if isinstance(leaf, int | float) and not isinstance(leaf, bool) else None
    has_choices = question is not None and (question.form in MULTIPLE or question.rows or question.form != "words")
    return {"value": text, "number": number, "label": question.choices.get(text) if question and has_choices else None}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # JSON
    """The parts of an answer that have no parts, each with its place: "2", "price", "1.called"."""
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        parts = [(key.replace("\\", "\\\\").replace(".", "\\."), inner) for key, inner in value.items()]
    elif isinstance(value, list):
        parts = [(str(number), inner) for number, inner in enumerate(value, start=1)]
    if not parts:
        yield path, value
    for name, inner in parts:
        yield from _leaves(inner, f"{path}.{name}" if path else name)
