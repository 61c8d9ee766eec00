from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pumphouse as ph
from pumphouse.catalog.description import describe
from pumphouse.questions import choice, matrix, number, text


def docs(asked: Any, name: str = "exit") -> dict[str, str]:
    about = describe(asked.lake, asked.assets, name, folder=asked.folder, now=asked.now)
    return {column.name: column.doc for column in about.columns}


def test_column_says_what_was_asked_with_choices_and_unit(surveys: Callable[..., Any]) -> None:
    asked = surveys(
        ph.survey(
            questions=[
                choice("reason", "Why do you leave?", {"price": "The prices", "moved": "moved"}, other=True),
                number("height", "How tall are you?", unit="cm", required=True),
                matrix("content", "How content?", {"price": "With the prices"}, ["good", "bad"]),
            ]
        )
    )
    asked.run()
    said = docs(asked)
    assert said["reason"] == "Why do you leave? Choices: price = The prices, moved, other = Other."
    assert said["reason__comment"] == "Words beside 'reason': Why do you leave?"
    assert said["height"] == "How tall are you? [cm]"
    assert said["content"] == "How content? Rows: price = With the prices. Choices: good, bad."
    assert said["reason__why"].startswith("Why 'reason' has no answer: hidden (not shown), skipped")
    assert said["answered_at"].startswith("When it was given")
    assert said["_raw"] == ""
    assert docs(asked, "exit_events")["label"] == "What people read for a choice."
    shown = describe(asked.lake, asked.assets, "exit", folder=asked.folder, now=asked.now).to_text()
    assert "How tall are you? [cm]" in shown


def test_question_whose_text_changed_keeps_both_and_one_taken_out_keeps_its_own(surveys: Callable[..., Any]) -> None:
    asked = surveys(ph.survey(questions=[text("better", "What was bad?"), text("gone", "Bye?")]))
    asked.answer("a", {"better": "x"})
    asked.run()
    asked.now += timedelta(days=30)
    asked.ask(ph.survey(questions=[text("better", "What should be better?")]))
    asked.answer("b", {"better": "y"})
    asked.run()
    said = docs(asked)
    assert said["better"] == ("What should be better? (since 2026-12-23) Answered from 2026-11-23 on as: What was bad?")
    assert said["gone"] == "No longer asked: Bye?"
    asked.run(mode="full")
    assert docs(asked) == said
