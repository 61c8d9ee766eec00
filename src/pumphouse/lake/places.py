"""Where rows lie: the files of a few rows and their places in them, by their ids.

DuckLake finds a row by its id only by reading the ids of all rows, and with them whatever else is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pumphouse.engines.parameters import literal
from pumphouse.lake.file_ids import places_in
from pumphouse.lake.layouts import ROW_ID, VERSION, File

if TYPE_CHECKING:
    from pumphouse.lake.lake import Lake


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a version of a row is, and the snapshot in which it came."""

    file: File
    row: int
    version: int


def places_of(lake: Lake, table: str, ids: Collection[int], *, at: int) -> dict[int, Place] | None:
    """The places of rows of a table of this lake at a snapshot, at which each of them has to be there.

    Of the places where a row was, its newest up to then is taken. None where that is not clear, or columns have changed
    since a file was written: then the lake has to be asked.
    """
    stored = lake.stored_schema(table, snapshot=at)
    for is_known in (True, False):
        files = lake.layouts.files.get((table, at)) if is_known else _files(lake, table, stored, at=at)
        if not is_known and files is not None:
            lake.layouts.files.put((table, at), files)
        found = None
        with suppress(OSError, pa.ArrowException):  # a file has just been merged, and removed
            found = _found(files, ids, at=at) if files is not None else None
        if found is not None and all(file.path.exists() for file in {place.file for place in found.values()}):
            return found
    return None


def _found(files: Sequence[File], ids: Collection[int], *, at: int) -> dict[int, Place] | None:
    """The newest place of each row; None where one is nowhere, or has two."""
    found: dict[int, Place] = {}
    clear = True
    for row_id, place in _candidates(files, sorted(ids)):
        other = found.get(row_id)
        if place.version > at:  # of a file that was merged later
            continue
        if other is None or other.version < place.version:
            found[row_id] = place
        elif other.version == place.version:
            clear = False
    return found if clear and found.keys() == set(ids) else None


def _candidates(files: Sequence[File], ids: Sequence[int]) -> Iterator[tuple[int, Place]]:
    for file in files:
        if file.spans is None:
            assert file.first is not None
            within = [one for one in ids if file.first <= one < file.first + file.rows]
            if not file.has_versions:
                yield from ((one, Place(file=file, row=one - file.first, version=file.since)) for one in within)
                continue
        else:
            within = [one for one in ids if any(low <= one <= high for low, high in file.spans)]
        if within:
            found = places_in(file, within)
            yield from ((one, Place(file=file, row=row, version=version)) for one, row, version in found)


def _files(lake: Lake, table: str, stored: pa.Schema, *, at: int) -> tuple[File, ...] | None:
    """The data files of a table at a snapshot; None where one has other columns than the table has now."""
    files = []
    for path, relative, of_table, table_relative, of_schema, schema_relative, first, count, since, columns in _listed(
        lake, table, at=at
    ):
        whole = Path(path)
        for part, is_within in ((of_table, relative), (of_schema, relative and table_relative)):
            whole = Path(part) / whole if is_within else whole
        if relative and table_relative and schema_relative:
            whole = lake.folder / "data" / whole
        layout = lake.layouts.of(whole) if since >= columns else None
        if layout is None or not layout.holds(stored) or (layout.spans is None and first is None):
            return None
        files.append(
            File(
                path=whole,
                first=first,
                rows=count,
                since=since,
                spans=layout.spans,
                has_versions=layout.has_versions,
            )
        )
    return tuple(files)


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


def id_of(file: File) -> str:
    """SQL of the ids of a file's rows."""
    return ROW_ID if file.spans is not None else f"file_row_number + {file.first}"


def version_of(file: File) -> str:
    """SQL of the snapshots in which they came."""
    return VERSION if file.has_versions else str(file.since)
