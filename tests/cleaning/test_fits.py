from __future__ import annotations

import json
import statistics
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import col, drop, e164, fill
from pumphouse.cleaning.table_steps.queries import fill_query
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import BuildError, SchemaChange
from pumphouse.lake.commit import Commit

if TYPE_CHECKING:
    from conftest import Works


def people(*incomes: tuple[str | None, float | None]) -> list[dict[str, Any]]:
    return [{"id": number, "job": job, "income": income} for number, (job, income) in enumerate(incomes)]


PEOPLE = people(
    ("nurse", 10.0), ("nurse", 30.0), ("nurse", 20.0), ("nurse", None), (None, 7.0), (None, None), ("miner", None)
)


def filled(works: Works) -> list[tuple[Any, bool]]:
    return [(row["income"], row["income__filled"]) for row in works.table(order="id")]


def test_gaps_are_filled_by_group_and_a_group_without_a_value_keeps_its_gaps(works: Works) -> None:
    works.gather(PEOPLE)
    works.build(col.income >> fill("median", by="job"), key="id")
    assert filled(works)[3:] == [(20.0, True), (7.0, False), (7.0, True), (None, False)]
    assert filled(works)[:3] == [(10.0, False), (30.0, False), (20.0, False)]


def test_what_gaps_are_filled_with_is_stored_and_stays_when_the_data_changes(works: Works) -> None:
    works.gather(PEOPLE)
    works.build(col.income >> fill("median", by="job"), key="id")
    stored = works.table("__fit")
    assert [(row["column"], json.loads(row["group"]), row["value"]) for row in stored] == [
        ("income", ["nurse"], "20"),
        ("income", [None], "7"),
    ]
    assert stored[0]["step"] == "fill income with its median by job, version 1"
    works.gather(people(("nurse", 1000.0), ("nurse", None), ("miner", 5.0), ("miner", None)))
    works.build(col.income >> fill("median", by="job"), key="id")
    assert filled(works) == [(1000.0, False), (20.0, True), (5.0, False), (None, False)]
    assert works.table("__fit") == stored


def test_refit_learns_anew(works: Works) -> None:
    works.gather(people(("nurse", 10.0), ("nurse", None)))
    works.build(col.income >> fill("median"), key="id")
    works.gather(people(("nurse", 99.0), ("nurse", None)))
    works.build(col.income >> fill("median"), key="id", settings={"refit": True})
    assert filled(works)[1] == (99.0, True)


def test_a_changed_step_learns_anew_and_forgets_what_the_old_one_learnt(works: Works) -> None:
    works.gather(people(("nurse", 10.0), ("nurse", 10.0), ("nurse", 90.0), ("nurse", 91.0), ("nurse", None)))
    works.build(col.income >> fill("median"), key="id")
    works.build(col.income >> fill("mode"), key="id")
    assert filled(works)[4] == (10.0, True)
    assert {row["step"] for row in works.table("__fit")} == {"fill income with its mode, version 1"}


def test_a_fit_is_learnt_from_what_the_steps_above_made(works: Works) -> None:
    works.gather(
        [
            {"id": 1, "phone": "030 901820"},
            {"id": 2, "phone": "+49 30 901820"},
            {"id": 3, "phone": "x"},
            {"id": 4, "phone": "x"},
        ]
    )
    works.build(col.phone >> e164(default="DE") >> fill("mode"), key="id")
    rows = works.table(order="id")
    assert [row["phone"] for row in rows] == ["+4930901820"] * 4
    assert [row["phone__filled"] for row in rows] == [False, False, True, True]
    assert [row["original"] for row in works.table("__quarantine")] == ["x", "x"]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (pa.int32(), [1, 2, 3, 4, None], 2),
        (pa.float64(), [0.1, 0.2, 0.3, None], 0.2),
        (pa.decimal128(20, 2), [Decimal("1.10"), Decimal("2.20"), Decimal("3.30"), None], Decimal("2.20")),
        (pa.date32(), [date(2020, 1, 1), date(2020, 1, 3), None], date(2020, 1, 1)),
    ],
)
def test_a_median_is_a_value_of_the_column_and_of_its_type(
    works: Works, kind: pa.DataType, values: list[Any], expected: Any
) -> None:
    works.gather(
        [{"id": number, "x": value} for number, value in enumerate(values)],
        schema=pa.schema({"id": pa.int64(), "x": kind}),
    )
    works.build(col.x >> fill("median"), key="id")
    assert works.table(order="id")[-1]["x"] == expected
    assert works.schema().field("x").type == kind


def test_of_equally_frequent_values_the_smallest_is_the_mode(works: Works) -> None:
    works.gather([{"id": n, "x": x} for n, x in enumerate(["b", "a", "c", "c", "a", None])])
    works.build(col.x >> fill("mode"), key="id")
    assert works.table(order="id")[-1]["x"] == "a"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pa.int64(), 0, 0),
        (pa.bool_(), True, True),
        (pa.string(), "none", "none"),
        (pa.date32(), date(2020, 1, 2), date(2020, 1, 2)),
    ],
)
def test_a_constant_fills_every_gap_and_needs_no_fit(
    works: Works, kind: pa.DataType, value: Any, expected: Any
) -> None:
    works.gather([{"id": 1, "x": None}], schema=pa.schema({"id": pa.int64(), "x": kind}))
    works.build(col.x >> fill(value=value), key="id")
    assert works.table() == [{"id": 1, "x": value, "x__filled": True}]
    assert not works.lake.has(f"{works.name}__fit")


def test_what_does_not_fit_the_column_is_refused(works: Works) -> None:
    works.gather(PEOPLE)
    with pytest.raises(BuildError, match="does not fit the column's type, double"):
        works.build(col.income >> fill(value="none"), key="id")
    with pytest.raises(BuildError, match="'job' has no median: its type is string"):
        works.build(col.job >> fill("median"), key="id")


def test_a_column_without_any_value_is_tried_again_by_the_next_build(works: Works) -> None:
    schema = pa.schema({"id": pa.int64(), "job": pa.string(), "income": pa.float64()})
    works.gather(people(("nurse", None)), schema=schema)
    works.build(col.income >> fill("median"), key="id")
    assert filled(works) == [(None, False)]
    works.gather(people(("nurse", None), ("nurse", 4.0)))
    works.build(col.income >> fill("median"), key="id")
    assert filled(works) == [(4.0, True), (4.0, False)]


INCOMES = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.integers(-5, 5))), max_size=15)


@settings(max_examples=50, deadline=None)
@given(INCOMES)
def test_medians_and_modes_are_those_of_the_standard_library(
    engine: DuckDB, rows: list[tuple[str | None, int | None]]
) -> None:
    jobs, incomes = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [])
    staged = pa.table({"job": pa.array(jobs, pa.string()), "income": pa.array(incomes, pa.int64())})
    known = {job: [income for other, income in rows if other == job and income is not None] for job in set(jobs)}
    expectations = {"median": statistics.median_low, "mode": lambda values: min(statistics.multimode(values))}
    for how, expected in expectations.items():
        step = fill(how, by="job")  # type: ignore[arg-type]
        found = engine.read(
            Query(
                text=fill_query(how=step.how, by=step.by, column="income", kind=pa.int64()), tables={"staged": staged}
            )
        ).read_all()
        assert {row["group_0"]: row["value"] for row in found.to_pylist()} == {
            job: expected(values) for job, values in known.items() if values
        }


WIDE = [
    {
        "id": number,
        "fax": None if number else "1",
        "lang": "en",
        "half": "x" if number % 2 else None,
        "void": None,
        "note": None,
        "name": str(number),
    }
    for number in range(40)
]
WIDE_SCHEMA = pa.schema({name: pa.int64() if name == "id" else pa.string() for name in WIDE[0]})


def test_columns_that_say_nothing_are_dropped_and_named(works: Works) -> None:
    works.gather(WIDE, schema=WIDE_SCHEMA)
    built = works.build(col.note >> e164(), drop(mostly_null=0.95, constant=True), key="id")
    # What a step is about stays, and so does what it made.
    assert list(works.table()[0]) == [
        "id", "half", "note", "note__extension", "note__kind", "note__country", "name"
    ]  # fmt: skip
    assert built.note == (
        "dropped the column fax: null in 39 of 40 rows, dropped the column lang: the same in all 40 rows,"
        " dropped the column void: null in 40 of 40 rows"
    )
    assert built.counts.dropped == 0
    assert [row["column"] for row in works.table("__fit")] == ["fax", "lang", "void"]


def test_what_was_dropped_stays_dropped_until_refit(works: Works) -> None:
    works.gather(WIDE, schema=WIDE_SCHEMA)
    works.build(drop(constant=True), key="id")
    assert list(works.table()[0]) == ["id", "fax", "half", "name"]
    full = [{**row, "lang": row["name"], "name": "same"} for row in WIDE]
    works.gather(full, schema=WIDE_SCHEMA)
    works.build(drop(constant=True), key="id")
    assert list(works.table()[0]) == ["id", "fax", "half", "name"]
    works.build(drop(constant=True), key="id", settings={"refit": True})
    assert list(works.table()[0]) == ["id", "fax", "lang", "half"]


def test_a_drop_that_chose_nothing_chooses_nothing_later(works: Works) -> None:
    works.gather([{"id": 1, "x": 1}, {"id": 2, "x": 2}])
    assert works.build(drop(constant=True), key="id").note == ""
    works.gather([{"id": 1, "x": 1}, {"id": 2, "x": 1}])
    works.build(drop(constant=True), key="id")
    assert list(works.table()[0]) == ["id", "x"]


def test_a_drop_does_not_choose_from_no_rows(works: Works) -> None:
    works.gather([], schema=pa.schema({"id": pa.int64(), "x": pa.int64()}))
    works.build(drop(constant=True), key="id")
    assert works.schema().names[:2] == ["id", "x"]
    assert not works.lake.has(f"{works.name}__fit")


def test_dropping_other_columns_without_refit_is_a_persons_choice(works: Works) -> None:
    works.gather(WIDE, schema=WIDE_SCHEMA)
    works.build(key="id")
    with pytest.raises(SchemaChange, match="'lang' would be gone"):
        works.build(drop(constant=True), key="id")


def test_what_was_learnt_of_a_hidden_person_alone_is_hidden_too(works: Works) -> None:
    works.gather([{"id": n, "email": f"p{n % 3}@x.de", "age": n % 3, "income": n} for n in range(9)])
    works.build(col.income >> fill("median", by="email"), col.age >> fill("mode"), key="id")
    assert len(works.table("__fit")) == 4
    commit = Commit(works.lake, "hidden", run="r", actor="tester")
    commit.tombstone("email", "p1@x.de", why="asked")
    commit.publish()
    assert "p1@x.de" not in str(works.table("__fit"))
    assert len(works.table("__fit")) == 3
    commit = Commit(works.lake, "hidden", run="r", actor="tester")
    commit.tombstone("id", "1", why="asked")  # a value of another column: what is learnt by 'email' or of 'age' stays
    commit.publish()
    assert len(works.table("__fit")) == 3
