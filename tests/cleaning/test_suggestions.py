from __future__ import annotations

import ast
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.suggestions.suggest import Suggestions, suggest
from pumphouse.declare.asset import Declaration

if TYPE_CHECKING:
    from conftest import Works

RANDOM = random.Random(1)


def found(works: Works, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Suggestions:
    works.gather(rows, schema=schema)
    return suggest(works.raw, works.lake.scan(works.raw), works.lake.engine, resources=Resources())


def code_of(works: Works, **columns: list[Any]) -> list[str]:
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return [proposal.code for proposal in found(works, rows).proposals]


PHONES = [f"(212) 555-{number:04}" for number in range(92)] + ["+49 30 901820"] * 5 + ["ask Max"] * 3


def test_a_step_is_proposed_with_how_much_it_reads_and_what_would_be_set_aside(works: Works) -> None:
    (phone,) = found(works, [{"id": number, "phone": cell} for number, cell in enumerate(PHONES)]).proposals
    assert phone.code == 'col.phone >> e164(default="US")'
    assert phone.why == (
        "telephone numbers: 92% read as US, 5% read as DE, 3% would go to quarantine ('ask Max': not a phone number)"
    )
    assert (phone.read, phone.set_aside) == (0.97, 0.03)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([f"Max{number}@Example.COM" for number in range(100)], "col.c >> email()"),
        ([f"https://Example.com:443/{number}" for number in range(100)], "col.c >> url()"),
        ([f"8.8.{number}.8" for number in range(100)], "col.c >> ip_country()"),
        ([f"{1 + number % 28:02}/{1 + number % 12:02}/1990" for number in range(100)], "col.c >> parse_date()"),
        ([f"{number}.50 EUR" for number in range(100)], "col.c >> money()"),
        ([f"{number},25" for number in range(100)], "col.c >> number()"),
        (["yes", "no", "No", "YES"] * 25, "col.c >> parse_boolean()"),
        ([f"+49 30 9018{number:02}" for number in range(100)], "col.c >> e164()"),
        ([f"cafÃ© {number}" for number in range(100)], "col.c >> plain_text()"),
        ([f"a &amp; b {number}" for number in range(100)], "col.c >> plain_text(html=True)"),
        (["N/A", "fine", "good"] * 33, "col.c >> null_if()"),
        (["-", *(f"Max{number}@Example.COM" for number in range(99))], "col.c >> null_if() >> email()"),
        ([f"paid by 4111 1111 1111 1111, {number}" for number in range(100)], "col.c >> mask_cards()"),
    ],
)
def test_what_a_column_is_decides_its_step(works: Works, cells: list[str], code: str) -> None:
    assert code_of(works, c=cells) == [code]


@pytest.mark.parametrize(
    "cells",
    [
        [f"{1 + number % 12:02}/{1 + number // 9:02}/1990" for number in range(100)],  # day or month first
        [f"{number:05}" for number in range(100)],  # a number, or a name with zeros in front
        [str(number) for number in range(100)],
        ["0", "1"] * 50,
        ["DE", "CA", "US"] * 33,
        [f"word {number}" for number in range(100)],
        [f"{RANDOM.randint(10**11, 10**12 - 1)}" for _ in range(100)],  # one in ten has the check digit of a code
        ["Max@example.com"] * 60 + [f"none {number}" for number in range(40)],
        [None] * 60 + ["a", "b"] * 20,
    ],
)
def test_where_it_is_not_sure_it_says_nothing(works: Works, cells: list[Any]) -> None:
    assert code_of(works, c=cells) == []


def test_columns_that_say_nothing_are_proposed_to_be_dropped(works: Works) -> None:
    rows = [{"id": number, "empty": None if number else "x", "brand": "cdnow"} for number in range(100)]
    (drop,) = found(works, rows).proposals
    assert drop.code == "drop(mostly_null=0.95, constant=True)"
    assert drop.why == "empty null in at least 95% of the rows; brand the same in all rows"


def test_the_code_that_is_proposed_declares_and_cleans(works: Works) -> None:
    told = found(works, [{"id": number, "phone": cell, "Web site": "N/A"} for number, cell in enumerate(PHONES)])
    assert told.key == "id"
    names: dict[str, Any] = {}
    exec(told.code, names)
    (declared,) = (value for value in names.values() if isinstance(value, Declaration))
    built = works.build(*declared.spec.steps, key="id")
    assert (built.counts.rows_in, built.counts.quarantined) == (100, 3)


@pytest.mark.parametrize("rows", [[], [{"id": 1, "phone": "+1 212 555 0123"}]])
def test_of_few_rows_nothing_is_said(works: Works, rows: list[dict[str, Any]]) -> None:
    told = found(works, rows, schema=pa.schema([("id", pa.int64()), ("phone", pa.string())]))
    assert (told.proposals, told.code) == ((), "")
    assert "Nothing to propose" in told.to_text()


def test_a_large_table_is_sampled_the_same_way_each_time(works: Works) -> None:
    rows = [{"id": number, "c": f"{number % 7000},25"} for number in range(45_000)]
    first = found(works, rows)
    assert first.rows == 45_000
    assert 15_000 < first.looked_at < 30_000
    again = suggest(works.raw, works.lake.scan(works.raw), works.lake.engine, resources=Resources(folder=Path()))
    assert again == first


@pytest.mark.realdata
def test_columns_of_a_real_table_that_need_no_cleaning_are_left_alone(works: Works, realdata: Path) -> None:
    import pyarrow.csv

    rows = pyarrow.csv.read_csv(realdata / "hillstrom.csv").to_pylist()
    assert [proposal.column for proposal in found(works, rows).proposals] == []


def test_what_a_step_would_mask_is_masked_in_the_evidence(works: Works) -> None:
    cells = [f"pls  pay with 4111 1111 1111 1111, password=hunter{number}" for number in range(30)]
    said = found(works, [{"note": cell} for cell in cells]).to_text()
    assert "plain_text() >> mask_cards() >> mask_secrets()" in said
    assert "4111" not in said.replace("*1111", "")
    assert "hunter" not in said


def test_the_name_of_a_column_stays_a_name_in_the_code(works: Works) -> None:
    name = 'x"); print("run") #_id'
    rows = [{name: number, "mail": f"Max{number}@Example.COM"} for number in range(30)]
    code = found(works, rows).code
    (call,) = (one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call) and one.args[1:])
    assert [ast.literal_eval(one.value) for one in call.keywords] == [name]
