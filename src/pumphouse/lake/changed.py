"""Which builds changed each table, as an open lake knows it, and how many rows at most."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from pumphouse.lake.builds import Build


class Changed:
    """The snapshots in which builds changed each table, in their order."""

    def __init__(self) -> None:
        self._snapshots: dict[str, list[int]] = {}
        self._rows: dict[str, list[int | None]] = {}

    def add(self, build: Build) -> None:
        """Take in a build that is newer than those before."""
        for table in build.writes:
            self._snapshots.setdefault(table, []).append(build.snapshot)
            self._rows.setdefault(table, []).append(build.rows.get(table))

    def snapshots(self, table: str) -> Sequence[int]:
        """Those in which a table changed, oldest first."""
        return self._snapshots.get(table, ())

    def last(self, table: str, *, at: int) -> int:
        """The newest of them up to a snapshot; 0 where there is none."""
        snapshots = self.snapshots(table)
        place = bisect_right(snapshots, at)
        return snapshots[place - 1] if place else 0

    def span(self, table: str, *, at: int) -> tuple[int, int | None]:
        """The snapshots, from the first up to without the second, in which a table has the rows that it has at one."""
        snapshots = self.snapshots(table)
        place = bisect_right(snapshots, at)
        return self.last(table, at=at), snapshots[place] if place < len(snapshots) else None

    def rows(self, table: str, *, after: int) -> int | None:
        """How many rows came or went after a snapshot, at most; None where a build did not count them."""
        counted = self._rows.get(table, ())[bisect_right(self.snapshots(table), after) :]
        known = [rows for rows in counted if rows is not None]
        return sum(known) if len(known) == len(counted) else None
