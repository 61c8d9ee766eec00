"""Rows that a build commits lie in the order that their table declares, and are found by reading few of them."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pumphouse.declare.layouts import TableLayout, layout_of
from pumphouse.engines import parquet
from pumphouse.errors import ConfigError
from pumphouse.lake.arranging import arranged

from .conftest import Desk

ROWS = (
    "SELECT CAST(hash(range) % 1000 AS INTEGER) AS n, md5(CAST(range AS VARCHAR)) AS id,"
    " DATE '2023-11-01' + CAST(hash(range + 7) % 300 AS INTEGER) AS day, range AS number FROM range(5000)"
)


def committed(desk: Desk, sql: str, layout: dict, *, how: str = "replace") -> list[Path]:
    """The files of the table after rows are added to it."""
    commit = desk.commit("t", layout=layout_of(layout))
    getattr(commit, how)("t", desk.written(sql))
    commit.publish()
    files = desk.lake.engine.execute("SELECT data_file FROM ducklake_list_files('lake', 't')")
    return [Path(file) for (file,) in files]


def test_rows_are_sorted_by_partition_and_then_by_columns(desk: Desk) -> None:
    (file,) = committed(desk, ROWS, {"sort_by": ["N", "id"], "partition_by": "year(day)"})
    rows = pq.read_table(file).to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["day"].year, row["n"], row["id"]))
    assert sorted(row["number"] for row in rows) == list(range(5000))
    assert desk.rows("SELECT count(*), sum(number) FROM t", "t") == [(5000, 4999 * 2500)]
    assert not list(desk.lake.staging().iterdir())


def test_files_whose_pages_are_known_are_made_where_that_is_all_that_is_asked(desk: Desk) -> None:
    def has_pages(file: Path) -> bool:
        return bool(pq.read_metadata(file).row_group(0).column(0).has_offset_index)

    written = desk.written(ROWS)
    assert not has_pages(written.files[0])
    known = arranged(desk.lake, "t", written, TableLayout())
    assert has_pages(known.files[0])
    assert not written.files[0].exists()
    assert pq.read_table(known.files[0]).num_rows == 5000
    assert arranged(desk.lake, "t", known, TableLayout()) == known
    odd = desk.written("SELECT uuid() AS id")
    assert arranged(desk.lake, "t", odd, TableLayout()) == odd


def test_a_range_of_the_sorted_column_is_in_few_row_groups(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 500)
    (file,) = committed(desk, ROWS, {"sort_by": "n"})
    groups = [
        pq.ParquetFile(file).metadata.row_group(number).column(0).statistics
        for number in range(pq.ParquetFile(file).num_row_groups)
    ]
    assert sum(group.min <= 310 and group.max >= 300 for group in groups) <= 2 < len(groups) == 10


def test_added_rows_are_sorted_and_get_filters_of_the_columns_that_are_named(desk: Desk) -> None:
    committed(desk, ROWS, {"sort_by": "number"})
    files = committed(desk, f"SELECT * FROM ({ROWS}) LIMIT 50", {"sort_by": "id", "bloom_filters": "id"}, how="append")
    assert [
        pq.read_table(file)["id"].to_pylist() == sorted(pq.read_table(file)["id"].to_pylist()) for file in files
    ] == [
        False,
        True,
    ]
    filtered = desk.lake.engine.execute(
        "SELECT path_in_schema FROM parquet_metadata(?) WHERE bloom_filter_offset IS NOT NULL", [str(files[1])]
    )
    assert filtered == [("id",)]


def test_types_that_arrow_would_change_are_kept_as_they_are(desk: Desk) -> None:
    ids = [uuid.UUID(int=random.Random(3).getrandbits(128)) for _ in range(20)]
    values = ", ".join(f"(UUID '{one}', INTERVAL '{number} days')" for number, one in enumerate(ids))
    (file,) = committed(desk, f"FROM (VALUES {values}) t(id, late)", {"sort_by": "id", "bloom_filters": "id"})
    assert desk.lake.engine.execute(f"SELECT id FROM read_parquet('{file}')") == [(one,) for one in sorted(ids)]
    assert desk.lake.engine.execute("SELECT typeof(id) FROM lake.main.t LIMIT 1") == [("UUID",)]
    assert desk.rows("SELECT count(DISTINCT late) FROM t", "t") == [(20,)]


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ({"sort_by": "nr"}, "'t' has no column 'nr', by which its layout is declared"),
        ({"bloom_filters": "idd"}, "Did you mean 'id'?"),
        ({"partition_by": "month(n)"}, "'t' is parted by month(n), and 'n' is no date or timestamp but int32"),
    ],
)
def test_a_layout_that_does_not_fit_the_table_is_told_and_nothing_is_left(desk: Desk, layout: dict, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        committed(desk, ROWS, layout)
    assert said in str(refused.value)
    assert not list(desk.lake.staging().iterdir())
    assert not desk.lake.has("t")
