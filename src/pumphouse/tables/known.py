"""When a derived row was known: when the last of its inputs was (law 6).

`_known_at` passes through a SELECT over one table or over inner joins of tables. Elsewhere the author selects it, or
names a column with `time = {known = "..."}`; a table without it can't be trained on.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

KNOWN = "_known_at"


def with_known_at(text: str, *, columns: Mapping[str, tuple[str, ...]], declared: str | None) -> str | None:
    """The query with `_known_at` as one more column, or None where it can't be derived.

    `columns` are those of each input, the lake's own included; `declared` is the output column that says when a row was
    known.
    """
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError:
        return None
    if not isinstance(tree, exp.Select):
        return None
    if any(KNOWN in (projection.alias_or_name, projection.name) for projection in tree.expressions):
        return tree.sql(dialect="duckdb")
    if declared is not None:
        inner = tree.sql(dialect="duckdb")
        return f'SELECT *, CAST("{declared}" AS TIMESTAMPTZ) AS {KNOWN} FROM ({inner})'
    tables = _tables_joined_inside(tree)
    if tables is None or any(KNOWN not in columns.get(table.name, ()) for table in tables):
        return None
    known = [exp.column(KNOWN, table=table.alias_or_name) for table in tables]
    latest = known[0] if len(known) == 1 else exp.func("greatest", *known, dialect="duckdb")
    # `*` would bring the inputs' own `_known_at` along.
    for star in list(tree.find_all(exp.Star)):
        if isinstance(star.parent, exp.Count):
            continue
        star.set("except_", [*(star.args.get("except_") or []), exp.to_identifier(KNOWN)])
    return tree.select(exp.alias_(latest, KNOWN)).sql(dialect="duckdb")


def _tables_joined_inside(tree: exp.Select) -> list[exp.Table] | None:
    """The tables of a plain SELECT over inner joins; None for anything else."""
    if any(
        tree.args.get(part)
        for part in ("with_", "group", "having", "distinct", "limit", "offset", "qualify", "laterals")
    ):
        return None
    if (
        tree.find(exp.AggFunc, exp.Window, exp.Subquery, exp.Pivot, exp.Exists)
        or len(list(tree.find_all(exp.Select))) > 1
    ):
        return None
    start = tree.args.get("from_")
    if start is None or not isinstance(start.this, exp.Table):
        return None
    tables = [start.this]
    for join in tree.args.get("joins") or []:
        if join.side or join.kind not in ("", "INNER") or not isinstance(join.this, exp.Table):
            return None
        if not (join.args.get("on") or join.args.get("using")):
            return None
        tables.append(join.this)
    if any(not table.name or isinstance(table.this, exp.Func) for table in tables):
        return None
    return tables
