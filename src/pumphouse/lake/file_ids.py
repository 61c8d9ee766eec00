"""Where in a data file rows of given ids are, and the snapshots in which they came, as the file itself says.

Of each row group that may have them a column of ids is read, or of snapshots: a third of a millisecond for 60,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from pumphouse.lake.layouts import ROW_ID, VERSION, File

if TYPE_CHECKING:
    import pyarrow.parquet as pq


def places_in(file: File, ids: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The id of each row of a file that has one of these, its place and its snapshot; ids may be there several times.

    Raises OSError and ArrowException where the file can't be read.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(file.path) as opened:
        if file.spans is None:
            assert file.first is not None
            yield from _versions(opened, file, [(one, one - file.first) for one in ids])
        else:
            yield from _with_ids(opened, file, ids)


def _with_ids(opened: pq.ParquetFile, file: File, ids: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [ROW_ID, *([VERSION] if file.has_versions else [])]
    for group, ((low, high), start) in enumerate(zip(file.spans or (), _starts(opened), strict=False)):
        within = [one for one in ids if low <= one <= high]
        if within:
            rows = opened.read_row_group(group, columns=columns, use_threads=False)
            places = pc.indices_nonzero(pc.is_in(rows.column(ROW_ID), value_set=pa.array(within, pa.int64())))
            found = rows.take(places)
            versions = found.column(VERSION).to_pylist() if file.has_versions else [file.since] * len(places)
            for one, place, version in zip(found.column(ROW_ID).to_pylist(), places.to_pylist(), versions, strict=True):
                yield one, start + place, version


def _versions(opened: pq.ParquetFile, file: File, rows: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    starts = _starts(opened)
    for group, (start, end) in enumerate(zip(starts, [*starts[1:], file.rows], strict=True)):
        within = [(one, row) for one, row in rows if start <= row < end]
        if within:
            versions = opened.read_row_group(group, columns=[VERSION], use_threads=False).column(0)
            yield from ((one, row, versions[row - start].as_py()) for one, row in within)


def _starts(opened: pq.ParquetFile) -> list[int]:
    metadata = opened.metadata
    return [0, *accumulate(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))][:-1]
