"""When a derived row was known: when the last of its inputs was (law 6).

`_known_at` passes through a SELECT over one table or over inner joins of tables. Elsewhere the author selects it, or
names a column with `time = {known = "..."}`; a table without it can't be trained on. A row in which it is null was
never known, and nor is any row that is joined from it: no feature sees them.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pumphouse.declare.asset import Asset
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError, did_you_mean
from pumphouse.graph.aggregates import aggregates_in
from pumphouse.lake.times import form_of, moment

KNOWN = "_known_at"


def with_declared(text: str, schema: pa.Schema, asset: Asset) -> str:
    """A query with this schema, its `_known_at` a moment: from the column that is declared, where none has that name.

    A day was known when it was over. Where neither is there, the text as it is. Raises BuildError for a declared column
    that isn't there or holds no time.
    """
    column = KNOWN if KNOWN in schema.names else asset.common.time.known
    if column is None:
        return text
    form = form_of(schema.field(column).type) if column in schema.names else None
    if form is None:
        kind = f"it is {schema.field(column).type}" if column in schema.names else "there is no such column"
        raise BuildError(
            f"'{column}' is to say when a row of '{asset.name}' was known, and {kind}",
            asset=asset.name,
            place=asset.place,
            mend=did_you_mean(column, schema.names) or "Name a column of days or times.",
        )
    if column == KNOWN and form == "timestamptz":
        return text
    known = moment(exp.column(column, quoted=True), form).sql("duckdb")
    others = [quoted(name) for name in schema.names if name != KNOWN]
    return f"SELECT {', '.join(others)}, {known} AS {KNOWN} FROM ({text}\n)"


def with_derived(text: str, *, columns: Mapping[str, tuple[str, ...]]) -> str | None:
    """The query with `_known_at` as one more column, or None where it can't be derived.

    `columns` are those of each input, the lake's own included.
    """
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError:
        return None
    if not isinstance(tree, exp.Select):
        return None
    tables = _tables_joined_inside(tree)
    if tables is None or any(KNOWN not in columns.get(table.name, ()) for table in tables):
        return None
    # `*` would bring the inputs' own `_known_at` along.
    for star in list(tree.find_all(exp.Star)):
        if isinstance(star.parent, exp.Count):
            continue
        star.set("except_", [*(star.args.get("except_") or []), exp.to_identifier(KNOWN)])
    known = [exp.column(KNOWN, table=table.alias_or_name) for table in tables]
    return tree.select(exp.alias_(_latest(known), KNOWN)).sql(dialect="duckdb")


def _latest(known: list[exp.Column]) -> exp.Expression:
    if len(known) == 1:
        return known[0]
    # `greatest` passes nulls over, and would have known what an input never was.
    never = exp.or_(*(exp.Is(this=column.copy(), expression=exp.Null()) for column in known))
    return exp.Case().when(never, exp.Null()).else_(exp.func("greatest", *known, dialect="duckdb"))


def _tables_joined_inside(tree: exp.Select) -> list[exp.Table] | None:
    """The tables of a plain SELECT over inner joins; None for anything else."""
    if any(
        tree.args.get(part)
        for part in ("with_", "group", "having", "distinct", "limit", "offset", "qualify", "laterals")
    ):
        return None
    if (
        aggregates_in(tree)
        or tree.find(exp.Window, exp.Subquery, exp.Pivot, exp.Exists)
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
