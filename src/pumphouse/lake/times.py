"""When what a row says had happened, and from when on it was known: one rule for days and times.

A time counts from its moment on, one without a zone in the project's. A day counts from its end in the project's zone:
at noon nobody knows which of today's events are still to come (docs/decisions/0004). The project's zone is the one the
engine runs in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pumphouse.declare.asset import Asset

Form = Literal["date", "timestamp", "timestamptz"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTime:
    """Which column of a table says when its rows' events happened, and in which form."""

    event: str
    form: Form

    def happened(self, alias: str, at: exp.Expression) -> exp.Expression:
        """The condition that a row's event lies not after a moment; of a day, that it is over."""
        return exp.LTE(this=self.moment(alias), expression=at.copy())

    def within(self, alias: str, start: exp.Expression, end: exp.Expression) -> exp.Expression:
        """The condition that a row's event came from one moment on, and before another.

        A day came after `start` if it was not over then, so the very day of `start` counts, and it came before `end` if
        it was over: just the days that `happened` at `end`, and at `start` not yet.
        """
        event = self.moment(alias)
        after, before = (exp.GT, exp.LTE) if self.form == "date" else (exp.GTE, exp.LT)
        return exp.And(
            this=after(this=event, expression=start.copy()),
            expression=before(this=event.copy(), expression=end.copy()),
        )

    def moment(self, alias: str) -> exp.Expression:
        """From when on a row's event has happened (TIMESTAMPTZ)."""
        return moment(exp.column(self.event, table=alias, quoted=True), self.form)


def form_of(kind: pa.DataType) -> Form | None:
    """The form in which a column of this type tells a time; None where it tells none."""
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    return None


def moment(column: exp.Expression, form: Form) -> exp.Expression:
    """The moment (TIMESTAMPTZ) from which a column's value counts: of a day, the start of the next one."""
    if form == "timestamptz":
        return column
    if form == "date":
        column = exp.Add(this=column, expression=exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY")))
    return exp.cast(column, exp.DataType.Type.TIMESTAMPTZ, dialect="duckdb")


def moments(values: pa.Array, *, zone: str) -> pa.Array:
    """What `moment` says, of values at hand: microseconds in UTC."""
    form = form_of(values.type)
    if form == "date":
        values = pc.add(values.cast(pa.timestamp("us")), pa.scalar(86_400_000_000, pa.duration("us")))
    if form != "timestamptz":
        # Where clocks change at midnight, the engine takes the later of two, and the end of a gap: so do we.
        values = pc.assume_timezone(values.cast(pa.timestamp("us")), zone, ambiguous="latest", nonexistent="latest")
    return values.cast(pa.timestamp("us", tz="UTC"))


def event_column(name: str, assets: Mapping[str, Asset]) -> str | None:
    """The column of a table that says when a row's event happened, or None where that isn't certain.

    Declared in the table's own header or call; else the unchanged event column of exactly one input, followed through
    cleaning, SELECTs of one table and inner joins.
    """
    asset = assets.get(name)
    if asset is None:
        return None
    if asset.common.time.event:
        return asset.common.time.event
    if asset.kind == "clean" and asset.inputs:
        return event_column(asset.inputs[0], assets)
    if asset.kind == "sql":
        found = set(_passed_on(asset.spec.text, assets))
        return found.pop() if len(found) == 1 else None
    return None


def _passed_on(text: str, assets: Mapping[str, Asset]) -> Iterator[str]:
    """The output columns of a plain SELECT that are the event column of one of its inputs, unchanged."""
    try:
        query = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError:
        return  # The author declared what it reads; the event's column has to be declared as well.
    if not isinstance(query, exp.Select) or any(query.args.get(part) for part in ("with_", "group", "distinct")):
        return
    joins = query.args.get("joins") or []
    tables = [query.args["from_"].this, *(join.this for join in joins)] if query.args.get("from_") else []
    if not all(isinstance(table, exp.Table) for table in tables) or not all(_is_inner(join) for join in joins):
        return
    events = {table.alias_or_name.lower(): event_column(table.name, assets) for table in tables}
    for item in query.expressions:
        column = item.unalias()
        for alias, event in events.items():
            if event is None or not _belongs(column, alias):
                continue
            if isinstance(column, exp.Star) or isinstance(column.this, exp.Star):
                yield event
            elif isinstance(column, exp.Column) and column.name.lower() == event.lower():
                yield item.alias_or_name


def _is_inner(join: exp.Join) -> bool:
    return not (join.side or join.method) and join.kind in ("", "INNER", "CROSS")


def _belongs(column: exp.Expression, alias: str) -> bool:
    """Whether a column could be of the table `alias`. One without a table's name could be of any."""
    if isinstance(column, exp.Star):
        return True
    return isinstance(column, exp.Column) and column.table.lower() in ("", alias)
