"""A few rows of a table by their ids: of each file the pages that they stand in, and nothing of the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pumphouse.engines import storage
from pumphouse.engines.engine import HIDDEN_COLUMNS, Query
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError
from pumphouse.lake.layouts import File
from pumphouse.lake.places import Place, id_of, places_of, version_of

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.engines.engine import Scan
    from pumphouse.lake.lake import Lake

ROWS_MAX = 1_000
"""Of more rows than this all are read: they are in most parts of the files anyway."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ByFile = Mapping[File, Sequence[tuple[int, Place]]]
Rows = dict[int, dict[str, Any]]
"""Rows by their ids, with the columns that `*` selects."""


def rows_of(
    lake: Lake,
    table: str,
    ids: Collection[int],
    *,
    snapshot: int,
    columns: Collection[str] | None = None,
    shown: Callable[[Scan], Scan] | None = None,
) -> Rows:
    """Those of the rows with these ids that a scan of a table has at a snapshot, at which each of them has to be there.

    Of hidden people there is none, whom `lake.newest` has to have learned of. `shown` makes of the scan, with row ids,
    what somebody sees of it. Of `columns` those are read that there are, or all where none are named.
    """
    owner = lake.owner(table, snapshot)
    if owner is not None and owner is not lake and owner.pinned is not None:
        return rows_of(owner, table, ids, snapshot=owner.pinned, columns=columns, shown=shown)
    if not ids:
        return {}
    places = places_of(lake, table, ids, at=snapshot) if len(ids) <= ROWS_MAX else None
    if places is None:
        return _queried(lake, table, ids, None, snapshot=snapshot, columns=columns, shown=shown)
    found: Rows = {}
    by_file = _by_file(places)
    stored = lake.stored_schema(table, snapshot=snapshot)
    is_plain = shown is None and lake.shows_all(table, snapshot=snapshot)
    for file in list(by_file) if is_plain else ():
        rows = _by_pages(lake, stored, file, by_file[file], columns)
        if rows is not None:
            found |= rows
            del by_file[file]
    if not by_file:
        return found
    try:
        return found | _queried(lake, table, ids, by_file, snapshot=snapshot, columns=columns, shown=shown)
    except BuildError:  # somebody has just merged these files, and removed them
        return _queried(lake, table, ids, None, snapshot=snapshot, columns=columns, shown=shown)


def _by_pages(
    lake: Lake,
    stored: pa.Schema,
    file: File,
    within: Sequence[tuple[int, Place]],
    columns: Collection[str] | None,
) -> Rows | None:
    """Rows of a file; None where its pages are not known, or its values have to be made others by the engine."""
    import pyarrow as pa

    shown = [one for one in stored if one.name not in HIDDEN_COLUMNS and (columns is None or one.name in columns)]
    if any(storage.is_interval(column.type) or _has_moments(column.type) for column in shown):
        return None
    names = [column.name for column in shown]
    try:
        paged = lake.layouts.paged(file.path)
        if not paged.has(names):
            return None
        rows = paged.rows([place.row for _, place in within], names, remember=lake.layouts.places.of)
    except (OSError, ValueError, pa.ArrowException):  # whoever reads it as a whole says what is wrong
        return None
    if [column.type for column in rows.schema] != [column.type for column in shown]:
        return None
    values = [_python(column, lake.engine.zone) for column in rows.columns]
    return {row_id: dict(zip(names, cells, strict=True)) for (row_id, _), *cells in zip(within, *values, strict=True)}


def _has_moments(kind: pa.DataType) -> bool:
    """Whether moments are within values of a type, which the engine shows in its time zone."""
    import pyarrow as pa

    parts = [kind.field(number).type for number in range(kind.num_fields)]
    return any(pa.types.is_timestamp(part) or _has_moments(part) for part in parts)


def _python(column: pa.ChunkedArray, zone: str) -> list[Any]:
    """Values as Python has them; of moments Arrow makes the same, and imports pandas for it: half a second."""
    import pyarrow as pa

    if not (pa.types.is_timestamp(column.type) and column.type.tz):
        values: list[Any] = column.to_pylist()
        return values
    there = ZoneInfo(zone)
    moments = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64()).to_pylist()
    return [None if one is None else (_EPOCH + timedelta(microseconds=one)).astimezone(there) for one in moments]


def _by_file(places: Mapping[int, Place]) -> dict[File, list[tuple[int, Place]]]:
    found: dict[File, list[tuple[int, Place]]] = defaultdict(list)
    for row_id, place in places.items():
        found[place.file].append((row_id, place))
    return found


def _queried(
    lake: Lake,
    table: str,
    ids: Collection[int],
    by_file: _ByFile | None,
    *,
    snapshot: int,
    columns: Collection[str] | None,
    shown: Callable[[Scan], Scan] | None,
) -> Rows:
    """Rows by the engine: from these files, or of the whole table."""
    import pyarrow as pa

    scan = lake.scan(table, snapshot=snapshot, row_ids=True)
    if by_file is not None:
        stored = ", ".join(map(quoted, lake.stored_schema(table, snapshot=snapshot).names))
        places = " UNION ALL ".join(
            f"SELECT {stored}, {id_of(file)} AS rowid, {version_of(file)} AS snapshot_id"
            f" FROM read_parquet({literal(str(file.path))}, file_row_number = true)"
            f" WHERE file_row_number IN ({', '.join(str(place.row) for _, place in within)})"
            for file, within in by_file.items()
        )
        there = f"{lake.name_of(table)} AT (VERSION => {snapshot})"
        scan = replace(scan, relation=scan.relation.replace(there, f"({places})"))
    scan = shown(scan) if shown is not None else scan
    chosen = [one for one in scan.columns if columns is None or one == "_rowid" or one in columns]
    query = Query(
        text=f"SELECT {', '.join(map(quoted, chosen))} FROM {quoted(table)} WHERE _rowid IN (SELECT id FROM _ids)",
        inputs={table: scan},
        tables={"_ids": pa.table({"id": pa.array(ids, pa.int64())})},
    )
    found = {}
    for row in lake.engine.read(query).read_all().to_pylist():
        row_id = row.pop("_rowid")
        row.pop("_row_since", None)
        found[row_id] = row
    return found
