"""Questions as values: the short way to write a survey in Python. Each maker gives an element of SurveyJS.

The same calls give the same JSON, to the letter: a survey's version is the hash of its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as day
from typing import Any, Literal

from pumphouse.errors import did_you_mean

Text = str | Mapping[str, str]
"""What a person reads: a text, or one for each language: `{"default": "Why?", "de": "Warum?"}`."""
Options = Sequence[str | int] | Mapping[str, Text]
"""Choices: values, or values with the texts that people see."""

DONT_KNOW = "dontknow"
"""The value of a "don't know" that was chosen: SurveyJS's own."""
NAME = r"[A-Za-z][A-Za-z0-9_]*"
RATES_MAX = 20
"""Steps that SurveyJS draws of a rating."""
QUESTIONS_MAX = 500
READ_IN_CONDITION = rf"\{{({NAME})"
SPEAKING_FOR_ITSELF = frozenset({"panel", "row", "item", "choice", "self"})
"""Names in braces that SurveyJS knows beside those of questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, as `element` of SurveyJS; `inner` are those that it repeats."""

    name: str
    element: Mapping[str, Any]  # JSON
    inner: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """See `page`."""

    title: Text
    parts: tuple[Question, ...]
    if_: str | None


def choice(
    name: str,
    title: Text,
    options: Options,
    *,
    other: bool = False,
    dont_know: bool = False,
    required: bool = False,
    if_: str | None = None,
    help: Text = "",
) -> Question:
    """One of several options. `other=True` adds one with a text of its own, `dont_know=True` "Don't know".

    `if_` is a condition of SurveyJS over earlier answers: the question is shown where it holds.

    For example:

        choice("reason", "Why do you leave?", {"price": "The prices", "moved": "I moved"}, other=True, dont_know=True)
    """
    return _question(
        "radiogroup",
        name,
        title,
        _offered(options, other=other, dont_know=dont_know),
        required=required,
        if_=if_,
        help=help,
    )


def choices(
    name: str,
    title: Text,
    options: Options,
    *,
    other: bool = False,
    dont_know: bool = False,
    required: bool = False,
    if_: str | None = None,
    help: Text = "",
) -> Question:
    """Any number of several options; "Don't know" stands alone.

    For example:

        choices("bought", "What did you buy?", ["rock", "jazz", "folk"], other=True)
    """
    return _question(
        "checkbox",
        name,
        title,
        _offered(options, other=other, dont_know=dont_know),
        required=required,
        if_=if_,
        help=help,
    )


def ranking(
    name: str, title: Text, options: Options, *, required: bool = False, if_: str | None = None, help: Text = ""
) -> Question:
    """Options put into an order, the best first.

    For example:

        ranking("matters", "What matters most?", ["price", "choice", "speed"])
    """
    return _question("ranking", name, title, _offered(options), required=required, if_=if_, help=help)


def rating(
    name: str,
    title: Text,
    least: int = 1,
    most: int = 5,
    *,
    labels: tuple[Text, Text] | None = None,
    dont_know: bool = False,
    required: bool = False,
    if_: str | None = None,
    help: Text = "",
) -> Question:
    """A whole number from `least` to `most`; `labels` say what the two ends mean.

    For example:

        rating("recommend", "Would you recommend us?", 0, 10, labels=("Not at all", "Very likely"))
    """
    if not 1 <= most - least < RATES_MAX:
        raise ValueError(f"rating '{name}' has 2 to {RATES_MAX} steps; for more of them there is number")
    steps: dict[str, Any] = {"rateMin": least, "rateMax": most}
    if dont_know:
        values: list[Any] = [*range(least, most + 1), {"value": DONT_KNOW, "text": "Don't know"}]
        steps = {"autoGenerate": False, "rateValues": values}
    ends = dict(zip(("minRateDescription", "maxRateDescription"), map(_text, labels or ()), strict=False))
    return _question("rating", name, title, steps | ends, required=required, if_=if_, help=help)


def yes_no(name: str, title: Text, *, required: bool = False, if_: str | None = None, help: Text = "") -> Question:
    """Yes or no.

    For example:

        yes_no("may_contact", "May we write to you about your answers?")
    """
    return _question("boolean", name, title, {}, required=required, if_=if_, help=help)


def number(
    name: str,
    title: Text,
    *,
    least: float | None = None,
    most: float | None = None,
    unit: str = "",
    required: bool = False,
    if_: str | None = None,
    help: Text = "",
) -> Question:
    """A number, within bounds where they are given. `unit` is shown, and stands in the column's documentation.

    For example:

        number("height", "How tall are you?", least=40, most=250, unit="cm")
    """
    _in_order(name, least, most)
    bounds = {"inputType": "number", **_given(min=least, max=most, unit=unit or None)}
    return _question("text", name, title, bounds, required=required, if_=if_, help=help or unit)


def date(
    name: str,
    title: Text,
    *,
    least: day | None = None,
    most: day | None = None,
    required: bool = False,
    if_: str | None = None,
    help: Text = "",
) -> Question:
    """A day.

    For example:

        date("moved_on", "When did you move?", if_="{reason} = 'moved'")
    """
    _in_order(name, least, most)
    bounds = _given(min=least and least.isoformat(), max=most and most.isoformat())
    return _question("text", name, title, {"inputType": "date", **bounds}, required=required, if_=if_, help=help)


def text(
    name: str,
    title: Text,
    *,
    lines: int = 1,
    characters: int | None = None,
    form: Literal["text", "email", "tel", "url"] = "text",
    pattern: str | None = None,
    required: bool = False,
    if_: str | None = None,
    help: Text = "",
) -> Question:
    """Words: one line or several, at most so many characters, in a form or by a regular expression.

    For example:

        text("better", "What should we have done better?", lines=4, characters=1000)
    """
    if lines > 1 and form != "text":
        raise ValueError(f"text '{name}' of several lines has no form '{form}'")
    rules: list[dict[str, str]] = [{"type": "email"}] if form == "email" else []
    rules += [{"type": "regex", "regex": pattern}] if pattern else []
    kind = {"rows": lines} if lines > 1 else _given(inputType=form if form != "text" else None)
    told = {**kind, **_given(maxLength=characters, validators=rules or None)}
    return _question("comment" if lines > 1 else "text", name, title, told, required=required, if_=if_, help=help)


def matrix(
    name: str,
    title: Text,
    rows: Options,
    columns: Options,
    *,
    required: bool = False,
    if_: str | None = None,
    help: Text = "",
) -> Question:
    """One of the columns for each of the rows; `required=True` asks for all rows.

    For example:

        matrix("content", "How content were you with", ["price", "delivery"], {"good": "Good", "bad": "Not so good"})
    """
    asked = {"rows": _items(rows), "columns": _items(columns), **_given(eachRowRequired=required or None)}
    return _question("matrix", name, title, asked, required=required, if_=if_, help=help)


def repeat(
    name: str,
    title: Text,
    questions: Sequence[Question],
    *,
    least: int = 0,
    most: int = 20,
    if_: str | None = None,
    help: Text = "",
) -> Question:
    """The same questions for each of several things that a person adds: children, pets, orders.

    For example:

        repeat("pets", "Which pets do you have?", [text("called", "Name"), number("age", "Age", unit="years")], most=5)
    """
    inner = tuple(questions)
    _refuse_twice(inner, within=name)
    panel = {"templateElements": [dict(one.element) for one in inner], "minPanelCount": least, "maxPanelCount": most}
    made = _question("paneldynamic", name, title, panel, required=False, if_=if_, help=help)
    return Question(name=made.name, element=made.element, inner=inner)


def page(title: Text, questions: Sequence[Question], *, if_: str | None = None) -> Page:
    """Questions that stand on one page of the form.

    For example:

        page("About you", [number("age", "How old are you?", unit="years")])
    """
    return Page(title=title, parts=tuple(questions), if_=if_)


def survey_text(title: Text, parts: Sequence[Question | Page]) -> str:
    """The SurveyJS JSON of a survey, the same text for the same values. Raises ValueError for names that can't be."""
    given: tuple[Any, ...] = tuple(parts)  # whatever a person wrote
    if wrong := [one for one in given if not isinstance(one, Question | Page)]:
        raise ValueError(f"a survey is made of questions and pages, and this is neither: {wrong[0]!r}")
    asked = tuple(_questions(given))
    if not 0 < len(asked) <= QUESTIONS_MAX:
        raise ValueError(f"a survey has 1 to {QUESTIONS_MAX} questions, and this one {len(asked)}")
    _refuse_twice(asked, within="")
    for condition in _conditions(given):
        _refuse_unknown(condition, asked)
    pages = [_page(one) for one in _pages(given)]
    made = {**({"title": _text(title)} if title else {}), "pages": pages}
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"))


def _question(
    kind: str,
    name: str,
    title: Text,
    told: Mapping[str, Any],  # JSON
    *,
    required: bool,
    if_: str | None,
    help: Text,
) -> Question:
    if not re.fullmatch(NAME, name) or "__" in name:
        raise ValueError(
            f"a question is called {name!r}: its name is a column, of letters, digits and _, without two _ in a row"
        )
    if not title:
        raise ValueError(f"question '{name}' has no title: what do people read?")
    rest = _given(isRequired=required or None, visibleIf=if_, description=_text(help) if help else None)
    return Question(name=name, element={"type": kind, "name": name, "title": _text(title), **told, **rest})


def _offered(options: Options, *, other: bool = False, dont_know: bool = False) -> dict[str, Any]:  # JSON
    given = {"choices": _items(options)}
    return given | _given(showOtherItem=other or None, showDontKnowItem=dont_know or None)


def _items(options: Options) -> list[Any]:  # JSON
    """Choices as SurveyJS has them. Raises ValueError where there are none, or one twice."""
    if isinstance(options, str) or not options:
        raise ValueError("options are a list of values, or of values with their texts: {'price': 'The prices'}")
    if len({str(value) for value in options}) < len(options):
        raise ValueError(f"an option comes twice in {list(options)!r}")
    if isinstance(options, Mapping):
        return [{"value": value, "text": _text(shown)} for value, shown in options.items()]
    return list(options)


def _text(text: Text) -> Any:  # JSON: SurveyJS takes a text, or one for each language
    return text if isinstance(text, str) else dict(text)


def _given(**values: Any) -> dict[str, Any]:  # JSON
    return {name: value for name, value in values.items() if value is not None}


def _in_order(name: str, least: Any, most: Any) -> None:  # numbers, or days
    if least is not None and most is not None and least > most:
        raise ValueError(f"question '{name}' has a least of {least}, which is above its most of {most}")


def _questions(parts: Iterable[Question | Page]) -> Iterator[Question]:
    for part in parts:
        yield from part.parts if isinstance(part, Page) else (part,)


def _pages(parts: Iterable[Question | Page]) -> Iterator[Page]:
    """The pages; questions that stand on none make one together with those beside them."""
    loose: list[Question] = []
    for part in parts:
        if isinstance(part, Question):
            loose.append(part)
            continue
        if loose:
            yield Page(title="", parts=tuple(loose), if_=None)
            loose = []
        yield part
    if loose:
        yield Page(title="", parts=tuple(loose), if_=None)


def _page(page: Page) -> dict[str, Any]:  # JSON
    head = _given(title=_text(page.title) if page.title else None, visibleIf=page.if_)
    return {**head, "elements": [dict(one.element) for one in page.parts]}


def _conditions(parts: Iterable[Question | Page]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Page) and part.if_:
            yield part.if_
    yield from (one.element["visibleIf"] for one in _questions(parts) if "visibleIf" in one.element)


def _refuse_twice(questions: Sequence[Question], *, within: str) -> None:
    seen: set[str] = set()
    for one in questions:
        if one.name.lower() in seen:
            raise ValueError(f"two questions{f' of {within!r}' if within else ''} are called '{one.name}'")
        seen.add(one.name.lower())


def _refuse_unknown(condition: str, questions: Sequence[Question]) -> None:
    known = [one.name for one in questions]
    for name in re.findall(READ_IN_CONDITION, condition):
        if name not in known and name not in SPEAKING_FOR_ITSELF:
            raise ValueError(
                f"the condition {condition!r} asks about '{name}', which is no question of the survey. "
                f"{did_you_mean(name, known) or ''}".rstrip()
            )
