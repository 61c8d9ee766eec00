"""Old snapshots leave the lake, by the retention that a project declares; what builds said in them stays.

Nothing that is pinned (`pinning.py`) is expired. Whoever began to read a snapshot or a file within RETENTION_MIN reads
on: no younger snapshot is expired.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pumphouse.engines.parameters import literal
from pumphouse.errors import LakeError
from pumphouse.lake.expired import TABLE
from pumphouse.lake.lake import LEFT_BEHIND_S, Lake
from pumphouse.lake.upkeep import no_commit

RETENTION_MIN = timedelta(seconds=LEFT_BEHIND_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A snapshot that has to stay, and for what."""

    snapshot: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A pinned snapshot that is older than the retention."""

    snapshot: int
    at: datetime
    why: tuple[str, ...]
    bytes: int
    """Of files that no younger snapshot has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """What would leave the lake: snapshots, and the files that are in no other one."""

    snapshots: tuple[int, ...]
    files: int
    bytes: int
    kept: tuple[Kept, ...]
    kept_bytes: int = 0
    """Of files that would leave too, were none of those pinned."""


def pinned_by_changes(lake: Lake, table: str, *, keep: timedelta, now: datetime) -> list[Pin]:
    """What pins snapshots so that a table can be read as it was at any moment for so long: those in which it changed.

    The last change before is one of them: it is the table as it was at the beginning.
    """
    times = _times(lake)
    changes = [number for number in lake.changes(table) if number in times]
    before = [number for number in changes if times[number] < now - keep]
    return [
        Pin(snapshot=number, why=f"{table} is kept for {keep.days:,} days")
        for number in (*before[-1:], *changes[len(before) :])
    ]


def to_expire(
    lake: Lake, *, retention: timedelta, now: datetime, pinned: Iterable[Pin], newest_stays: bool = True
) -> Expiry:
    """What the retention would have leave the lake at this moment. Raises LakeError for one that is too short.

    The newest snapshot stays, however old, unless another with the same rows comes before the others leave.
    """
    if retention < RETENTION_MIN:
        raise LakeError(
            f"a retention of {retention} is too short for who is reading now", mend='The shortest is "1 day".'
        )
    times = _times(lake)
    reasons: dict[int, list[str]] = {}
    for pin in pinned:
        if pin.snapshot in times:
            reasons.setdefault(pin.snapshot, []).append(pin.why)
    newest = max(times) if newest_stays else None
    old = [number for number, at in times.items() if at < now - retention and number != newest]
    gone = tuple(number for number in old if number not in reasons)
    leaving = set(gone)
    files, size, alone = _held_by(lake, [number for number in times if number not in leaving])
    kept = tuple(
        Kept(snapshot=number, at=times[number], why=tuple(dict.fromkeys(reasons[number])), bytes=alone.get(number, 0))
        for number in old
        if number in reasons
    )
    unpinned = {*times} - {*old}
    without = _held_by(lake, sorted(unpinned))[1] if kept else size
    return Expiry(snapshots=gone, files=files, bytes=size, kept=kept, kept_bytes=without - size)


def expire(lake: Lake, decide: Callable[[], Expiry]) -> Expiry:
    """Have the snapshots that `decide` says leave the lake; their files follow with `upkeep.remove_files`.

    It is asked while no build commits, so that none pins a snapshot after it looked. What builds said in the snapshots
    is copied first: killed between, it is there twice, and read once.
    """
    with no_commit(lake, "expiring snapshots"):
        expiry = decide()
        if not expiry.snapshots:
            return expiry
        listed = ", ".join(map(str, expiry.snapshots))
        lake.catalogue(
            f"CREATE TABLE IF NOT EXISTS {{meta}}.{TABLE}"
            " (snapshot_id BIGINT, snapshot_time VARCHAR, commit_extra_info VARCHAR)"
        )
        lake.catalogue(
            f"INSERT INTO {{meta}}.{TABLE} SELECT snapshot_id, CAST(snapshot_time AS VARCHAR), commit_extra_info"
            " FROM {meta}.ducklake_snapshot JOIN {meta}.ducklake_snapshot_changes USING (snapshot_id)"
            f" WHERE snapshot_id IN ({listed})"
        )
        lake.engine.fork().execute(f"CALL ducklake_expire_snapshots({literal(lake.alias)}, versions => [{listed}])")
    return expiry


def _times(lake: Lake) -> dict[int, datetime]:
    """When each snapshot was made, in their order."""
    rows = lake.catalogue("SELECT snapshot_id, CAST(snapshot_time AS VARCHAR) FROM {meta}.ducklake_snapshot ORDER BY 1")
    return {int(number): datetime.fromisoformat(time).astimezone(UTC) for number, time in rows}


def _held_by(lake: Lake, stay: list[int]) -> tuple[int, int, dict[int, int]]:
    """How many files are in none of these snapshots, which are in order, their bytes, and those in one of them alone.

    A file of the newest snapshot is in none alone: it would stay without the others.
    """
    files, size, alone = 0, 0, dict[int, int]()
    each = " UNION ALL ".join(
        f"SELECT begin_snapshot, end_snapshot, file_size_bytes FROM {{meta}}.{kind} WHERE end_snapshot IS NOT NULL"
        for kind in ("ducklake_data_file", "ducklake_delete_file")
    )
    for begin, end, file_size in lake.catalogue(each):
        first = bisect_left(stay, begin)
        held = bisect_left(stay, end) - first
        if not held:
            files, size = files + 1, size + file_size
        elif held == 1:
            alone[stay[first]] = alone.get(stay[first], 0) + file_size
    return files, size, alone
