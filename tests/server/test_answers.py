from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.errors import Uncheckable
from pumphouse.server import answers
from pumphouse.server.answers import AnswerCheck

SURVEY = {
    "elements": [
        {"type": "radiogroup", "name": "why", "choices": ["price", "range"], "showOtherItem": True, "isRequired": True},
        {"type": "comment", "name": "more", "visibleIf": "{why} = 'range'", "isRequired": True, "maxLength": 20},
        {"type": "rating", "name": "score"},
        {"type": "boolean", "name": "again"},
        {"type": "checkbox", "name": "likes", "choices": ["a", {"value": 2, "text": "b"}]},
        {"type": "dropdown", "name": "place", "choices": [1, 2]},
        {"type": "tagbox", "name": "tags", "choices": [1, 2]},
        {"type": "ranking", "name": "order", "choices": ["x", "y"]},
        {"type": "imagepicker", "name": "picture", "choices": [{"value": "lion"}]},
        {"type": "matrix", "name": "grid", "columns": [1, 2], "rows": ["r1", "r2"]},
        {"type": "multipletext", "name": "fields", "items": [{"name": "i1"}, {"name": "i2"}]},
        {
            "type": "matrixdropdown",
            "name": "table",
            "columns": [{"name": "c1"}, {"name": "c2", "cellType": "boolean"}],
            "choices": [1, 2],
            "rows": ["r1", "r2"],
        },
        {"type": "matrixdynamic", "name": "lines", "columns": [{"name": "c1"}], "choices": [1, 2]},
        {
            "type": "paneldynamic",
            "name": "pets",
            "templateElements": [
                {"type": "text", "name": "called", "isRequired": True},
                {"type": "boolean", "name": "tame"},
            ],
        },
        {"type": "text", "name": "age", "inputType": "number", "min": 0, "max": 120},
        {"type": "text", "name": "mail", "validators": [{"type": "email"}]},
        {"type": "text", "name": "born", "inputType": "date"},
        {"type": "html", "name": "note", "html": "<b>x</b>"},
        {"type": "expression", "name": "double", "expression": "{score} * 2"},
    ]
}
ENDLESS = {"elements": [{"type": "text", "name": "slow", "validators": [{"type": "regex", "regex": "^(a+)+$"}]}]}
GOOD: dict[str, Any] = {
    "why": "price",
    "score": 3,
    "again": False,
    "likes": ["a", 2],
    "place": 1,
    "tags": [1],
    "order": ["y", "x"],
    "picture": "lion",
    "grid": {"r1": 2},
    "fields": {"i1": "x"},
    "table": {"r1": {"c1": 2, "c2": True}},
    "lines": [{"c1": 1}],
    "pets": [{"called": "Rex", "tame": True}],
    "age": 33.5,
    "mail": "a@b.co",
    "born": "2026-01-02",
}


@pytest.fixture(scope="module")
def check() -> Iterator[AnswerCheck]:
    checker = AnswerCheck()
    yield checker
    checker.close()


def checked(check: AnswerCheck, sent: dict[str, Any]) -> answers.Checked:
    return check.check(json.dumps(SURVEY), sent)


def test_answers_of_every_kind_pass_unchanged(check: AnswerCheck) -> None:
    result = checked(check, GOOD)
    assert result.errors == {}
    assert result.dropped == []
    assert result.answers == {**GOOD, "double": 6}


@pytest.mark.parametrize(
    ("question", "answer", "said"),
    [
        ("why", "hack", "Choose one of the answers that are offered."),
        ("why", {"a": 1}, "Choose one of the answers that are offered."),
        ("score", "3", "Choose one of the ratings."),
        ("score", 99, "Choose one of the ratings."),
        ("again", "<script>", "Answer yes or no."),
        ("likes", ["a", "b"], "Choose from the answers that are offered."),
        ("likes", "a", "Choose from the answers that are offered."),
        ("place", 3, "Choose one of the answers that are offered."),
        ("tags", [3], "Choose from the answers that are offered."),
        ("order", ["y", "z"], "Choose from the answers that are offered."),
        ("picture", "tiger", "Choose one of the pictures."),
        ("grid", {"r3": 2}, "There is no such field."),
        ("fields", {"i3": "x"}, "There is no such field."),
        ("fields", "x", "This has no fields."),
        ("table", {"r1": {"c1": 2, "c2": "q"}}, "Answer yes or no."),
        ("lines", [{"c1": 1, "z": 1}], "There is no such field."),
        ("lines", {"c1": 1}, "This is no list."),
        ("pets", [{"called": "Rex", "tame": "q"}], "Answer yes or no."),
        ("pets", [{"tame": True}], "Response required."),
        ("age", "3", "Enter a number."),
        ("age", 200, "The value should not be greater than 120"),
        ("mail", "b.co", "Please enter a valid e-mail address."),
        ("born", 5, "Enter a text."),
    ],
)
def test_answer_that_does_not_hold_is_refused_by_question(
    question: str, answer: Any, said: str, check: AnswerCheck
) -> None:
    result = checked(check, {"why": "price", question: answer})
    assert set(result.errors) == {question}
    assert said in result.errors[question]


def test_missing_answer_is_asked_for(check: AnswerCheck) -> None:
    assert checked(check, {}).errors == {"why": ["Response required."]}
    assert checked(check, {"why": "range"}).errors == {"more": ["Response required."]}
    assert checked(check, {"why": "range", "more": "x" * 21}).errors == {"more": ["Enter at most 20 characters."]}
    assert checked(check, {"why": "other"}).errors == {"why": ["Response required: enter another value."]}
    assert checked(check, {"why": "other", "why-Comment": "mine"}).errors == {}


def test_unknown_keys_and_answers_to_hidden_questions_are_dropped(check: AnswerCheck) -> None:
    sent = {"why": "price", "more": "hidden", "zzz": 1, "__proto__": {"a": 1}, "constructor": 2, "note": "x"}
    result = checked(check, sent)
    assert result.errors == {}
    assert result.answers == {"why": "price"} | {key: value for key, value in result.answers.items() if key == "double"}
    assert sorted(result.dropped) == ["__proto__", "constructor", "more", "note", "zzz"]


def test_what_the_survey_reckons_is_not_taken_from_the_respondent(check: AnswerCheck) -> None:
    assert checked(check, {"why": "price", "score": 2, "double": 1_000}).answers["double"] == 4


def test_rule_that_never_ends_is_stopped_and_the_next_is_checked(
    check: AnswerCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "CHECK_TIMEOUT_S", 0.5)
    with pytest.raises(Uncheckable, match="took longer"):
        check.check(json.dumps(ENDLESS), {"slow": "a" * 40 + "!"})
    monkeypatch.undo()
    assert checked(check, {"why": "price"}).errors == {}


def test_rule_that_fails_says_so(check: AnswerCheck) -> None:
    with pytest.raises(Uncheckable) as refused:
        checked(check, {"why": "price", "pets": [None]})
    assert "TypeError" in str(refused.value)
    assert checked(check, {"why": "price"}).errors == {}


def test_process_that_died_is_started_anew(check: AnswerCheck) -> None:
    checked(check, {"why": "price"})
    for checker in check._idle:
        checker.process.kill()
        checker.process.wait()
    assert checked(check, {"why": "price"}).errors == {}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None)
@given(sent=st.dictionaries(st.sampled_from([*GOOD, "more", "why-Comment", "zzz", "__proto__"]), JSON, max_size=4))
def test_whatever_is_sent_is_kept_refused_or_dropped(sent: dict[str, Any], check: AnswerCheck) -> None:
    try:
        result = checked(check, sent)
    except Uncheckable:
        return
    given_keys = {key for key, value in sent.items() if value is not None}
    owner = {"why-Comment": "why"}
    for key in given_keys:
        assert key in result.answers or key in result.dropped or owner.get(key, key) in result.errors
    assert set(result.answers) <= given_keys | {"double"}
    assert set(result.dropped) <= set(sent)


@pytest.mark.parametrize(
    "locked",
    [
        {"type": "paneldynamic", "templateElements": [{"type": "text", "name": "called", "isRequired": True}]},
        {"type": "matrixdynamic", "columns": [{"name": "called", "cellType": "text"}]},
        {"type": "checkbox", "choices": ["Rex", "Bo"]},
    ],
    ids=lambda one: one["type"],
)
def test_nothing_of_the_answers_before_is_left_in_a_question_that_is_disabled(
    locked: dict[str, Any], check: AnswerCheck
) -> None:
    pets = {"name": "pets", "enableIf": "{any} = true", **locked}
    pages = [{"elements": [{"type": "boolean", "name": "any"}]}, {"elements": [pets]}]
    survey = json.dumps({"pages": pages})
    given = ["Rex", "Bo"] if locked["type"] == "checkbox" else [{"called": "Rex"}, {"called": "Bo"}]
    before = check.check(survey, {"any": True, "pets": given}, version=f"kept {locked}")
    assert before.answers["pets"] == given
    kept, new = (
        check.check(survey, {"any": False, "pets": given[:1]}, version=f"{which} {locked}") for which in ("kept", "new")
    )
    assert kept == new
    assert (kept.answers, kept.dropped, kept.errors) == ({"any": False}, ["pets"], {})
    assert "pets" not in check.check(survey, {"any": False}, version=f"kept {locked}").answers


STARTED = """
import sys, threading
from pumphouse.server.answers import AnswerCheck

check = AnswerCheck()
check.check('{"elements": []}', {})
print(check._idle[0].process.pid, flush=True)
if sys.argv[1] != "idle":
    check.check(sys.argv[1], {"slow": "a" * 40 + "!"})
threading.Event().wait()
"""


@pytest.mark.parametrize("survey", ["idle", json.dumps(ENDLESS)], ids=["idle", "computing"])
def test_process_that_checks_ends_with_whoever_started_it(survey: str) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTED, survey], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        checker = int(starter.stdout.readline())
        begun, until = cpu_ticks(checker), time.monotonic() + 5
        while survey != "idle" and cpu_ticks(checker) < begun + 10 and time.monotonic() < until:
            time.sleep(0.01)
        starter.kill()
    until = time.monotonic() + 8
    while is_running(checker) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_running(checker)


def stat(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def cpu_ticks(process: int) -> int:
    return int(stat(process)[11]) + int(stat(process)[12])


def is_running(process: int) -> bool:
    try:
        return stat(process)[0] != "Z"
    except FileNotFoundError:
        return False
