from __future__ import annotations

import json
from datetime import date as day
from typing import Any

import pytest

import pumphouse as ph
from pumphouse.questions import (
    choice,
    choices,
    date,
    matrix,
    number,
    page,
    ranking,
    rating,
    repeat,
    text,
    yes_no,
)


def elements(*parts: Any) -> list[dict[str, Any]]:
    spec = ph.survey(questions=parts).spec
    return [one for page in json.loads(spec.text)["pages"] for one in page["elements"]]


def test_each_question_is_an_element_of_surveyjs() -> None:
    made = elements(
        choice(
            "reason", "Why?", {"price": "The prices", "moved": "I moved"}, other=True, dont_know=True, required=True
        ),
        choices("bought", "What?", ["rock", "jazz"], if_="{reason} = 'price'"),
        ranking("matters", "What matters?", ["price", "speed"]),
        rating("recommend", "Would you?", 0, 10, labels=("No", "Yes")),
        rating("mood", "How are you?", 1, 3, dont_know=True),
        yes_no("may_contact", "May we?", help="By mail."),
        number("height", "How tall?", least=40, most=250, unit="cm"),
        date("moved_on", "When?", least=day(2020, 1, 1)),
        text("mail", "Your address?", form="email"),
        text("better", "What else?", lines=4, characters=500),
        matrix("content", "How content?", ["price"], ["good", "bad"], required=True),
        repeat("pets", "Which pets?", [text("called", "Name")], most=3),
    )
    assert made == [
        {
            "type": "radiogroup",
            "name": "reason",
            "title": "Why?",
            "choices": [{"value": "price", "text": "The prices"}, {"value": "moved", "text": "I moved"}],
            "showOtherItem": True,
            "showDontKnowItem": True,
            "isRequired": True,
        },
        {
            "type": "checkbox",
            "name": "bought",
            "title": "What?",
            "choices": ["rock", "jazz"],
            "visibleIf": "{reason} = 'price'",
        },
        {"type": "ranking", "name": "matters", "title": "What matters?", "choices": ["price", "speed"]},
        {
            "type": "rating",
            "name": "recommend",
            "title": "Would you?",
            "rateMin": 0,
            "rateMax": 10,
            "minRateDescription": "No",
            "maxRateDescription": "Yes",
        },
        {
            "type": "rating",
            "name": "mood",
            "title": "How are you?",
            "autoGenerate": False,
            "rateValues": [1, 2, 3, {"value": "dontknow", "text": "Don't know"}],
        },
        {"type": "boolean", "name": "may_contact", "title": "May we?", "description": "By mail."},
        {
            "type": "text",
            "name": "height",
            "title": "How tall?",
            "inputType": "number",
            "min": 40,
            "max": 250,
            "unit": "cm",
            "description": "cm",
        },
        {"type": "text", "name": "moved_on", "title": "When?", "inputType": "date", "min": "2020-01-01"},
        {
            "type": "text",
            "name": "mail",
            "title": "Your address?",
            "inputType": "email",
            "validators": [{"type": "email"}],
        },
        {"type": "comment", "name": "better", "title": "What else?", "rows": 4, "maxLength": 500},
        {
            "type": "matrix",
            "name": "content",
            "title": "How content?",
            "rows": ["price"],
            "columns": ["good", "bad"],
            "eachRowRequired": True,
            "isRequired": True,
        },
        {
            "type": "paneldynamic",
            "name": "pets",
            "title": "Which pets?",
            "templateElements": [{"type": "text", "name": "called", "title": "Name"}],
            "minPanelCount": 0,
            "maxPanelCount": 3,
        },
    ]


def test_same_questions_are_the_same_text_and_pages_stand_in_their_order() -> None:
    def made() -> str:
        asked = [
            text("first", "One?"),
            page("About you", [number("age", "How old?"), yes_no("ill", "Are you ill?")], if_="{first} = 'x'"),
            text("last", {"default": "Last?", "de": "Zuletzt?"}),
        ]
        return str(ph.survey(title="Hello", questions=asked).spec.text)

    assert made() == made()
    pages = json.loads(made())["pages"]
    assert [[one["name"] for one in page["elements"]] for page in pages] == [["first"], ["age", "ill"], ["last"]]
    assert pages[1]["title"] == "About you"
    assert pages[1]["visibleIf"] == "{first} = 'x'"
    assert pages[2]["elements"][0]["title"] == {"default": "Last?", "de": "Zuletzt?"}


def test_survey_is_two_assets_and_says_when_it_closes() -> None:
    made = ph.survey("surveys/exit.json", closes="2026-12-31", quota=10, access="invited", consent="consent.md")
    assert (made.spec.closes, made.spec.quota, made.spec.access, made.spec.consent) == (
        "2026-12-31",
        10,
        "invited",
        "consent.md",
    )
    assert made.files == ("surveys/exit.json", "consent.md")
    assert [(part.suffix, part.kind) for part in made.parts] == [("events", "survey_events")]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (ph.survey, "a file, or it has questions"),
        (lambda: ph.survey("a.json", questions=[yes_no("a", "A?")]), "a file, or it has questions"),
        (lambda: ph.survey("a.json", title="A"), "stands in the file"),
        (lambda: ph.survey("a.json", closes="soon"), "closes is a day"),
        (lambda: ph.survey("a.json", quota=0), "quota"),
        (lambda: ph.survey("a.json", access="all"), "access"),
        (lambda: ph.survey(questions=["why?"]), "neither"),  # type: ignore[list-item]
        (lambda: ph.survey(questions=[yes_no("a", "A?"), text("A", "B?")]), "two questions are called 'A'"),
        (lambda: ph.survey(questions=[text("a", "A?"), text("b", "B?", if_="{aa} = 1")]), "'aa', which is no question"),
        (lambda: yes_no("a b", "A?"), "its name is a column"),
        (lambda: yes_no("a__why", "A?"), "two _ in a row"),
        (lambda: yes_no("a", ""), "no title"),
        (lambda: choice("a", "A?", []), "options are a list"),
        (lambda: choice("a", "A?", "ab"), "options are a list"),
        (lambda: choice("a", "A?", ["x", "x"]), "comes twice"),
        (lambda: rating("a", "A?", 0, 100), "for more of them there is number"),
        (lambda: number("a", "A?", least=2, most=1), "above its most"),
        (lambda: text("a", "A?", lines=2, form="email"), "several lines"),
        (lambda: repeat("a", "A?", [text("b", "B?"), text("b", "C?")]), "two questions of 'a'"),
    ],
)
def test_what_can_be_no_survey_is_refused_where_it_is_written(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()
