from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from pumphouse.cleaning import col, e164, expand, ip_country, parse_date
from pumphouse.cleaning.batch import CleanColumn
from pumphouse.cleaning.columns import ColumnSteps
from pumphouse.cleaning.rows import RowByRow, row_ids
from pumphouse.cleaning.step import Resources, Step
from pumphouse.cleaning.table_steps.dropping import DropColumns
from pumphouse.cleaning.table_steps.filling import FillGaps
from pumphouse.cleaning.work import Counting
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.lake.builds import row_id

COLUMNS = {
    "id": ["1", "2", None],
    "phone": ["030 901820", "x", None],
    "note": ["pls", None, "u"],
    "ip": ["8.8.8.8", "x", None],
    "born": ["03/04/1962", "x", None],
    "job": [None, "nurse", None],
}


def row_by_row(folder: Path) -> RowByRow:
    (folder / "words.csv").write_text("shorthand,expansion\npls,please\n", encoding="utf-8")
    declared = [
        col.phone >> e164(default="DE"),
        col.note >> expand("words.csv"),
        col.ip >> ip_country(),
        col.born >> parse_date("%d/%m/%Y"),
    ]
    return RowByRow(
        operations=(
            *(loaded(steps, folder) for steps in declared),
            FillGaps(column="job", by=("note",), values={("please",): "miner"}),
            DropColumns(columns=("ip",)),
        ),
        key=("id",),
        needed=("id",),
        run="run-1",
    )


def loaded(declared: ColumnSteps, folder: Path) -> CleanColumn:
    (step,) = declared.steps
    assert isinstance(step, Step)
    return CleanColumn(
        column=declared.column,
        target=step.target(declared.column),
        reads=step.reads,
        step=step.name,
        version=step.version,
        function=step.load(Resources(folder=folder)),
    )


def test_rows_cells_and_withheld_rows_come_out_apart(tmp_path: Path) -> None:
    outputs = row_by_row(tmp_path)(pa.RecordBatch.from_pydict(COLUMNS))
    assert outputs["rows"].schema.names == [
        "id", "phone", "phone__extension", "phone__kind", "phone__country", "note", "ip__country",
        "born", "job", "job__filled"
    ]  # fmt: skip
    assert outputs["rows"].column("job").to_pylist() == ["miner", "nurse"]
    assert outputs["rows"].column("job__filled").to_pylist() == [True, False]
    assert outputs["cells"].column("column").to_pylist() == ["phone", "ip", "born"]
    assert outputs["withheld"].column("reason").to_pylist() == ["id is null"]


def test_a_worker_elsewhere_gets_the_same_function_with_all_that_it_needs(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_pydict(COLUMNS)
    function = row_by_row(tmp_path)
    told: list[int] = []
    here = Counting(function, told.append)
    outputs = here(batch)
    (tmp_path / "words.csv").unlink()
    there = pickle.loads(pickle.dumps(here))
    assert {name: part.to_pydict() for name, part in there(batch).items()} == {
        name: part.to_pydict() for name, part in outputs.items()
    }
    assert told == [3]


def test_a_batch_without_rows_has_the_same_columns(tmp_path: Path) -> None:
    function = row_by_row(tmp_path)
    full = pa.RecordBatch.from_pydict(COLUMNS)
    assert {name: part.schema for name, part in function(full.slice(0, 0)).items()} == {
        name: part.schema for name, part in function(full).items()
    }


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_row_is_named_as_sql_names_it(zone: str) -> None:
    cells = {
        "DOUBLE": ["1", "1e15", "1e16", "1e-7", "0.1", "-0.0", "nan", "NULL"],
        "FLOAT": ["1.5", "0.1", "16777216"],
        "TIMESTAMP": ["2024-01-01 10:00:00", "2024-01-01 10:00:00.12", "2024-01-01 10:00:00.000001"],
        "TIMESTAMPTZ": ["2024-01-01 10:00:00+00", "2024-01-01 10:00:00.5+00"],
        "TIMESTAMP_S": ["2024-01-01 10:00:00"],
        "TIMESTAMP_MS": ["2024-01-01 10:00:00.1"],
        "TIME": ["10:00:00", "10:00:00.5"],
        "DATE": ["2024-01-01"],
        "DECIMAL(5, 2)": ["1.50"],
        "BOOLEAN": ["true"],
    }
    engine = DuckDB(threads=1, zone=zone)
    for kind, written in cells.items():
        values = ", ".join(one if one == "NULL" else f"'{one}'" for one in written)
        text = f"SELECT k, 'x|' || {row_id(['k'])} AS named FROM (SELECT unnest([{values}]::{kind}[]) AS k)"
        for batch in engine.read(Query(text=f"SELECT 'x' AS one, * FROM ({text})")):
            assert row_ids(batch, ["one", "k"], {}).to_pylist() == batch["named"].to_pylist()
    engine.close()
