"""The questions of a survey, as its SurveyJS JSON has them: which columns their answers make and what those mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.questions import DONT_KNOW
from pumphouse.errors import SourceError

NO_ANSWER = frozenset({"html", "image"})
NUMBERS = frozenset({"number", "range"})
MULTIPLE = frozenset({"checkbox", "tagbox", "ranking"})
CONTAINERS = frozenset({"page", "panel"})
COMMENT_MARKS = ("showOtherItem", "showCommentArea", "hasOther", "hasComment")
CONDITIONS = ("visibleIf", "enableIf", "requiredIf")
REFUSED = "refused"
"""The value of "rather not say": SurveyJS's own."""
COMMENT, WHY = "__comment", "__why"
"""What the columns beside a question's own are called."""
SPECIAL = {
    "showOtherItem": ("other", "otherText", "Other"),
    "hasOther": ("other", "otherText", "Other"),
    "showNoneItem": ("none", "noneText", "None"),
    "hasNone": ("none", "noneText", "None"),
    "showRefuseItem": (REFUSED, "refuseText", "Refuse to answer"),
    "showDontKnowItem": (DONT_KNOW, "dontKnowText", "Don't know"),
}
"""Choices that SurveyJS adds itself: mark -> value, where their text stands, and the text without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, or the words beside one: the key of its answers, and the column that they make."""

    key: str
    column: str
    type: pa.DataType
    form: str
    """SurveyJS's type, with the `inputType` of a text: "radiogroup", "text number"; "words" beside a question."""
    title: str
    choices: Mapping[str, str]
    """What may be chosen, as text -> what people read; of a matrix its columns."""
    values: Mapping[str, Any]  # JSON
    """Each choice, as text -> the value that the form sends."""
    rows: Mapping[str, str]
    """The rows of a matrix, or the names in a panel that repeats, each with what people read."""
    unit: str
    words_key: str
    """The key of the words beside it; empty where there are none."""
    can_be_empty: bool
    """Whether there may be no answer, so that it matters why."""

    @property
    def why(self) -> str:
        """The column that says why there is no answer."""
        return f"{self.column}{WHY}"


def read_survey(asset: Asset, folder: Path) -> str:
    """The SurveyJS JSON of a survey, as its file has it. Raises SourceError where that is missing or no JSON object."""
    if asset.spec.text is not None:
        return str(asset.spec.text)
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


def questions_of(survey: Mapping[str, Any]) -> dict[str, Asked]:
    """Each question by the key of its answers, in the survey's order; the words beside one after it."""
    suffix = str(survey.get("commentSuffix", "-Comment"))
    found: dict[str, Asked] = {}
    for element, is_conditional in _elements(survey, conditional=False):
        name = element.get("valueName") or element.get("name")
        if not isinstance(name, str) or element.get("type") in NO_ANSWER:
            continue
        has_words = any(element.get(mark) for mark in COMMENT_MARKS)
        words_key = name + suffix if has_words else ""
        found[name] = _asked(name, element, is_conditional=is_conditional, words_key=words_key)
        if has_words:
            found[name + suffix] = Asked(
                key=name + suffix,
                column=f"{name}{COMMENT}",
                type=pa.string(),
                form="words",
                title=found[name].title,
                choices={},
                values={},
                rows={},
                unit="",
                words_key="",
                can_be_empty=False,
            )
    return found


def text_of(value: Any) -> str:  # SurveyJS: a text, or one for each language
    """A text that people read, in the survey's own language where there are several."""
    if isinstance(value, Mapping):
        value = value.get("default") or next(iter(value.values()), "")
    return str(value)


def choice_text(value: Any) -> str:  # JSON
    """A choice as text, the same for 5 and 5.0."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _asked(name: str, element: Mapping[str, Any], *, is_conditional: bool, words_key: str) -> Asked:
    form = str(element.get("type", "text"))
    return Asked(
        key=name,
        column=name,
        type=_kind(element),
        form=f"text {element['inputType']}" if form == "text" and "inputType" in element else form,
        title=text_of(element.get("title", name)),
        choices=_choices(element),
        values=_values(element),
        rows=_rows(element),
        unit=text_of(element.get("unit", "")),
        words_key=words_key,
        can_be_empty=form != "expression"
        and (is_conditional or not element.get("isRequired") or _offers(element, (DONT_KNOW, REFUSED))),
    )


def _elements(part: Mapping[str, Any], *, conditional: bool) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The questions of a survey, a page or a panel, in order, and whether a condition decides if they are asked.

    Those of a panel that repeats are one answer.
    """
    for element in [*part.get("pages", ()), *part.get("elements", ()), *part.get("questions", ())]:
        depends = conditional or any(element.get(one) for one in CONDITIONS) or element.get("visible") is False
        if "elements" in element or "questions" in element or element.get("type", "page") in CONTAINERS:
            yield from _elements(element, conditional=depends)
        else:
            yield element, depends


def _kind(element: Mapping[str, Any]) -> pa.DataType:
    """The type of a question's answers; lists and tables become JSON text."""
    match element.get("type"):
        case "boolean" if "valueTrue" not in element and "valueFalse" not in element:
            return pa.bool_()
        case "text" if element.get("inputType") in NUMBERS:
            return pa.float64()
        case "text" if element.get("inputType") == "date":
            return pa.date32()
        case "rating":
            rates = [_value(item) for item in element.get("rateValues", ())]
            if all(isinstance(rate, int | float) or rate in (DONT_KNOW, REFUSED) for rate in rates):
                return pa.float64()
    return pa.string()


def _items(element: Mapping[str, Any]) -> list[Any]:  # SurveyJS: values, or objects with one and its text
    items = [*element.get("choices", ()), *element.get("rateValues", ())]
    if str(element.get("type", "")).startswith("matrix"):
        items += [one for one in element.get("columns", ()) if not isinstance(one, dict) or "value" in one]
    return items


def _values(element: Mapping[str, Any]) -> dict[str, Any]:  # JSON
    found = {choice_text(_value(item)): _value(item) for item in _items(element)}
    found |= {value: value for mark, (value, _, _) in SPECIAL.items() if element.get(mark)}
    if element.get("type") == "boolean":
        ends = (element.get("valueTrue", True), element.get("valueFalse", False))
        found |= {choice_text(value): value for value in ends}
    return found


def _choices(element: Mapping[str, Any]) -> dict[str, str]:
    found = dict(_labelled(item) for item in _items(element))
    for mark, (value, where, otherwise) in SPECIAL.items():
        if element.get(mark):
            found[value] = text_of(element.get(where, otherwise))
    if element.get("type") == "boolean":
        yes, no = element.get("valueTrue", True), element.get("valueFalse", False)
        found |= {
            choice_text(yes): text_of(element.get("labelTrue", "Yes")),
            choice_text(no): text_of(element.get("labelFalse", "No")),
        }
    return found


def _rows(element: Mapping[str, Any]) -> dict[str, str]:
    match element.get("type"):
        case "matrix" | "matrixdropdown":
            return dict(_labelled(item) for item in element.get("rows", ()))
        case "multipletext":
            return {str(one["name"]): text_of(one.get("title", one["name"])) for one in element.get("items", ())}
        case "paneldynamic":
            inner = element.get("templateElements", ())
            return {str(one.get("name")): text_of(one.get("title", one.get("name"))) for one in inner}
    return {}


def _offers(element: Mapping[str, Any], values: tuple[str, ...]) -> bool:
    return any(value in values for value in _choices(element))


def _labelled(item: Any) -> tuple[str, str]:  # SurveyJS: a value, or an object with one and its text
    value = choice_text(_value(item))
    return value, text_of(item.get("text", value)) if isinstance(item, dict) else value


def _value(item: Any) -> Any:  # as above
    return item.get("value") if isinstance(item, dict) else item
