"""When snapshots were made: a catalogue that was put back from a copy gives their numbers again, to other content."""

from __future__ import annotations

from datetime import UTC, datetime

from pumphouse.lake.builds import place_of
from pumphouse.lake.lake import Lake


def moment(lake: Lake, version: int) -> str:
    """When the snapshot of this number was made, as text in UTC; empty where it left the lake, or never was.

    With the number it names the snapshot for good, also outside of the lake. A version of a lake above is asked there.
    """
    above, snapshot = place_of(version)
    for _ in range(above):
        if lake.upstream is None:
            return ""
        lake = lake.upstream
    rows = lake.catalogue(f"SELECT snapshot_time FROM {{meta}}.ducklake_snapshot WHERE snapshot_id = {snapshot}")
    return written(rows[0][0]) if rows else ""


def written(time: object) -> str:
    """The time of a snapshot as the catalogue has it, a text or a time, as text in UTC; empty for None."""
    if time is None:
        return ""
    return (time if isinstance(time, datetime) else datetime.fromisoformat(str(time))).astimezone(UTC).isoformat()


def is_past(lake: Lake, snapshot: int, made: str) -> bool:
    """Whether a lake had, or has, the snapshot of this number that was made at this moment.

    Where the snapshot left the lake, or nobody wrote the moment down, that is taken for true.
    """
    if not made:
        return True
    now = moment(lake, snapshot)
    return now == made if now else snapshot <= lake.newest()
