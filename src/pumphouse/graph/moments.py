"""The rule of features: an input meets `moments` before its rows are aggregated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pumphouse.graph.aggregates import is_aggregate
from pumphouse.graph.findings import Finding
from pumphouse.graph.sql_scopes import cte_of, start_of
from pumphouse.graph.sql_words import line_of

if TYPE_CHECKING:
    from sqlglot import exp

MOMENTS = "moments"
"""The reserved name of what a feature is asked about."""

_CONDENSING = ("group", "distinct", "limit", "offset", "qualify", "having", "sample")


def early_aggregates(tree: exp.Expr, text: str) -> Iterator[Finding]:
    """A finding for each part that aggregates, limits or numbers the rows of a table without `moments` among them."""
    from sqlglot import exp

    for block in tree.find_all(exp.Query):
        if isinstance(block, exp.Subquery) or not _condenses(block):
            continue
        read = {table.name.lower(): table for table in _reached(block)}
        if read and MOMENTS not in read:
            first = min(read.values(), key=start_of)
            yield Finding(
                line_of(start_of(first), text),
                f"'{first.name}' is aggregated before it meets moments, so that rows of the future would count",
                f"Join moments and '{first.name}' first, and aggregate what comes of it.",
            )


def _condenses(block: exp.Expr) -> bool:
    from sqlglot import exp

    if isinstance(block, exp.SetOperation):
        return not isinstance(block, exp.Union) or bool(block.args.get("distinct"))
    if any(block.args.get(part) for part in _CONDENSING):
        return True
    return any(
        is_aggregate(node) or isinstance(node, exp.Window)
        for node in block.walk(prune=lambda node: node is not block and isinstance(node, exp.Query))
    )


def _reached(block: exp.Expr) -> Iterator[exp.Table]:
    """Every asset that a block reads, also through CTEs."""
    from sqlglot import exp

    waiting, seen = [block], {id(block)}
    while waiting:
        for table in waiting.pop().find_all(exp.Table):
            if not isinstance(table.this, exp.Identifier):
                continue
            cte = cte_of(table)
            if cte is None:
                yield table
            elif id(cte) not in seen:
                seen.add(id(cte))
                waiting.append(cte)
