"""Where rows lie: a few rows by their ids, read from their places in their files without reading the table.

DuckLake finds a row by its id only by reading the ids of all rows, and with them whatever else is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.layouts import ROW_ID, VERSION

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.engines.engine import Scan
    from pumphouse.lake.lake import Lake

PLACES_MAX = 1_000
"""Of more rows than this all are read: they are in most parts of the files anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A data file of a table at a snapshot."""

    path: str
    first: int | None
    """The id of its first row, where those of the others follow one by one."""
    rows: int
    since: int
    """The snapshot of its rows, where they do not say."""
    spans: tuple[tuple[int, int], ...] | None
    """The lowest and highest id of each row group, where ids stand in it."""
    has_versions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    file: _File
    row: int
    version: int


def scan_of(lake: Lake, table: str, ids: Collection[int], *, snapshot: int) -> Scan:
    """The scan of a table's rows at a snapshot, with `row_ids`, that has at least those with these ids.

    Each of them has to be there at the snapshot: of the places where a row was, its newest up to then is taken. Where
    that is not clear, or columns have changed since a file was written, it is the scan of all rows.
    """
    owner = lake.owner(table, snapshot)
    if owner is not None and owner is not lake and owner.pinned is not None:
        return scan_of(owner, table, ids, snapshot=owner.pinned)
    scan = lake.scan(table, snapshot=snapshot, row_ids=True)
    places = _places(lake, table, ids, at=snapshot) if len(ids) <= PLACES_MAX else None
    if places is None:
        return scan
    return replace(
        scan, relation=scan.relation.replace(f"{lake.name_of(table)} AT (VERSION => {snapshot})", f"({places})")
    )


def _places(lake: Lake, table: str, ids: Collection[int], *, at: int) -> str | None:
    """SQL of these rows as DuckLake would have them, with `rowid` and `snapshot_id`; None where it has to be asked."""
    stored = lake.stored_schema(table, snapshot=at)
    found = None
    for again in (False, True):
        files = _files(lake, table, stored, at=at, again=again)
        found = _found(lake, files, ids, at=at) if files is not None else None
        if found:
            break
    else:
        return None
    by_file: dict[_File, list[int]] = defaultdict(list)
    for place in found.values():
        by_file[place.file].append(place.row)
    columns = ", ".join(quoted(name) for name in stored.names)
    return " UNION ALL ".join(
        f"SELECT {columns}, {_id(file)} AS rowid, {_version(file)} AS snapshot_id"
        f" FROM read_parquet({literal(file.path)}, file_row_number = true)"
        f" WHERE file_row_number IN ({', '.join(map(str, sorted(rows)))})"
        for file, rows in by_file.items()
    )


def _found(lake: Lake, files: Sequence[_File], ids: Collection[int], *, at: int) -> dict[int, _Place] | None:
    """The newest place of each row; None where one is nowhere, or has two."""
    found: dict[int, _Place] = {}
    clear = True
    for row_id, place in _candidates(lake, files, sorted(ids)):
        other = found.get(row_id)
        if place.version > at:  # of a file that was merged later
            continue
        if other is None or other.version < place.version:
            found[row_id] = place
        elif other.version == place.version:
            clear = False
    return found if clear and found.keys() == set(ids) else None


def _candidates(lake: Lake, files: Sequence[_File], ids: Sequence[int]) -> Iterator[tuple[int, _Place]]:
    for file in files:
        if file.spans is None:
            assert file.first is not None
            within = [one for one in ids if file.first <= one < file.first + file.rows]
            places = [(one, one - file.first) for one in within]
            if not file.has_versions:
                yield from ((one, _Place(file=file, row=row, version=file.since)) for one, row in places)
                continue
            condition = f"file_row_number IN ({', '.join(str(row) for _, row in places)})"
        else:
            within = [one for one in ids if any(low <= one <= high for low, high in file.spans)]
            condition = f"{ROW_ID} IN ({', '.join(map(str, within))})"
        if within:
            rows = lake.engine.fork().execute(
                f"SELECT {_id(file)}, file_row_number, {_version(file)}"
                f" FROM read_parquet({literal(file.path)}, file_row_number = true) WHERE {condition}"
            )
            yield from ((one, _Place(file=file, row=row, version=version)) for one, row, version in rows)


def _files(lake: Lake, table: str, stored: pa.Schema, *, at: int, again: bool) -> list[_File] | None:
    """The data files of a table at a snapshot; None where one has other columns than the table has now."""
    rows = lake.layouts.listed(table, at, lambda: _listed(lake, table, at=at), again=again)
    files = []
    for path, relative, of_table, table_relative, of_schema, schema_relative, first, count, since, columns in rows:
        whole = Path(path)
        for part, is_within in ((of_table, relative), (of_schema, relative and table_relative)):
            whole = Path(part) / whole if is_within else whole
        if relative and table_relative and schema_relative:
            whole = lake.folder / "data" / whole
        layout = lake.layouts.of(whole) if since >= columns and whole.exists() else None
        if layout is None or not layout.holds(stored) or (layout.spans is None and first is None):
            return None
        files.append(
            _File(
                path=str(whole),
                first=first,
                rows=count,
                since=since,
                spans=layout.spans,
                has_versions=layout.has_versions,
            )
        )
    return files


def _listed(lake: Lake, table: str, *, at: int) -> list[tuple[Any, ...]]:
    alive = f"begin_snapshot <= {at} AND (end_snapshot IS NULL OR end_snapshot > {at})"
    return lake.catalogue(
        "WITH t AS (SELECT t.table_id, t.path AS table_path, t.path_is_relative AS table_relative,"
        " s.path AS schema_path, s.path_is_relative AS schema_relative"
        " FROM {meta}.ducklake_table t JOIN {meta}.ducklake_schema s"
        f" USING (schema_id) WHERE s.schema_name = 'main' AND t.table_name = {literal(table)}"
        f" AND t.begin_snapshot <= {at} AND (t.end_snapshot IS NULL OR t.end_snapshot > {at}))"
        " SELECT f.path, f.path_is_relative, table_path, table_relative, schema_path, schema_relative, f.row_id_start,"
        " f.record_count, f.begin_snapshot, (SELECT max(begin_snapshot) FROM {meta}.ducklake_column"
        f" WHERE table_id = (SELECT table_id FROM t) AND {alive})"
        f" FROM (SELECT * FROM {{meta}}.ducklake_data_file WHERE {alive}) f JOIN t USING (table_id)"
    )


def _id(file: _File) -> str:
    return ROW_ID if file.spans is not None else f"file_row_number + {file.first}"


def _version(file: _File) -> str:
    return VERSION if file.has_versions else str(file.since)
