"""Four kinds of nothing, what came with an answer, and what was taken back: in both tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pumphouse as ph
from pumphouse.lake.changes import hide
from pumphouse.questions import choice, choices, rating, text

ASKED = (
    choice("reason", "Why do you leave?", ["price", "moved"], required=True),
    choices("bought", "What did you buy?", ["rock", "jazz"], dont_know=True),
    rating("recommend", "Would you recommend us?", 0, 10, dont_know=True),
    text("better", "What should be better?", if_="{recommend} < 7"),
)


def test_each_kind_of_nothing_stands_beside_the_question_that_may_have_none(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(title="Before you go", questions=ASKED))
    asked.answer("a", {"reason": "price", "bought": ["rock"]}, marks={"recommend": "skipped", "better": "hidden"})
    asked.answer("b", {"reason": "moved", "bought": ["dontknow"], "recommend": "dontknow"}, marks={"better": "cleared"})
    asked.answer("c", {"reason": "moved"}, marks={"bought": "refused"})
    asked.run()
    assert asked.columns() == [
        "answer_id", "answered_at", "survey_version", "reason", "bought", "recommend", "better",
        "bought__why", "recommend__why", "better__why",
    ]  # fmt: skip
    assert asked.rows("answer_id, bought, bought__why, recommend, recommend__why, better, better__why") == [
        ("a", '["rock"]', None, None, "skipped", None, "hidden"),
        ("b", None, "unknown", None, "unknown", None, "cleared"),
        ("c", None, "refused", None, None, None, None),
    ]
    assert asked.rows("answer_id, question, why", "exit_events")[-3:] == [
        ("b", "recommend", "unknown"),
        ("c", "bought", "refused"),
        ("c", "reason", None),
    ]


def test_who_typed_it_and_when_it_was_said_are_columns_once_they_are_said(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=ASKED))
    asked.answer("a", {"reason": "price"})
    asked.run()
    assert "typed_by" not in asked.columns()
    asked.answer(
        "b",
        {"reason": "price"},
        mode="paper",
        by="ada",
        given_at=datetime(2026, 5, 3, tzinfo=UTC),
        consent="c" * 64,
        invitation="i-1",
        began_at=datetime(2026, 5, 2, tzinfo=UTC),
    )
    asked.run()
    columns = "answer_id, answer_mode, typed_by, invitation_id, consent_version, began_at"
    assert asked.rows(columns) == [
        ("a", None, None, None, None, None),
        ("b", "paper", "ada", "i-1", "c" * 64, datetime(2026, 5, 2, tzinfo=UTC)),
    ]
    before = asked.rows("answer_id, answered_at")
    assert before[1] == ("b", datetime(2026, 5, 3, tzinfo=UTC))
    asked.run(mode="full")
    assert asked.rows("answer_id, answered_at") == before
    assert asked.rows("answer_id, answer_mode") == [("a", "self"), ("b", "paper")]


def test_withdrawn_answer_is_gone_at_every_snapshot_and_from_every_rebuild(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=ASKED))
    for key in "abc":
        asked.answer(key, {"reason": "price", "recommend": "much"})
    asked.run()
    then = asked.lake.snapshot()
    asked.withdraw("b")
    built, events = asked.run()
    assert (built.counts.rows_in, built.snapshot is not None) == (0, True)
    for snapshot in (None, then):
        assert asked.rows("answer_id", snapshot=snapshot) == [("a",), ("c",)]
        assert {row[0] for row in asked.rows("answer_id", "exit_events", snapshot=snapshot)} == {"a", "c"}
        assert {row[0] for row in asked.rows("row_id", "exit__quarantine", snapshot=snapshot)} == {"a", "c"}
    assert asked.run()[0].snapshot is None
    tombstones = f"SELECT value, why FROM {asked.lake.alias}.pumphouse.tombstones"
    assert asked.lake.engine.fork().execute(tombstones) == [("b", "withdrawn")]

    built, events = asked.run(mode="full")
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.dropped) == (3, 2, 1)
    assert (events.counts.rows_in, events.counts.rows_out, events.counts.dropped) == (6, 4, 2)
    assert asked.lake.engine.fork().execute(f"SELECT answer_id FROM {asked.lake.name_of('exit')} ORDER BY 1") == [
        ("a",),
        ("c",),
    ]
    assert asked.lake.engine.fork().execute(tombstones) == [("b", "withdrawn")]


def test_answer_and_its_withdrawal_that_arrive_together_leave_no_row(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=ASKED))
    asked.answer("a", {"reason": "price"})
    asked.withdraw("a")
    built, events = asked.run()
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.dropped) == (1, 0, 1)
    assert (events.counts.rows_out, events.counts.dropped) == (0, 1)
    assert asked.rows() == asked.rows(table="exit_events") == []


def test_person_who_is_hidden_by_an_answer_is_left_out_of_a_rebuild(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=[text("customer_id", "Your number?"), text("better", "What else?")]))
    asked.answer("a", {"customer_id": "7", "better": "jazz"})
    asked.answer("b", {"customer_id": "8"})
    asked.run()
    then = asked.lake.snapshot()
    hide(asked.lake, entity="customer_id", value=7, why="asked", run="run", actor="tester")
    asked.run()
    assert [row[0] for row in asked.rows("answer_id", "exit_events")] == ["b"]
    assert {row[0] for row in asked.rows("answer_id", "exit_events", snapshot=then)} == {"b"}
    built, events = asked.run(mode="full")
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.dropped) == (2, 1, 1)
    assert (events.counts.rows_in, events.counts.rows_out, events.counts.dropped) == (3, 1, 2)


def test_event_that_cannot_be_read_is_withheld_as_a_whole(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=ASKED))
    asked.lake.state.append("survey/exit", [("odd", '{"answers":[1]}')], at=asked.now)
    asked.answer("a", {"reason": "price"})
    built, _ = asked.run()
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.withheld) == (2, 1, 1)
    assert asked.rows('row_id, "column", original', "exit__quarantine") == [("odd", "*", '{"answers":[1]}')]
