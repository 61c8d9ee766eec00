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
    assert len(examples.examples) == 7
    assert doctest.DocTestRunner().run(examples).failed == 0


def test_every_query_of_the_guide_can_be_read() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    queries = re.findall(r"^\| `(.*?)` \|", guide.partition("## Words")[0], re.MULTILINE)
    assert len(queries) == 9
    for query in queries:
        parse(query)
    with pytest.raises(QueryError) as raised:
        parse('refund "late order')
    assert f"```text\n{raised.value}\n```" in guide
