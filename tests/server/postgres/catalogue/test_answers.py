"""What tools ask of PostgreSQL's catalogue, beside what a real PostgreSQL 15 answers to it (make_answers.py)."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pumphouse.server.postgres.types import columns_of

ANSWERS = [
    json.loads(line)
    for line in Path(__file__).with_name("answers.jsonl").read_text(encoding="utf-8").splitlines()
]  # fmt: skip
NUMBERS = """
SELECT relname AS name, oid FROM pg_class WHERE relnamespace = 2200
UNION ALL SELECT 'type ' || typname, oid FROM pg_type WHERE typnamespace = 2200
UNION ALL SELECT 'constraint ' || conname, oid FROM pg_constraint WHERE connamespace = 2200
UNION ALL SELECT 'database ' || datname, oid FROM pg_database
UNION ALL SELECT 'schema ' || nspname, oid FROM pg_namespace WHERE nspname = 'information_schema'
UNION ALL SELECT 'role ' || rolname, oid FROM pg_roles WHERE rolname = 'ada'
"""
NUMERIC = (700, 701, 1700)
WRITTEN_OUT = (22, 24, 30, 2205, 2206, 4089)
"""Numbers with names, and vectors: they are told as text."""


@pytest.fixture(scope="module")
def numbers(ask: Any) -> dict[str, str]:
    return {f"«{name}»": str(oid) for name, oid in ask.rows(NUMBERS)}


def text_of(value: Any) -> str | None:
    """A value as PostgreSQL writes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, list):
        return "{" + ",".join("NULL" if one is None else str(text_of(one)) for one in value) + "}"
    if isinstance(value, float | Decimal):
        return repr(float(value))
    return str(value)


@pytest.mark.parametrize("asked", ANSWERS, ids=[f"{n} {one['by']}" for n, one in enumerate(ANSWERS)])
def test_answers_are_those_of_a_real_postgresql(asked: dict[str, Any], ask: Any, numbers: dict[str, str]) -> None:
    def meant(text: str) -> str:
        return re.sub("«[^»]+»", lambda found: numbers[found[0]], text)

    table = ask(meant(asked["sql"]), *(None if value is None else meant(value) for value in asked["values"]))
    assert table is not None
    columns = [[column.name, column.oid] for column in columns_of(table.schema)]
    if "differs" in asked:
        assert [name for name, _ in columns] == [name for name, _ in asked["columns"]]
        return
    assert columns == [[name, 25 if oid in WRITTEN_OUT else oid] for name, oid in asked["columns"]]
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    mine = sorted(str([text_of(value) for value in row]) for row in rows)
    kinds = [oid for _, oid in asked["columns"]]
    real = sorted(
        str([
            None if cell is None else repr(float(cell)) if kind in NUMERIC else meant(cell)
            for cell, kind in zip(row, kinds, strict=True)
        ])
        for row in asked["rows"]
    )  # fmt: skip
    assert mine == real
