"""Declaring a survey: questions put to people."""

from __future__ import annotations

from dataclasses import dataclass

from pumphouse.declare.asset import Common, Declaration, Time, place_of_caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Spec of kind "survey": a SurveyJS JSON file of the project. Answers arrive through the server."""

    path: str


def survey(path: str, *, doc: str = "") -> Declaration:
    """Answers to a survey, one row an answer. `path` is a SurveyJS JSON file of the project.

    The server asks the questions, at /surveys/ and the asset's name, and checks each answer by the same file.

    For example:

        exit_survey = ph.survey("surveys/exit.json", doc="What leaving customers answered.")
    """
    return Declaration(
        kind="survey",
        spec=Survey(path=path),
        common=Common(doc=doc, key=("answer_id",), time=Time(event="answered_at")),
        place=place_of_caller(),
        files=(path,),
    )
