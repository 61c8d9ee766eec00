"""When a row's event happened: which column says so, also in a table that was derived from the one that declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pumphouse.declare.asset import Asset
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa

KNOWN_AT = "_known_at"

Form = Literal["date", "timestamp", "timestamptz"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTime:
    """Which column of an input says when its rows' events happened, and in which form; `_known_at` says the rest."""

    event: str
    form: Form

    def happened(self, alias: str, as_of: exp.Expression) -> exp.Expression:
        """The condition that a row's event lies not after `as_of`. A time without a zone is in the project's.

        A date has happened when its day is over: at noon nobody knows which of today's purchases are still to come.
        """
        event: exp.Expression = exp.column(self.event, table=alias, quoted=True)
        if self.form == "date":
            event = exp.Add(this=event, expression=exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY")))
        if self.form != "timestamptz":
            event = exp.cast(event, exp.DataType.Type.TIMESTAMPTZ, dialect="duckdb")
        return exp.LTE(this=event, expression=as_of.copy())

    def visible(self, alias: str, as_of: exp.Expression) -> exp.Expression:
        """The condition that a row's event had happened and was known at `as_of` (law 6)."""
        known = exp.column(KNOWN_AT, table=alias, quoted=True)
        return exp.And(this=self.happened(alias, as_of), expression=exp.LTE(this=known, expression=as_of.copy()))


def input_time(name: str, schema: pa.Schema, assets: Mapping[str, Asset]) -> InputTime:
    """The time of an input with this schema. Raises BuildError where its event or when it was known can't be told."""
    import pyarrow as pa

    place = assets[name].place if name in assets else None
    event = event_column(name, assets)
    if event is None or event not in schema.names:
        raise BuildError(
            f"a feature can't use '{name}': nothing says which of its columns is the time of a row's event",
            asset=name,
            place=place,
            mend='Declare it: time = { event = "<column>" }, or select the event\'s column of its input unchanged.',
        )
    if KNOWN_AT not in schema.names:
        raise BuildError(
            f"a feature can't use '{name}': when its rows were known can't be derived from its inputs",
            asset=name,
            place=place,
            mend=f"Select when a row was known, from its inputs' {KNOWN_AT}, and declare that column: "
            'time = { event = "...", known = "..." }.',
        )
    kind = schema.field(event).type
    if pa.types.is_date(kind):
        form: Form = "date"
    elif pa.types.is_timestamp(kind) and kind.unit != "ns":
        form = "timestamptz" if kind.tz else "timestamp"
    else:
        raise BuildError(
            f"a feature can't use '{name}': its event column '{event}' is {kind}, not a date or a time in microseconds",
            asset=name,
            place=place,
            mend=f"Cast it where '{name}' is made.",
        )
    return InputTime(event=event, form=form)


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


def is_assumed(name: str, assets: Mapping[str, Asset]) -> bool:
    """Whether a table or anything it was made from declares that its rows were known when their events happened."""
    asset = assets.get(name)
    if asset is None:
        return False
    time = asset.common.time
    if time.event is not None and time.event == time.known:
        return True
    # A Python table may read its own previous version.
    return any(is_assumed(each, assets) for each in asset.inputs if each != name)


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
