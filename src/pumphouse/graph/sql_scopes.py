"""What the names in a parsed query mean: an asset, or one of the query's own CTEs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pumphouse.graph.findings import Finding
from pumphouse.graph.sql_words import line_of

if TYPE_CHECKING:
    from sqlglot import exp


class NameRead(msgspec.Struct, frozen=True, gc=False):
    """A name in a FROM, and the line it stands in."""

    name: str
    line: int


def names_read(tree: exp.Expr, text: str) -> tuple[dict[str, NameRead], list[Finding]]:
    """The assets in the query's FROMs by their name in lower case, and what in a FROM can't be one."""
    from sqlglot import exp

    names: dict[str, NameRead] = {}
    faults: list[Finding] = []
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue  # a table function
        line = line_of(start_of(table), text)
        if table.db:
            what = f"'{table.db}.{table.name}' is not the name of an asset"
            faults.append(Finding(line, what, f"Write the name alone: {table.name}."))
        elif not table.name.isidentifier():
            what = f"'{table.name}' in FROM is a file, not an asset"
            mend = "Gather it as an asset, such as ph.files(...), and read that by its name."
            faults.append(Finding(line, what, mend))
        elif cte_of(table) is None:
            names.setdefault(table.name.lower(), NameRead(table.name, line))
    return names, sorted(faults, key=lambda fault: fault.line)


def columns_of(tree: exp.Expr) -> tuple[str, ...] | None:
    """Names of the query's columns, or None where the text alone does not say them."""
    from sqlglot import exp

    while isinstance(tree, exp.SetOperation):
        tree = tree.this
    if not isinstance(tree, exp.Select):
        return None
    columns = []
    for column in tree.expressions:
        if column.is_star or not column.output_name or column.find(exp.Columns):
            return None
        columns.append(column.output_name)
    return tuple(columns) or None


def cte_of(table: exp.Table) -> exp.CTE | None:
    """The CTE that a name in FROM means, or None where it means an asset."""
    from sqlglot import exp

    name = table.name.lower()
    child: exp.Expr = table
    while not table.db and (parent := child.parent) is not None:
        ctes: list[exp.CTE] = []
        if isinstance(parent, exp.With):
            # Within a WITH, a query sees those before it, and with RECURSIVE itself.
            ctes = parent.expressions[: parent.expressions.index(child) + bool(parent.args.get("recursive"))]
        elif not isinstance(child, exp.With) and (with_ := parent.args.get("with_")):
            ctes = with_.expressions
        for cte in ctes:
            if cte.alias.lower() == name:
                return cte
        child = parent
    return None


def start_of(table: exp.Table) -> int:
    """Where in the text the name of a table begins."""
    start: int = table.this.meta.get("start", 0)
    return start
