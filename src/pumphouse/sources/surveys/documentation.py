"""What the columns of answers mean: the questions' texts and choices, in each version of the survey that was answered.

A question whose text was changed keeps both: who reads the column sees what people were asked, and until when.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.errors import LakeError, UnknownName
from pumphouse.lake.blobs import Blobs
from pumphouse.lake.column_docs import keep_column_docs
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake
from pumphouse.sources.surveys.kept import questions_by_version
from pumphouse.sources.surveys.questions import COMMENT, Asked

CHOICES_SHOWN_MAX = 30
OWN_DOCS: Mapping[str, str] = {
    "answer_id": "What the key that the respondent's device drew hashes to, or what an import made of the row.",
    "answered_at": "When it was given: the date on the paper, else when it was on disk.",
    "survey_version": "SHA-256 of the survey's JSON as it was shown.",
    "began_at": "When the form was opened, by the clock of the device.",
    "answer_mode": "Who filled the form in: self, interview, paper, import.",
    "typed_by": "Who typed it in, where that was not the respondent.",
    "invitation_id": "The invitation that it came by.",
    "consent_version": "SHA-256 of the text that was shown and agreed to.",
}
WHY_DOC = (
    "Why '{column}' has no answer: hidden (not shown), skipped (shown and passed over), cleared (filled in and emptied"
    ' again), unknown ("don\'t know" was chosen), refused ("rather not say" was chosen).'
)
EVENT_DOCS: Mapping[str, str] = {
    "question": "The question, by the name of its column.",
    "item": "Which part of an answer: the number of a choice, the row of a matrix; empty where there is one part.",
    "value": "What was answered, as text; null where there is no answer.",
    "number": "The same as a number, where it is one.",
    "label": "What people read for a choice.",
    "why": WHY_DOC.format(column="value"),
}
_VERSIONS = "survey_versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a column meant from a moment on; None for the survey as it is, where nobody answered it yet."""

    since: datetime | None
    text: str


def document(
    commit: Commit, lake: Lake, asset: Asset, *, now: Mapping[str, Asked], versions: Mapping[str, datetime], whole: bool
) -> None:
    """Let a build say what the columns mean. `versions` are those answered; a build on top adds to those before."""
    last = lake.builds().get(asset.name)
    known = {} if whole or last is None else _known(lake.blobs, last.detail.get(_VERSIONS))
    first = known | {version: at for version, at in versions.items() if version not in known}
    commit.detail(**{_VERSIONS: lake.blobs.put(msgspec.json.encode(first))})
    keep_column_docs(commit, lake, docs_of(lake.blobs, now, first))


def docs_of(blobs: Blobs, now: Mapping[str, Asked], versions: Mapping[str, datetime]) -> dict[str, str]:
    """What each column means: in the survey as it is and, where that was different, in those answered before."""
    said: dict[str, list[_Said]] = {}
    for version, asked in questions_by_version(blobs, versions).items():
        for one in asked.values():
            _say(said.setdefault(one.column, []), _Said(since=versions[version], text=_meaning(one)))
    for one in now.values():
        _say(said.setdefault(one.column, []), _Said(since=None, text=_meaning(one)))
    current = {one.column for one in now.values()}
    docs = {column: _told(texts, is_asked=column in current) for column, texts in said.items()}
    empty = {one.why: WHY_DOC.format(column=one.column) for one in now.values() if one.can_be_empty}
    return {**OWN_DOCS, **docs, **empty}


def _say(texts: list[_Said], new: _Said) -> None:
    if not texts or texts[-1].text != new.text:
        texts.append(new)


def _told(texts: list[_Said], *, is_asked: bool) -> str:
    """The newest meaning, and those before it with when each was first answered."""
    newest = texts[-1].text if is_asked else f"No longer asked: {texts[-1].text}"
    before = [f"Answered from {one.since:%Y-%m-%d} on as: {one.text}" for one in reversed(texts[:-1]) if one.since]
    since = f" (since {texts[-1].since:%Y-%m-%d})" if before and texts[-1].since else ""
    return " ".join([newest + since, *before])


def _meaning(one: Asked) -> str:
    """A question as one line: its text, unit, rows and choices."""
    return " ".join(_parts(one))


def _parts(one: Asked) -> Iterator[str]:
    if one.form == "words":
        yield f"Words beside '{one.column.removesuffix(COMMENT)}': {one.title}"
        return
    yield one.title
    if one.unit:
        yield f"[{one.unit}]"
    if one.rows:
        yield f"Rows: {_listed(one.rows)}."
    if one.choices:
        yield f"Choices: {_listed(one.choices)}."


def _listed(items: Mapping[str, str]) -> str:
    shown = [value if text == value else f"{value} = {text}" for value, text in items.items()][:CHOICES_SHOWN_MAX]
    more = f", and {len(items) - len(shown)} more" if len(items) > len(shown) else ""
    return ", ".join(shown) + more


def _known(blobs: Blobs, sha: str | None) -> dict[str, datetime]:
    try:
        return msgspec.json.decode(blobs.get(sha), type=dict[str, datetime]) if sha else {}
    except (UnknownName, LakeError, json.JSONDecodeError):
        return {}
