"""What builds said in snapshots that left the lake, and what is said of a snapshot or a table that is not there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from pumphouse.errors import LakeError, SnapshotExpired, UnknownName, did_you_mean

TABLE = "pumphouse_expired"
"""In the catalogue, beside DuckLake's own tables."""

_Row = tuple[int, Any, str | None]  # the snapshot, when it was made (text or a time), what its build said


def with_expired(rows: list[_Row], *, after: int, catalogue: Callable[[str], list[Any]]) -> list[_Row]:
    """The snapshots after one, those that left among them; snapshots are numbered without a gap."""
    if not rows or len(rows) == rows[-1][0] - after:
        return rows
    gone = _gone(catalogue, f"snapshot_id > {after}")
    return sorted({row[0]: row for row in [*gone, *rows]}.values(), key=lambda row: row[0])


def kept(*, catalogue: Callable[[str], list[Any]]) -> list[int]:
    """The snapshots that are in the lake, oldest first."""
    return [number for (number,) in catalogue("SELECT snapshot_id FROM {meta}.ducklake_snapshot ORDER BY 1")]


def readable(changes: Sequence[int], *, there: Sequence[int]) -> tuple[int, ...]:
    """The first snapshot with what each change made, of those that are there; none where all with it left."""
    ends = [*changes[1:], None][: len(changes)]
    return tuple(
        there[place]
        for first, end in zip(changes, ends, strict=True)
        if (place := bisect_left(there, first)) < len(there) and (end is None or there[place] < end)
    )


def refuse_missing(snapshot: int, *, catalogue: Callable[[str], list[Any]]) -> None:
    """Raise UnknownName for a snapshot that never was, SnapshotExpired for one that left, with what is kept nearest."""
    rows = catalogue(
        "SELECT max(snapshot_id), count(*) FILTER (snapshot_id = {at}),"
        " max(snapshot_id) FILTER (snapshot_id < {at}), min(snapshot_id) FILTER (snapshot_id > {at}),"
        " CAST(arg_max(snapshot_time, snapshot_id) FILTER (snapshot_id < {at}) AS VARCHAR),"
        " CAST(arg_min(snapshot_time, snapshot_id) FILTER (snapshot_id > {at}) AS VARCHAR)"
        " FROM {meta}.ducklake_snapshot".replace("{at}", str(snapshot))
    )
    newest, is_there, before, after, made_before, made_after = rows[0]
    if is_there:
        return
    if not 0 <= snapshot <= newest:
        raise UnknownName(f"there is no snapshot {snapshot}", mend=f"The newest is {newest}.")
    gone = _gone(catalogue, f"snapshot_id = {snapshot}")
    of, why = (f" of {_told(gone[0][1])}", ": it left the lake by the declared retention") if gone else ("", "")
    nearest = f"{after} of {_told(made_after)}"
    if before is not None:
        nearest = f"{before} of {_told(made_before)} before it, and {nearest} after it"
    raise SnapshotExpired(
        f"snapshot {snapshot}{of} is not kept any more{why}",
        mend=f"The nearest that is kept is {nearest}."
        if before is None
        else f"The nearest that are kept are {nearest}.",
    )


def no_table(table: str, *, snapshot: int | None, known: Iterable[str]) -> UnknownName:
    """What to say of a table that is not there, at a snapshot or at all."""
    when = f" at snapshot {snapshot}" if snapshot is not None else ""
    return UnknownName(
        f"the lake has no table '{table}'{when}",
        asset=table,
        mend=did_you_mean(table, known) or f"Build it: pumphouse run {table}",
    )


def _gone(catalogue: Callable[[str], list[Any]], condition: str) -> list[_Row]:
    try:
        return catalogue(
            f"SELECT snapshot_id, snapshot_time, commit_extra_info FROM {{meta}}.{TABLE} WHERE {condition}"
        )
    except LakeError as error:
        if isinstance(error.__cause__, duckdb.CatalogException):  # there is no such table: no snapshot ever left
            return []
        raise


def _told(moment: Any) -> str:  # text or a time
    return f"{datetime.fromisoformat(str(moment)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
