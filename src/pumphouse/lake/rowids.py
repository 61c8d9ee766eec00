"""Which rows of a table differ between two snapshots, by the row ids that DuckLake keeps through updates and merges.

A rewrite of files gives each row that it copies a new version and the same id, so what it did is left out: the rows
before and after it are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pumphouse.engines.parameters import literal
from pumphouse.lake.expired import refuse_missing
from pumphouse.lake.lake import Lake
from pumphouse.lake.moments import written
from pumphouse.lake.moved import Moved, moved

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.lake.asking import Ask
    from pumphouse.lake.layouts import File

_REWRITES = ("rewrite_delete", "merge_adjacent", "compacted_table")
"""What DuckLake says of a snapshot whose rows are those of the one before."""
_PLAIN = {"inserted_into_table", "deleted_from_table", "altered_table"}
"""What it says of one whose rows are in files, each of one snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells whether a table is still the same, and has the same rows."""

    table_id: str
    """Another table of the same name, as one that is replaced as a whole, has another one."""
    changed: int
    """The newest snapshot, up to the one asked about, in which rows came or went; a rewrite is such a one too."""
    moment: str
    """When that snapshot was made: its number alone may come again. Empty where it left the lake."""
    columns: dict[str, tuple[str, str]]
    """Each column, in lower case, with what it is known by, which a new one of the same name has not, and its type.

    Whole numbers are of one type, since a wider one shows the same number.
    """


def home(lake: Lake, table: str, snapshot: int) -> tuple[Lake, int]:
    """The lake that has the table, and the snapshot at which it is read there. Raises UnknownName."""
    owner = lake.owner(table, snapshot)
    if owner is None:
        lake.scan(table, snapshot=snapshot)  # it raises, and says what there is
        raise AssertionError(table)
    return owner, snapshot if owner is lake or owner.pinned is None else owner.pinned


def identity(lake: Lake, table: str, *, snapshot: int) -> Identity:
    """What a table of this lake is at a snapshot. Raises SnapshotExpired for one that left.

    Files tell of changes whose snapshot is expired, and DuckLake's list of changes of rows that it keeps in no file.
    """
    with lake.asking() as ask:
        own = _own(ask, lake, table, snapshot)
        is_kept = ask(f"SELECT count(*) FROM {{meta}}.ducklake_snapshot WHERE snapshot_id = {snapshot}")[0][0]
        if own is not None and is_kept:
            changed = _changed(ask, own, snapshot)
            made = ask(f"SELECT snapshot_time FROM {{meta}}.ducklake_snapshot WHERE snapshot_id = {changed}")
            return Identity(
                table_id=own.uuid,
                changed=changed,
                moment=written(made[0][0]) if made else "",
                columns=_columns(ask, own, snapshot),
            )
    refuse_missing(snapshot, catalogue=lake.catalogue)
    raise AssertionError(table)


def _changed(ask: Ask, own: _Own, snapshot: int) -> int:
    moments = [
        f"SELECT {moment} AS moment FROM {{meta}}.{files} WHERE table_id = {own.number} AND {moment} <= {snapshot}"
        for files in ("ducklake_data_file", "ducklake_delete_file")
        for moment in ("begin_snapshot", "end_snapshot")
    ]
    moments.append(
        f"SELECT snapshot_id FROM {{meta}}.ducklake_snapshot_changes WHERE snapshot_id <= {snapshot}"
        f" AND regexp_matches(changes_made, '(^|,)[a-z_]+:{own.number}(,|$)')"
    )
    return int(ask(f"SELECT max(moment) FROM ({' UNION ALL '.join(moments)})")[0][0] or 0)


def _columns(ask: Ask, own: _Own, snapshot: int) -> dict[str, tuple[str, str]]:
    rows = ask(
        "SELECT lower(column_name), CAST(column_id AS VARCHAR),"
        " CASE WHEN regexp_full_match(column_type, 'u?int(8|16|32)|int64') THEN 'integer' ELSE column_type END"
        f" FROM {{meta}}.ducklake_column WHERE parent_column IS NULL AND table_id = {own.number}"
        f" AND begin_snapshot <= {snapshot} AND (end_snapshot IS NULL OR end_snapshot > {snapshot})"
    )
    return {name: (known_by, kind) for name, known_by, kind in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """Which rows of a table differ between two snapshots."""

    ids: pa.Array
    has_come: bool
    """Whether a row came, or changed, from the earlier snapshot to the later; else all of them went."""
    is_rewritten: bool
    """Whether files were rewritten between them, so that a row's version says nothing of when it came."""
    files: tuple[File, ...] | None = None
    """Files of the rows that came, and of nothing else, where there are such."""


def differing(lake: Lake, table: str, *, one: int, other: int) -> Differing | None:
    """The ids of all rows that are in one snapshot and not in the other, or not the same; None where nobody knows.

    That is so where one of them is expired, or the table is not the same one, or its columns are not: rows then differ
    of which nothing is written down. Rows of hidden people are not among them. The table is one of this lake.
    """
    try:
        return _differing(lake, table, one=one, other=other)
    except duckdb.Error:  # a snapshot between them left meanwhile: what is there now is asked once more
        return _differing(lake, table, one=one, other=other)


def _differing(lake: Lake, table: str, *, one: int, other: int) -> Differing | None:
    import pyarrow as pa

    if one == other:
        return Differing(ids=pa.array([], pa.int64()), has_come=False, is_rewritten=False)
    low, high = sorted((one, other))
    told = _told(lake, table, low, high)
    if told is None:
        return None
    if told.is_expired:  # what came and went is not told across snapshots that are expired
        return Differing(ids=_compared(lake, table, low, high), has_come=True, is_rewritten=bool(told.rewrites))
    if (moved := told.moved) is not None:
        both = pa.chunked_array([moved.came, moved.went]).unique()
        return Differing(ids=both, has_come=len(moved.came) > 0, is_rewritten=False, files=moved.files)
    came, went = (
        [
            f"SELECT rowid FROM ducklake_table_{kind}({literal(lake.alias)}, 'main', {literal(table)}, {first}, {last})"
            for first, last in _unrewritten(told.rewrites, low, high)
        ]
        for kind in ("insertions", "deletions")
    )
    if not came:
        return Differing(ids=pa.array([], pa.int64()), has_come=False, is_rewritten=True)
    ids = _ids(lake, " UNION ALL ".join(came))
    both = pa.chunked_array([ids, _ids(lake, " UNION ALL ".join(went))]).unique()
    return Differing(ids=both, has_come=len(ids) > 0, is_rewritten=bool(told.rewrites))


def hidden(lake: Lake, table: str, *, snapshot: int) -> pa.Array:
    """The ids of the rows that a table of this lake has at a snapshot and a scan does not show."""

    scan = lake.scan(table, snapshot=snapshot, row_ids=True)
    return _ids(
        lake,
        f"SELECT rowid FROM {lake.name_of(table)} AT (VERSION => {snapshot})"
        f" EXCEPT SELECT _rowid FROM ({scan.relation})",
    )


def _compared(lake: Lake, table: str, low: int, high: int) -> pa.Array:
    """As `differing`, by the ids and versions of all rows; rows of files that were rewritten are among them."""
    one, other = (
        f"(SELECT rowid AS id, snapshot_id AS version FROM {lake.name_of(table)} AT (VERSION => {at}))"
        for at in (low, high)
    )
    return _ids(
        lake,
        f"SELECT id FROM {one} one FULL JOIN {other} other USING (id) WHERE one.version IS DISTINCT FROM other.version",
    )


def _ids(lake: Lake, query: str) -> pa.Array:
    import pyarrow as pa

    cursor = lake.engine.connection.cursor()
    try:
        return cursor.execute(query).to_arrow_table().column(0).combine_chunks().cast(pa.int64())
    finally:
        cursor.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """A table, as the catalogue has it."""

    number: int
    uuid: str
    folder: Path
    """Where its files are."""


def _own(ask: Ask, lake: Lake, table: str, snapshot: int) -> _Own | None:
    rows = ask(
        "SELECT t.table_id, CAST(t.table_uuid AS VARCHAR), s.path, CAST(s.path_is_relative AS BOOLEAN), t.path,"
        " CAST(t.path_is_relative AS BOOLEAN)"
        " FROM {meta}.ducklake_table t JOIN {meta}.ducklake_schema s USING (schema_id)"
        f" WHERE s.schema_name = 'main' AND t.table_name = {literal(table)}"
        f" AND t.begin_snapshot <= {snapshot} AND (t.end_snapshot IS NULL OR t.end_snapshot > {snapshot})"
    )
    if not rows:
        return None
    number, uuid, schema, is_in_lake, path, is_in_schema = rows[0]
    root = lake.folder / "data" / schema if is_in_lake else Path(schema)
    return _Own(number=number, uuid=uuid, folder=root / path if is_in_schema else Path(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the catalogue tells of a table between two snapshots that it has."""

    is_expired: bool
    """Whether a snapshot between them is expired."""
    rewrites: tuple[int, ...]
    """Snapshots that only rewrote its files."""
    moved: Moved | None
    """Which rows came and went, where its files tell."""


def _told(lake: Lake, table: str, low: int, high: int) -> _Told | None:
    """None where one of the snapshots is not there, or the table is not the same one at both."""
    with lake.asking() as ask:
        own, then = (_own(ask, lake, table, snapshot) for snapshot in (high, low))
        known, ends = ask(
            f"SELECT count(*), count(*) FILTER (snapshot_id IN ({low}, {high})) FROM {{meta}}.ducklake_snapshot"
            f" WHERE snapshot_id BETWEEN {low} AND {high}"
        )[0]
        if own is None or then is None or own.uuid != then.uuid or ends != 2:
            return None
        kinds = ask(
            "SELECT kind, list(snapshot_id ORDER BY snapshot_id) FROM (SELECT snapshot_id,"
            f" unnest(regexp_extract_all(changes_made, '(?:^|,)([a-z_]+):{own.number}\\b', 1)) AS kind"
            f" FROM {{meta}}.ducklake_snapshot_changes WHERE snapshot_id > {low} AND snapshot_id <= {high}) GROUP BY 1"
        )
        rewrites = sorted({at for kind, there in kinds if kind.startswith(_REWRITES) for at in there})
        is_expired = known <= high - low
        is_told = not is_expired and {kind for kind, _ in kinds} <= _PLAIN
        found = moved(ask, lake, table, table_id=own.number, folder=own.folder, low=low, high=high) if is_told else None
    return _Told(is_expired=is_expired, rewrites=tuple(rewrites), moved=found)


def _unrewritten(rewrites: tuple[int, ...], low: int, high: int) -> list[tuple[int, int]]:
    """The spans of snapshots after `low` up to `high`, both ends among them, without those that only rewrote files."""
    spans = []
    first = low + 1
    for rewrite in [*rewrites, high + 1]:
        if first < rewrite:
            spans.append((first, rewrite - 1))
        first = rewrite + 1
    return spans
