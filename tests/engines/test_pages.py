"""Rows read from their pages against the same rows of the whole file."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.engines import parquet
from pumphouse.engines.pages import PagedFile
from pumphouse.engines.parquet import write_batches
from pumphouse.lake.kept import Kept

ROWS = 3_000


def table(seed: int) -> pa.Table:
    chosen = random.Random(seed)

    def column(value: Callable[[int], object], kind: pa.DataType) -> pa.Array:
        return pa.array([None if chosen.random() < 0.1 else value(number) for number in range(ROWS)], kind)

    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    columns = {
        "whole": column(lambda number: number * 7 - 1_000, pa.int64()),
        "small": column(lambda number: number % 100, pa.int8()),
        "unsigned": column(lambda number: 2**64 - 1 - number, pa.uint64()),
        "float": column(lambda number: number / 3, pa.float64()),
        "yes": column(lambda number: number % 3 == 0, pa.bool_()),
        "money": column(lambda number: Decimal(number) / 100, pa.decimal128(12, 2)),
        "wide": column(lambda number: Decimal(10**30 + number), pa.decimal128(38, 0)),
        "day": column(lambda number: dt.date(2026, 1, 1) + dt.timedelta(days=number), pa.date32()),
        "time": column(lambda number: dt.time(number % 24, number % 60), pa.time64("us")),
        "moment": column(lambda number: start + dt.timedelta(minutes=number), pa.timestamp("us", tz="UTC")),
        "local": column(lambda number: start.replace(tzinfo=None, minute=number % 60), pa.timestamp("us")),
        "few": column(lambda number: f"one of {number % 17}", pa.string()),
        "many": column(lambda number: f"{chosen.random()} {'long ' * (number % 40)}", pa.string()),
        "bytes": column(lambda number: bytes([number % 256]) * (number % 9), pa.binary()),
        "numbers": column(lambda number: [None, *range(number % 5)][: number % 6], pa.list_(pa.int64())),
        "texts": column(lambda number: [f"tag {one}" for one in range(number % 4)], pa.list_(pa.string())),
        "nothing": pa.nulls(ROWS, pa.string()),
    }
    return pa.table(columns)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dictionary", [1024 * 1024, 2_000])
def test_rows_are_those_of_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, dictionary: int
) -> None:
    monkeypatch.setattr(parquet, "PAGE_BYTES", 1_000)
    monkeypatch.setattr(parquet, "DICTIONARY_BYTES_MAX", dictionary)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 700 + seed)
    given = table(seed)
    [path] = write_batches(given.to_batches(500), given.schema, folder=tmp_path, stem="t").files
    file = PagedFile(path)
    places: Kept = Kept(100)
    assert file.has(given.column_names)
    assert pq.ParquetFile(path).num_row_groups == 6
    for count in (1, 10, 200):
        positions = [random.Random(count).randrange(ROWS) for _ in range(count)]
        columns = random.Random(count).sample(given.column_names, 9 + count % 7)
        assert file.rows(positions, columns, remember=places.of).equals(given.select(columns).take(positions))
    ends = [0, ROWS - 1, 699 + seed, 700 + seed, 0]
    assert file.rows(ends, given.column_names, remember=places.of).equals(given.take(ends))


def test_a_file_that_says_nothing_of_its_pages_is_told(tmp_path: Path) -> None:
    given = pa.table({"n": [1, 2], "pair": [{"a": 1, "b": 2}, {"a": 3, "b": 4}], "texts": [["a"], []]})
    pq.write_table(given, tmp_path / "none.parquet")
    assert not PagedFile(tmp_path / "none.parquet").has(["n"])
    pq.write_table(given, tmp_path / "some.parquet", write_page_index=True)
    some = PagedFile(tmp_path / "some.parquet")
    assert (some.has(["n", "texts"]), some.has(["n", "pair"]), some.has(["other"])) == (True, False, False)


def test_what_another_writer_makes_of_pages_is_read_too(tmp_path: Path) -> None:
    given = table(5).select(["whole", "few", "many", "numbers", "moment"])
    for number, options in enumerate(
        (
            {"data_page_version": "2.0", "compression": "snappy"},
            {"compression": "none", "use_dictionary": False},
            {"compression": "gzip", "dictionary_pagesize_limit": 500},
        )
    ):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(given, path, write_page_index=True, data_page_size=900, row_group_size=1_100, **options)
        positions = random.Random(number).sample(range(ROWS), 40)
        rows = PagedFile(path).rows(positions, given.column_names, remember=Kept(100).of)
        assert rows.equals(given.take(positions))


def test_a_damaged_file_is_an_error_or_other_values_and_nothing_else(tmp_path: Path) -> None:
    given = table(6).select(["whole", "few", "many"])
    [path] = write_batches(given.to_batches(), given.schema, folder=tmp_path, stem="t").files
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="no description"):
        PagedFile(path)
    footer = int.from_bytes(whole[-8:-4], "little")
    chosen = random.Random(6)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[chosen.randrange(len(whole) - footer - 8, len(whole))] = chosen.randrange(256)
        path.write_bytes(damaged)
        try:
            file = PagedFile(path)
            if file.has(given.column_names):
                file.rows([1, 2_000], given.column_names, remember=Kept(100).of)
        except (OSError, ValueError, pa.ArrowException):
            pass
