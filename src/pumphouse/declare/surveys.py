"""Declaring a survey: questions put to people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pumphouse.declare.asset import Common, Declaration, Time, place_of_caller

ACCESS = ("open", "invited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Spec of kind "survey": a SurveyJS JSON file of the project. Answers arrive through the server."""

    path: str
    access: str = "open"
    closes: str | None = None
    """A day, which is the last, or a moment; in the project's time zone where it has none of its own."""
    quota: int | None = None
    consent: str | None = None
    """A text file of the project that a respondent agrees to before the first question."""


def survey(
    path: str,
    *,
    access: str = "open",
    closes: str | None = None,
    quota: int | None = None,
    consent: str | None = None,
    doc: str = "",
) -> Declaration:
    """Answers to a survey, one row an answer. `path` is a SurveyJS JSON file of the project.

    The server asks the questions, at /surveys/ and the asset's name, and checks each answer by the same file.

    Whoever has the address may answer, or with `access="invited"` only who has a link that `pumphouse survey invite
    NAME` made. No answer is taken after `closes` (a day, such as "2026-12-31", is taken whole), nor more than `quota`.
    `consent` names a text of the project: it is shown first, and no answer is taken without agreement to it.

    For example:

        exit_survey = ph.survey("surveys/exit.json", doc="What leaving customers answered.")
    """
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
        spec=Survey(path=path, access=access, closes=closes, quota=quota, consent=consent),
        common=Common(doc=doc, key=("answer_id",), time=Time(event="answered_at")),
        place=place_of_caller(),
        files=(path, *([consent] if consent else [])),
    )
