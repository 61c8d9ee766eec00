"""Which rows of a table differ between two snapshots, by the row ids that DuckLake keeps through updates and merges.

A rewrite of files gives each row that it copies a new version and the same id, so what it did is left out: the rows
before and after it are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from pumphouse.engines.parameters import literal
from pumphouse.lake.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

_REWRITES = ("rewrite_delete", "merge_adjacent", "compacted_table")
"""What DuckLake says of a snapshot whose rows are those of the one before."""


def table_id(lake: Lake, table: str, *, snapshot: int) -> str:
    """The identity of a table, which another one of the same name does not have."""
    home, at = _home(lake, table, snapshot)
    rows = home.catalogue(
        "SELECT CAST(table_uuid AS VARCHAR) FROM {meta}.ducklake_table t"
        " JOIN {meta}.ducklake_schema s USING (schema_id)"
        f" WHERE s.schema_name = 'main' AND t.table_name = {literal(table)}"
        f" AND t.begin_snapshot <= {at} AND (t.end_snapshot IS NULL OR t.end_snapshot > {at})"
    )
    return str(rows[0][0])


def changed(lake: Lake, table: str, *, snapshot: int) -> int:
    """The newest snapshot, up to this one, in which rows of the table came or went; a rewrite is such a one too.

    Files tell of those whose snapshot is expired, and DuckLake's list of changes of rows that it keeps in no file.
    """
    home, at = _home(lake, table, snapshot)
    ours = (
        "(SELECT table_id FROM {meta}.ducklake_table"
        f" WHERE CAST(table_uuid AS VARCHAR) = {literal(table_id(home, table, snapshot=at))} LIMIT 1)"
    )
    moments = [
        f"SELECT {moment} AS moment FROM {{meta}}.{files} WHERE table_id = {ours}"
        for files in ("ducklake_data_file", "ducklake_delete_file")
        for moment in ("begin_snapshot", "end_snapshot")
    ]
    moments.append(
        "SELECT snapshot_id AS moment FROM {meta}.ducklake_snapshot_changes"
        f" WHERE regexp_matches(changes_made, '(^|,)[a-z_]+:' || {ours} || '(,|$)')"
    )
    rows = home.catalogue(f"SELECT max(moment) FROM ({' UNION ALL '.join(moments)}) WHERE moment <= {at}")
    return int(rows[0][0] or 0)


def differing(lake: Lake, table: str, *, one: int, other: int) -> pa.Array | None:
    """The ids of all rows that are in one snapshot and not in the other, or not the same; None where nobody knows.

    That is so where one of them is expired, or the table is not the same one. Rows of hidden people are not among them.
    """
    import pyarrow as pa

    home, at = _home(lake, table, other)
    if home is not lake or one == at:
        return pa.array([], pa.int64())
    low, high = sorted((one, at))
    if not _are_there(home, low, high) or table_id(home, table, snapshot=low) != table_id(home, table, snapshot=high):
        return None
    changes = [
        f"SELECT rowid FROM ducklake_table_{kind}({literal(home.alias)}, 'main', {literal(table)}, {first}, {last})"
        for first, last in _unrewritten(home, low, high)
        for kind in ("deletions", "insertions")
    ]
    if not changes:
        return pa.array([], pa.int64())
    cursor = home.engine.connection.cursor()
    try:
        return cursor.execute(" UNION ".join(changes)).to_arrow_table().column(0).combine_chunks().cast(pa.int64())
    except duckdb.Error:  # a file of a snapshot between was removed
        return None
    finally:
        cursor.close()


def is_rewritten(lake: Lake, table: str, *, after: int, until: int) -> bool:
    """Whether files were rewritten in these snapshots, so that a row's version says nothing of when it came."""
    home, at = _home(lake, table, until)
    return home is lake and bool(_rewrites(home, after, at))


def hidden(lake: Lake, table: str, *, snapshot: int) -> pa.Array:
    """The ids of the rows that the table has at a snapshot and a scan does not show."""
    import pyarrow as pa

    home, at = _home(lake, table, snapshot)
    scan = home.scan(table, snapshot=at, row_ids=True)
    cursor = home.engine.connection.cursor()
    try:
        found = cursor.execute(
            f"SELECT rowid FROM {home.name_of(table)} AT (VERSION => {at}) EXCEPT SELECT _rowid FROM ({scan.relation})"
        )
        return found.to_arrow_table().column(0).combine_chunks().cast(pa.int64())
    finally:
        cursor.close()


def _home(lake: Lake, table: str, snapshot: int) -> tuple[Lake, int]:
    """The lake that has the table, and the snapshot at which it is read there."""
    owner = lake.owner(table, snapshot)
    if owner is None:
        lake.scan(table, snapshot=snapshot)  # it raises, and says what there is
        raise AssertionError(table)
    return owner, snapshot if owner is lake or owner.pinned is None else owner.pinned


def _are_there(lake: Lake, *snapshots: int) -> bool:
    listed = ", ".join(map(str, set(snapshots)))
    rows = lake.catalogue(f"SELECT count(*) FROM {{meta}}.ducklake_snapshot WHERE snapshot_id IN ({listed})")
    return int(rows[0][0]) == len(set(snapshots))


def _rewrites(lake: Lake, after: int, until: int) -> list[int]:
    names = " OR ".join(f"contains(changes_made, {literal(name)})" for name in _REWRITES)
    rows = lake.catalogue(
        "SELECT snapshot_id FROM {meta}.ducklake_snapshot_changes"
        f" WHERE snapshot_id > {after} AND snapshot_id <= {until} AND ({names}) ORDER BY 1"
    )
    return [int(row[0]) for row in rows]


def _unrewritten(lake: Lake, low: int, high: int) -> list[tuple[int, int]]:
    """The spans of snapshots after `low` up to `high`, both ends among them, without those that only rewrote files."""
    spans = []
    first = low + 1
    for rewrite in [*_rewrites(lake, low, high), high + 1]:
        if first < rewrite:
            spans.append((first, rewrite - 1))
        first = rewrite + 1
    return spans
