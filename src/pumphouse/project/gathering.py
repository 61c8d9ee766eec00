"""How each source stands: what it last brought and cost, how far it lags, when it is next due, what it holds back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.contracts import Contract
from pumphouse.engines.parameters import quoted
from pumphouse.errors import SourceError
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.lake import Lake
from pumphouse.project.due import failures, last_checked, next_run
from pumphouse.sources.fetch import newest_visit

if TYPE_CHECKING:
    from pumphouse.project.project import Project

BUILDS_LOOKED_AT = 20
"""The newest runs among which the reason of a failure is looked for."""
HEADER = ("source", "kind", "loaded", "rows", "brought", "lag", "next run", "asked", "bytes", "set aside", "contract")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStanding:
    """One source; what is not known, or does not apply, is None."""

    source: str
    kind: str
    loaded_at: datetime | None
    """When a run last looked at it, changed or not."""
    rows: int | None
    """In its table."""
    rows_brought: int | None
    """That came with the last run that changed it."""
    lag_s: float | None
    """From the newest of its event's times, or else of its cursor, till now."""
    next_run: datetime | None
    every: str | None
    requests: int | None
    """What was asked at the last visit: addresses, files, tables, batches of rows."""
    size_bytes: int | None
    """Of the answers."""
    set_aside: int
    """Cells and rows in its quarantine."""
    contract: str | None
    failures: int
    """Since it last worked."""
    failed_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Every source of a project, in order of name, as of one moment."""

    now: datetime
    sources: tuple[SourceStanding, ...]

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The same as plain values."""
        fields = SourceStanding.__dataclass_fields__
        return {"now": self.now, "sources": [{name: getattr(one, name) for name in fields} for one in self.sources]}

    def table(self) -> list[list[str]]:
        """A header and a line for each source."""
        return [list(HEADER), *(self._cells(one) for one in self.sources)]

    def failed(self) -> list[str]:
        """A line for each source that failed and has not worked since."""
        return [
            f"{one.source} failed{'' if one.failures == 1 else f' {one.failures:,} times'}"
            f"{f': {one.failed_because.splitlines()[0]}' if one.failed_because else ''}"
            for one in self.sources
            if one.failures
        ]

    def _cells(self, one: SourceStanding) -> list[str]:
        is_late = one.next_run is not None and one.next_run <= self.now
        due = "due" if is_late else f"in {ago(one.next_run - self.now)}" if one.next_run else ""
        return [
            one.source,
            one.kind,
            f"{ago(self.now - one.loaded_at)} ago" if one.loaded_at else "never",
            "" if one.rows is None else f"{one.rows:,}",
            "" if one.rows_brought is None else f"{one.rows_brought:,}",
            "" if one.lag_s is None else ago(timedelta(seconds=one.lag_s)),
            due,
            "" if one.requests is None else f"{one.requests:,}",
            "" if one.size_bytes is None else size(one.size_bytes),
            f"{one.set_aside:,}" if one.set_aside else "",
            one.contract or "",
        ]


def sources_of(project: Project, *, now: datetime | None = None) -> Sources:
    """How each source of the project stands. Nothing is fetched."""
    moment = now or datetime.now(UTC)
    gathered = sorted(name for name, asset in project.graph.assets.items() if asset.is_gathered)
    return Sources(now=moment, sources=tuple(_standing(project, name, now=moment) for name in gathered))


def ago(span: timedelta) -> str:
    """A span of time in one unit: `3 d`."""
    seconds = max(span.total_seconds(), 0)
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} s"


def size(size_bytes: int) -> str:
    """A number of bytes in one unit: `3.1 MB`."""
    number = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "B" else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"


def _standing(project: Project, name: str, *, now: datetime) -> SourceStanding:
    lake, asset = project.lake, project.graph.assets[name]
    last = lake.builds().get(name)
    has_table = lake.has(name)
    try:
        visit = newest_visit(lake.history(name), lake.blobs)
    except SourceError:  # its stored bytes are damaged: that is told where they are needed
        visit = None
    came = None if visit is None else [one for one in visit.manifest.exchanges if one.at is None]
    times_failed = failures(lake, name)
    reasons = lake.state.run_builds(asset=name, limit=BUILDS_LOOKED_AT) if times_failed else ()
    held = (one for one in project.graph.assets.values() if isinstance(one.spec, Contract) and one.spec.asset == name)
    return SourceStanding(
        source=name,
        kind=asset.kind,
        loaded_at=last_checked(lake, name) or (last.at if last else None),
        rows=lake.count(name) if has_table else None,
        rows_brought=last.counts.rows_in if last else None,
        lag_s=_lag_s(lake, asset, now=now, zone=project.config.zone) if has_table else None,
        next_run=next_run(asset, lake, project.config) or (now if asset.common.every else None),
        every=asset.common.every,
        requests=None if came is None else len(came),
        size_bytes=None if came is None else sum(one.size_bytes for one in came),
        set_aside=lake.count(quarantine_of(name)) if lake.has(quarantine_of(name)) else 0,
        contract=next((one.name for one in held), None),
        failures=times_failed,
        failed_because=next((one.note for one in reasons if one.status == "failed"), None),
    )


def _lag_s(lake: Lake, asset: Asset, *, now: datetime, zone: str) -> float | None:
    """Seconds since the newest event, or the newest value of the cursor where that is a day or a time."""
    schema = lake.stored_schema(asset.name)
    for column in (asset.common.time.event, getattr(asset.spec, "cursor", None)):
        if column is None or column not in schema.names or not pa.types.is_temporal(schema.field(column).type):
            continue
        engine = lake.engine.fork()
        try:
            newest = engine.execute(f"SELECT max({quoted(column)}) FROM ({lake.scan(asset.name).relation})")[0][0]
        finally:
            engine.close()
        if isinstance(newest, date) and not isinstance(newest, datetime):
            newest = datetime.combine(newest, time())
        if isinstance(newest, datetime):
            return (now - (newest if newest.tzinfo else newest.replace(tzinfo=ZoneInfo(zone)))).total_seconds()
    return None
