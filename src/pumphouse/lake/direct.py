"""Reading a table's files themselves, where that is the same as reading the table, and takes a third of the time.

DuckLake looks into its catalogue for each query anew. A table of a few files that nothing was deleted from, and whose
columns are those that the files have, is as well read by DuckDB alone.
"""

from __future__ import annotations

from dataclasses import replace

from pumphouse.engines.engine import Scan
from pumphouse.engines.parameters import literal
from pumphouse.lake.lake import Lake

FILES_MAX = 16
"""DuckLake passes over files by what it knows of their values; of so few, DuckDB may open each."""


def direct(lake: Lake, scan: Scan, *, files_max: int = FILES_MAX) -> Scan:
    """The same rows from the table's files, or the scan as it is where they may not be the same.

    Either says how wide its rows are.
    """
    place = f"{lake.name_of(scan.table)} AT (VERSION => {scan.snapshot})"
    if scan.relation.count(place) != 1 or scan.is_live:
        return scan
    paths, row_bytes = _paths(lake, scan, files_max=files_max)
    scan = replace(scan, row_bytes=row_bytes)
    if paths is None:
        return scan
    files = f"read_parquet([{', '.join(map(literal, paths))}])"
    cursor = lake.engine.connection.cursor()
    types = [
        {name: kind for name, kind, *_ in cursor.execute(f"DESCRIBE SELECT * FROM {of}").fetchall()}
        for of in (place, files)
    ]
    if not types[0].items() <= types[1].items():
        return scan
    return replace(scan, relation=scan.relation.replace(place, files))


def _paths(lake: Lake, scan: Scan, *, files_max: int) -> tuple[list[str] | None, int]:
    """The files of a table, and the bytes of a row in them.

    None for the files where their rows and columns are not all its own, or they are too many.
    """
    meta, at = f"__ducklake_metadata_{lake.alias}", scan.snapshot
    there = "{0}.begin_snapshot <= {1} AND ({0}.end_snapshot IS NULL OR {0}.end_snapshot > {1})"
    tables = (
        f"SELECT t.table_id FROM {meta}.ducklake_table t JOIN {meta}.ducklake_schema s USING (schema_id)"
        f" WHERE s.schema_name = 'main' AND t.table_name = {literal(scan.table)}"
        f" AND {there.format('t', at)} AND {there.format('s', at)}"
    )
    cursor = lake.engine.connection.cursor()
    # A file from before a column was added, renamed or made wider has to be read as DuckLake does.
    columns = f"SELECT max(c.begin_snapshot) FROM {meta}.ducklake_column c WHERE c.table_id IN ({tables})"
    count, own, row_bytes = cursor.execute(
        f"SELECT count(*), count(*) FILTER (f.partial_max IS NULL AND f.encryption_key IS NULL"
        f" AND f.file_format = 'parquet' AND f.begin_snapshot >= ({columns} AND {there.format('c', at)})),"
        " CAST(coalesce(sum(f.file_size_bytes - coalesce(f.footer_size, 0)) // nullif(sum(f.record_count), 0), 0)"
        " AS BIGINT)"
        f" FROM {meta}.ducklake_data_file f WHERE f.table_id IN ({tables}) AND {there.format('f', at)}"
    ).fetchall()[0]
    if not 0 < count == own <= files_max:
        return None, row_bytes
    listed = cursor.execute(
        "SELECT data_file, delete_file FROM ducklake_list_files(?, ?, snapshot_version => ?)",
        [lake.alias, scan.table, at],
    ).fetchall()
    if len(listed) != count or any(deletes is not None for _, deletes in listed):
        return None, row_bytes
    return [path for path, _ in listed], row_bytes
