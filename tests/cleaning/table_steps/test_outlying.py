from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import col, outliers
from pumphouse.cleaning.table_steps.outlying import spread_query
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    from conftest import Works

NUMBERS = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 99.0, None, float("nan"), float("inf")]


def rows(*values: Any, kind: str = "a") -> list[dict[str, Any]]:
    return [{"id": n, "kind": kind, "x": value} for n, value in enumerate(values)]


def flags(works: Works) -> list[bool | None]:
    return [row["x__outlier"] for row in works.table(order="id")]


@pytest.mark.parametrize("method", ["iqr", "mad"])
def test_numbers_far_from_the_others_are_flagged_and_stay(works: Works, method: Any) -> None:
    works.gather(rows(*NUMBERS))
    built = works.build(col.x >> outliers(method), key="id")
    assert flags(works) == [False] * 8 + [True, None, None, True]
    assert [row["x"] for row in works.table(order="id")][:10] == NUMBERS[:10]
    assert built.counts.rows_out == len(NUMBERS)
    assert works.schema().field("x__outlier").type == pa.bool_()


def test_bounds_are_stored_with_their_evidence_and_stay_when_the_data_changes(works: Works) -> None:
    works.gather(rows(*NUMBERS))
    works.build(col.x >> outliers(), key="id")
    [stored] = works.table("__fit")
    assert json.loads(stored["value"]) == [6.0, 22.0]
    assert stored["evidence"] == "quartiles 12 and 16 of 9 values"
    works.gather(rows(*(1000.0 + n for n in range(20)), 15.0))
    works.build(col.x >> outliers(), key="id")
    assert flags(works) == [True] * 20 + [False]
    works.build(col.x >> outliers(), key="id", settings={"refit": True})
    assert flags(works) == [False] * 20 + [True]


def test_a_group_has_its_own_bounds_or_none(works: Works) -> None:
    values = [("ant", n % 5 + 1) for n in range(10)] + [("elk", 500 + n % 5) for n in range(10)] + [("ant", 500)]
    few = [("owl", 5), ("owl", 999), (None, 1), ("same", 7), *(("same", 3) for _ in range(9))]
    works.gather([{"id": n, "kind": kind, "x": x} for n, (kind, x) in enumerate([*values, *few])])
    works.build(col.x >> outliers(by="kind"), key="id")
    assert flags(works) == [False] * 20 + [True] + [None] * 13
    evidence = {json.loads(row["group"])[0]: row["evidence"] for row in works.table("__fit") if row["value"] is None}
    assert evidence == {
        "owl": "only 2 values, and 8 are needed",
        None: "only 1 values, and 8 are needed",
        "same": "half of the 10 values or more are 3: there is no spread to judge by",
    }


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.int8(), [1, 2, 3, 4, 5, 6, 7, 8, 100]),
        (pa.decimal128(9, 2), [Decimal(n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 100)]),
    ],
)
def test_any_type_of_number_can_be_looked_at(works: Works, kind: pa.DataType, values: list[Any]) -> None:
    works.gather(rows(*values), schema=pa.schema({"id": pa.int64(), "kind": pa.string(), "x": kind}))
    works.build(col.x >> outliers(), key="id")
    assert flags(works) == [False] * 8 + [True]


@pytest.mark.parametrize("values", [[], [1.0], [None, None]])
def test_of_too_little_nothing_is_said(works: Works, values: list[Any]) -> None:
    works.gather(rows(*values), schema=pa.schema({"id": pa.int64(), "kind": pa.string(), "x": pa.float64()}))
    works.build(col.x >> outliers(), key="id")
    assert flags(works) == [None] * len(values)


def test_what_makes_no_sense_is_refused(works: Works) -> None:
    with pytest.raises(ValueError, match="outliers has no 'madd'"):
        outliers("madd")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a number above 0"):
        outliers(fence=float("nan"))
    works.gather(rows("a", "b"))
    with pytest.raises(BuildError, match="'x' has no outliers: its type is string"):
        works.build(col.x >> outliers(), key="id")


GROUPED = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(-50, 50)), max_size=30)


@settings(max_examples=40, deadline=None)
@given(GROUPED)
def test_quartiles_and_medians_are_those_of_numpy(engine: DuckDB, pairs: list[tuple[str | None, int]]) -> None:
    staged = pa.table(
        {"g": pa.array([g for g, _ in pairs], pa.string()), "x": pa.array([x for _, x in pairs], pa.int64())}
    )
    known = {g: np.array([x for other, x in pairs if other == g]) for g, _ in pairs}
    for method in ("iqr", "mad"):
        query = Query(text=spread_query(method=method, by=["g"], column="x"), tables={"staged": staged})
        found = {row["group_0"]: row for row in engine.read(query).read_all().to_pylist()}
        assert set(found) == set(known)
        for group, values in known.items():
            row, middle = found[group], np.median(values)
            deviation = np.median(np.abs(values - middle))
            expected = np.quantile(values, [0.25, 0.75]) if method == "iqr" else [0, deviation]
            assert [row["times"], row["middle"], row["low"], row["high"]] == [len(values), middle, *expected]
