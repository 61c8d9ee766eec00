from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.cleaning import col, drop, e164
from pumphouse.cleaning.table_steps.telling import tells
from pumphouse.errors import UnknownName

if TYPE_CHECKING:
    from conftest import Works


def why(works: Works) -> dict[str, str]:
    return {row["column"]: row["value"] for row in works.table("__fit") if row["column"] is not None}


def test_a_duplicate_of_an_earlier_column_is_dropped(works: Works) -> None:
    rows: list[dict[str, Any]] = [
        {"id": n, "a": n % 3, "near": n % 3 if n else 2, "b": n % 3, "void": None, "empty": None, "text": str(n % 3)}
        for n in range(30)
    ]
    works.gather(rows)
    built = works.build(drop(duplicate=True), key="id")
    assert why(works) == {"b": "equal to a in every row"}
    assert built.note == "dropped the column b: equal to a in every row"
    works.gather([{**row, "b": 7} for row in rows])
    works.build(drop(duplicate=True), key="id")
    assert "b" not in works.table()[0]


def test_of_two_equal_columns_the_one_that_is_named_stays(works: Works) -> None:
    works.gather([{"id": n, "copy": f"+4930{n:06}", "phone": f"+4930{n:06}"} for n in range(5)])
    works.build(col.phone >> e164(), drop(duplicate=True), key="id")
    assert why(works) == {"copy": "equal to phone in every row"}


def test_what_looks_like_an_identifier_is_dropped(works: Works) -> None:
    works.gather(
        [
            {
                "id": n,
                "code": f"x-{n * 7919 % 1000}",
                "running": 5000 + n,
                "cents": n * n * 131 % 100_003,
                "note": f"a note about {n}",
                "job": ["nurse", "miner"][n % 2],
                "ratio": n / 7,
            }
            for n in range(100)
        ]
    )
    works.build(drop(identifier=True), key="id")
    assert why(works) == {
        "code": "looks like an identifier: 100 of 100 cells differ, without white space",
        "running": "looks like running numbers: 100 different ones from 5000 to 5099",
    }


LEAKS = [
    {
        "id": n,
        "churned": n % 4 == 0,
        "closed_at": "2026-01-01" if n % 4 == 0 else None,
        "status": ["gone", "new", "old", "old"][n % 4],
        "risk": n % 7 + (100 if n % 4 == 0 else 0) + 0.5,
        "age": n * 37 % 50,
        "job": ["nurse", "miner", "cook"][n % 3],
        "name": f"person {n}",
    }
    for n in range(400)
]


def test_a_column_that_alone_tells_the_label_is_dropped(works: Works) -> None:
    works.gather(LEAKS)
    works.build(drop(leaking="churned"), key="id")
    assert why(works) == {
        "closed_at": "leaks churned: whether it is null tells it but for 0 of 400 rows",
        "status": "leaks churned: its 3 values tell it but for 0 of 400 rows",
        "risk": "leaks churned: its 14 values tell it but for 0 of 400 rows",
    }
    assert list(works.table()[0]) == ["id", "churned", "age", "job", "name"]
    works.gather([{**row, "status": "new", "age": int(row["churned"])} for row in LEAKS])
    works.build(drop(leaking="churned"), key="id")
    assert list(works.table()[0]) == ["id", "churned", "age", "job", "name"]


def test_a_label_that_is_not_there_is_named(works: Works) -> None:
    works.gather(LEAKS)
    with pytest.raises(UnknownName, match="no column 'churn'"):
        works.build(drop(leaking="churn"), key="id")


def test_a_number_tells_a_label_by_its_order_or_by_its_scale() -> None:
    label = pa.chunked_array([[n >= 500 for n in range(1000)]])
    assert tells(pa.chunked_array([[n * 1.5 for n in range(1000)]]), label) == (
        "it tells one answer from the other 100.0% of the time"
    )
    amounts = pa.chunked_array([[float(n) for n in range(1000)]])
    assert tells(pa.chunked_array([[n * 3 + 1 for n in range(1000)]]), amounts) == (
        "it is the label but for its scale (correlation 1.0000)"
    )
    assert tells(pa.chunked_array([[n * 7919 % 1000 for n in range(1000)]]), label) is None


@pytest.mark.parametrize("label", [[True] * 100, [None] * 100, [True] * 90 + [False] * 10, []])
def test_too_few_answers_tell_nothing(label: list[bool | None]) -> None:
    column = pa.chunked_array([pa.array([bool(one) for one in label], pa.bool_())])
    assert tells(column, pa.chunked_array([pa.array(label, pa.bool_())])) is None


@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(), st.integers(-3, 3)), st.booleans()), max_size=60))
def test_any_numbers_can_be_asked_about(rows: list[tuple[float | None, bool]]) -> None:
    numbers = pa.chunked_array([pa.array([None if one is None else float(one) for one, _ in rows], pa.float64())])
    label = pa.chunked_array([pa.array([answer for _, answer in rows], pa.bool_())])
    assert tells(numbers, label) is None or len(rows) >= 40


@pytest.mark.parametrize("count", [0, 1])
def test_no_rows_and_one_row(works: Works, count: int) -> None:
    schema = pa.schema(
        {"id": pa.int64(), "y": pa.bool_(), "a": pa.string(), "b": pa.string(), "l": pa.list_(pa.int64())}
    )
    works.gather([{"id": 1, "y": True, "a": "x", "b": "x", "l": [1]}][:count], schema=schema)
    works.build(drop(duplicate=True, identifier=True, leaking="y"), key="id")
    assert works.lake.has(f"{works.name}__fit") == bool(count)
    assert works.schema().names[:4] == (["id", "y", "a", "l"] if count else ["id", "y", "a", "b"])
