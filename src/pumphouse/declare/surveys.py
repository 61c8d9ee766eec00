"""Declaring a survey: questions put to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pumphouse.declare.asset import Common, Declaration, Part, Time, place_of_caller
from pumphouse.declare.questions import Page, Question, Text, survey_text

ACCESS = ("open", "invited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Spec of kind "survey": a SurveyJS JSON file of the project, or its text. Answers arrive through the server."""

    path: str | None = None
    text: str | None = None
    """The SurveyJS JSON of a survey that was written in Python."""
    access: str = "open"
    closes: str | None = None
    """A day, which is the last, or a moment; in the project's time zone where it has none of its own."""
    quota: int | None = None
    consent: str | None = None
    """A text file of the project that a respondent agrees to before the first question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyEvents:
    """Spec of kind "survey_events": each answer to each question of a survey, one row."""


def survey(
    path: str | None = None,
    *,
    title: Text = "",
    questions: Sequence[Question | Page] = (),
    doc: str = "",
    access: str = "open",
    closes: str | None = None,
    quota: int | None = None,
    consent: str | None = None,
    every: str | None = None,
) -> Declaration:
    """Answers to a survey: a table with one row an answer, and `<name>_events` with one row an answer and question.

    The survey is a SurveyJS JSON file of the project, or `questions` of `pumphouse.questions` under a `title`. The
    server asks them at /surveys/ and the asset's name, and checks each answer by the same text.

    Whoever has the address may answer, or with `access="invited"` only who has a link that `pumphouse survey invite
    NAME` made. No answer is taken after `closes` (a day, such as "2026-12-31", is taken whole), nor more than `quota`.
    `consent` names a text of the project: it is shown first, and no answer is taken without agreement to it.

    For example:

        exit_survey = ph.survey("surveys/exit.json", doc="What leaving customers answered.")
        follow_up = ph.survey(
            title="One year later",
            questions=[rating("recommend", "Would you recommend us?", 0, 10), text("better", "What should be better?")],
            closes="2026-12-31",
            quota=500,
        )
    """
    if (path is None) == (not questions):
        raise ValueError("a survey is a file, or it has questions: ph.survey('surveys/exit.json')")
    if path is not None and title:
        raise ValueError("the title of a survey that is a file stands in the file")
    if access not in ACCESS:
        raise ValueError(f"access is 'open' or 'invited', not {access!r}")
    if quota is not None and (isinstance(quota, bool) or quota < 1):
        raise ValueError(f"quota is a number of answers from 1 up, not {quota!r}")
    if closes is not None:
        try:
            datetime.fromisoformat(closes)
        except (TypeError, ValueError):
            raise ValueError(f"closes is a day or a moment such as '2026-12-31 18:00', not {closes!r}") from None
    return Declaration(
        kind="survey",
        spec=Survey(
            path=path,
            text=survey_text(title, questions) if questions else None,
            closes=closes,
            quota=quota,
            access=access,
            consent=consent,
        ),
        common=Common(doc=doc, key=("answer_id",), time=Time(event="answered_at"), every=every),
        place=place_of_caller(),
        files=tuple(file for file in (path, consent) if file),
        parts=(
            Part(
                suffix="events",
                kind="survey_events",
                spec=SurveyEvents(),
                common=Common(
                    doc=f"Each answer to each question, one row. {doc}".strip(),
                    key=("answer_id", "question", "item"),
                    time=Time(event="answered_at"),
                ),
            ),
        ),
    )
