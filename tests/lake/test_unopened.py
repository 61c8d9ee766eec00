"""A catalogue that can't be opened says why and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import BuildError, LakeError
from pumphouse.lake.databases import unopened
from pumphouse.lake.lake import CATALOGUE_FILE, Lake, Location


@pytest.mark.parametrize("bytes_left", [b"", b"no catalogue" * 100])
def test_a_damaged_catalogue_is_told_with_what_to_put_back(tmp_path: Path, bytes_left: bytes) -> None:
    Lake(Location(folder=tmp_path), engine=DuckDB(threads=1)).close()
    (tmp_path / CATALOGUE_FILE).write_bytes(bytes_left)
    with pytest.raises(LakeError, match="is damaged") as caught:
        Lake(Location(folder=tmp_path), engine=DuckDB(threads=1))
    assert "metadata.sqlite back" in (caught.value.mend or "")


def test_a_disk_that_can_only_be_read_is_told(tmp_path: Path) -> None:
    said = duckdb.Error('Failed to prepare query "SELECT 1": unable to open database file')  # as DuckDB says it there
    assert "can't be opened for writing" in str(unopened(tmp_path, None, said))


def test_a_file_that_was_cut_off_is_told_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "data" / "cut.parquet"
    file.parent.mkdir()
    engine = DuckDB(threads=1)
    pq.write_table(pa.table({"n": range(1000)}), file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(BuildError) as caught:
        engine.read(Query(text=f"FROM read_parquet('{file}')")).read_all()
    assert re.search("is damaged; build the table", caught.value.mend or "")
