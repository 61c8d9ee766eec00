"""Which question a header means, by name or title, and which answer a cell, by code or label; never by a guess."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pumphouse.errors import SourceError, did_you_mean
from pumphouse.sources.surveys.questions import MULTIPLE, NUMBERS, Asked

TICKED = frozenset({"y", "yes", "1", "true", "x", "checked", "selected"})
NOT_TICKED = frozenset({"", "n", "no", "0", "false", "unchecked", "not selected", "{question_not_shown}"})
SEPARATORS = (";", "\n", "|", ",", " ")
OTHER = frozenset({"other", "comment", "other (please specify)", "something else"})
PARTED = (
    re.compile(r"(?P<name>.+?)\s*\[(?P<part>[^\[\]]+)\]$", re.DOTALL),  # Google Forms, LimeSurvey
    re.compile(r"(?P<name>.+)[/.](?P<part>[^/.]+)$"),  # KoBo, and our own
    re.compile(r"(?P<name>.+?)_(?P<part>[^_]+)$"),  # LimeSurvey's VV
    re.compile(r"(?P<name>.+?): (?P<part>.+)$"),
)
CHOICE_FORMS = frozenset({"radiogroup", "dropdown", "imagepicker", "buttongroup", "rating", "boolean"})
STRUCTURED = frozenset({"matrixdropdown", "matrixdynamic", "paneldynamic", "multipletext", "file", "signaturepad"})


class Unsure(ValueError):
    """A cell that is no answer to its question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a column of the file holds: the answer to a question, a part of it, or the words beside it."""

    question: Asked
    part: str = ""
    """A choice or a row."""
    comment: str = ""
    """The key of the words beside the question."""


def places(
    headers: Sequence[tuple[str, str]], questions: Mapping[str, Asked], *, survey: str
) -> tuple[Place | None, ...]:
    """What each column holds; None for one that is left alone. Raises SourceError for headers that nobody knows."""
    found: list[Place | None] = []
    lost: list[str] = []
    before: Place | None = None
    for header, part in headers:
        place = _place(header, part, questions, before) if header else None
        if header and place is None:
            lost.append(f"{header} / {part}" if part else header)
        found.append(place)
        before = place or before
    if lost:
        known = [*questions, *(one.title for one in questions.values())]
        said = ", ".join(repr(one[:80]) for one in lost[:8])
        raise SourceError(
            f"no question of '{survey}' is called {said}{' and others' if len(lost) > 8 else ''}",
            asset=survey,
            mend=f"{did_you_mean(lost[0], known) or ''} Say which it is: --map '{lost[0][:60]}=QUESTION', or --map "
            f"'{lost[0][:60]}=' to leave it out.".strip(),
        )
    whole = {one.question.key for one in found if one is not None and not one.part and not one.comment}
    # KoBo has a column for the whole and one for each choice: the whole says it all.
    return tuple(
        None if one is not None and one.part and one.question.key in whole and one.question.form in MULTIPLE else one
        for one in found
    )


def answers_of(cells: Sequence[str], where: Sequence[Place | None]) -> dict[str, Any]:  # JSON
    """What a row answers, as the form would send it. Raises Unsure with what can't be read."""
    answers: dict[str, Any] = {}
    for cell, place in zip(cells, where, strict=True):
        if place is None or cell == "":
            continue
        key = place.question.key
        if place.comment:
            answers[place.comment] = cell
            if "other" in place.question.choices and place.question.form not in MULTIPLE:
                answers.setdefault(key, "other")
            elif "other" in place.question.choices and "other" not in answers.get(key, []):
                answers[key] = [*answers.get(key, []), "other"]
        elif place.question.form in MULTIPLE and place.part:
            if _is_ticked(cell, place):
                answers[key] = [*answers.get(key, []), place.question.values[place.part]]
        elif place.part:
            value = _chosen(cell, place.question) if place.question.form == "matrix" else cell
            answers[key] = {**answers.get(key, {}), place.part: value}
        else:
            answers |= _whole(cell, place.question)
    return answers


def _place(header: str, part: str, questions: Mapping[str, Asked], before: Place | None) -> Place | None:
    if part:
        question = _named(header, questions)
        return _part(question, part) if question else None
    if (question := _named(header, questions)) is not None:
        if question.form == "words":
            owner = next(one for one in questions.values() if one.words_key == question.key)
            return Place(question=owner, comment=question.key)
        return Place(question=question)
    for pattern in PARTED:
        found = pattern.fullmatch(header)
        if found and (question := _named(found["name"], questions)) and (place := _part(question, found["part"])):
            return place
    if (question := _named(re.split(r"[/-]", header)[-1], questions)) is not None:  # below a group
        return Place(question=question)
    # Typeform: a column for each choice, called as people read it.
    owners = [one for one in questions.values() if one.form in MULTIPLE and _key_of(header, one.choices)]
    if _plain(header) in OTHER and before is not None and before.question.form in MULTIPLE:
        return _part(before.question, header)
    return _part(owners[0], header) if len(owners) == 1 else None


def _named(header: str, questions: Mapping[str, Asked]) -> Asked | None:
    """The question that a header names: by its key or column, else by its title where only one has that."""
    for one in questions.values():
        if header in (one.key, one.column):
            return one
    wanted = _plain(header)
    titled = [
        one for one in questions.values() if one.form != "words" and wanted in (_plain(one.title), _plain(one.key))
    ]
    return titled[0] if len(titled) == 1 else None


def _part(question: Asked, part: str) -> Place | None:
    offered = question.rows or (question.choices if question.form in MULTIPLE else {})
    known = _key_of(part, offered)
    if question.words_key and (_plain(part) in OTHER or known == "other"):
        return Place(question=question, comment=question.words_key)
    return Place(question=question, part=known) if known is not None else None


def _whole(cell: str, question: Asked) -> dict[str, Any]:  # JSON
    key, form = question.key, question.form
    if form in STRUCTURED or (cell[:1] in ("{", "[") and (form == "matrix" or form in MULTIPLE)):
        try:
            return {key: json.loads(cell)}
        except ValueError as error:
            raise Unsure(f"{key}: {cell[:80]!r} is no JSON") from error
    if form in MULTIPLE:
        return _several(cell, question)
    if form in CHOICE_FORMS:
        value = _choice(cell, question)
        if value is None and "other" in question.choices:
            return {key: "other", question.words_key: cell}
        return {key: _number(cell, key) if value is None and form == "rating" else cell if value is None else value}
    kind = form.partition(" ")[2]
    if kind in NUMBERS:
        return {key: _number(cell, key)}
    if kind == "date":
        try:
            return {key: date.fromisoformat(cell[:10] if "T00:00" in cell else cell).isoformat()}
        except ValueError as error:
            raise Unsure(f"{key}: {cell[:80]!r} is no day such as 2026-12-31") from error
    return {key: cell}


def _several(cell: str, question: Asked) -> dict[str, Any]:  # JSON
    """Several choices in one cell, by the separator that leaves nothing over; a text of its own is the one that may."""
    splits = (_split(cell, separator, question) for separator in SEPARATORS)
    chosen, left = min(splits, key=lambda one: (len(one[1]), -len(one[0])))
    values = [question.values[one] for one in chosen]
    if not left:
        return {question.key: values}
    if "other" not in question.choices or len(left) > 1:
        raise Unsure(f"{question.key}: {left[0][:80]!r} is none of its choices")
    return {question.key: [*values, "other"], question.words_key: left[0]}


def _split(cell: str, separator: str, question: Asked) -> tuple[list[str], list[str]]:
    """The choices in a cell and what is none. A choice's text may hold the separator itself."""
    parts = [one.strip() for one in cell.split(separator)]
    chosen: list[str] = []
    left: list[str] = []
    place = 0
    while place < len(parts):
        for end in range(len(parts), place, -1):
            known = _key_of(f"{separator} ".join(parts[place:end]), question.choices)
            known = known if known is not None else _key_of(separator.join(parts[place:end]), question.choices)
            if known is not None:
                chosen.append(known)
                place = end
                break
        else:
            if parts[place]:
                left.append(parts[place])
            place += 1
    return list(dict.fromkeys(chosen)), left


def _is_ticked(cell: str, place: Place) -> bool:
    said = _plain(cell)
    if said in NOT_TICKED:
        return False
    if said in TICKED or said in (_plain(place.part), _plain(place.question.choices[place.part])):
        return True
    raise Unsure(f"{place.question.key}: {cell[:80]!r} beside {place.part!r} says neither yes nor no")


def _chosen(cell: str, question: Asked) -> Any:  # JSON
    value = _choice(cell, question)
    if value is None:
        raise Unsure(f"{question.key}: {cell[:80]!r} is none of its choices")
    return value


def _choice(cell: str, question: Asked) -> Any:  # JSON
    """The value of a choice by its code, or by the text that people read; None where it is none."""
    known = _key_of(cell, question.choices)
    if known is None and question.form == "boolean":
        said = _plain(cell)
        known = "true" if said in TICKED else "false" if said in NOT_TICKED else None
    return question.values.get(known) if known is not None else None


def _key_of(text: str, labels: Mapping[str, str]) -> str | None:
    """The code that a text is, or whose label it is; None where it is none, or the label of several."""
    if text in labels:
        return text
    wanted = _plain(text)
    found = [key for key, label in labels.items() if wanted in (_plain(key), _plain(label))]
    return found[0] if len(found) == 1 else None


def _number(cell: str, key: str) -> float | int:
    try:
        number = float(cell)
    except ValueError as error:
        raise Unsure(f"{key}: {cell[:80]!r} is no number") from error
    return int(number) if number.is_integer() else number


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
