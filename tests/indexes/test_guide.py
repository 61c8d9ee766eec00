from __future__ import annotations

import doctest
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import QueryError
from pumphouse.indexes.build import build
from pumphouse.indexes.queries import parse
from pumphouse.indexes.searching import search

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "search.md"


def test_the_guides_index_is_built_and_its_examples_are_true(desk: Any, tickets: pa.Table) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    code = re.search(r"```python\n(import .*?)```", guide, re.DOTALL)
    assert code
    declared: dict[str, Any] = {}
    exec(compile(code[1], str(GUIDE), "exec"), declared)
    index = replace(desk.index(), spec=declared["tickets_search"].spec)
    desk.table(tickets)
    build(index, desk.context())
    names = {"lake": desk.lake, "tickets_search": index}
    examples = doctest.DocTestParser().get_doctest(guide.replace("\n```", "\n\n```"), names, "search.md", str(GUIDE), 0)
    assert len(examples.examples) == 13
    assert doctest.DocTestRunner().run(examples).failed == 0


FOUND = {
    "refund broken": {1},
    "refund OR broken": {1, 2, 3},
    "refund -broken": {2},
    '"late delivery"': {2},
    '"order late"~2': {2},
    "deliver*": {2, 4},
    "brokn~": {1, 3},
    "dleivred~2": {4},
    "subject:refund": {1},
    "subject:(refund OR thanks)": {1, 4},
    'account:"Acme Ltd"': {2},
    'account:(acme OR "Acme Ltd")': {1, 2, 3},
    "account:ac*": {1, 3},
    "account:*": {1, 2, 3},
    "-account:*": {4},
    "opened_at:2026-01": {1, 2, 3},
    "opened_at:>=2026-01-03": {1, 2},
    "opened_at:[2026-01-01 TO 2026-01-05}": {1, 3},
    "opened_at:[2026-01-02 TO *]": {1, 2},
    "(refund OR return) broken": {1},
    "*": {1, 2, 3, 4},
}
"""What each query of the guide's table finds in the tickets."""


def test_every_query_of_the_guide_finds_its_rows(desk: Any, tickets: pa.Table) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    desk.table(tickets)
    build(desk.index(), desk.context())
    queries = re.findall(r"^\| `(.*?)` \|", guide.partition("## Words")[0], re.MULTILINE)
    assert queries == list(FOUND)
    assert {one: {row["ticket_id"] for row in search(desk.lake, desk.index(), one).rows} for one in queries} == FOUND
    with pytest.raises(QueryError) as raised:
        parse('refund "late order')
    assert f"```text\n{raised.value}\n```" in guide
