"""What is known of data files, which never change: their columns, which row ids stand where, and their pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pumphouse.engines.pages import PagedFile, Places
from pumphouse.lake.kept import Kept

ROW_ID, VERSION = "_ducklake_internal_row_id", "_ducklake_internal_snapshot_id"
"""Columns of a data file: the ids of rows that were elsewhere before, and the snapshots in which they came."""
FILES_MAX = 20_000
"""How many files are remembered."""
LISTS_MAX = 16
"""Of how many tables and snapshots it is remembered which files there are."""
PAGED_MAX, PLACES_MAX = 32, 20_000
"""Of how many files, and of how many columns in their row groups, it is remembered where pages are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A data file."""

    columns: pa.Schema
    spans: tuple[tuple[int, int], ...] | None
    """The lowest and the highest row id of each part, where ids stand in the file."""

    @property
    def has_versions(self) -> bool:
        """Whether each row says in which snapshot it came."""
        return VERSION in self.columns.names

    def holds(self, stored: pa.Schema) -> bool:
        """Whether it has all these columns, of these very types."""
        names = set(self.columns.names)
        return all(column.name in names and self.columns.field(column.name).type == column.type for column in stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A data file of a table at a snapshot."""

    path: Path
    first: int | None
    """The id of its first row, where those of the others follow one by one."""
    rows: int
    since: int
    """The snapshot of its rows, where they do not say."""
    spans: tuple[tuple[int, int], ...] | None
    """The lowest and highest id of each row group, where ids stand in it."""
    has_versions: bool


class Layouts:
    """The files that were looked at, each once."""

    def __init__(self) -> None:
        self.files: Kept[tuple[str, int], tuple[File, ...]] = Kept(LISTS_MAX)
        """Those of a table at a snapshot."""
        self.places: Kept[tuple[Path, int, int], Places] = Kept(PLACES_MAX)
        self._known: Kept[Path, Layout] = Kept(FILES_MAX)
        self._paged: Kept[Path, PagedFile] = Kept(PAGED_MAX)

    def of(self, path: Path) -> Layout | None:
        """The layout of a file; None where it can't be read from here."""
        try:
            return self._known.of(path, lambda: _read(path))
        except (OSError, pa.ArrowException):
            return None

    def paged(self, path: Path) -> PagedFile:
        """A file whose pages can be found. Raises OSError and ValueError where it can't be read."""
        return self._paged.of(path, lambda: PagedFile(path))


def _read(path: Path) -> Layout:
    with pq.ParquetFile(path) as file:
        names = [file.metadata.schema.column(number).path for number in range(file.metadata.num_columns)]
        if ROW_ID not in names:
            return Layout(columns=file.schema_arrow, spans=None)
        spans = []
        for group in range(file.metadata.num_row_groups):
            known = file.metadata.row_group(group).column(names.index(ROW_ID)).statistics
            is_known = known is not None and known.has_min_max
            spans.append((known.min, known.max) if is_known else (0, 2**63 - 1))
        return Layout(columns=file.schema_arrow, spans=tuple(spans))
