from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import col, fill
from pumphouse.cleaning.table_steps.queries import forward_query
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import BuildError, UnknownName

if TYPE_CHECKING:
    from conftest import Works

START = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = pa.schema({"id": pa.int64(), "who": pa.string(), "at": pa.timestamp("us", "UTC"), "weight": pa.float64()})


def visits(*rows: tuple[str | None, float | None, float | None]) -> list[dict[str, Any]]:
    return [
        {"id": n, "who": who, "at": None if day is None else START + timedelta(days=day), "weight": weight}
        for n, (who, day, weight) in enumerate(rows)
    ]


def weights(works: Works) -> list[tuple[Any, bool]]:
    return [(row["weight"], row["weight__filled"]) for row in works.table(order="id")]


def test_a_gap_takes_the_last_value_before_of_its_own_group(works: Works) -> None:
    works.gather(
        visits(("a", 3, None), ("a", 1, 70.0), ("b", 2, 90.0), ("a", 0, None), ("a", 5, 71.0), ("a", 6, None)),
        schema=SCHEMA,
    )
    works.build(col.weight >> fill("forward", by="who", over="at"), key="id")
    expected = [(70.0, True), (70.0, False), (90.0, False), (None, False), (71.0, False), (71.0, True)]
    assert weights(works) == expected
    assert works.schema().names[:5] == ["id", "who", "at", "weight", "weight__filled"]
    assert not works.lake.has(f"{works.name}__fit")


def test_a_value_is_no_older_than_within(works: Works) -> None:
    works.gather(visits(("a", 0, 70.0), ("a", 7, None), ("a", 7.5, None), ("a", 14, None)), schema=SCHEMA)
    works.build(col.weight >> fill("forward", by="who", over="at", within="7 days"), key="id")
    # How old it is counts from where it was measured, not from where it was last filled.
    assert weights(works) == [(70.0, False), (70.0, True), (None, False), (None, False)]


def test_rows_without_a_time_or_a_group_are_left_alone(works: Works) -> None:
    works.gather(visits(("a", 0, 70.0), ("a", None, None), (None, 0, 5.0), (None, 1, None)), schema=SCHEMA)
    works.build(col.weight >> fill("forward", by="who", over="at"), key="id")
    assert weights(works) == [(70.0, False), (None, False), (5.0, False), (None, False)]


def test_rows_of_one_moment_go_by_the_key(works: Works) -> None:
    rows = visits(("a", 1, None), ("a", 1, 7.0), ("a", 1, None))
    for ordered in (rows, rows[::-1]):
        works.gather(ordered, schema=SCHEMA)
        works.build(col.weight >> fill("forward", by="who", over="at"), key="id")
        assert weights(works) == [(None, False), (7.0, False), (7.0, True)]


@pytest.mark.parametrize("rows", [[], visits(("a", 1, None)), visits(("a", 1, None), ("a", 2, None))])
def test_nothing_to_fill_with_fills_nothing(works: Works, rows: list[dict[str, Any]]) -> None:
    works.gather(rows, schema=SCHEMA)
    built = works.build(col.weight >> fill("forward", over="at"), key="id")
    assert weights(works) == [(None, False)] * len(rows)
    assert built.counts.rows_in == built.counts.rows_out == len(rows)


def test_what_makes_no_sense_is_refused(works: Works) -> None:
    with pytest.raises(ValueError, match="needs the column that says what was before"):
        fill("forward", by="who")
    with pytest.raises(ValueError, match="no months"):
        fill("forward", over="at", within="1 month")
    with pytest.raises(ValueError, match="go with fill"):
        fill("median", over="at")
    works.gather(visits(("a", 1, 2.0)), schema=SCHEMA)
    with pytest.raises(BuildError, match="'id' is no time"):
        works.build(col.weight >> fill("forward", over="id", within="1 day"), key="id")
    with pytest.raises(UnknownName, match="no column 'att'"):
        works.build(col.weight >> fill("forward", over="att"), key="id")


ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 4), st.one_of(st.none(), st.integers(0, 9))),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from([None, 2]))
def test_every_gap_is_filled_from_its_past_and_never_from_its_future(
    engine: DuckDB, rows: list[tuple[str | None, int, int | None]], within: int | None
) -> None:
    columns = ["id", "who", "at", "x"]
    whole = [(number, who, START + timedelta(seconds=at), x) for number, (who, at, x) in enumerate(rows)]
    schema = pa.schema({"id": pa.int64(), "who": pa.string(), "at": pa.timestamp("us", "UTC"), "x": pa.int64()})
    staged = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in whole], schema=schema)
    text = forward_query(column="x", by=["who"], over="at", within_s=within, columns=columns, kept=columns, key=["id"])
    found = engine.read(Query(text=f"{text} ORDER BY id", tables={"staged": staged})).read_all().to_pylist()
    for (number, who, at, x), row in zip(whole, found, strict=True):
        past = [one for one in whole if one[1] == who and (one[2], one[0]) < (at, number) and one[3] is not None]
        last = max(past, key=lambda one: (one[2], one[0]), default=None)
        near = last is not None and who is not None and (within is None or (at - last[2]).total_seconds() <= within)
        expected = x if x is not None or last is None or not near else last[3]
        assert (row["x"], row["x__filled"]) == (expected, x is None and expected is not None)
