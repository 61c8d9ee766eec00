"""Last values: `ASOF JOIN` of an input to the moments, as SQL that gives each moment the row that it could know.

An author writes `ASOF LEFT JOIN prices p ON p.sku = m.sku AND p.at > m.as_of - INTERVAL 30 DAY`: of the rows that had
happened and were known at `as_of`, the one with the latest event, if that is not older than the window (its time to
live). DuckDB's ASOF join orders rows by one column, and "known" is a second one. A row can be seen from `v` on, the
later of its event and of when it was known. It is the latest there is at `v` if no row that could be seen before has a
later event; a row that is not the latest at its own `v` never is. Without those, the latest event is always the last
`v`, and one ASOF join on `v` is exact.

Ties: of rows with the same event the one known last counts; of those with both the same, the first in the order of the
columns that the feature reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError
from pumphouse.features.moments import AS_OF, MOMENTS
from pumphouse.features.times import KNOWN_AT
from pumphouse.lake.times import EventTime

EXPIRES_AT = "_expires_at"
SEEN_FROM = "_seen_from"


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOfJoin:
    """What the ON of an ASOF join says: the keys, how long a row lives, and which rows count at all."""

    table: str
    alias: str
    keys: tuple[tuple[str, str], ...]
    """Pairs of a column of the input and the column of the moments that it equals."""
    time_to_live: exp.Interval | None
    lives_at_end: bool
    """Whether a row still counts at the very moment when its time is up: the author wrote `>=`."""
    conditions: tuple[exp.Expr, ...]
    """On the input alone."""
    event: str | None
    """The column that the author compares with `as_of`, which has to be the input's event; None where there is none."""


def as_of_join(join: exp.Join, moments: str) -> AsOfJoin:
    """The parts of an ASOF join to the moments. Raises BuildError with what can't stand there."""
    table, alias = join.this.name, join.this.alias_or_name
    keys: list[tuple[str, str]] = []
    conditions: list[exp.Expr] = []
    lives: tuple[exp.Interval, bool] | None = None
    events: set[str] = set()
    on = join.args.get("on")
    for written in on.flatten() if isinstance(on, exp.And) else [on] if on is not None else []:
        part = written.unnest()
        if pair := _key(part, alias, moments):
            keys.append(pair)
        elif event := _ends_at_as_of(part, alias, moments):
            events.add(event)
        elif found := _window(part, alias, moments):
            if lives is not None:
                raise BuildError(f"says twice how long a row counts, in '{part.sql('duckdb')}'")
            event, interval, at_end = found
            events.add(event)
            lives = interval, at_end
        elif {column.table.lower() for column in part.find_all(exp.Column)} == {alias.lower()}:
            conditions.append(part)
        else:
            raise BuildError(f"has '{part.sql('duckdb')}' in an ASOF JOIN")
    if not keys:
        raise BuildError(f"says of no row of '{table}' whose it is")
    if len(events) > 1:
        raise BuildError(f"compares {' and '.join(sorted(events))} with as_of in one ASOF JOIN")
    return AsOfJoin(
        table=table,
        alias=alias,
        keys=tuple(keys),
        time_to_live=lives[0] if lives else None,
        lives_at_end=bool(lives and lives[1]),
        conditions=tuple(conditions),
        event=events.pop() if events else None,
    )


def last_rows(
    join: AsOfJoin, time: EventTime, *, entity: Sequence[str], reads: Sequence[str], in_order: bool
) -> exp.Expr:
    """SQL for the input's columns at the moments that see a row of it, one row each, beside `moment_columns`.

    `reads` are the columns that decide between rows with equal times; `in_order` says that rows become known in the
    order of their events, so that the latest event is the last `v` as it stands.
    """
    pick = _picked(join, time, entity=entity, in_order=in_order)
    own = [column for column, _ in join.keys]
    same = " AND ".join(
        f"t.{quoted(name)} = pick.{quoted(name)}" for name in dict.fromkeys((*own, time.event, KNOWN_AT))
    )
    only = "".join(f" AND ({_on(each, join.alias, 't')})" for each in join.conditions)
    names = moment_columns(entity)
    order = ", ".join(f"t.{quoted(name)}" for name in reads) or "1"
    # Time to live counts forward from the event: a day with 23 hours can't give two answers, and a store can keep it.
    lives = f" WHERE pick.{names[-1]} < pick.{EXPIRES_AT}" if join.time_to_live is not None else ""
    text = (
        f"SELECT {', '.join(f'pick.{name}' for name in names)}, t.* FROM ({pick}) AS pick "
        f"JOIN {quoted(join.table)} AS t ON {same}{only}{lives} "
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join(f'pick.{name}' for name in names)} ORDER BY {order}) = 1"
    )
    return sqlglot.parse_one(text, dialect="duckdb")


def expiries(join: AsOfJoin, time: EventTime, *, entity: Sequence[str], in_order: bool) -> exp.Expr:
    """SQL for when the last row that each moment could know stops to count, whether it has by then or not."""
    pick = _picked(join, time, entity=entity, in_order=in_order)
    return sqlglot.parse_one(
        f"SELECT {', '.join(moment_columns(entity))}, {EXPIRES_AT} FROM ({pick})", dialect="duckdb"
    )


def moment_columns(entity: Sequence[str]) -> tuple[str, ...]:
    """What the moments' entity and `as_of` are called in the SQL that is made here: names that no input has."""
    return tuple(f"_moment_{number}" for number in range(len(entity) + 1))


def _picked(join: AsOfJoin, time: EventTime, *, entity: Sequence[str], in_order: bool) -> str:
    """For each moment the keys and times of its last row. Few columns: DuckDB sorts them, the rest is fetched later."""
    own = list(dict.fromkeys(column for column, _ in join.keys))
    moved = ", ".join(
        f"m.{quoted(name)} AS {new}" for name, new in zip((*entity, AS_OF), moment_columns(entity), strict=True)
    )
    on = " AND ".join(f"r.{quoted(column)} = m.{quoted(of)}" for column, of in join.keys)
    times = ", ".join(f"r.{quoted(name)}" for name in dict.fromkeys((*own, time.event, KNOWN_AT)))
    expires = _expires(join, time) if join.time_to_live is not None else "NULL"
    return (
        f"SELECT {moved}, {times}, {expires} AS {EXPIRES_AT} FROM {MOMENTS} AS m "
        f"ASOF JOIN ({_latest(join, time, own, in_order=in_order)}) AS r "
        f"ON {on} AND m.{quoted(AS_OF)} >= r.{SEEN_FROM}"
    )


def _latest(join: AsOfJoin, time: EventTime, own: Sequence[str], *, in_order: bool) -> str:
    """The keys and times of rows that were the latest when they could first be seen, one for each such moment."""
    happened = time.moment("t").sql("duckdb")
    event, known = f"t.{quoted(time.event)}", f"t.{quoted(KNOWN_AT)}"
    kept = "".join(f" AND ({_on(each, join.alias, 't')})" for each in join.conditions)
    # `greatest` passes nulls over, and would see what nobody knows.
    rows = (
        f"SELECT {', '.join(f't.{quoted(name)}' for name in dict.fromkeys((*own, time.event, KNOWN_AT)))}, "
        f"greatest({happened}, {known}) AS {SEEN_FROM} FROM {quoted(join.table)} AS t "
        f"WHERE {event} IS NOT NULL AND {known} IS NOT NULL{kept}"
    )
    if in_order:
        return rows
    e, k = quoted(time.event), quoted(KNOWN_AT)
    window = f"(PARTITION BY {', '.join(map(quoted, own))} ORDER BY {SEEN_FROM}, {e}, {k} ROWS UNBOUNDED PRECEDING)"
    after = f"(PARTITION BY {', '.join(map(quoted, own))} ORDER BY {SEEN_FROM}, {e}, {k})"
    return (
        f"SELECT * FROM ({rows}) QUALIFY {e} >= max({e}) OVER {window} "
        f"AND lead({SEEN_FROM}) OVER {after} IS DISTINCT FROM {SEEN_FROM}"
    )


def _expires(join: AsOfJoin, time: EventTime) -> str:
    assert join.time_to_live is not None
    event = exp.column(time.event, table="r", quoted=True)
    at = exp.cast(event, exp.DataType.Type.TIMESTAMPTZ, dialect="duckdb") if time.form != "timestamptz" else event
    expires: exp.Expr = exp.Add(this=at, expression=join.time_to_live.copy())
    if join.lives_at_end:
        expires = exp.Add(
            this=expires, expression=exp.Interval(this=exp.Literal.string("1"), unit=exp.var("MICROSECOND"))
        )
    return expires.sql("duckdb")


def _key(part: exp.Expr, alias: str, moments: str) -> tuple[str, str] | None:
    """The input's column and the moments' column that an equality compares."""
    if not isinstance(part, exp.EQ):
        return None
    for own, other in ((part.this, part.expression), (part.expression, part.this)):
        if _is_of(own, alias) and _is_of(other, moments):
            return own.name, other.name
    return None


def _ends_at_as_of(part: exp.Expr, alias: str, moments: str) -> str | None:
    """The event's column in `p.at <= m.as_of`, which the engine adds anyway."""
    for kind, own, other in ((exp.LTE, part.this, part.expression), (exp.GTE, part.expression, part.this)):
        if isinstance(part, kind) and _is_of(own, alias) and _is_as_of(other, moments):
            return str(own.name)
    return None


def _window(part: exp.Expr, alias: str, moments: str) -> tuple[str, exp.Interval, bool] | None:
    """The event's column, the interval and whether its end counts, in `p.at > m.as_of - INTERVAL 30 DAY`."""
    for strict, loose, own, start in (
        (exp.GT, exp.GTE, part.this, part.args.get("expression")),
        (exp.LT, exp.LTE, part.args.get("expression"), part.this),
    ):
        if (
            isinstance(part, strict | loose)
            and isinstance(own, exp.Column)
            and _is_of(own, alias)
            and isinstance(start, exp.Sub)
            and _is_as_of(start.this, moments)
            and isinstance(start.expression, exp.Interval)
            and start.expression.find(exp.Column) is None
        ):
            return own.name, start.expression, isinstance(part, loose)
    return None


def _is_of(column: object, alias: str) -> bool:
    return isinstance(column, exp.Column) and column.table.lower() == alias.lower()


def _is_as_of(column: object, moments: str) -> bool:
    return isinstance(column, exp.Column) and _is_of(column, moments) and column.name.lower() == AS_OF


def _on(condition: exp.Expr, alias: str, other: str) -> str:
    """A condition on the table `alias`, as one on `other`."""
    moved = condition.copy()
    for column in moved.find_all(exp.Column):
        if _is_of(column, alias):
            column.set("table", exp.to_identifier(other))
    return moved.sql("duckdb")
