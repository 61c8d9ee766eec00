"""Upkeep of the lake's files: the same rows, at every snapshot, in fewer files.

Each step is one table's, and no build commits meanwhile. A file that is in no snapshot any more stays for
LEFT_BEHIND_S: who has begun to read it, reads on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pumphouse.engines.parameters import literal
from pumphouse.lake.lake import Lake
from pumphouse.lake.locks import held
from pumphouse.lake.statistics import forget

WAIT_S = 600.0
"""How long a step waits for a build that commits."""
DELETED_SHARE = 0.2
"""A file is written again where more of its rows are deleted."""
_ROW_ID = "_ducklake_internal_row_id"
"""The column of a data file that holds the ids of rows which were elsewhere before."""


def merge_files(lake: Lake) -> None:
    """Have DuckLake write neighbouring small files as one; snapshots, rows and their ids stay."""
    for table in lake.tables():
        with _no_commit(lake, f"merging files of {table}"):
            keep_row_ids(lake, table)
            lake.engine.fork().execute(
                "CALL ducklake_merge_adjacent_files(?, ?, schema => 'main')", [lake.alias, table]
            )


def rewrite_deletes(lake: Lake, *, deleted_share: float = DELETED_SHARE) -> None:
    """Have DuckLake write files again without their deleted rows, in a snapshot of its own; row ids stay."""
    for table in lake.tables():
        with _no_commit(lake, f"rewriting files of {table}"):
            if _has_deletes(lake, table):
                forget(lake, table)
                lake.engine.fork().execute(
                    "CALL ducklake_rewrite_data_files(?, ?, schema => 'main', delete_threshold => ?)",
                    [lake.alias, table, deleted_share],
                )


def keep_row_ids(lake: Lake, table: str) -> None:
    """Have DuckLake take the ids of updated rows from their files, where they stand.

    It gives a file of updated rows a range of ids as well, and merging such files gives the rows ids of that range, at
    every snapshot (DuckLake of DuckDB 1.5.5; decision 33). A file without a range keeps those that stand in it.
    """
    engine = lake.engine.fork()
    files = [file for (file,) in engine.execute("SELECT data_file FROM ducklake_list_files(?, ?)", [lake.alias, table])]
    named = (
        engine.execute(
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


def _has_deletes(lake: Lake, table: str) -> bool:
    rows = lake.engine.fork().execute(
        "SELECT 1 FROM ducklake_list_files(?, ?) WHERE delete_file IS NOT NULL LIMIT 1", [lake.alias, table]
    )
    return bool(rows)


@contextmanager
def _no_commit(lake: Lake, purpose: str) -> Iterator[None]:
    with (
        held(lake.folder / "commit.lock", purpose=purpose, wait_s=WAIT_S),
        lake.taking_turns("commit", purpose=purpose, wait_s=WAIT_S),
    ):
        yield
