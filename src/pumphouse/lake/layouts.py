"""What is known of data files, which never change: their columns, and which row ids stand in which part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW_ID, VERSION = "_ducklake_internal_row_id", "_ducklake_internal_snapshot_id"
"""Columns of a data file: the ids of rows that were elsewhere before, and the snapshots in which they came."""
FILES_MAX = 20_000
"""How many files are remembered."""
LISTS_MAX = 16
"""Of how many tables and snapshots it is remembered which files there are."""


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


class Layouts:
    """The files that were looked at, each once."""

    def __init__(self) -> None:
        self._known: dict[Path, Layout] = {}
        self._lists: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
        self._lock = Lock()

    def of(self, path: Path) -> Layout | None:
        """The layout of a file; None where it can't be read from here."""
        with self._lock:
            known = self._known.get(path)
        if known is None:
            try:
                known = _read(path)
            except (OSError, pa.ArrowException):
                return None
            with self._lock:
                while len(self._known) >= FILES_MAX:
                    self._known.pop(next(iter(self._known)))
                self._known[path] = known
        return known

    def listed(
        self, table: str, snapshot: int, ask: Callable[[], list[tuple[Any, ...]]], *, again: bool
    ) -> list[tuple[Any, ...]]:
        """What the catalogue says of a table's files at a snapshot, asked once, or `again` where one was removed."""
        with self._lock:
            known = self._lists.get((table, snapshot))
        if known is None or again:
            known = ask()
            with self._lock:
                while len(self._lists) >= LISTS_MAX:
                    self._lists.pop(next(iter(self._lists)))
                self._lists[table, snapshot] = known
        return known


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
