"""What DuckLake knows of a table's columns as a whole: their least and greatest values, and whether one is missing.

It keeps one such record of a table and uses it for every snapshot. The record grows with what is added, so that it is
true of snapshots before. Not so where files are rewritten without deleted rows (it shrinks to the rows that are left)
and where a column gets a wider type (its values are then of another type than the column was): a query at an earlier
snapshot lacks rows, has other numbers, or ends the database (DuckLake of DuckDB 1.5.5; decision 36). Without a record
it looks at the files' own, which never change; and a record that was taken away does not come back.
"""

from __future__ import annotations

import pyarrow as pa

from pumphouse.engines.parameters import literal
from pumphouse.lake.lake import Lake
from pumphouse.lake.schemas import widens


def forget(lake: Lake, table: str) -> None:
    """Take the record away; harmless at any time, so that nothing is wrong if what should follow never does."""
    ours = (
        "SELECT table_id FROM {meta}.ducklake_table t JOIN {meta}.ducklake_schema s USING (schema_id)"
        f" WHERE s.schema_name = 'main' AND t.table_name = {literal(table)} AND t.end_snapshot IS NULL"
    )
    found = lake.catalogue(
        f"SELECT DISTINCT table_id FROM {{meta}}.ducklake_table_column_stats WHERE table_id IN ({ours})"
    )
    for (number,) in found:
        lake.catalogue(f"DELETE FROM {{meta}}.ducklake_table_column_stats WHERE table_id = {number}")


def forget_before_widening(lake: Lake, table: str, arriving: pa.Schema) -> None:
    """Take the record away where rows of these types make a column of the table wider."""
    if table not in lake.tables():
        return
    old = lake.stored_schema(table, snapshot=lake.snapshot())
    both = [(old.field(column.name).type, column.type) for column in arriving if column.name in old.names]
    if any(before != after and widens(before, after) for before, after in both):
        forget(lake, table)
