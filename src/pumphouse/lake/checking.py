"""Checks of a table of a lake: what they find in it, with the rows that failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from pumphouse.declare.checks import RowCount, Steady
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Scan
from pumphouse.engines.parquet import storable
from pumphouse.lake.builds import failed_of
from pumphouse.lake.checks import CheckOfTable, Found, Sight, View, evaluate, rows_that_failed
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import CheckRecord

FAILING_ROWS_MAX = 10_000
"""Rows that are kept of those that failed one check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the checks of one table found."""

    table: str
    found: tuple[Found, ...]
    rows: pa.Table
    """The rows that failed, with the name of the check in `_check`: a row that failed two is there twice."""

    def changes(self, lake: Lake) -> bool:
        """Whether `<table>__failed` is not what it has to be: rows failed, or some that failed before still stand."""
        failed = failed_of(self.table)
        return bool(self.rows.num_rows) or (lake.has(failed) and lake.count(failed) > 0)

    @property
    def errors(self) -> tuple[Found, ...]:
        """Those that refuse the table as it is."""
        return tuple(one for one in self.found if one.status == "failed" and one.check.severity == "error")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people are told though it refuses nothing. A short history is no news."""
        return tuple(
            one.said
            for one in self.found
            if (one.status == "failed" and one.check.severity == "warn")
            or (one.status == "undecided" and not isinstance(one.check.condition, RowCount | Steady))
        )


def judge(
    lake: Lake, engine: DuckDB, rows: Scan, checks: Sequence[CheckOfTable], *, view: View, before: Sequence[int]
) -> Judged:
    """What the checks of a table find in `rows`, as the connection of `engine` sees them.

    `before` are the snapshots of its earlier versions, oldest first. Raises BuildError for a check that can't be
    computed.
    """

    def other(name: str) -> Scan | None:
        return lake.scan(name, snapshot=view.snapshot) if lake.has(name, snapshot=view.snapshot) else None

    def earlier(builds: int) -> list[str]:
        there = [at for at in before[-builds:] if rows.table in lake.tables(snapshot=at)]
        return [lake.scan(rows.table, snapshot=at).relation for at in reversed(there)]

    aside = lake.engine.fork()
    try:
        sight = Sight(engine=engine, rows=rows, view=view, other=other, before=earlier, aside=aside)
        found = evaluate(checks, sight)
        kept = [rows_that_failed(one, sight, most=FAILING_ROWS_MAX) for one in found if one.failing and one.rows]
    finally:
        aside.close()
    failed = failed_of(rows.table)
    stored = lake.stored_schema(failed) if not kept and lake.has(failed) else pa.schema([])
    return Judged(table=rows.table, found=tuple(found), rows=_together(kept, stored))


def log_found(lake: Lake, found: Iterable[Found], *, run: str, snapshot: int | None) -> None:
    """Write what checks found to the lake's state; `snapshot` is of the version that they saw, None of one refused."""
    at = datetime.now(UTC)
    lake.state.checks_logged(
        *(
            CheckRecord(
                name=one.check.name, asset=one.check.table, at=at, run=run, snapshot=snapshot, status=one.status,
                severity=one.check.severity, failing=one.failing, said=one.said,
            )
            for one in found
        )
    )  # fmt: skip


def _together(kept: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    """All rows in one table. A query may give a name another type than the table has: then that column is text."""
    if not kept:
        own = [field for field in schema if field.name != "_check"]
        return pa.schema([pa.field("_check", pa.string()), *own]).empty_table()
    spelled: dict[str, str] = {}
    kinds: dict[str, set[pa.DataType]] = {}
    for field in (field for table in kept for field in storable(table.schema)):
        spelled.setdefault(field.name.lower(), field.name)
        kinds.setdefault(field.name.lower(), set()).add(field.type)
    alike = [
        pa.table(
            {
                spelled[name.lower()]: column.cast(pa.string() if len(kinds[name.lower()]) > 1 else kind)
                for name, column, kind in zip(
                    table.column_names, table.columns, storable(table.schema).types, strict=True
                )
            }
        )
        for table in kept
    ]
    return pa.concat_tables(alike, promote_options="default").combine_chunks()
