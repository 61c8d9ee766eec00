"""Of a column that a step masks, nothing that a build keeps has the original: wherever the step stands."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from pumphouse.cleaning import clean, col, dedupe, e164, fill, mask, parse_date, pseudonym
from pumphouse.cleaning.columns import ColumnSteps
from pumphouse.cleaning.hidden import REASON_KEPT_BACK, HideCells
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.table_step import TableStep
from pumphouse.lake.builds import QUARANTINE_SCHEMA

SECRET = "call 030 901820 x"
ROWS = [
    {"id": "1", "phone": SECRET, "born": "31/02/1962", "job": "nurse"},
    {"id": "2", "phone": "+4930901820", "born": "03/04/1962", "job": None},
    {"id": None, "phone": "+4930901821", "born": "03/04/1963", "job": "miner"},
]


@pytest.mark.parametrize(
    "steps",
    [
        (col.phone >> e164() >> mask(keep=1),),
        (col.phone >> e164(), dedupe(on=["id"], keep="newest", by="id"), col.phone >> mask(keep=1)),
        (col.phone >> mask(keep=1), col.phone >> e164()),
    ],
)
def test_a_quarantine_keeps_what_a_mask_leaves(works, steps: tuple[ColumnSteps | TableStep, ...]) -> None:
    works.gather(ROWS)
    works.build(*steps)
    cells = works.table("__quarantine")
    assert {"*" * (len(SECRET) - 1) + "x"} <= {cell["original"] for cell in cells}
    assert "901820" not in json.dumps(cells)


def test_a_withheld_row_is_kept_with_its_columns_masked(works) -> None:
    works.gather(ROWS)
    works.build(col.phone >> mask(), key="id")
    (row,) = works.table("__quarantine")
    assert json.loads(row["original"]) == {"id": None, "phone": "*******1821", "born": "03/04/1963", "job": "miner"}


def test_a_row_with_a_pseudonym_as_its_key_is_named_by_it(works) -> None:
    (works.folder / "secrets.toml").write_text('PSEUDONYM_KEY = "a key that only tests know"\n', encoding="utf-8")
    works.gather(ROWS[:2])
    works.build(col.born >> parse_date("%d/%m/%Y"), col.id >> pseudonym(), key="id")
    (cell,) = works.table("__quarantine")
    assert cell["row_id"] == pseudonym().load(Resources(folder=works.folder))(pa.array(["1"]), {}).values[0].as_py()
    assert cell["row_id"] in {row["id"] for row in works.table()}


def test_a_reason_that_tells_of_the_cell_is_kept_back(works) -> None:
    works.gather(ROWS[:2])
    works.build(col.born >> parse_date("%d/%m/%Y") >> mask(keep=0), col.phone >> e164())
    reasons = {cell["column"]: cell["reason"] for cell in works.table("__quarantine")}
    assert reasons == {"born": REASON_KEPT_BACK, "phone": "no country code, and no region to read it by"}


def test_cells_of_a_step_over_the_whole_table_are_masked() -> None:
    rows = [
        {"row_id": "1", "column": "phone", "original": "030 901820", "reason": "030 is a code of Berlin"},
        {"row_id": "2", "column": "city", "original": "Berlin", "reason": "Berlin has another code"},
    ]
    given = [{"step": "repair", "step_version": "1", "run": "r", **row} for row in rows]
    cells = pa.RecordBatch.from_pylist(given, schema=QUARANTINE_SCHEMA)
    hide = HideCells(hidden={"phone": (mask(keep=2).load(Resources()),)}, output="cells")
    found = hide(cells)["cells"].to_pylist()
    assert [cell["original"] for cell in found] == ["********20", "Berlin"]
    assert [cell["reason"] for cell in found] == [REASON_KEPT_BACK, "Berlin has another code"]


@pytest.mark.parametrize(
    "steps",
    [(col.job >> fill("mode") >> mask(),), (col.income >> fill("median", by=["job"]), col.job >> mask())],
)
def test_nothing_is_learnt_of_a_column_before_it_is_masked(steps: tuple[ColumnSteps, ...]) -> None:
    with pytest.raises(ValueError, match="fill learns from 'job' before mask hides it"):
        clean("raw", *steps)
    assert clean("raw", col.job >> mask() >> fill("mode"))
