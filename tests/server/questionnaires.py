"""Surveys of any kind and answers to them, right and wrong, drawn from a seed."""

from __future__ import annotations

import random
from typing import Any

CHOICES = ["a", "b", 3, "ä c"]
HOSTILE: list[Any] = [
    None, "", " ", "x" * 300, "<script>alert(1)</script>", "'; DROP TABLE events; --", "\x00", "\ud7ff\u202e", 0, -1,
    1e308, True, [], {}, [[]], {"a": 1}, [None], {"__proto__": 1}, ["a", "a"], "dontknow", {"row 1": {"valueOf": 2}},
]  # fmt: skip
HOSTILE_KEYS = ["__proto__", "constructor", "toString", "", "q0-Comment", "q999", "pageNo", "a.b", "\u0000", "valueOf"]


def survey(rng: random.Random) -> dict[str, Any]:
    """SurveyJS JSON of 3 to 10 questions on up to three pages, some of which depend on earlier ones."""
    questions = [_question(rng, number) for number in range(rng.randint(3, 10))]
    pages = [{"name": f"page{number}", "elements": []} for number in range(rng.randint(1, 3))]
    for number, question in enumerate(questions):
        page = pages[number * len(pages) // len(questions)]
        panel = {"type": "panel", "name": f"panel{number}", "elements": [question]}
        page["elements"].append(panel if rng.random() < 0.15 else question)  # type: ignore[attr-defined]
    drawn: dict[str, Any] = {"title": f"Survey {rng.random()}", "pages": pages}
    if rng.random() < 0.15:
        expression = "{q0} notempty"
        drawn["triggers"] = [{"type": rng.choice(["complete", "skip"]), "expression": expression, "gotoName": "q2"}]
    return drawn


def answers(rng: random.Random, asked: dict[str, Any]) -> dict[str, Any]:
    """Answers to most questions, in any order of typing; seldom some that no form would send."""
    drawn = {_key(question): _answer(rng, question) for question in elements(asked) if rng.random() < 0.85}
    for question in elements(asked):
        if question.get("showOtherItem") and drawn.get(_key(question)) == "other":
            drawn[f"{_key(question)}-Comment"] = "something else"
    if rng.random() < 0.2 and drawn:
        drawn[rng.choice([*drawn])] = rng.choice(HOSTILE)
    if rng.random() < 0.2:
        drawn[rng.choice(HOSTILE_KEYS)] = rng.choice(HOSTILE)
    order = [*drawn]
    rng.shuffle(order)
    return {key: drawn[key] for key in order}


def elements(part: dict[str, Any]) -> list[dict[str, Any]]:
    """All questions, in order."""
    inside = [*part.get("pages", []), *part.get("elements", [])]
    found = [elements(one) if one.get("type", "panel") == "panel" else [one] for one in inside]
    return [question for some in found for question in some]


def _key(question: dict[str, Any]) -> str:
    return str(question.get("valueName", question["name"]))


def _question(rng: random.Random, number: int) -> dict[str, Any]:
    question: dict[str, Any] = {"name": f"q{number}"} | rng.choice(
        [
            {"type": "text"},
            {"type": "text", "inputType": "number", "min": 0, "max": 100},
            {"type": "comment", "maxLength": 50},
            {"type": "radiogroup", "choices": CHOICES, "showOtherItem": rng.random() < 0.5, "showDontKnowItem": True},
            {"type": "dropdown", "choices": CHOICES},
            {"type": "checkbox", "choices": CHOICES, "showNoneItem": True},
            {"type": "rating", "rateMin": 0, "rateMax": 10},
            {"type": "boolean"},
            {"type": "ranking", "choices": ["x", "y"]},
            {"type": "matrix", "rows": ["row 1", "row 2"], "columns": [1, 2, 3]},
            {"type": "matrixdynamic", "columns": [{"name": "c", "cellType": "text"}]},
            {"type": "paneldynamic", "templateElements": [{"type": "text", "name": "called", "isRequired": True}]},
            {"type": "multipletext", "items": [{"name": "i"}, {"name": "j"}]},
            {"type": "expression", "expression": "iif({q0} notempty, 1, 2)"},
            {"type": "text", "readOnly": True, "defaultValue": "ours"},
            {"type": "text", "valueName": "shared"},
            {"type": "checkbox", "choices": [1, {"value": "two", "text": "Two"}]},
            {"type": "radiogroup", "choices": CHOICES},
            {
                "type": "paneldynamic",
                "templateElements": [
                    {"type": "boolean", "name": "tame"},
                    {"type": "text", "name": "called", "visibleIf": "{panel.tame} = true and {q0} notempty"},
                ],
            },
            {"type": "matrixdropdown", "rows": ["r"], "columns": [{"name": "c", "cellType": "rating"}]},
            {"type": "expression", "expression": "countInArray({q1}, 'called') + 1"},
            {"type": "expression", "expression": "displayValue('q0')"},
        ]
    )
    if number and rng.random() < 0.3:
        question["visibleIf"] = f"{{q{rng.randrange(number)}}} {rng.choice(['empty', 'notempty', '= 1', '<> 3'])}"
    if number and rng.random() < 0.1:
        question["enableIf"] = f"{{q{rng.randrange(number)}}} notempty"
    return question | ({"isRequired": True} if rng.random() < 0.25 else {})


def _answer(rng: random.Random, question: dict[str, Any]) -> Any:
    match question["type"]:
        case "text" if question.get("inputType") == "number":
            return rng.choice([0, 3.5, 99])
        case "radiogroup":
            if "showOtherItem" not in question:
                return rng.choice(CHOICES)
            return rng.choice([*CHOICES, "dontknow", *(["other"] if question["showOtherItem"] else [])])
        case "dropdown":
            return rng.choice(CHOICES)
        case "checkbox":
            if "two" in str(question["choices"]):
                return rng.choice([[1], ["two", 1], ["two"]])
            return rng.choice([["none"], rng.sample(CHOICES, rng.randint(0, 3))])
        case "rating":
            return rng.randint(0, 10)
        case "boolean":
            return rng.random() < 0.5
        case "ranking":
            return rng.sample(["x", "y"], 2)
        case "matrix":
            return {"row 1": rng.randint(1, 3)}
        case "matrixdynamic":
            return [{"c": "words"} for _ in range(rng.randint(0, 4))]
        case "paneldynamic" if len(question["templateElements"]) > 1:
            panels = [{"tame": True, "called": "Rex"}, {"tame": False}, {"tame": False, "called": "Bo"}]
            return rng.sample(panels, rng.randint(0, 3))
        case "paneldynamic":
            return [{"called": rng.choice(["Rex", "Bo"])} for _ in range(rng.randint(0, 4))]
        case "multipletext":
            return {"i": "one"}
        case "matrixdropdown":
            return {"r": {"c": rng.randint(1, 5)}}
    return rng.choice(["words", "more words", "1"])
