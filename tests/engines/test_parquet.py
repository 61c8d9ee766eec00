from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.engines import parquet
from pumphouse.engines.parquet import ParquetFiles, storable, write_batches


def test_batches_are_gathered_into_files_of_bounded_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "FILE_ROWS_MAX", 1000)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 250)
    schema = pa.schema([("x", pa.int64())])
    batches = (
        pa.record_batch([pa.array(range(start, start + 100), pa.int64())], schema) for start in range(0, 2500, 100)
    )
    written = write_batches(batches, schema, folder=tmp_path / "new", stem="t")
    assert [file.name for file in written.files] == ["t_0.parquet", "t_1.parquet", "t_2.parquet"]
    assert written.rows == 2500
    assert pq.read_table(tmp_path / "new")["x"].to_pylist() == list(range(2500))
    assert pq.ParquetFile(written.files[0]).num_row_groups > 1


@pytest.mark.parametrize(("width", "rows"), [(1_000, 3_000), (20_000, 209)])
def test_row_group_of_wide_rows_is_no_more_than_an_engine_may_hold_several_times(
    tmp_path: Path, width: int, rows: int
) -> None:
    table = pa.table({"id": range(3_000), "text": pa.array(["x" * width] * 3_000)})
    written = write_batches(table.to_batches(max_chunksize=1_000), table.schema, folder=tmp_path, stem="t", key=("id",))
    metadata = pq.read_metadata(written.files[0])
    assert max(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)) == rows
    assert pq.read_table(written.files[0]).equals(table)


def test_no_batches_are_one_file_with_the_columns(tmp_path: Path) -> None:
    schema = pa.schema([("x", pa.int64()), ("t", pa.large_string())])
    written = write_batches([], schema, folder=tmp_path, stem="t")
    assert (written.rows, len(written.files)) == (0, 1)
    assert pq.read_schema(written.files[0]) == written.schema == storable(schema)


def test_columns_are_matched_by_name_and_cast_exactly_or_refused(tmp_path: Path) -> None:
    schema = pa.schema([("x", pa.int64()), ("d", pa.decimal128(6, 2))])
    with ParquetFiles(tmp_path, "t", schema) as files:
        files.write(
            pa.RecordBatch.from_pydict({"d": pa.array([Decimal("1.5")]), "x": pa.array([1], pa.int8()), "y": [0]})
        )
        written = files.close()
    assert pq.read_table(written.files[0]).to_pylist() == [{"x": 1, "d": Decimal("1.50")}]
    for wrong in ({"x": [1.5], "d": [None]}, {"x": [2**40], "d": [Decimal("99999.99")]}):
        batch = pa.RecordBatch.from_pydict(wrong)
        with pytest.raises(pa.ArrowInvalid), ParquetFiles(tmp_path, "wrong", schema) as files:
            files.write(batch)
    assert [file.name for file in tmp_path.iterdir()] == ["t_0.parquet"]


def test_whole_numbers_are_kept_as_differences_and_come_back_as_they_were(tmp_path: Path) -> None:
    columns = {
        "i": pa.array([-(2**63), 2**63 - 1, None, 0]),
        "u": pa.array([0, 2**64 - 1, None, 1], pa.uint64()),
        "b": pa.array([-128, 127, None, 0], pa.int8()),
        "d": pa.array([-(2**31), 2**31 - 1, None, 0], pa.int32()).cast(pa.date32()),
        "c": pa.array([0, 86_400_000_000, None, 1]).cast(pa.time64("us")),
        "t": pa.array([-(2**63) + 1, 2**63 - 1, None, 0]).cast(pa.timestamp("us", tz="UTC")),
        "n": pa.array([Decimal("-9999999999999999.99"), Decimal("0.01"), None, Decimal(0)], pa.decimal128(18, 2)),
        "w": pa.array([Decimal(-(10**37)), Decimal(10**37), None, Decimal(0)], pa.decimal128(38, 0)),
        "f": pa.array([float("inf"), -0.0, None, 0.1]),
        "l": pa.array([[1, None], [], None, [2**62]]),
    }
    batch = pa.RecordBatch.from_pydict(columns)
    written = write_batches([batch], batch.schema, folder=tmp_path, stem="t")
    assert pq.read_table(written.files[0]).combine_chunks().to_batches() == [batch]
    group = pq.read_metadata(written.files[0]).row_group(0)
    chunks = [group.column(nth) for nth in range(group.num_columns)]
    kept = {one.path_in_schema for one in chunks if "DELTA_BINARY_PACKED" in one.encodings}
    assert kept == {"i", "u", "b", "d", "c", "t", "n"}


def test_a_failure_removes_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1)

    def failing() -> None:
        with ParquetFiles(tmp_path, "t", pa.schema([("x", pa.int64())])) as files:
            files.write(pa.RecordBatch.from_pydict({"x": [1]}))
            assert len(list(tmp_path.iterdir())) == 1
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        failing()
    assert list(tmp_path.iterdir()) == []


def test_types_are_kept_as_the_lake_has_them() -> None:
    kinds = {
        pa.dictionary(pa.int8(), pa.large_string()): pa.string(),
        pa.timestamp("ns"): pa.timestamp("us"),
        pa.timestamp("s", tz="Europe/Berlin"): pa.timestamp("us", tz="UTC"),
        pa.string_view(): pa.string(),
        pa.null(): pa.string(),
        pa.large_binary(): pa.binary(),
        pa.date64(): pa.date32(),
        pa.large_list(pa.timestamp("ms")): pa.list_(pa.timestamp("us")),
        pa.struct([("a", pa.date64())]): pa.struct([("a", pa.date32())]),
        pa.decimal128(38, 10): pa.decimal128(38, 10),
        pa.uint64(): pa.uint64(),
    }
    for kind, kept in kinds.items():
        assert storable(pa.schema([("x", kind)])) == pa.schema([("x", kept)])
    with pytest.raises(TypeError, match="an interval goes through DuckDB"):
        storable(pa.schema([("x", pa.month_day_nano_interval())]))


def test_a_filter_finds_what_is_not_a_number_and_skips_by_other_columns(tmp_path: Path) -> None:
    rows = pa.table({"id": [1, 2, 3], "x": [1.0, float("nan"), 2.0], "y": pa.array([1.0, 2.0, math.nan], pa.float32())})
    [file] = write_batches(rows.to_batches(), rows.schema, folder=tmp_path, stem="t").files
    found = duckdb.sql(f"SELECT id FROM '{file}' WHERE x > 5 UNION ALL SELECT id FROM '{file}' WHERE y > 5").fetchall()
    assert found == [(2,), (3,)]
    group = pq.ParquetFile(file).metadata.row_group(0)
    assert [group.column(number).is_stats_set for number in range(3)] == [True, False, False]


def test_a_lookup_by_key_passes_over_row_groups_that_do_not_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1000)
    schema = pa.schema([("id", pa.string()), ("number", pa.int64()), ("value", pa.float64()), ("word", pa.string())])
    rows = [
        {"id": f"{i * 7919 % 5000:04d}", "number": i * 104729 % 5000, "value": 0.5, "word": ""} for i in range(5000)
    ]
    batches = (pa.RecordBatch.from_pylist(rows[at : at + 500], schema) for at in range(0, 5000, 500))
    written = write_batches(batches, schema, folder=tmp_path, stem="t", key=("id", "number", "value", "absent"))
    file = str(written.files[0])
    engine = duckdb.connect()
    filtered = engine.execute(
        "SELECT path_in_schema FROM parquet_metadata(?) GROUP BY 1 HAVING count(bloom_filter_offset) = 5", [file]
    )
    assert sorted(filtered.fetchall()) == [("id",), ("number",)]
    for column, values in (("id", ["0042", "4711"]), ("number", [42, 4711])):
        for value in values:
            assert engine.execute(
                f"SELECT count(*) FROM read_parquet(?) WHERE {column} = ?", [file, value]
            ).fetchall() == [(1,)]
            kept = engine.execute(
                "SELECT count(*) FILTER (NOT bloom_filter_excludes) FROM parquet_bloom_probe(?, ?, ?)",
                [file, column, value],
            ).fetchall()[0][0]
            assert 1 <= kept <= 2


def test_a_bloom_filter_is_as_large_as_the_rows_need(tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.string())])
    sizes = []
    for rows in (10, 1000, 61_440):
        batch = pa.record_batch([pa.array([f"{i:08x}" for i in range(rows)])], schema)
        file = write_batches([batch], schema, folder=tmp_path, stem=f"t{rows}", key=("id",)).files[0]
        sizes += duckdb.connect().execute("SELECT bloom_filter_length FROM parquet_metadata(?)", [str(file)]).fetchone()
    assert sizes[0] < 100 < sizes[1] < 2_100 < sizes[2] < 66_000
    empty = write_batches([], schema, folder=tmp_path, stem="none", key=("id",)).files[0]
    assert pq.ParquetFile(empty).metadata.num_rows == 0


def test_texts_are_packed_tightly_and_numbers_so_that_they_are_read_fast(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "text": ["a"],
            "number": [1.5],
            "price": pa.array([Decimal("1.50")], pa.decimal128(9, 2)),
            "tags": [["a"]],
            "who": [{"name": "b", "age": 3}],
            "named": pa.array([[("k", 2.5)]], pa.map_(pa.string(), pa.float64())),
        }
    )
    file = write_batches(rows.to_batches(), rows.schema, folder=tmp_path, stem="t").files[0]
    codecs = duckdb.connect().execute("SELECT path_in_schema, compression FROM parquet_metadata(?)", [str(file)])
    assert dict(codecs.fetchall()) == {
        "text": "ZSTD", "number": "LZ4_RAW", "price": "LZ4_RAW", "tags, list, element": "ZSTD",
        "who, name": "ZSTD", "who, age": "LZ4_RAW",
        "named, key_value, key": "ZSTD", "named, key_value, value": "LZ4_RAW",
    }  # fmt: skip
    assert duckdb.connect().execute("FROM read_parquet(?)", [str(file)]).fetchall() == [
        ("a", 1.5, Decimal("1.50"), ["a"], {"name": "b", "age": 3}, {"k": 2.5})
    ]
