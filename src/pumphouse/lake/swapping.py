"""Data files put in the place of others that hold the same rows, in a snapshot of its own, as DuckLake does it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal
from pumphouse.errors import LakeError
from pumphouse.lake.lake import Lake

_COMPARED = re.compile(r"u?int(8|16|32|64)|decimal\(\d+,\d+\)|date|time|timestamp|timestamptz|varchar|boolean")
"""DuckLake's names of the types of which it is told the least and the greatest value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file in the table's folder, with each row's id in it, and its snapshot where they have several."""

    path: Path
    rows: int
    since: int
    """The snapshot in which the first of its rows came."""
    until: int
    """That in which the last came."""


def folder_of(lake: Lake, table: str) -> Path:
    """Where files of a table lie, which are named by a path relative to it."""
    rows = lake.catalogue(
        "SELECT s.path, s.path_is_relative, t.path, t.path_is_relative FROM {meta}.ducklake_table t"
        " JOIN {meta}.ducklake_schema s USING (schema_id)"
        f" WHERE s.schema_name = 'main' AND t.table_name = {literal(table)} AND t.end_snapshot IS NULL"
    )
    schema, is_in_lake, own, is_in_schema = rows[0]
    root = lake.folder / "data" / schema if is_in_lake else Path(schema)
    return root / own if is_in_schema else Path(own)


def swap(lake: Lake, table_id: int, pairs: Sequence[tuple[Sequence[int], Sequence[NewFile]]]) -> list[bool]:
    """Put new files in the place of old ones, known by their numbers, all in one snapshot; of each pair whether it was.

    It was not where an old file is not any more what it was. The caller holds the lock by which no build commits. Where
    it fails, nothing has changed.
    """
    meta = f"__ducklake_metadata_{lake.alias}"
    engine = lake.engine.fork()
    try:
        engine.execute("BEGIN")
        done = [_are_there(engine, meta, table_id, old) for old, _ in pairs]
        agreed = [pair for pair, is_there in zip(pairs, done, strict=True) if is_there]
        if agreed:
            listed = ", ".join(str(number) for old, _ in agreed for number in old)
            for statement in _statements(engine, meta, table_id, listed, [file for _, new in agreed for file in new]):
                engine.execute(statement)
        engine.execute("COMMIT")
    except (duckdb.Error, OSError) as error:
        with suppress(duckdb.Error):
            engine.execute("ROLLBACK")
        raise LakeError(f"files could not be put in the place of others: {str(error).splitlines()[0]}") from error
    finally:
        engine.close()
    return done


def _are_there(engine: DuckDB, meta: str, table_id: int, files: Sequence[int]) -> bool:
    """Whether they are in the newest snapshot, and nothing was deleted from them."""
    found = engine.execute(
        f"SELECT count(*) FROM {meta}.ducklake_data_file f WHERE f.data_file_id IN ({', '.join(map(str, files))})"
        f" AND f.table_id = {table_id} AND f.end_snapshot IS NULL AND NOT EXISTS"
        f" (SELECT 1 FROM {meta}.ducklake_delete_file d WHERE d.data_file_id = f.data_file_id)"
    )
    return bool(found[0][0] == len(files))


def _statements(engine: DuckDB, meta: str, table_id: int, old: str, new: Sequence[NewFile]) -> Iterator[str]:
    last, version, next_catalog, next_file = engine.execute(
        "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id"
        f" FROM {meta}.ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1"
    )[0]
    now = literal(datetime.now(UTC).isoformat(sep=" "))
    yield (
        f"INSERT INTO {meta}.ducklake_snapshot"
        " (snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id)"
        f" VALUES ({last + 1}, {now}, {version}, {next_catalog}, {next_file + len(new)})"
    )
    yield (
        f"INSERT INTO {meta}.ducklake_snapshot_changes (snapshot_id, changes_made)"
        f" VALUES ({last + 1}, 'merge_adjacent:{table_id}')"
    )
    relative = " AND ".join(f"CAST({one}.path_is_relative AS BOOLEAN)" for one in "fts")
    yield (
        f"INSERT INTO {meta}.ducklake_files_scheduled_for_deletion"
        " (data_file_id, path, path_is_relative, schedule_start)"
        " SELECT f.data_file_id, CASE WHEN NOT CAST(f.path_is_relative AS BOOLEAN) THEN f.path"
        " WHEN NOT CAST(t.path_is_relative AS BOOLEAN) THEN t.path || f.path ELSE s.path || t.path || f.path END,"
        f" {relative}, {now} FROM {meta}.ducklake_data_file f"
        f" JOIN {meta}.ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL"
        f" JOIN {meta}.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL"
        f" WHERE f.data_file_id IN ({old})"
    )
    for part in ("data_file", "file_column_stats"):
        yield f"DELETE FROM {meta}.ducklake_{part} WHERE data_file_id IN ({old})"
    for number, file in enumerate(new, start=next_file):
        yield from _named(engine, meta, table_id, number, file)


def _named(engine: DuckDB, meta: str, table_id: int, number: int, file: NewFile) -> Iterator[str]:
    with file.path.open("rb") as opened:
        opened.seek(-8, 2)
        footer = int.from_bytes(opened.read(4), "little")
    several = file.until if file.until > file.since else "NULL"
    yield (
        f"INSERT INTO {meta}.ducklake_data_file (data_file_id, table_id, begin_snapshot, path, path_is_relative,"
        f" file_format, record_count, file_size_bytes, footer_size, partial_max) VALUES ({number}, {table_id},"
        f" {file.since}, {literal(file.path.name)}, true, 'parquet', {file.rows}, {file.path.stat().st_size},"
        f" {footer}, {several})"
    )
    columns = engine.execute(
        f"SELECT column_id, column_name, column_type, parent_column FROM {meta}.ducklake_column"
        f" WHERE table_id = {table_id} AND begin_snapshot <= {file.since}"
        f" AND (end_snapshot IS NULL OR end_snapshot > {file.since})"
    )
    known = ", ".join(f"({number}, {table_id}, {values})" for values in _known(engine, file, columns))
    yield (
        f"INSERT INTO {meta}.ducklake_file_column_stats (data_file_id, table_id, column_id, column_size_bytes,"
        f" value_count, null_count, min_value, max_value) VALUES {known}"
    )


def _known(engine: DuckDB, file: NewFile, columns: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    """What is known of each column that is no other's parent, as SQL values."""
    parents = {parent for *_, parent in columns}
    told = engine.execute(
        "SELECT path_in_schema, sum(total_compressed_size), sum(num_values), sum(stats_null_count),"
        " list(stats_min_value), list(stats_max_value),"
        " bool_and(stats_null_count IS NOT NULL AND (stats_min_value IS NOT NULL OR stats_null_count = num_values))"
        f" FROM parquet_metadata({literal(str(file.path))}) GROUP BY path_in_schema"
    )
    by_path = {row[0]: row[1:] for row in told}
    for column, name, kind, parent in columns:
        if column in parents:
            continue
        found = by_path.get(name) if parent is None and ", " not in name else None
        if found is None:
            yield f"{column}, NULL, NULL, NULL, NULL, NULL"
            continue
        size, values, nulls, least, greatest, is_known = found
        low = high = None
        if is_known and _COMPARED.fullmatch(kind):
            sql = "HUGEINT" if "int" in kind else kind
            low, high = engine.execute(
                f"SELECT CAST(list_min(CAST(? AS {sql}[])) AS VARCHAR), CAST(list_max(CAST(? AS {sql}[])) AS VARCHAR)",
                [least, greatest],
            )[0]
        ends = ", ".join("NULL" if one is None or "\0" in one else literal(one) for one in (low, high))
        yield f"{column}, {size}, {values}, {'NULL' if nulls is None else nulls}, {ends}"
