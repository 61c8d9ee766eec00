"""The declaration of answers.md declares what it says, and its queries run over what it asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "answers.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_survey_is_asked_and_its_queries_count_the_answers(surveys: Callable[..., Any]) -> None:
    names: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(# shop/gather.py.*?)```", TEXT, re.DOTALL)
    exec(compile(code, str(PAGE), "exec"), names)
    asked = surveys(names["exit_survey"])
    asked.answer("a", {"reason": "price", "bought": ["rock", "jazz"]}, marks={"recommend": "skipped"})
    asked.answer("b", {"reason": "moved", "bought": ["rock"], "recommend": 9}, marks={"better": "hidden"})
    asked.run()
    chosen, nothing = (_asked(asked, query) for query in re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL))
    assert chosen == [("bought", "rock", 2), ("bought", "jazz", 1)]
    assert nothing == [("skipped", 1)]


def test_its_tables_have_the_columns_that_it_lists(surveys: Callable[..., Any]) -> None:
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(# shop/gather.py.*?)```", TEXT, re.DOTALL)[0], names)
    asked = surveys(names["exit_survey"])
    asked.run()
    assert [name for name in asked.columns() if name.endswith("__why")] == [
        "bought__why", "recommend__why", "better__why", "visits__why",
    ]  # fmt: skip
    for name in ("item", "value", "number", "label", "why"):
        assert name in asked.columns("exit_events")
        assert f"`{name}`" in TEXT


def _asked(asked: Any, query: str) -> list[tuple[Any, ...]]:
    tables = {"exit_survey_events": "exit_events", "exit_survey": "exit"}
    for name, table in tables.items():
        query = re.sub(rf"\b{name}\b", f"({asked.lake.scan(table).relation}) AS t", query)
    rows: list[tuple[Any, ...]] = asked.lake.engine.fork().execute(query)
    return rows
