"""What checks find in a table: each rule as SQL of the rows that fail.

It runs on the connection that it is given: inside a commit that sees what is not committed yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Literal

import duckdb
import pyarrow as pa
from sqlglot import exp

from pumphouse.declare.asset import Asset
from pumphouse.declare.checks import (
    Between,
    Condition,
    FailingRows,
    Fresh,
    Matches,
    NotNull,
    OneOf,
    RefersTo,
    RowCount,
    Steady,
    Unique,
    code_of,
    columns_named,
)
from pumphouse.declare.rollouts import age_of
from pumphouse.declare.tables import Check
from pumphouse.engines import storage
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import HIDDEN_COLUMNS, Query, Scan, SqlFunction, called_in
from pumphouse.engines.parameters import bind, literal, quoted
from pumphouse.errors import BuildError, did_you_mean
from pumphouse.graph.sql import read_query
from pumphouse.lake.shifts import CHANCE, ROWS_MIN, parts_of, pooled, shift
from pumphouse.lake.times import form_of, moment

VERSIONS_MIN = 3
"""Versions before this one without which the number of rows is compared with none."""
VALUES_APART_MAX = 10
"""A column of numbers with no more different ones is looked at value by value."""

Status = Literal["passed", "failed", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOfTable:
    """One check, as it is declared."""

    name: str
    table: str
    condition: Condition
    severity: Literal["error", "warn"]
    where: str | None = None
    mostly: float = 1.0


def check_of(asset: Asset, settings: Mapping[str, Any]) -> CheckOfTable:  # values as TOML has them
    """A declared check with the values of its `$name`. Raises ConfigError for a setting without a value."""
    spec: Check = asset.spec
    condition = spec.condition
    if isinstance(condition, str):
        condition = bind(condition, settings)
    elif isinstance(condition, FailingRows):
        condition = replace(condition, text=bind(condition.text, settings))
    where = None if spec.where is None else bind(spec.where, settings)
    return CheckOfTable(
        name=asset.name, table=spec.asset, condition=condition, severity=spec.severity, where=where, mostly=spec.mostly
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one check found. `failing` counts rows that do not pass; 0 where the table as a whole does not.

    It is undecided where it can't tell: what it compares with is not there yet.
    """

    check: CheckOfTable
    status: Status
    failing: int = 0
    said: str = ""
    """In a sentence what is wrong, or why it is undecided."""
    rows: str | None = None
    """SQL of the rows that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What decides beside the table what its checks say: the clock, the snapshot of other tables, functions."""

    now: datetime
    snapshot: int | None = None
    functions: tuple[SqlFunction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The tables that checks see, on one connection."""

    engine: DuckDB
    rows: Scan
    """Of the table that is checked."""
    view: View
    other: Callable[[str], Scan | None]
    """Another table; None where it is not built yet."""
    before: Callable[[int], Sequence[str]]
    """SQL of up to so many earlier versions, the newest first."""
    aside: DuckDB
    """Another connection, for what is committed."""

    def read(self, text: str, *others: Scan) -> list[tuple[Any, ...]]:
        """Rows of a query over the table and others."""
        return _tuples(self.engine.rows(self.query(text, *others)))

    def read_aside(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of a query over what is committed, as `before` has it."""
        return _tuples(self.aside.rows(Query(text=text, functions=called_in(text, self.view.functions))))

    def query(self, text: str, *others: Scan) -> Query:
        """SQL over the table and others, as the engine takes it."""
        return Query(
            text=text,
            inputs={one.table: one for one in (*others, self.rows)},
            functions=called_in(text, self.view.functions),
        )


def evaluate(checks: Sequence[CheckOfTable], sight: Sight) -> list[Found]:
    """What each check finds, in their order. Raises BuildError for one that can't be computed, and names it."""
    for check in checks:
        _refuse_unknown_columns(check, columns_named(check.condition), sight.rows)
    found = []
    for check in checks:
        try:
            condition = _of_a_row(check, sight.rows)
            found.append(_of_more(check, sight) if condition is None else _by_condition(check, condition, sight))
        except duckdb.Error as error:
            if isinstance(error, _PASSING):
                raise
            raise _uncomputable(check, error, sight.rows) from error
    return found


def rows_that_failed(found: Found, sight: Sight, *, most: int) -> pa.Table:
    """Rows that failed, up to so many, the check's name before them in the column `_check`."""
    if found.rows is None:
        return pa.table({"_check": pa.array([], pa.string())})
    others = tuple(_others(found.check, sight))
    described = sight.read(f"DESCRIBE {found.rows}", *others)
    columns = [storage.stored(name, kind) for name, kind, *_ in described if name.lower() != "_check"]
    table = sight.engine.rows(sight.query(f"SELECT {', '.join(columns)} FROM ({found.rows}\n) LIMIT {most}", *others))
    names = pa.array([found.check.name] * table.num_rows, pa.string())
    return table.add_column(0, pa.field("_check", pa.string()), names)


# -- rules about one row -----------------------------------------------------------------------------


def _of_a_row(check: CheckOfTable, rows: Scan) -> str | None:
    """What must be true of each row, as SQL; None for a rule about more than a row."""
    match check.condition:
        case str(text):
            return text
        case NotNull(columns=columns):
            return " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
        case OneOf(column=column, values=values):
            is_text = pa.types.is_string(_type(rows, column)) or pa.types.is_large_string(_type(rows, column))
            return f"{quoted(column)} IN ({', '.join(literal(str(v) if is_text else v) for v in values)})"
        case Between(column=column, least=least, most=most):
            name = quoted(column)
            bounds = [f"{name} >= {literal(least)}"] if least is not None else []
            bounds += [f"{name} <= {literal(most)}"] if most is not None else []
            if most is None and pa.types.is_floating(_type(rows, column)):
                bounds.append(f"{name} <= CAST('Infinity' AS DOUBLE)")  # NaN is above it
            return " AND ".join(bounds)
        case Matches(column=column, pattern=pattern):
            return f"regexp_matches(CAST({quoted(column)} AS VARCHAR), {literal(pattern)})"
    return None


def _by_condition(check: CheckOfTable, condition: str, sight: Sight) -> Found:
    """One query a rule: files whose statistics rule a failure out are not read, as they are in a scan for all rules."""
    rows = f"{_looked_at(check, sight)} AND NOT ({condition}\n)"
    failing = int(sight.read(f"SELECT count(*) FROM ({rows})")[0][0])
    return _by_rows(check, failing=failing, looked=_counted(check, sight), rows=rows)


def _looked_at(check: CheckOfTable, sight: Sight) -> str:
    """SQL of the rows that a check looks at; it can be narrowed further with AND."""
    return f"SELECT * FROM {quoted(sight.rows.table)} WHERE " + (f"({check.where}\n)" if check.where else "TRUE")


def _by_rows(check: CheckOfTable, *, failing: int, looked: int, rows: str) -> Found:
    if not failing or (check.mostly < 1 and failing <= looked * (1 - check.mostly) + 1e-9 * looked):
        return Found(check=check, status="passed", failing=failing, rows=rows if failing else None)
    found = f"{failing:,} row{'s' if failing != 1 else ''}"
    of = f" of {looked:,} ({_percent(failing / looked)}, {_percent(1 - check.mostly)} may)" if check.mostly < 1 else ""
    said = f"check '{check.name}' found {found}{of} of '{check.table}' {_wrong(check.condition)}"
    if check.where:
        said += f", looking where {check.where}"
    return Found(check=check, status="failed", failing=failing, said=said, rows=rows)


def _wrong(condition: Condition) -> str:
    """What is wrong with the rows that fail."""
    match condition:
        case str():
            return f"where not ({condition})"
        case NotNull(columns=columns):
            return f"where {' or '.join(columns)} is null"
        case OneOf(column=column, values=values):
            listed = ", ".join(map(str, values[:10])) + (", ..." if len(values) > 10 else "")
            return f"where {column} is none of {listed}"
        case Between(column=column, least=least, most=most):
            bounds = [f"below {least}"] if least is not None else []
            bounds += [f"above {most}"] if most is not None else []
            return f"where {column} is {' or '.join(bounds)}"
        case Matches(column=column, pattern=pattern):
            return f"where {column} does not match {pattern}"
        case Unique(columns=columns):
            return f"whose {', '.join(columns)} comes more than once"
        case RefersTo(columns=columns, table=table):
            return f"whose {', '.join(columns)} is not in '{table}'"
    return "by its query"


# -- rules about more than a row -------------------------------------------------------------------


def _of_more(check: CheckOfTable, sight: Sight) -> Found:
    match check.condition:
        case Unique() as rule:
            return _unique(check, rule, sight)
        case RefersTo() as rule:
            return _refers(check, rule, sight)
        case FailingRows() as rule:
            return _queried(check, rule, sight)
        case Fresh() as rule:
            return _fresh(check, rule, sight)
        case RowCount() as rule:
            return _row_count(check, rule, sight)
        case Steady() as rule:
            return _steady(check, rule, sight)
    raise AssertionError(f"no such rule: {check.condition}")


def _counted(check: CheckOfTable, sight: Sight) -> int:
    """How many rows the check looks at, where that decides."""
    return int(sight.read(f"SELECT count(*) FROM ({_looked_at(check, sight)})")[0][0]) if check.mostly < 1 else 0


def _unique(check: CheckOfTable, rule: Unique, sight: Sight) -> Found:
    keys = ", ".join(map(quoted, rule.columns))
    known = "".join(f" AND {quoted(column)} IS NOT NULL" for column in rule.columns) if rule.nulls == "distinct" else ""
    looked_at = f"({_looked_at(check, sight)}{known})"
    alike = f"SELECT {keys}, count(*) AS _rows FROM {looked_at} GROUP BY {keys} HAVING count(*) > 1"
    failing = int(sight.read(f"SELECT coalesce(sum(_rows), 0)::BIGINT FROM ({alike})")[0][0])
    same = " AND ".join(f"t.{quoted(column)} IS NOT DISTINCT FROM a.{quoted(column)}" for column in rule.columns)
    rows = f"SELECT t.* FROM {looked_at} t SEMI JOIN ({alike}) a ON {same} ORDER BY ALL"
    return _by_rows(check, failing=failing, looked=_counted(check, sight), rows=rows)


def _refers(check: CheckOfTable, rule: RefersTo, sight: Sight) -> Found:
    other = sight.rows if rule.table == check.table else sight.other(rule.table)
    if other is None:
        return _not_built(check, rule.table)
    _refuse_unknown_columns(check, rule.keys, other)
    known = "".join(f" AND {quoted(column)} IS NOT NULL" for column in rule.columns)
    same = " AND ".join(
        f"t.{quoted(column)} = o.{quoted(key)}" for column, key in zip(rule.columns, rule.keys, strict=True)
    )
    rows = f"SELECT t.* FROM ({_looked_at(check, sight)}{known}) t ANTI JOIN {quoted(rule.table)} o ON {same}"
    failing = int(sight.read(f"SELECT count(*) FROM ({rows})", *_others(check, sight))[0][0])
    return _by_rows(check, failing=failing, looked=_counted(check, sight), rows=rows)


def _queried(check: CheckOfTable, rule: FailingRows, sight: Sight) -> Found:
    for name in _tables_of(rule):
        if name != check.table and sight.other(name) is None:
            return _not_built(check, name)
    text = rule.text.strip().rstrip(";")
    failing = int(sight.read(f"SELECT count(*) FROM ({text}\n)", *_others(check, sight))[0][0])
    return _by_rows(check, failing=failing, looked=0, rows=text)


def _fresh(check: CheckOfTable, rule: Fresh, sight: Sight) -> Found:
    kind = _type(sight.rows, rule.column)
    form = form_of(kind)
    if form is None:
        raise BuildError(
            f"check '{check.name}' asks how fresh '{rule.column}' is, which is {kind}, no date or time",
            asset=check.table,
            mend="Name a column of dates or times, such as _loaded_at of a source.",
        )
    column = exp.column(rule.column, quoted=True)
    ended = moment(column, form).sql("duckdb")
    began = f"CAST(CAST({quoted(rule.column)} AS TIMESTAMP) AS TIMESTAMPTZ)" if form == "date" else ended
    ((newest,),) = sight.read(
        f"SELECT epoch_us(max({ended}) FILTER ({began} <= {literal(sight.view.now)})) FROM ({_looked_at(check, sight)})"
    )
    if newest is None:
        return _as_a_whole(check, f"no row of '{check.table}' has a '{rule.column}' up to now")
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=newest)
    age = max(sight.view.now - at, timedelta())
    if age <= timedelta(microseconds=age_of(rule.within)):
        return Found(check=check, status="passed")
    old = f"the newest {rule.column} of '{check.table}' is {_days(age)} old ({at:%Y-%m-%d %H:%M} UTC)"
    return _as_a_whole(check, f"{old}, more than {rule.within}")


def _row_count(check: CheckOfTable, rule: RowCount, sight: Sight) -> Found:
    rows = int(sight.read(f"SELECT count(*) FROM ({_looked_at(check, sight)})")[0][0])
    if rule.least is not None and rows < rule.least:
        return _as_a_whole(check, f"'{check.table}' has {rows:,} rows, fewer than {rule.least:,}")
    if rule.most is not None and rows > rule.most:
        return _as_a_whole(check, f"'{check.table}' has {rows:,} rows, more than {rule.most:,}")
    if rule.within is None:
        return Found(check=check, status="passed")
    counts = [len_ for one in sight.before(rule.builds) if (len_ := _rows_before(check, one, sight)) is not None]
    if len(counts) < VERSIONS_MIN:
        said = f"'{check.table}' has only {len(counts)} versions to compare with, {VERSIONS_MIN} are needed"
        return Found(check=check, status="undecided", said=f"check '{check.name}': {said}")
    usual = median(counts)
    if abs(rows - usual) <= rule.within * usual:
        return Found(check=check, status="passed")
    usually = f"the median of the last {len(counts)} versions is {usual:,.0f}"
    return _as_a_whole(check, f"'{check.table}' has {rows:,} rows, and {usually}; {_percent(rule.within)} may differ")


def _rows_before(check: CheckOfTable, relation: str, sight: Sight) -> int | None:
    """The rows of an earlier version; None where it had other columns."""
    where = f" WHERE {check.where}" if check.where else ""
    try:
        return int(sight.read_aside(f"SELECT count(*) FROM ({relation}){where}")[0][0])
    except duckdb.BinderException:
        return None


def _steady(check: CheckOfTable, rule: Steady, sight: Sight) -> Found:
    kind = _type(sight.rows, rule.column)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not is_number and not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)):
        raise BuildError(
            f"check '{check.name}' compares the distribution of '{rule.column}', which is {kind}",
            asset=check.table,
            mend="Compare a column of numbers, texts or booleans.",
        )
    versions = sight.before(rule.builds)
    if len(versions) < rule.builds:
        return _undecided(check, f"'{check.table}' has no version {rule.builds} back")
    where = f" WHERE ({check.where}\n)" if check.where else ""
    value = f"CAST({quoted(rule.column)} AS DOUBLE)" if is_number else f"CAST({quoted(rule.column)} AS VARCHAR)"
    value = f"CASE WHEN isnan({value}) THEN NULL ELSE {value} END" if is_number else value
    before = f"(SELECT {value} AS v FROM ({versions[-1]}){where})"
    now = f"(SELECT {value} AS v FROM {quoted(sight.rows.table)}{where})"
    told = sight.read(f"SELECT count(*), count(DISTINCT v) FROM {now}")
    try:
        told += sight.read_aside(f"SELECT count(*), count(DISTINCT v) FROM {before}")
    except (duckdb.BinderException, duckdb.ConversionException):
        return _undecided(check, f"the version {rule.builds} back of '{check.table}' had other columns")
    fewest = min(count for count, _ in told)
    if fewest < ROWS_MIN:
        return _undecided(check, f"{fewest:,} rows of '{check.table}' tell no distribution, {ROWS_MIN} do")
    part = "v"
    if is_number and max(different for _, different in told) > VALUES_APART_MAX:
        parts = parts_of(fewest)
        at = [number / parts for number in range(1, parts)]
        ((edges,),) = sight.read_aside(f"SELECT quantile_disc(v, {literal(at)}) FROM {before}")
        steps = "".join(
            f" WHEN v <= {literal(edge)} THEN {number}" for number, edge in enumerate(sorted(set(edges or ())))
        )
        part = f"CASE WHEN v IS NULL THEN NULL{steps} ELSE {parts} END"
    counts_before = dict(sight.read_aside(f"SELECT {part}, count(*) FROM {before} GROUP BY 1"))
    counts_now = dict(sight.read(f"SELECT {part}, count(*) FROM {now} GROUP BY 1"))
    moved = shift(pooled(counts_before, counts_now))
    if moved.psi < rule.psi or moved.p >= CHANCE:
        return Found(check=check, status="passed")
    since = "the version before" if rule.builds == 1 else f"{rule.builds} versions before"
    return _as_a_whole(
        check,
        f"the distribution of {rule.column} in '{check.table}' is no longer that of {since}:"
        f" its stability index is {moved.psi:.2f}, from {rule.psi:g} on it fails",
    )


# -- words and names -------------------------------------------------------------------------------


def _as_a_whole(check: CheckOfTable, what: str) -> Found:
    return Found(check=check, status="failed", said=f"check '{check.name}': {what}")


def _undecided(check: CheckOfTable, why: str) -> Found:
    return Found(check=check, status="undecided", said=f"check '{check.name}' can't tell yet: {why}")


def _not_built(check: CheckOfTable, table: str) -> Found:
    return _undecided(check, f"'{table}' is not built")


def _others(check: CheckOfTable, sight: Sight) -> Iterator[Scan]:
    """The scans of the other tables that a rule reads."""
    match check.condition:
        case RefersTo(table=table):
            names: Sequence[str] = (table,)
        case FailingRows() as rule:
            names = _tables_of(rule)
        case _:
            names = ()
    for name in names:
        scan = sight.other(name) if name != check.table else None
        if scan is not None:
            yield scan


def _tables_of(rule: FailingRows) -> tuple[str, ...]:
    return tuple(read.name for read in read_query(rule.text).names)


def _type(rows: Scan, column: str) -> pa.DataType:
    return next(one.type for one in rows.schema if one.name.lower() == column.lower())


def _refuse_unknown_columns(check: CheckOfTable, columns: Sequence[str], rows: Scan) -> None:
    known = {name.lower() for name in rows.schema.names}
    shown = [name for name in rows.schema.names if name not in HIDDEN_COLUMNS]
    for column in columns:
        if column.lower() not in known:
            raise BuildError(
                f"check '{check.name}' is about '{column}', which '{rows.table}' does not have",
                asset=check.table,
                mend=did_you_mean(column, shown) or f"Its columns are {', '.join(shown)}.",
            )


_PASSING = (duckdb.TransactionException, duckdb.IOException, duckdb.InterruptException, duckdb.OutOfMemoryException)
"""Errors that say nothing about a check."""


def _uncomputable(check: CheckOfTable, error: duckdb.Error, rows: Scan) -> BuildError:
    first = str(error).strip().splitlines()[0]
    column = re.search(r'Referenced column "(.+?)" not found', first)
    if column:
        shown = [name for name in rows.schema.names if name not in HIDDEN_COLUMNS]
        first = f"there is no column '{column[1]}'"
        mend = did_you_mean(column[1], shown) or f"The columns of '{rows.table}' are {', '.join(shown)}."
    else:
        mend = f"It says: {code_of(check.condition)}"
    return BuildError(f"check '{check.name}' can't be computed: {first}", asset=check.table, mend=mend)


def _tuples(table: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _days(age: timedelta) -> str:
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if age >= 2 * length or unit == "minute":
            return f"{age // length} {unit}s"
    raise AssertionError("the loop above returns")
