"""What must hold of a table, as values: the rules that a check may have beside a condition in SQL.

Each maker's docstring is the rule's one definition, also of what null means in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import isnan
from typing import Literal

from pumphouse.declare.asset import names
from pumphouse.declare.rollouts import age_of

Value = str | int | float | bool | Decimal | date | datetime
VALUES_MAX = 10_000
"""Values that `one_of` may list; more are a table, and `refers_to` it."""
BUILDS_MAX = 100
"""Earlier versions that a rule may look back at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNull:
    """See `not_null`."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """See `one_of`."""

    column: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """See `between`."""

    column: str
    least: Value | None
    most: Value | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """See `matches`."""

    column: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """See `unique`."""

    columns: tuple[str, ...]
    nulls: Literal["distinct", "equal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefersTo:
    """See `refers_to`."""

    columns: tuple[str, ...]
    table: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """See `fresh`."""

    column: str
    within: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """See `row_count`."""

    least: int | None
    most: int | None
    within: float | None
    builds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """See `steady`."""

    column: str
    psi: float
    builds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingRows:
    """See `query`."""

    text: str


OfRows = NotNull | OneOf | Between | Matches | Unique | RefersTo | FailingRows
"""Rules that fail by rows, which can be counted and kept."""
OfTable = Fresh | RowCount | Steady
"""Rules that fail or hold of the table as a whole."""
Rule = OfRows | OfTable
Condition = str | Rule
"""What a check says: a condition in SQL on each row, or a rule."""


def not_null(*columns: str) -> NotNull:
    """None of these columns is null, in any row. Empty text and NaN are no nulls.

    For example:

        paid = ph.check("orders", not_null("order_id", "paid_at"))
    """
    return NotNull(columns=_some(columns, "not_null"))


def unique(*columns: str, nulls: Literal["distinct", "equal"] = "distinct") -> Unique:
    """No two rows have the same values in these columns together.

    As in SQL's UNIQUE a row with a null in any of them is like no other; with `nulls="equal"` two nulls are the same.
    Every row of those that are alike fails, the first one too.

    For example:

        one_line_each = ph.check("order_lines", unique("order_id", "line"))
    """
    if nulls not in ("distinct", "equal"):
        raise ValueError(f"nulls is 'distinct' or 'equal', not '{nulls}'")
    return Unique(columns=_some(columns, "unique"), nulls=nulls)


def one_of(column: str, values: Sequence[Value]) -> OneOf:
    """Each value of the column is one of these; null passes. In a column of text, all are compared as text.

    For example:

        known_states = ph.check("orders", one_of("state", ["open", "paid", "returned"]))
    """
    given = tuple(values) if not isinstance(values, str) else ()
    if not given:
        raise ValueError(f'one_of("{column}", ...) takes a list of values')
    if any(value is None for value in given):
        raise ValueError(f'null passes one_of("{column}", ...) anyway; to refuse it there is not_null')
    if len(given) > VALUES_MAX:
        raise ValueError(f"one_of takes up to {VALUES_MAX:,} values; put more of them into a table, and use refers_to")
    return OneOf(column=column, values=given)


def between(column: str, least: Value | None = None, most: Value | None = None) -> Between:
    """Each value of the column is at least the one and at most the other, the ends with it; null passes, NaN fails.

    A bound that is left out does not bound. Dates and times may be text: `between("paid_on", "1997-01-01")`.

    For example:

        sane_amounts = ph.check("orders", between("amount_usd", 0, 10_000), severity="warn")
    """
    if least is None and most is None:
        raise ValueError(f'between("{column}") needs a least value, a most, or both')
    if any(isinstance(bound, float) and isnan(bound) for bound in (least, most)):
        raise ValueError(f'between("{column}", ...): NaN bounds nothing')
    return Between(column=column, least=least, most=most)


def matches(column: str, pattern: str) -> Matches:
    """The regular expression is found in each value of the column; null passes. `^...$` matches the whole value.

    It is RE2's dialect, as in DuckDB's SQL: no look-around and no references back, and `\\d` is 0 to 9. A number is
    looked at as text.

    For example:

        five_digits = ph.check("customers", matches("zip_code", "^[0-9]{5}$"))
    """
    return Matches(column=column, pattern=pattern)


def refers_to(column: str | tuple[str, ...], to: str | tuple[str, ...]) -> RefersTo:
    """Each value of the column is in a column of another table (a foreign key); null passes.

    Of several columns together, a row passes that has a null in any of them (SQL's MATCH SIMPLE). The other table is
    read as of the run's snapshot; the run builds it before, where it can.

    For example:

        known_customers = ph.check("orders", refers_to("customer_id", "customers.customer_id"))
        known_prices = ph.check("sales", refers_to(("shop", "sku"), ("prices.shop", "prices.sku")))
    """
    columns, targets = names(column), [one.rpartition(".") for one in names(to)]
    tables = {table for table, _, _ in targets}
    if len(tables) != 1 or "" in tables or not all(key for _, _, key in targets):
        raise ValueError('refers_to takes "table.column" of one other table, such as "customers.customer_id"')
    if not columns or len(columns) != len(targets):
        raise ValueError("refers_to takes as many columns of the other table as of its own")
    return RefersTo(columns=columns, table=tables.pop(), keys=tuple(key for _, _, key in targets))


def fresh(column: str, *, within: str) -> Fresh:
    """The newest value of the column, a date or a time, is no older than `within` ("2 days", "6 hours") at the run.

    What lies in the future is left out: a wrong date must not make old rows look new. A date is as old as the time
    since it ended, in the project's zone; a time without a zone is the project's. A table without rows is not fresh.

    For example:

        still_coming = ph.check("raw_orders", fresh("paid_at", within="2 days"))
    """
    age_of(within)
    return Fresh(column=column, within=within)


def row_count(
    least: int | None = None, most: int | None = None, *, within: float | None = None, builds: int = 7
) -> RowCount:
    """The table has at least so many rows, at most so many, or about as many as before.

    `within=0.5` allows half of the median of its last `builds` versions more or less. With fewer than 3 versions before
    this one nothing is said by `within`.

    For example:

        as_usual = ph.check("orders", row_count(1, within=0.5))
    """
    if least is None and most is None and within is None:
        raise ValueError("row_count needs a least number, a most, or within=")
    if within is not None and within <= 0:
        raise ValueError("row_count(within=...) is a share above 0, such as 0.5")
    return RowCount(least=least, most=most, within=within, builds=_back(builds))


def steady(column: str, *, psi: float = 0.25, builds: int = 1) -> Steady:
    """The values of the column are distributed as in the version `builds` back: numbers by tenths, texts by value.

    It fails where the population stability index reaches `psi`, and chance alone would move the values so much in less
    than one of 1,000 looks. Under 30 rows, or without a version so far back, nothing is said. Nulls are a part of their
    own. Sources: Siddiqi 2006 (0.25 is "large"), Cochran 1954 (which parts are too small to tell).

    For example:

        same_prices = ph.check("orders", steady("amount_usd"), severity="warn")
    """
    if psi <= 0:
        raise ValueError("steady(psi=...) is a number above 0")
    return Steady(column=column, psi=psi, builds=_back(builds))


def query(text: str) -> FailingRows:
    """The query gives no row: each row that it gives is a failure. It may read the table and others.

    It sees the table as the build leaves it, and others as of the run's snapshot.

    For example:

        none_empty = ph.check("orders", query("FROM orders o ANTI JOIN order_lines l USING (order_id)"))
    """
    return FailingRows(text=text)


def others_read(condition: Condition) -> tuple[str, ...]:
    """The other tables that a rule names itself; those of a query's text are found when the project is loaded."""
    return (condition.table,) if isinstance(condition, RefersTo) else ()


def columns_named(condition: Condition) -> tuple[str, ...]:
    """The columns of its own table that a rule names; none for SQL, which only the engine reads."""
    match condition:
        case NotNull() | Unique() | RefersTo():
            return condition.columns
        case OneOf() | Between() | Matches() | Fresh() | Steady():
            return (condition.column,)
    return ()


def code_of(condition: Condition) -> str:
    """What a person wrote, on one line: the SQL, or the call of the rule."""
    match condition:
        case str():
            return condition
        case NotNull(columns=columns):
            return f"not_null({_listed(columns)})"
        case Unique(columns=columns, nulls=nulls):
            return f"unique({_listed(columns)}{', nulls=' + repr(nulls) if nulls == 'equal' else ''})"
        case OneOf(column=column, values=values):
            return f"one_of({column!r}, {list(values)!r})"
        case Between(column=column, least=least, most=most):
            return f"between({column!r}, {least!r}, {most!r})"
        case Matches(column=column, pattern=pattern):
            return f"matches({column!r}, {pattern!r})"
        case RefersTo(columns=columns, table=table, keys=keys):
            targets = tuple(f"{table}.{key}" for key in keys)
            return f"refers_to({_one_or_several(columns)}, {_one_or_several(targets)})"
        case Fresh(column=column, within=within):
            return f"fresh({column!r}, within={within!r})"
        case RowCount():
            given = [f"{condition.least!r}", f"{condition.most!r}"]
            if condition.within is not None:
                given += [f"within={condition.within!r}", f"builds={condition.builds}"]
            return f"row_count({', '.join(given)})"
        case Steady(column=column, psi=psi, builds=builds):
            return f"steady({column!r}, psi={psi!r}, builds={builds})"
        case FailingRows(text=text):
            return f"query({' '.join(text.split())!r})"


def _some(columns: tuple[str, ...], of: str) -> tuple[str, ...]:
    if not columns:
        raise ValueError(f"{of}() needs the name of a column")
    if not all(isinstance(column, str) for column in columns):
        raise ValueError(f'{of} takes names of columns: {of}("a", "b")')
    return columns


def _back(builds: int) -> int:
    if not 1 <= builds <= BUILDS_MAX:
        raise ValueError(f"builds is a number from 1 to {BUILDS_MAX}")
    return builds


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(map(repr, columns))


def _one_or_several(columns: tuple[str, ...]) -> str:
    return repr(columns[0] if len(columns) == 1 else columns)
