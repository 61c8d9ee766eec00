"""Parts that a rewritten statement is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from pumphouse.server.postgres.catalogue.functions import FUNCTIONS, MACROS
from pumphouse.server.postgres.catalogue.refusals import no_function


def call_of(name: str, arguments: Sequence[exp.Expr]) -> exp.Expr:
    """A call of a function of PostgreSQL, as sqlglot has it."""
    return exp.func(name, *arguments, copy=False, dialect="postgres")


def macro(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of one of our functions, with what it takes. Raises Refused where none takes so many."""
    called = f"f_{name}_{len(arguments)}"
    function = FUNCTIONS.get(called)
    if function is not None:
        given = [cast(one, kind) for one, kind in zip(arguments, function.takes, strict=True)]
        return exp.Anonymous(this=called, expressions=given)
    if called[2:] not in MACROS:
        raise no_function(f"{name} with {len(arguments)} arguments")
    return exp.Anonymous(this=called, expressions=list(arguments))


def aliased(node: exp.Expr, name: str) -> exp.Expr:
    """An expression with a name."""
    return exp.Alias(this=node, alias=exp.to_identifier(name, quoted=True))


def raw(sql: str) -> exp.Expr:
    """SQL of DuckDB as it stands, made of our own literals."""
    return exp.Var(this=sql)


def cast(inner: exp.Expr, kind: str) -> exp.Expr:
    """An expression as a type of DuckDB."""
    return exp.Cast(this=inner, to=exp.DataType.build(kind, dialect="duckdb"))


def cut(inner: exp.Expr, kind: str, to: exp.Expr) -> exp.Expr:
    """An expression as a text of no more characters than its type has."""
    text = cast(inner, "VARCHAR")
    lengths = [int(one.name) for one in to.expressions if one.name.isdigit()] if isinstance(to, exp.DataType) else []
    length = lengths[0] if lengths else 1 if kind == "char" or (kind == "bpchar" and not _is_wide(to)) else None
    if length is None:
        return text
    return exp.Anonymous(this="left", expressions=[text, exp.Literal.number(length)])


def _is_wide(to: exp.Expr) -> bool:
    return isinstance(to, exp.DataType) and to.this == exp.DType.BPCHAR


def has_array(node: exp.DPipe) -> bool:
    """Whether one side of `||` is a list."""
    return isinstance(node.this, exp.Array) or isinstance(node.expression, exp.Array)


def unescaped(text: str) -> str:
    """What stands in E'...', whose quotes the parser has read already."""
    return re.sub(
        r"\\(n|t|r|b|f|.)",
        lambda found: {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(found.group(1), found.group(1)),
        text,
        flags=re.DOTALL,
    )
