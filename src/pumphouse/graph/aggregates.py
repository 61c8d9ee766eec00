"""Which calls in SQL aggregate: one answer for features, slices and when a row was known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

# Aggregates and aggregating macros of DuckDB 1.5 that SQLGlot 30 reads as functions of no known kind.
_UNKNOWN_TO_SQLGLOT = frozenset({
    "arbitrary", "arg_max_null", "arg_max_nulls_last", "arg_min_null", "arg_min_nulls_last", "bitstring_agg",
    "count_star", "entropy", "favg", "fsum", "geomean", "geometric_mean", "histogram", "histogram_exact",
    "json_group_array", "json_group_object", "kahan_sum", "kurtosis_pop", "mad", "mean", "product",
    "reservoir_quantile", "sem", "sum_no_overflow", "sumkahan", "wavg", "weighted_avg",
})  # fmt: skip


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a node is a call that makes one value of many rows: `sum(x)`, `mean(x)`; also those only windows have."""
    from sqlglot import exp

    return isinstance(node, exp.AggFunc) or (
        isinstance(node, exp.Anonymous) and node.name.lower() in _UNKNOWN_TO_SQLGLOT
    )


def aggregates_in(tree: exp.Expr) -> list[exp.Expr]:
    """Every aggregating call in a statement or an expression, those over a window included."""
    return [node for node in tree.walk() if is_aggregate(node)]
