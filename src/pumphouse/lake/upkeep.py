"""Upkeep of the lake's files: the same rows in fewer of them."""

from __future__ import annotations

from pumphouse.engines.parameters import literal
from pumphouse.lake.lake import Lake

_ROW_ID = "_ducklake_internal_row_id"
"""The column of a data file that holds the ids of rows which were elsewhere before."""


def merge_files(lake: Lake) -> None:
    """Have DuckLake write neighbouring small files as one; snapshots, rows and their ids stay."""
    keep_row_ids(lake)
    lake.engine.execute("CALL ducklake_merge_adjacent_files(?)", [lake.alias])


def keep_row_ids(lake: Lake) -> None:
    """Have DuckLake take the ids of updated rows from their files, where they stand.

    It gives a file of updated rows a range of ids as well, and merging such files gives the rows ids of that range, at
    every snapshot (DuckLake of DuckDB 1.5.5; decision 33). A file without a range keeps those that stand in it.
    """
    for table in lake.tables():
        files = [
            file
            for (file,) in lake.engine.execute("SELECT data_file FROM ducklake_list_files(?, ?)", [lake.alias, table])
        ]
        named = (
            lake.engine.execute(
                "SELECT DISTINCT parse_filename(file_name) FROM parquet_schema(?) WHERE name = ?", [files, _ROW_ID]
            )
            if files
            else []
        )
        if named:
            names = ", ".join(literal(name) for (name,) in named)
            lake.catalogue(
                "UPDATE {meta}.ducklake_data_file SET row_id_start = NULL"
                f" WHERE row_id_start IS NOT NULL AND parse_filename(path) IN ({names})"
            )
