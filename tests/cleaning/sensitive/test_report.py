from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.cleaning.sensitive.report import BY_FORM, BY_LOOK, BY_NAME, NATIONAL, PersonalData, personal_data
from pumphouse.cleaning.steps.identifiers import CLOCKED, kinds
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Scan


@pytest.fixture
def report(engine: DuckDB, tmp_path: Any) -> Any:
    def made(columns: dict[str, list[Any]], **options: Any) -> PersonalData:
        pa.parquet.write_table(pa.table(columns), tmp_path / "people.parquet")
        relation = f"SELECT * FROM read_parquet('{tmp_path / 'people.parquet'}')"
        scan = Scan(table="people", snapshot=7, schema=pa.table(columns).schema, relation=relation)
        return personal_data("people", scan, engine, **options)

    return made


def with_check_digit(number: int) -> str:
    """Eleven digits that check out as a Polish PESEL: born on 1 January 1990."""
    digits = f"900101{number:04}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, (1, 3, 7, 9) * 3, strict=False))
    return f"{digits}{-total % 10}"


def test_each_column_is_told_with_its_kinds_and_how_sure_it_is(report: Any) -> None:
    rows = 40
    found = report({
        "id": list(range(rows)),
        "contact": [f"max{row}@example.com" for row in range(rows)],
        "note": ["call 030 901820", "card 4111 1111 1111 1111", "password=hunter2", None] * 10,
        "number": [with_check_digit(row) for row in range(rows)],
        "last_name": ["Muster"] * rows,
        "email_address": [None] * rows,
        "price": [1.5] * rows,
    }, region="DE")  # fmt: skip
    told = {(one.column, one.kind): (one.share, one.how_sure) for one in found.found}
    assert told == {
        ("contact", "email"): (1.0, BY_FORM),
        ("note", "phone"): (0.3333, BY_LOOK),
        ("note", "card"): (0.3333, BY_LOOK),
        ("note", "password"): (0.3333, BY_LOOK),
        ("number", "id (pl.pesel)"): (1.0, BY_FORM),
        ("last_name", "name of a person"): (1.0, BY_NAME),
    }
    assert (found.rows, found.looked_at, found.snapshot) == (rows, rows, 7)


def test_it_never_tells_what_the_cells_hold(report: Any) -> None:
    secrets = ["Zorro@geheim.example", "4111 1111 1111 1111", "password=hunter2Xyz", "ghp_" + "a1B2" * 9, "536-90-4399"]
    found = report({"note": secrets * 5})
    shown = found.to_text() + json.dumps(found.to_dict())
    for part in ("Zorro", "geheim", "4111", "1111", "hunter2", "a1B2", "536", "4399"):
        assert part not in shown
    assert {example for one in found.found for example in one.examples} >= {
        "[password]",
        "[github token]",
        "000-00-0000",
    }


def test_a_table_without_any_says_how_far_that_goes(report: Any) -> None:
    found = report({"id": [1, 2], "colour": ["red", None]})
    assert found.found == ()
    assert found.to_text().splitlines()[-1] == "Nothing was found in 2 columns. Names in text are not looked for."
    assert report({"id": pa.array([], pa.int64())}).found == ()


def test_numbers_that_check_out_by_chance_are_no_identifiers(report: Any) -> None:
    assert report({"number": [f"{row * 7919:011}" for row in range(1, 400)]}).found == ()


def test_the_national_identifiers_are_there_and_ask_no_clock() -> None:
    assert set(NATIONAL) <= set(kinds())
    assert not {kinds()[kind] for kind in NATIONAL} & CLOCKED
