"""What builds said in snapshots that left the lake: who built what from what, and who is hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import duckdb

from pumphouse.errors import LakeError, UnknownName

TABLE = "pumphouse_expired"
"""In the catalogue, beside DuckLake's own tables."""

_Row = tuple[int, Any, str | None]  # the snapshot, when it was made (text or a time), what its build said


def with_expired(rows: list[_Row], *, after: int, catalogue: Callable[[str], list[Any]]) -> list[_Row]:
    """The snapshots after one, those that left among them; snapshots are numbered without a gap."""
    if not rows or len(rows) == rows[-1][0] - after:
        return rows
    try:
        gone = catalogue(
            f"SELECT snapshot_id, snapshot_time, commit_extra_info FROM {{meta}}.{TABLE} WHERE snapshot_id > {after}"
        )
    except LakeError as error:
        if isinstance(error.__cause__, duckdb.CatalogException):  # there is no such table: no snapshot ever left
            return rows
        raise
    return sorted({row[0]: row for row in [*gone, *rows]}.values(), key=lambda row: row[0])


def kept(snapshots: Iterable[int], *, catalogue: Callable[[str], list[Any]]) -> tuple[int, ...]:
    """Those of these snapshots that are in the lake still."""
    there = {number for (number,) in catalogue("SELECT snapshot_id FROM {meta}.ducklake_snapshot")}
    return tuple(number for number in snapshots if number in there)


def refuse_missing(snapshot: int, *, newest: int, catalogue: Callable[[str], list[Any]]) -> None:
    """Raise UnknownName for a snapshot that never was, or that left."""
    if not 0 <= snapshot <= newest:
        raise UnknownName(f"there is no snapshot {snapshot}", mend=f"The newest is {newest}.")
    if snapshot != newest and not kept([snapshot], catalogue=catalogue):
        raise UnknownName(f"snapshot {snapshot} is not kept any more", mend=f"The newest is {newest}.")
