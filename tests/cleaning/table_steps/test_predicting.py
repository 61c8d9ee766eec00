from __future__ import annotations

import base64
import json
import pickle
import zlib
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from pumphouse.cleaning import col, fill
from pumphouse.cleaning.batch import Batch
from pumphouse.cleaning.table_step import FitRow
from pumphouse.cleaning.table_steps.predicting import FillModel
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    from conftest import Works


def people(count: int = 300) -> list[dict[str, Any]]:
    jobs = ["nurse", "miner", "cook"]
    return [
        {
            "id": n,
            "job": jobs[n % 3] if n % 10 else None,
            "age": 20 + n * 7 % 40,
            "income": None if n % 7 == 0 else 1000.0 * (n % 3 + 1) + 10 * (20 + n * 7 % 40),
            "noise": None if n % 11 == 0 else float(n * 7919 % 1000),
        }
        for n in range(count)
    ]


MODEL = fill("model", using=["job", "age"])


def test_gaps_are_filled_by_what_the_other_columns_say_and_the_error_is_told(works: Works) -> None:
    works.gather(people())
    built = works.build(col.income >> MODEL, key="id")
    rows = {row["id"]: row for row in works.table()}
    assert {number for number, row in rows.items() if row["income__filled"]} == set(range(0, 300, 7))
    for number in (7, 14, 77, 287):
        assert rows[number]["income"] == pytest.approx(1000 * (number % 3 + 1) + 10 * rows[number]["age"], abs=150)
    [fit] = works.table("__fit")
    assert fit["evidence"].startswith("RMSE ")
    assert fit["evidence"].endswith("for the median, on 51 rows that it was not fitted on")
    assert built.note == f"income is filled by a model: {fit['evidence']}"
    off, guess = (float(fit["evidence"].split()[place]) for place in (1, 3))
    assert off < guess / 2


def test_the_model_stays_when_the_data_changes_and_until_refit(works: Works) -> None:
    works.gather(people())
    works.build(col.income >> MODEL, key="id")
    before = works.table("__fit")
    said = [row["income"] for row in works.table(order="id") if row["income__filled"]]
    changed = [{**row, "income": None if row["income"] is None else row["income"] * 9} for row in people()]
    works.gather(changed)
    works.build(col.income >> MODEL, key="id")
    assert works.table("__fit") == before
    assert [row["income"] for row in works.table(order="id") if row["income__filled"]] == said
    works.build(col.income >> MODEL, key="id", settings={"refit": True})
    assert [row["income"] for row in works.table(order="id") if row["income__filled"]][1] > 3 * said[1]


def test_the_order_of_rows_makes_no_difference(works: Works) -> None:
    works.gather(people())
    works.build(col.income >> MODEL, key="id")
    first = [works.table(order="id"), works.table("__fit")]
    works.gather(people()[::-1])
    works.build(col.income >> MODEL, key="id", settings={"refit": True})
    assert [works.table(order="id"), works.table("__fit")] == first


def test_a_model_that_is_no_better_than_a_guess_fills_nothing(works: Works) -> None:
    works.gather(people())
    built = works.build(col.noise >> MODEL, key="id")
    assert not any(row["noise__filled"] for row in works.table())
    assert built.note.startswith("noise is not filled by a model: RMSE ")


def test_text_is_filled_where_the_model_is_sure(works: Works) -> None:
    rows = [
        {
            "id": n,
            "x": n % 20,
            "kind": None
            if n % 7 == 0
            else "low"
            if n % 20 < 8
            else "high"
            if n % 20 > 11
            else ["low", "high"][n * 31 // 20 % 2],
        }
        for n in range(600)
    ]
    works.gather(rows)
    works.build(col.kind >> fill("model", using="x", sure=0.9), key="id")
    found = {row["id"]: row for row in works.table()}
    gaps = [row for number, row in found.items() if number % 7 == 0]
    assert {row["kind"] for row in gaps if row["x"] < 8} == {"low"}
    assert {row["kind"] for row in gaps if row["x"] > 11} == {"high"}
    assert None in {row["kind"] for row in gaps if 8 <= row["x"] <= 11}
    assert all(row["kind__filled"] == (row["kind"] is not None) for row in gaps)
    [fit] = works.table("__fit")
    assert fit["evidence"].startswith("right in ")


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        (pa.int16(), lambda n: n),
        (pa.decimal128(9, 2), Decimal),
        (pa.date32(), lambda n: date(2020, 1, 1) + timedelta(days=n)),
        (pa.timestamp("us", "UTC"), lambda n: n * 1_000_000),
        (pa.bool_(), lambda n: n >= 20),
    ],
)
def test_any_flat_type_is_filled_and_stays(works: Works, kind: pa.DataType, of: Any) -> None:
    rows = [{"id": n, "x": n % 40, "y": None if n % 9 == 0 else of(n % 40)} for n in range(240)]
    schema = pa.schema({"id": pa.int64(), "x": pa.int64(), "y": kind})
    works.gather(pa.Table.from_pylist(rows, schema=schema).to_pylist(), schema=schema)
    works.build(col.y >> fill("model", using="x"), key="id")
    assert works.schema().field("y").type == kind
    assert all(row["y__filled"] == (row["id"] % 9 == 0) and row["y"] is not None for row in works.table())


def test_a_row_that_says_nothing_keeps_its_gap(works: Works) -> None:
    rows = [{**row, "job": None, "age": None} if row["id"] == 7 else row for row in people()]
    works.gather(rows)
    works.build(col.income >> MODEL, key="id")
    [row] = [row for row in works.table() if row["id"] == 7]
    assert (row["income"], row["income__filled"]) == (None, False)


@pytest.mark.parametrize("count", [0, 1, 40])
def test_of_too_few_rows_nothing_is_learnt(works: Works, count: int) -> None:
    schema = pa.schema(
        {"id": pa.int64(), "job": pa.string(), "age": pa.int64(), "income": pa.float64(), "noise": pa.float64()}
    )
    works.gather(people(count), schema=schema)
    works.build(col.income >> MODEL, key="id")
    assert not any(row["income__filled"] for row in works.table())
    assert not works.lake.has(f"{works.name}__fit")


def test_what_makes_no_sense_is_refused(works: Works) -> None:
    with pytest.raises(ValueError, match="takes the columns it looks at"):
        fill("model")
    with pytest.raises(ValueError, match="goes with fill"):
        fill("median", using="age")
    with pytest.raises(ValueError, match="sure is a chance"):
        fill("model", using="age", sure=80)
    works.gather([{"id": 1, "x": [1], "y": 1.0}])
    with pytest.raises(BuildError, match="'y' can't be filled by a model of 'x'"):
        works.build(col.y >> fill("model", using="x"), key="id")


def stored(estimator: Any) -> FitRow:
    data = base64.b64encode(zlib.compress(skops.io.dumps(estimator))).decode()
    import sklearn

    known = {"scikit-learn": sklearn.__version__, "values": {}, "skops": data, "least": 0, "most": 1}
    return FitRow(step="fill", column="y", value=json.dumps(known))


def test_a_stored_fit_that_holds_strange_code_is_not_run() -> None:
    assert isinstance(MODEL, FillModel)
    step = replace(MODEL, using=("id",))
    operation = pickle.loads(pickle.dumps(step.operation("y", [stored(FunctionTransformer(func=print))])))

    source = pa.record_batch({"id": pa.array([1]), "y": pa.array([None], pa.float64())})
    columns = dict(zip(source.schema.names, source.columns, strict=True))
    with pytest.raises(BuildError, match=r"code that is none of its own: builtins\.print"):
        operation(Batch(source=source, row_ids=source.column(0), run="run", columns=columns))


def test_a_model_of_another_version_of_the_library_asks_for_a_refit() -> None:
    old = json.dumps({"scikit-learn": "0.1", "values": {}, "skops": ""})
    with pytest.raises(BuildError, match=r"fitted by scikit-learn 0\.1") as caught:
        MODEL.operation("y", [FitRow(step="fill", column="y", value=old)])  # type: ignore[union-attr]
    assert "--refit" in str(caught.value.mend)
