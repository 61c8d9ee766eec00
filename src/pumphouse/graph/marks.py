"""Which columns of a query carry a mark that columns of its inputs have: column lineage, on the safe side.

A column carries a mark if its expression reads a marked column. What decides which rows there are (WHERE, ON, GROUP BY)
marks the rows, and whoever reads any column of them reads that. Where it can't be told which column comes from which,
as after PIVOT or `COLUMNS(...)`, any column may carry it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from pumphouse.graph.aggregates import aggregates_in
from pumphouse.graph.sql_scopes import cte_of

if TYPE_CHECKING:
    from sqlglot import exp

Mark = TypeVar("Mark")
ANY = "*"
"""Stands for the columns of a table that are not named: each of them may carry these marks."""
ROWS = ""
"""Stands for the rows themselves: whoever reads a table reads these marks."""
RECURSIONS_MAX = 5
"""Times that a recursive CTE is read; its marks only ever grow along its own columns."""

Marks = Mapping[str, frozenset[Mark]]
"""By a column's name in lower case, ANY or ROWS."""


def marked_columns(text: str, tables: Mapping[str, Marks[Mark]]) -> Marks[Mark] | None:
    """The marks of a query's columns, given those of its tables by name; None where it can't be read."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return None
    known = {name.lower(): marks for name, marks in tables.items()}
    return {column: marks for column, marks in _Reading(known).query(tree, {}, {}).items() if marks}


def all_marks(marks: Marks[Mark]) -> frozenset[Mark]:
    """Every mark of a table."""
    return frozenset().union(*marks.values())


class _Reading(Generic[Mark]):
    """One query, over tables whose marks are known."""

    def __init__(self, tables: Mapping[str, Marks[Mark]]) -> None:
        self.tables: Mapping[str, Marks[Mark]] = tables

    def query(self, tree: exp.Expr, ctes: Mapping[str, Marks[Mark]], outer: Mapping[str, Marks[Mark]]) -> Marks[Mark]:
        """The marks of a query's columns. `outer` are the sources of the query that it stands in."""
        from sqlglot import exp

        if with_ := tree.args.get("with_"):
            ctes = self._with(with_, ctes, outer)
        if isinstance(tree, exp.Subquery):
            inner = self.query(tree.this, ctes, outer)
            return {ANY: all_marks(inner)} if tree.args.get("pivots") else inner
        if isinstance(tree, exp.SetOperation):
            return self._both(tree, self.query(tree.this, ctes, outer), self.query(tree.expression, ctes, outer))
        if isinstance(tree, exp.Select):
            return self._select(tree, ctes, outer)
        # PIVOT, VALUES and the like: any column may be of any of its tables.
        tables = [all_marks(self._source(table, ctes, outer)) for table in tree.find_all(exp.Table)]
        return {ANY: self._read(tree, ctes, outer, {}).union(*tables)}

    def _with(
        self, with_: exp.With, ctes: Mapping[str, Marks[Mark]], outer: Mapping[str, Marks[Mark]]
    ) -> dict[str, Marks[Mark]]:
        known = dict(ctes)
        for cte in with_.expressions:
            name = cte.alias.lower()
            found: Marks[Mark] = {}
            for _ in range(RECURSIONS_MAX if with_.args.get("recursive") else 1):
                before = found
                seen = {**known, name: before} if with_.args.get("recursive") else known
                found = _renamed(self.query(cte.this, seen, outer), cte)
                if found == before:
                    break
            known[name] = found
        return known

    def _both(self, tree: exp.SetOperation, left: Marks[Mark], right: Marks[Mark]) -> Marks[Mark]:
        names = [_names(side) for side in (tree.this, tree.expression)]
        if not tree.args.get("by_name") and names[0] is not None and names[1] is not None:
            places = dict(zip(names[1], names[0], strict=False))
            right = _together({places.get(name, name): marks} for name, marks in right.items())
        elif not tree.args.get("by_name") and right:
            right = {ANY: all_marks(right)}
        if ANY in right:  # of columns that are named on the left, too
            return {name: left.get(name, frozenset()) | all_marks(right) for name in {*left, ANY}}
        return _together([left, right])

    def _select(
        self, select: exp.Select, ctes: Mapping[str, Marks[Mark]], outer: Mapping[str, Marks[Mark]]
    ) -> Marks[Mark]:
        from sqlglot import exp

        sources = self._sources(select, ctes, outer)
        aliases: dict[str, frozenset[Mark]] = {}
        columns: list[Marks[Mark]] = []
        for item in select.expressions:
            if item.is_star:
                columns.append(self._star(item, sources, ctes, outer))
                continue
            marks = self._read(item, ctes, {**outer, **sources}, aliases)
            name = item.alias_or_name.lower()
            if item.find(exp.Columns):
                marks, name = marks | all_marks(_together(sources.values())), ANY
            aliases[name] = aliases.get(name, frozenset()) | marks
            columns.append({name or ANY: marks})
        rows = [marks.get(ROWS, frozenset()) for marks in sources.values()]
        clauses = map(select.args.get, ("where", "group", "having", "qualify", "distinct", "limit", "offset"))
        rows += [self._read(clause, ctes, {**outer, **sources}, aliases) for clause in clauses if clause is not None]
        is_cut = select.args.get("limit") is not None or select.args.get("offset") is not None
        if (order := select.args.get("order")) is not None and is_cut:
            rows.append(self._read(order, ctes, {**outer, **sources}, aliases))
        rows += [self._read(window, ctes, {**outer, **sources}, aliases) for window in select.args.get("windows") or ()]
        for join in select.args.get("joins") or ():
            if (on := join.args.get("on")) is not None:
                rows.append(self._read(on, ctes, {**outer, **sources}, aliases))
            rows += [_of(_together(sources.values()), one.name.lower()) for one in join.args.get("using") or ()]
            if join.method == "NATURAL":
                rows.append(all_marks(_together(sources.values())))
        group = select.args.get("group")
        keys = list(group.expressions) if group is not None else []
        for item in select.expressions:
            # GROUP BY ALL, DISTINCT, and GROUP BY 1: what is selected decides which rows there are.
            is_key = (group is not None and group.args.get("all") and not aggregates_in(item)) or any(
                key.is_int and select.expressions[int(key.name) - 1 : int(key.name)] == [item] for key in keys
            )
            if is_key or (select.args.get("distinct") is not None and not item.is_star):
                rows.append(self._read(item, ctes, {**outer, **sources}, {}))
        return {name: marks for name, marks in _together([*columns, {ROWS: frozenset().union(*rows)}]).items() if marks}

    def _sources(
        self, select: exp.Select, ctes: Mapping[str, Marks[Mark]], outer: Mapping[str, Marks[Mark]]
    ) -> dict[str, Marks[Mark]]:
        """The marks of each table in FROM, by the name that the query calls it."""
        from_ = select.args.get("from_")
        found: dict[str, Marks[Mark]] = {}
        waiting: list[exp.Expr] = [from_.this] if from_ is not None else []
        waiting += [join.this for join in select.args.get("joins") or ()]
        waiting += select.args.get("laterals") or ()
        while waiting:
            source = waiting.pop(0)
            name = (source.alias_or_name or f" {len(found)}").lower()
            found[name] = self._source(source, ctes, {**outer, **found})
            waiting += [join.this for join in source.args.get("joins") or ()]
        return found

    def _source(
        self, source: exp.Expr, ctes: Mapping[str, Marks[Mark]], outer: Mapping[str, Marks[Mark]]
    ) -> Marks[Mark]:
        from sqlglot import exp

        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
            named = self.tables if source.name.lower() not in ctes or cte_of(source) is None else ctes
            marks = named.get(source.name.lower(), {})
            marks = {ANY: all_marks(marks)} if marks and source.args.get("pivots") else marks
        elif isinstance(source, exp.Subquery | exp.Select | exp.SetOperation):
            marks = self.query(source, ctes, outer)
        else:
            marks = {ANY: self._read(source, ctes, outer, {})}
        return _renamed(marks, source)

    def _star(
        self,
        item: exp.Expr,
        sources: Mapping[str, Marks[Mark]],
        ctes: Mapping[str, Marks[Mark]],
        outer: Mapping[str, Marks[Mark]],
    ) -> Marks[Mark]:
        """What `*` or `t.*` brings, with its EXCLUDE, REPLACE and RENAME."""
        from sqlglot import exp

        star = item.this if isinstance(item, exp.Column) else item
        table = item.table.lower() if isinstance(item, exp.Column) else ""
        marks = dict(_together([sources.get(table, {})] if table else sources.values()))
        marks.pop(ROWS, None)
        for left_out in star.args.get("except_") or ():
            marks.pop(left_out.name.lower(), None)
        for renamed in star.args.get("rename") or ():
            if (moved := marks.pop(renamed.this.name.lower(), None)) is not None:
                marks[renamed.alias.lower()] = moved
        for replaced in star.args.get("replace") or ():
            marks[replaced.alias.lower()] = self._read(replaced, ctes, {**outer, **sources}, {})
        return marks

    def _read(
        self,
        node: exp.Expr,
        ctes: Mapping[str, Marks[Mark]],
        sources: Mapping[str, Marks[Mark]],
        aliases: Mapping[str, frozenset[Mark]],
    ) -> frozenset[Mark]:
        """The marks of all that an expression reads, queries in it included."""
        from sqlglot import exp

        found: list[frozenset[Mark]] = []
        for part in node.walk(prune=lambda each: isinstance(each, exp.Query)):
            if isinstance(part, exp.Query):
                found.append(all_marks(self.query(part, ctes, sources)))
            elif isinstance(part, exp.Column) and not isinstance(part.this, exp.Star):
                found.append(_column(part, sources, aliases))
            elif isinstance(part, exp.PositionalColumn) or (
                isinstance(part, exp.Star) and not isinstance(part.parent, exp.Count)
            ):  # `#2` is any column
                found += [all_marks(marks) for marks in sources.values()]
        return frozenset().union(*found)


def _column(
    column: exp.Column, sources: Mapping[str, Marks[Mark]], aliases: Mapping[str, frozenset[Mark]]
) -> frozenset[Mark]:
    first, *rest = (part.name.lower() for part in column.parts)
    if rest and first in sources:
        return _of(sources[first], rest[0])
    whole = all_marks(sources[first]) if first in sources else frozenset()  # `c` for the whole row of `customers c`
    named = [_of(marks, first) for marks in sources.values()]
    # `main.customers.income`: a schema's name before the table's.
    named += [_of(sources[part], after) for part, after in pairwise(rest) if part in sources]
    return whole.union(*named, aliases.get(first, frozenset()))


def _of(marks: Marks[Mark], column: str) -> frozenset[Mark]:
    return marks.get(column, marks.get(ANY, frozenset())) | marks.get(ROWS, frozenset())


def _together(parts: Iterable[Marks[Mark]]) -> dict[str, frozenset[Mark]]:
    found: dict[str, frozenset[Mark]] = {}
    for marks in parts:
        for name, those in marks.items():
            found[name] = found.get(name, frozenset()) | those
    return found


def _names(tree: exp.Expr) -> list[str] | None:
    """The names of a query's columns in their order; None where a star hides them."""
    from sqlglot import exp

    while isinstance(tree, exp.SetOperation | exp.Subquery):
        tree = tree.this
    if not isinstance(tree, exp.Select) or any(item.is_star or item.find(exp.Columns) for item in tree.expressions):
        return None
    return [item.alias_or_name.lower() for item in tree.expressions]


def _renamed(marks: Marks[Mark], source: exp.Expr) -> Marks[Mark]:
    """The marks after `AS t(a, b)`."""
    from sqlglot import exp

    alias = source.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    if not columns or not marks:
        return marks
    inner = _names(source.this) if isinstance(source, exp.CTE | exp.Subquery) else None
    if inner is None or ANY in marks:
        return {ANY: all_marks(marks)}
    places = dict(zip(inner, (column.name.lower() for column in columns), strict=False))
    return _together({places.get(name, name): those} for name, those in marks.items())
