"""Aggregates in a fixed order, so that a value is the same to the last bit among a million moments and alone.

A sum of doubles depends on the order in which they are added, and an engine with many threads takes rows as they come.
So what depends on the order of rows gets one, that of its own arguments: `sum(x)` becomes `sum(x ORDER BY x)`. Sums of
whole numbers and decimals are exact in any order and stay as they are. Where an author left open which row is meant, as
in `first(x)`, or in `arg_max(x, at)` with two rows of one time, it is the one with the smallest value. Rows that a
window counts through, as in `row_number() OVER (PARTITION BY ... ORDER BY at DESC)`, and that its own order leaves
equal, come in the order of the columns that the feature reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import sqlglot
from sqlglot import exp

from pumphouse.graph.aggregates import aggregates_in

_ANY_ORDER = frozenset({
    "APPROX_COUNT_DISTINCT", "APPROX_DISTINCT", "BITSTRING_AGG", "BIT_AND", "BIT_OR", "BIT_XOR", "BOOL_AND", "BOOL_OR",
    "COUNT", "COUNT_IF", "COUNTIF", "COUNT_STAR", "HISTOGRAM", "HISTOGRAM_EXACT", "MAD", "MAX", "MEDIAN", "MIN",
    "PERCENTILE_CONT", "PERCENTILE_DISC", "QUANTILE", "QUANTILE_CONT", "QUANTILE_DISC", "REGR_COUNT",
})  # fmt: skip
"""Aggregates that say the same of the same rows in any order."""
_EXACT_OF_EXACT = frozenset({"SUM", "AVG", "MEAN", "SUM_NO_OVERFLOW"})
"""Those that do so of whole numbers and decimals."""
_NUMERIC = _EXACT_OF_EXACT | frozenset({
    "CORR", "COVAR_POP", "COVAR_SAMP", "ENTROPY", "FAVG", "FSUM", "KAHAN_SUM", "KURTOSIS", "KURTOSIS_POP", "PRODUCT",
    "REGR_AVGX", "REGR_AVGY", "REGR_INTERCEPT", "REGR_R2", "REGR_SLOPE", "REGR_SXX", "REGR_SXY", "REGR_SYY", "SEM",
    "SKEWNESS", "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "SUMKAHAN", "VARIANCE", "VAR_POP", "VAR_SAMP",
})  # fmt: skip
"""Those that mean the same in a window when its rows are taken in another order; `first(x) OVER (...)` does not."""
_OF_ONE_VALUE = frozenset({"ANY_VALUE", "FIRST", "ARBITRARY", "LAST"})
"""Those that say one of their rows' values."""
_OF_EQUALS = frozenset({
    "ANY_VALUE", "ARBITRARY", "FIRST", "FIRST_VALUE", "LAG", "LAST", "LAST_VALUE", "LEAD", "NTH_VALUE", "NTILE",
    "ROW_NUMBER",
})  # fmt: skip
"""Those over a window that tell rows apart which its order leaves equal."""
NEVER_FIXED = frozenset({"GEOMEAN", "GEOMETRIC_MEAN", "RESERVOIR_QUANTILE", "WAVG", "WEIGHTED_AVG"})
"""Macros, which take no order, and a sample, which is drawn by chance."""


def sums_in(select: exp.Expr) -> tuple[str, ...]:
    """The arguments of which it has to be known whether they are exact numbers, as SQL."""
    calls = (call for call in aggregates_in(select) if _name(call) in _EXACT_OF_EXACT)
    return tuple(dict.fromkeys(each.sql("duckdb") for call in calls for each in _plain(_arguments(call))))


def in_fixed_order(select: exp.Select, *, exact: Collection[str], reads: Sequence[exp.Expr] = ()) -> exp.Select:
    """The query with an order in each aggregate and each window that needs one.

    `exact` are arguments of sums that are exact, `reads` the columns of the inputs that the query reads.
    """
    changed = select.copy()
    for window in changed.find_all(exp.Window):
        _tell_apart(window, _told_apart_by(select, reads))
    moments = select.args["from_"].this.alias_or_name.lower()
    # Inner calls first: what is replaced by its text must not hold another that is still to come.
    for call in reversed(aggregates_in(changed)):
        name = _name(call)
        if name in _ANY_ORDER or (_is_over_window(call) and name not in _NUMERIC):
            continue
        arguments = list(dict.fromkeys(each.sql("duckdb") for each in _plain(_arguments(call))))
        if not arguments or (name in _EXACT_OF_EXACT and set(arguments) <= set(exact)):
            continue
        if name in _OF_ONE_VALUE and {column.table.lower() for column in call.find_all(exp.Column)} == {moments}:
            continue  # a group has one moment
        text = call.sql("duckdb")
        opened = ", " if any(isinstance(each, exp.Order) for each in _arguments(call)) else " ORDER BY "
        call.replace(sqlglot.parse_one(f"{text[:-1]}{opened}{', '.join(arguments)})", dialect="duckdb"))
    return changed


def _tell_apart(window: exp.Window, columns: Sequence[exp.Expr]) -> None:
    """Give rows that a window's order leaves equal an order, where what it says depends on that."""
    frame = window.args.get("spec")
    name = _name(window.this)
    if name not in _OF_EQUALS and (frame is None or frame.args.get("kind") != "ROWS"):
        return  # rows that are equal count together
    if frame is not None and frame.args.get("kind") != "ROWS":
        return  # the same
    order = window.args.get("order")
    if order is None and frame is None:  # without an order it is over all rows, and with one up to this row
        ends = {"start": "UNBOUNDED", "start_side": "PRECEDING", "end": "UNBOUNDED", "end_side": "FOLLOWING"}
        window.set("spec", exp.WindowSpec(kind="ROWS", **ends))
    ordered = [exp.Ordered(this=each.copy(), nulls_first=False) for each in columns]
    if ordered:
        window.set("order", exp.Order(expressions=[*(order.expressions if order else []), *ordered]))


def _told_apart_by(select: exp.Select, reads: Sequence[exp.Expr]) -> list[exp.Expr]:
    """What tells the rows apart that windows see: the groups where the query groups, else the columns it reads."""
    group = select.args.get("group")
    if group is None:
        return list(reads)
    if group.args.get("all"):  # DuckDB takes no QUALIFY beside it, so each moment is one group
        return []
    written = [item.unalias() for item in select.expressions]
    return [
        written[int(each.this) - 1] if isinstance(each, exp.Literal) and not each.is_string else each
        for each in group.expressions
    ]


def never_fixed(select: exp.Select) -> str | None:
    """An aggregate that can't be given an order, as it is written; None where there is none."""
    return next((call.sql("duckdb") for call in aggregates_in(select) if _name(call) in NEVER_FIXED), None)


def _name(call: exp.Expr) -> str:
    return call.sql("duckdb").partition("(")[0].strip().upper()


def _arguments(call: exp.Expr) -> list[exp.Expr]:
    values = [value for key, value in call.args.items() if key != "separator"]
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each for each in flat if isinstance(each, exp.Expr)]


def _plain(arguments: list[exp.Expr]) -> Iterator[exp.Expr]:
    """The arguments that differ from row to row, without DISTINCT and ORDER BY around them."""
    for each in arguments:
        if isinstance(each, exp.Distinct):
            yield from _plain(each.expressions)
        elif isinstance(each, exp.Order):
            yield from _plain([each.this])
        elif each.find(exp.Column) is not None:
            yield each


def _is_over_window(call: exp.Expr) -> bool:
    window = call.find_ancestor(exp.Window)
    return window is not None and any(each is call for each in window.this.walk())
