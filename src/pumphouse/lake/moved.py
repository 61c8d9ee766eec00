"""Which rows came to a table and went between two snapshots, as the catalogue and the files tell it.

DuckLake's own functions look through the ids of all rows of each file. Here the ids of a file that came are numbers
that the catalogue has, or a column of it, and of rows that were deleted from a file DuckLake keeps a list, with the
snapshot of each where it was written several times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.layouts import ROW_ID, VERSION, File

if TYPE_CHECKING:
    from pumphouse.engines.engine import Scan
    from pumphouse.lake.asking import Ask
    from pumphouse.lake.lake import Lake

_OF_FILE, _PLACE = "file_path", "pos"
_NUMBER = "file_row_number"
"""What DuckDB calls the place of a row in its file."""
_PATTERN = frozenset("*?[")
"""In a path, DuckDB takes them to stand for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Which rows came and went."""

    came: pa.Array
    """Ids of rows that came; one may have gone again."""
    went: pa.Array
    files: tuple[File, ...] | None
    """Those that hold the rows that came and nothing else, with the columns of the table; None where others do."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file that is not the same at both snapshots, and what was deleted from it."""

    path: str
    is_relative: bool
    first: int | None
    rows: int
    since: int
    until: int | None
    partial_max: int | None
    is_plain: bool
    deletes: str | None
    deletes_relative: bool | None
    deletes_since: int | None
    deletes_until: int | None
    deletes_max: int | None
    deletes_plain: bool | None


def moved(ask: Ask, lake: Lake, table: str, *, table_id: int, folder: Path, low: int, high: int) -> Moved | None:
    """What came and went after one snapshot up to another, between which no files were rewritten.

    `folder` is where files are that the catalogue names by their path in it. None where the files do not tell.
    """
    listed = _listed(ask, table_id, low=low, high=high)
    columns = ask(
        f"SELECT max(begin_snapshot) FROM {{meta}}.ducklake_column WHERE table_id = {table_id}"
        f" AND begin_snapshot <= {high} AND (end_snapshot IS NULL OR end_snapshot > {high})"
    )[0][0]
    came, went, files = [], [], []
    is_whole = True
    for one in listed:
        file = _file(lake, folder, one)
        if file is None or _is_unclear(one, low=low):
            return None
        is_gone = one.until is not None and one.until <= high
        if one.since > low:
            if not is_gone:
                came.append(_ids(file))
                files.append(file)
                is_whole = is_whole and one.deletes is None and one.since >= columns
        elif is_gone or one.deletes is not None:
            ids = _gone(file, folder, one, low=low, high=high, is_all=is_gone)
            if ids is None:
                return None
            went.append(ids)
    stored = lake.stored_schema(table, snapshot=high)
    is_whole = is_whole and _NUMBER not in {name.lower() for name in stored.names}
    is_whole = is_whole and all(_is_read_so(lake, file, stored) for file in files)
    return Moved(came=_together(came), went=_together(went), files=tuple(files) if is_whole else None)


def straight(lake: Lake, scan: Scan, files: Sequence[File]) -> Scan:
    """The rows of a scan with row ids that these files of its table hold, read from them.

    A hundred small ones take three fifths of the time that they take when the table is read.
    """
    stored = lake.stored_schema(scan.table, snapshot=scan.snapshot)
    columns = ", ".join(f"of.{quoted(name)}" for name in stored.names)
    there = f"{lake.name_of(scan.table)} AT (VERSION => {scan.snapshot})"
    kinds: dict[tuple[bool, bool], list[File]] = {}
    for file in files:
        kinds.setdefault((file.spans is not None, file.has_versions), []).append(file)
    parts = []
    for (has_ids, has_versions), of_kind in kinds.items():
        paths = ", ".join(literal(str(file.path)) for file in of_kind)
        known = ", ".join(f"({literal(str(file.path))}, {file.first or 0}, {file.since})" for file in of_kind)
        since = "coalesce(known.since, error('a file is not among those that are read'))"
        row_id = f"of.{ROW_ID}" if has_ids else f"known.first + of.{_NUMBER}"
        version = f"of.{VERSION}" if has_versions else since
        parts.append(
            f"SELECT {columns}, {row_id} AS rowid, {version} AS snapshot_id"
            f" FROM read_parquet([{paths}], {_NUMBER} = {not has_ids}, filename = '_pumphouse_file',"
            " hive_partitioning = false) of"
            f" LEFT JOIN (VALUES {known}) known(path, first, since) ON known.path = of._pumphouse_file"
        )
    return replace(scan, relation=scan.relation.replace(there, f"({' UNION ALL '.join(parts)})"))


def _is_read_so(lake: Lake, file: File, stored: pa.Schema) -> bool:
    """Whether a file has the columns of its table, and DuckDB takes its path as it is."""
    layout = lake.layouts.of(file.path)
    return layout is not None and layout.holds(stored) and not _PATTERN & set(str(file.path))


def _listed(ask: Ask, table_id: int, *, low: int, high: int) -> list[_Listed]:
    rows = ask(
        "SELECT f.path, CAST(f.path_is_relative AS BOOLEAN), f.row_id_start, f.record_count, f.begin_snapshot,"
        " f.end_snapshot, f.partial_max, f.file_format = 'parquet' AND f.encryption_key IS NULL,"
        " d.path, CAST(d.path_is_relative AS BOOLEAN), d.begin_snapshot, d.end_snapshot, d.partial_max,"
        " d.format = 'parquet' AND d.encryption_key IS NULL"
        f" FROM (SELECT * FROM {{meta}}.ducklake_data_file WHERE table_id = {table_id}"
        f" AND begin_snapshot <= {high} AND (end_snapshot IS NULL OR end_snapshot > {low})) f"
        f" LEFT JOIN (SELECT * FROM {{meta}}.ducklake_delete_file WHERE table_id = {table_id}"
        f" AND begin_snapshot <= {high}) d ON d.data_file_id = f.data_file_id"
        f" WHERE f.begin_snapshot > {low} OR f.end_snapshot <= {high} OR f.partial_max > {low}"
        f" OR d.begin_snapshot > {low} OR d.partial_max > {low} OR d.end_snapshot IS NOT NULL"
    )
    return [_Listed(*row) for row in rows]


def _is_unclear(one: _Listed, *, low: int) -> bool:
    """Whether a file has rows of several snapshots that are after `low`, or several lists of what was deleted."""
    is_merged = one.partial_max is not None and one.partial_max > low
    return not one.is_plain or is_merged or one.deletes_until is not None or one.deletes_plain is False


def _file(lake: Lake, folder: Path, one: _Listed) -> File | None:
    path = folder / one.path if one.is_relative else Path(one.path)
    layout = lake.layouts.of(path)
    if layout is None or (layout.spans is None and one.first is None):
        return None
    return File(
        path=path,
        first=one.first,
        rows=one.rows,
        since=one.since,
        spans=layout.spans,
        has_versions=layout.has_versions,
    )


def _ids(file: File) -> pa.Array:
    """The ids of all rows of a file, in their order."""
    if file.spans is None:
        assert file.first is not None
        return pc.add(_places(file), file.first)
    return _together(_columns(file.path, [ROW_ID]).column(0).chunks)


def _places(file: File) -> pa.Array:
    """The places of all rows of a file, from 0."""
    import numpy as np  # an index brings it, and a lake does without

    return pa.array(np.arange(file.rows))


def _gone(file: File, folder: Path, one: _Listed, *, low: int, high: int, is_all: bool) -> pa.Array | None:
    """The ids of rows that went from a file between two snapshots; None where its list of them is not clear.

    Where the file went as a whole, those that had gone before stay where they are: they may be in another file.
    """
    if one.deletes is None:
        return _ids(file)
    listed = _deleted(folder / one.deletes if one.deletes_relative else Path(one.deletes), one)
    if listed is None:
        return None
    place, version = listed
    if is_all:
        before = place.filter(pc.less_equal(version, low))
        return _ids(file).filter(pc.invert(pc.is_in(_places(file), value_set=before)))
    places = place.filter(pc.and_(pc.greater(version, low), pc.less_equal(version, high)))
    return _ids(file).take(places) if file.spans is not None else pc.add(places, file.first)


def _deleted(path: Path, one: _Listed) -> tuple[pa.Array, pa.Array] | None:
    """The places of rows that were deleted from a file, each with the snapshot; None where its list is not clear."""
    try:
        names = pq.read_schema(path).names
        has_versions = names == [_OF_FILE, _PLACE, VERSION]
        if not has_versions and (names != [_OF_FILE, _PLACE] or one.deletes_max is not None):
            return None
        rows = _columns(path, names)
    except (OSError, pa.ArrowException):
        return None
    if len(pc.unique(rows.column(_OF_FILE))) != 1:
        return None
    places = _together(rows.column(_PLACE).chunks)
    if has_versions:
        return places, _together(rows.column(VERSION).chunks)
    return places, pa.array([one.deletes_since] * len(places), pa.int64())


def _columns(path: Path, names: Sequence[str]) -> pa.Table:
    with pq.ParquetFile(path, read_dictionary=[name for name in names if name == _OF_FILE]) as file:
        return file.read(columns=list(names), use_threads=False)


def _together(parts: Iterable[Any]) -> pa.Array:
    known = list(parts)
    return pa.concat_arrays(known).cast(pa.int64()) if known else pa.array([], pa.int64())
