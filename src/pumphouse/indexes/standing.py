"""How an index stands, as a run sees it before it builds anything: whether it is whole, and what it leaves to searches.

A search puts right what no state of an index has, so a run need not follow each small commit: a state costs as much as
thousands of rows. It follows once enough rows came, or went, since the state that it starts from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pumphouse.declare.asset import Asset
from pumphouse.indexes import words
from pumphouse.indexes.manifest import State, current, folder_of, is_past
from pumphouse.indexes.segments import check
from pumphouse.lake.builds import Build, place_of
from pumphouse.lake.lake import Lake

LEFT_ROWS_MAX = 20_000
"""How many rows are left to searches."""
LEFT_BYTES_MAX = 2_000_000
"""How large these rows may be in the index, by the size of those that it has."""
LEFT_FOR_MAX = timedelta(days=1)
"""How long: no snapshot leaves a lake earlier, and across those that left rows are not told, but compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What of its table an index leaves to searches."""

    covers: int
    """The snapshot of its newest state."""
    rows: int
    """How many rows came or went since, at most."""

    def __str__(self) -> str:
        rows = "1 row since is" if self.rows == 1 else f"{self.rows:,} rows since are"
        return f"covers snapshot {self.covers}; {rows} read by searches"


def left(lake: Lake, asset: Asset, last: Build, *, version: int, now: datetime) -> Left | None:
    """What an index leaves to searches at a version of its table; None where it has all, or has to be built.

    It has to be for many rows, after a day, for somebody who was hidden, for other columns, for a table that is another
    one or of a lake above, and where rows have vectors, which a search does not make.
    """
    table: str = asset.spec.table
    before = last.inputs.get(table)
    if asset.code or before is None or before == version or place_of(before)[0] or place_of(version)[0]:
        return None
    newest = _newest(lake, asset.name)
    if newest is None or newest.folder != last.detail.get("folder"):  # a run died before it was recorded
        return None
    rows = lake.rows_changed(table, after=newest.read_at, until=version)
    if rows is None or last.at is None or now - last.at > LEFT_FOR_MAX:
        return None
    if rows > LEFT_ROWS_MAX or rows * newest.bytes > LEFT_BYTES_MAX * max(1, newest.rows):
        return None
    return Left(covers=newest.snapshot, rows=rows)


def standing(lake: Lake, asset: Asset) -> str:
    """What an index covers, for a person; empty where it was never built, or can't be read."""
    newest = _newest(lake, asset.name)
    if newest is None:
        return ""
    text = f"It has {newest.rows:,} rows of {asset.spec.table} as of snapshot {newest.snapshot}"
    version = lake.versions().get(asset.spec.table, 0)
    if version <= newest.read_at or place_of(version)[0]:
        return f"{text}."
    rows = lake.rows_changed(asset.spec.table, after=newest.read_at, until=version)
    return f"{text}; {'others' if rows is None else f'{rows:,}'} since are read by searches."


def harm(lake: Lake, name: str) -> str | None:
    """What makes an index that was built unfit, in plain words; None where all its files are there.

    It costs a look at each file of the newest state: 0.4 ms for 67 of them.
    """
    manifest, _ = current(lake, name)
    if manifest is None:
        return "its manifest is missing or damaged"
    if manifest.words != words.VERSION:
        return "another version of Pumphouse made it"
    if not is_past(lake, manifest):
        return "it has rows of a snapshot that the lake has not: its catalogue was put back"
    try:
        check(folder_of(lake, name, manifest.newest))
    except (OSError, ValueError):
        return "its files are damaged"
    return None


def _newest(lake: Lake, name: str) -> State | None:
    manifest, _ = current(lake, name)
    return manifest.newest if manifest is not None else None
