"""The names that PostgreSQL gives to columns without one."""

from __future__ import annotations

from sqlglot import exp

from pumphouse.server.postgres.catalogue.kinds import type_name

_TITLES = {
    exp.CurrentVersion: "version", exp.Explode: "unnest", exp.ExplodingGenerateSeries: "generate_series",
    exp.LogicalAnd: "bool_and", exp.LogicalOr: "bool_or", exp.GroupConcat: "string_agg", exp.Trim: "btrim",
    exp.ArraySize: "array_length", exp.CurrentTimestamp: "now", exp.StrPosition: "position",
}  # fmt: skip
"""Names of functions that sqlglot calls otherwise."""


def title(node: exp.Expr) -> str:
    """The name that PostgreSQL gives to a column without one."""
    return _named(node)[0] or "?column?"


def _named(node: exp.Expr) -> tuple[str, int]:
    """A name, and whether it is one of its own (2), a makeshift (1), or none (0)."""
    match node:
        case exp.Cast():
            name, strength = _named(node.this)
            return (name, strength) if strength > 1 else (type_name(node.args["to"]) or name, 1)
        case exp.Paren() | exp.Bracket() | exp.Collate() | exp.Filter() | exp.Window():
            return _named(node.this)
        case exp.Column():
            return node.name, 2
        case exp.Dot():
            return node.expression.name, 2
        case exp.Subquery() if isinstance(node.this, exp.Select) and node.this.expressions:
            first = node.this.expressions[0]
            return (first.alias, 2) if isinstance(first, exp.Alias) else _named(first)
        case exp.Case():
            name, strength = _named(node.args["default"]) if node.args.get("default") else ("", 0)
            return (name, strength) if strength > 1 else ("case", 1)
        case exp.Anonymous():
            return node.name.lower().removeprefix("out "), 2
        case exp.Boolean():
            return "bool", 1
        case exp.And() | exp.Or() | exp.RegexpLike() | exp.RegexpILike() | exp.Any() | exp.All() | exp.If():
            return "", 0
        case exp.ArrayOverlaps() | exp.ArrayContainsAll() | exp.Mod() | exp.Pow():
            return "", 0
        case exp.Func():
            return _TITLES.get(type(node)) or node.sql_name().lower(), 2
    return "", 0
