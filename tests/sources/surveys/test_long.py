from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.surveys.conftest import Survey

import pumphouse as ph
from pumphouse.questions import choice, choices, date, matrix, number, rating, repeat, text, yes_no

ASKED = (
    choice("reason", "Why do you leave?", {"price": "The prices", "moved": "I moved"}, other=True),
    choices("bought", "What did you buy?", ["rock", "jazz"]),
    rating("recommend", "Would you recommend us?", 0, 10),
    yes_no("may_contact", "May we write?"),
    number("height", "How tall are you?", unit="cm"),
    date("moved_on", "When did you move?"),
    matrix("content", "How content were you?", ["price", "speed"], {"good": "Good", "bad": "Not so good"}),
    repeat("pets", "Which pets?", [text("called", "Name"), number("age", "Age")]),
)
WHOLE = {
    "reason": "other",
    "reason-Comment": "moved on",
    "bought": ["rock", "jazz"],
    "recommend": 7,
    "may_contact": False,
    "height": 180.5,
    "moved_on": "2026-05-03",
    "content": {"price": "good", "speed": "bad"},
    "pets": [{"called": "Rex", "age": 3}, {"called": "Tom"}],
}


def test_each_thing_that_was_chosen_is_a_row_with_what_people_read(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=ASKED))
    asked.answer("a", WHOLE)
    _, events = asked.run()
    assert (events.counts.rows_in, events.counts.rows_out) == (13, 13)
    assert asked.rows("question, item, value, number, label", "exit_events") == [
        ("bought", "1", "rock", None, "rock"),
        ("bought", "2", "jazz", None, "jazz"),
        ("content", "price", "good", None, "Good"),
        ("content", "speed", "bad", None, "Not so good"),
        ("height", "", "180.5", 180.5, None),
        ("may_contact", "", "false", None, "No"),
        ("moved_on", "", "2026-05-03", None, None),
        ("pets", "1.age", "3", 3.0, None),
        ("pets", "1.called", "Rex", None, None),
        ("pets", "2.called", "Tom", None, None),
        ("reason", "", "other", None, "Other"),
        ("reason__comment", "", "moved on", None, None),
        ("recommend", "", "7", 7.0, None),
    ]


def test_only_what_arrived_since_is_added_and_a_rebuild_is_equal(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=ASKED))
    asked.answer("a", WHOLE)
    asked.run()
    assert asked.run()[1].snapshot is None
    asked.answer("b", {"recommend": 3})
    assert asked.run()[1].counts.rows_in == 1
    before, wide = asked.rows(table="exit_events"), asked.rows()
    asked.run(mode="full")
    assert asked.rows(table="exit_events") == before
    assert asked.rows() == wide


def test_label_is_that_of_the_version_that_was_answered(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=[choice("reason", "Why?", {"price": "The prices"})]))
    asked.answer("a", {"reason": "price"})
    asked.run()
    asked.ask(ph.survey(questions=[choice("reason", "Why?", {"price": "Too expensive"}), text("more", "More?")]))
    asked.answer("b", {"reason": "price"})
    asked.run()
    assert asked.rows("answer_id, label", "exit_events") == [("a", "The prices"), ("b", "Too expensive")]


def test_keys_that_strangers_chose_make_rows_of_their_own(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=ASKED))
    odd = {"reason": {"a.b": 1, "a": {"b": 2}}, "reason__comment": "x", "reason-Comment": "y", "": [], "n": None}
    asked.answer("a", odd)
    asked.run()
    assert asked.rows("question, item, value", "exit_events") == [
        ("", "", "[]"),
        ("?reason__comment", "", "x"),
        ("n", "", "null"),
        ("reason", "a.b", "2"),
        ("reason", "a\\.b", "1"),
        ("reason__comment", "", "y"),
    ]


def test_question_that_only_an_older_version_had_has_its_column_in_a_new_lake(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=[text("old", "Old?"), rating("recommend", "Recommend?")]))
    asked.answer("a", {"old": "x", "recommend": 2}, marks={})
    asked.ask(ph.survey(questions=[rating("recommend", "Recommend?"), text("new", "New?")]))
    asked.answer("b", {"new": "y"}, marks={"recommend": "skipped"})
    built, _ = asked.run()
    assert built.counts.quarantined == 0
    assert asked.rows("answer_id, old, recommend, new") == [("a", "x", 2.0, None), ("b", None, None, "y")]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FITTING = st.fixed_dictionaries(
    {},
    optional={
        "reason": st.sampled_from(["price", "moved", "other"]),
        "bought": st.lists(st.sampled_from(["rock", "jazz"]), min_size=1, unique=True),
        "recommend": st.integers(0, 10),
        "may_contact": st.booleans(),
        "height": st.floats(0, 300),
        "content": st.dictionaries(st.sampled_from(["price", "speed"]), st.sampled_from(["good", "bad"]), min_size=1),
        "pets": st.lists(st.fixed_dictionaries({"called": st.text(max_size=5)}), min_size=1, max_size=3),
    },
)
MARKS = st.dictionaries(st.sampled_from(["moved_on", "height"]), st.sampled_from(["skipped", "hidden"]), max_size=2)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 8), FITTING, MARKS),
        st.tuples(st.integers(0, 8), st.dictionaries(st.sampled_from([*WHOLE, "odd"]), JSON, max_size=4), MARKS),
        st.tuples(st.just("withdraw"), st.integers(0, 8), st.none()),
        st.just(("run", None, None)),
    ),
    max_size=20,
)


@settings(max_examples=10, deadline=None)
@given(sent=EVENTS, order=st.randoms(use_true_random=False))
def test_every_answer_is_once_in_both_tables_or_in_quarantine_in_whatever_order_it_comes(
    sent: list[Any], order: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = _played(sent, tmp_path_factory.mktemp("law"))
    try:
        said = {}
        taken_back = {f"k{what}" for kind, what, _ in sent if kind == "withdraw"}
        for kind, answers, marks in sent:
            if isinstance(kind, int):
                said.setdefault(f"k{kind}", (answers, {key: why for key, why in marks.items() if key not in answers}))
        wanted = {key: one for key, one in said.items() if key not in taken_back}
        assert [row[0] for row in first.rows("answer_id")] == sorted(wanted)

        cells = _cells(first)
        kept = {
            (row, column): original
            for row, column, original in first.rows('row_id, "column", original', "exit__quarantine")
        }
        for key, (answers, marks) in wanted.items():
            for question, value in answers.items():
                column = "reason__comment" if question == "reason-Comment" else question
                stored = cells[key].get(column)
                if (key, column) in kept:
                    assert stored is None
                elif value is not None:
                    assert stored == value or json.loads(str(stored)) == value or str(stored) == str(value)
            for question, why in marks.items():
                assert cells[key][f"{question}__why"] == why
        events = first.rows("answer_id, question, item, value, why", "exit_events")
        assert {row[0] for row in events} == {key for key, (answers, marks) in wanted.items() if answers or marks}
        for asset in ("exit", "exit_events"):
            for build in first.lake.history(asset):
                one = build.counts
                assert one.rows_in == one.rows_out + one.withheld + one.dropped + one.merged
        wide = first.rows()
        first.run(mode="full")
        assert first.rows() == wide
        assert first.rows("answer_id, question, item, value, why", "exit_events") == events

        # A key counts once, whichever comes first; so only what has different keys is turned around.
        once = list({kind: (kind, *rest) for kind, *rest in reversed(sent) if isinstance(kind, int)}.values())
        once += [one for one in sent if one[0] == "withdraw"]
        order.shuffle(once)
        other = _played(once, tmp_path_factory.mktemp("other"))
        try:
            assert _cells(other) == _cells(first)
        finally:
            other.lake.close()
    finally:
        first.lake.close()


def _played(sent: list[Any], folder: Any) -> Survey:
    asked = Survey(folder, ph.survey(questions=ASKED))
    taken_back: set[int] = set()
    for kind, what, marks in sent:
        if kind == "run":
            asked.run()
        elif kind == "withdraw":
            taken_back.add(what)
            asked.withdraw(f"k{what}")
        else:
            asked.answer(f"k{kind}", what, marks={key: why for key, why in marks.items() if key not in what})
    asked.run()
    return asked


def _cells(asked: Survey) -> dict[str, dict[str, Any]]:
    columns = [name for name in asked.columns() if name != "answered_at"]
    rows = asked.rows(", ".join(f'"{name}"' for name in columns))
    return {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
