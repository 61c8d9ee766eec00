"""What a parsed query says, clause by clause: read for `engines.transpile`, which refuses what is not listed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from pumphouse.errors import BuildError

_UNSTEADY = frozenset(
    {
        *("random", "setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "nextval", "currval"),
        *("now", "today", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"),
        *("get_current_time", "get_current_timestamp", "transaction_timestamp", "txid_current"),
    }
)
"""Functions that give something else each time, or each batch."""


def refused(reason: str) -> BuildError:
    """The error that says why a query can't be moved."""
    return BuildError(f"the query can't be moved to Spark: {reason}", mend="Write it otherwise, or run it on DuckDB.")


def resolved(text: str, tables: Mapping[str, Sequence[str]]) -> exp.Expr:
    """The query with every column and table named in full, stars written out, and avg as what it is.

    `tables` are the columns of each table by name, all in lower case, as are the names in the result.
    """
    tree = _parsed(text)
    _refuse_two_meanings(tree, tables)
    schema: dict[str, object] = {name: dict.fromkeys(columns, "TEXT") for name, columns in tables.items()}
    try:
        return qualify(tree, schema=schema, dialect="duckdb").transform(_average)
    except SqlglotError as error:
        raise refused(str(error).strip().splitlines()[0]) from error


def names_in(text: str) -> frozenset[str] | None:
    """Every name in a query, in lower case; None where a star stands for more."""
    tree = _parsed(text)
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return None
    return frozenset(name.name.lower() for name in tree.find_all(exp.Identifier))


def _parsed(text: str) -> exp.Expr:
    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except SqlglotError as error:
        raise refused("SQLGlot can't read it") from error
    tree = statements[0] if len(statements) == 1 else None
    if not isinstance(tree, exp.Query):
        raise refused("it is not one SELECT")
    return tree


class Groups:
    """What a grouped SELECT is made of: its keys, and the aggregates that are found in what it computes."""

    def __init__(self, keys: Sequence[exp.Expr]) -> None:
        self.keys = list(dict.fromkeys(keys))
        self.aggregates: list[exp.Expr] = []

    def taken_out(self, node: exp.Expr) -> exp.Expr:
        """The expression over the columns k0, k1... and g0, g1... of the table `g`."""
        return swapped(node.copy(), self._column)

    def _column(self, part: exp.Expr) -> exp.Expr | None:
        if part in self.keys:
            return exp.column(f"k{self.keys.index(part)}", table="g", quoted=True)
        if isinstance(part, exp.AggFunc) or (isinstance(part, exp.Filter) and isinstance(part.this, exp.AggFunc)):
            if part not in self.aggregates:
                self.aggregates.append(part)
            return exp.column(f"g{self.aggregates.index(part)}", table="g", quoted=True)
        return None


def keys_of(node: exp.Select) -> list[exp.Expr]:
    """What a SELECT groups by; none where all rows are one group."""
    group = node.args.get("group")
    if group is None:
        return []
    only(group, "expressions", "all")
    if group.args.get("all"):  # what has no column is no key to DuckDB
        return [one.unalias() for one in node.expressions if one.find(exp.Column) and not aggregates(one)]
    return [key.unnest() for key in group.expressions]


def computed_by(node: exp.Select) -> list[exp.Expr]:
    """What a SELECT computes of its rows or groups."""
    conditions = [clause.this for part in ("having", "qualify") if (clause := node.args.get(part))]
    order = node.args.get("order")
    return [*node.expressions, *conditions, *(ordered.this for ordered in (order.expressions if order else ()))]


def aggregates(node: exp.Expr) -> bool:
    """Whether an expression aggregates rows; a window does not."""
    groups = Groups([])
    groups.taken_out(node)
    return bool(groups.aggregates)


def order_of(node: exp.Select) -> list[tuple[exp.Expr, str]]:
    """What a SELECT is ordered by, each with its direction; a name is what the SELECT makes under it."""
    made = {one.alias_or_name: one.unalias() for one in node.expressions}
    order = node.args.get("order")
    keys: list[tuple[exp.Expr, str]] = []
    for ordered in order.expressions if order else ():
        only(ordered, "this", "desc", "nulls_first")
        key = ordered.this
        if isinstance(key, exp.Var) and key.name.upper() == "ALL":
            keys += [(one, direction_of(ordered)) for one in made.values()]
        elif isinstance(key, exp.Literal):
            raise refused("ORDER BY a number")
        else:
            is_name = isinstance(key, exp.Column) and not key.table
            keys.append((made.get(key.name, key) if is_name else key, direction_of(ordered)))
    return keys


def direction_of(ordered: exp.Ordered) -> str:
    """Which end comes first, with nulls where DuckDB puts them."""
    nulls = "FIRST" if ordered.args.get("nulls_first") else "LAST"
    return f"{'DESC' if ordered.args.get('desc') else 'ASC'} NULLS {nulls}"


def frame_of(spec: exp.WindowSpec) -> str:
    """The rows of a window that count."""
    only(spec, "kind", "start", "start_side", "end", "end_side")

    def bound(side: str, default: str) -> str:
        value: Any = spec.args.get(side) or default  # a word, or an expression
        if value == "CURRENT ROW":
            return "CURRENT ROW"
        if kind != "ROWS" and value != "UNBOUNDED":
            raise refused("a window's RANGE by a value")
        rows = value if value == "UNBOUNDED" else whole_number(value, "ROWS")
        return f"{rows} {str(spec.args[f'{side}_side']).upper()}"

    kind = str(spec.args["kind"]).upper()
    if kind not in ("ROWS", "RANGE"):
        raise refused(f"a window's {kind}")
    return f"{kind} BETWEEN {bound('start', 'UNBOUNDED')} AND {bound('end', 'CURRENT ROW')}"


def whole_number(node: exp.Expr, what: str) -> str:
    """A number that is written out."""
    if isinstance(node, exp.Literal) and re.fullmatch(r"\d{1,18}", node.name):
        return str(node.name)
    raise refused(f"{what} by something that is no number")


def conjuncts(node: exp.Expr | None) -> list[exp.Expr]:
    """The conditions that all have to hold."""
    if node is None:
        return []
    node = node.unnest()
    return [*conjuncts(node.this), *conjuncts(node.expression)] if isinstance(node, exp.And) else [node]


def refuse_unsteady(node: exp.Expr) -> None:
    """Refuse functions that give something else each time."""
    for function in node.find_all(exp.Func):
        name = function.sql(dialect="duckdb").partition("(")[0].lower()
        if name in _UNSTEADY:
            raise refused(f"{name} gives something else each time")


def only(node: exp.Expr, *known: str) -> None:
    """Refuse a clause that has more to it than is known here."""
    for name, value in node.args.items():
        if value and name not in known:
            raise refused(f"{node.key.upper()} with {name.strip('_').upper().replace('_', ' ')}")


def swapped(node: exp.Expr, swap: Callable[[exp.Expr], exp.Expr | None], *, in_window: bool = False) -> exp.Expr:
    """The expression with its topmost parts for which `swap` has another one swapped; subqueries are left as they are.

    The function of a window is no part by itself, its arguments are.
    """
    if not in_window and (found := swap(node)) is not None:
        return found
    if isinstance(node, exp.Query):
        return node
    for name, value in list(node.args.items()):
        function = isinstance(node, exp.Window) and name == "this"
        if isinstance(value, exp.Expr):
            node.set(name, swapped(value, swap, in_window=function))
        elif isinstance(value, list):
            node.set(name, [swapped(one, swap) if isinstance(one, exp.Expr) else one for one in value])
    return node


def _refuse_two_meanings(tree: exp.Expr, tables: Mapping[str, Sequence[str]]) -> None:
    """In HAVING, a name of both a column and what SELECT makes means one to DuckDB and the other to SQLGlot."""
    columns = {name for names in tables.values() for name in names}
    for select in tree.find_all(exp.Select):
        made = {
            one.alias.lower()
            for one in select.expressions
            if isinstance(one, exp.Alias) and not (isinstance(one.this, exp.Column) and one.this.name == one.alias)
        }
        having = select.args.get("having")
        for column in having.find_all(exp.Column) if having else ():
            if not column.table and column.name.lower() in made & columns:
                raise refused(f"'{column.name}' in HAVING is the name of two things")


def _average(node: exp.Expr) -> exp.Expr:
    """avg as sum by count: Spark would round a decimal's."""
    average = node
    while isinstance(average, (exp.Filter, exp.Window)):
        average = average.this
    if not isinstance(average, exp.Avg):
        return node
    total, count = (_called_instead(node, average, kind) for kind in (exp.Sum, exp.Count))
    return exp.paren(exp.Div(this=exp.cast(total, "DOUBLE"), expression=count))


def _called_instead(node: exp.Expr, average: exp.Expr, kind: type[exp.Func]) -> exp.Expr:
    """The node with another aggregate in the place of `average`."""
    if node is average:
        return kind(this=average.this.copy())
    copy = node.copy()
    copy.set("this", _called_instead(node.this, average, kind))
    return copy
