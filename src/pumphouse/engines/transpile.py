"""DuckDB's SQL as Spark's, where both mean the same; the rest is refused.

Spark gets what it is there for: to scan, join, group, sort and window. What these do alike on both engines is listed
here, with the types for which they do, and each entry is tested on both. Everything that is computed of one row goes to
DuckDB (`engines.scalars`), but for plain comparisons, which Spark needs to see to join and to skip files.

A SELECT becomes layers of plain ones: its rows with the keys and arguments of aggregates as columns; those grouped; and
what is computed of the groups. DuckDB itself says each type, by describing the expression over empty tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import sqlglot
from sqlglot import exp

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import quoted
from pumphouse.engines.trees import (
    Groups,
    aggregates,
    computed_by,
    conjuncts,
    direction_of,
    frame_of,
    keys_of,
    only,
    order_of,
    refuse_unsteady,
    refused,
    resolved,
    swapped,
    whole_number,
)

_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
_ALIKE = frozenset({"VARCHAR", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "BOOLEAN"}) | _INTEGERS
"""Types whose values are equal and ordered alike on both engines. So are DECIMAL, and HUGEINT, which travels as one."""
_COMPARISONS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.NullSafeEQ: "<=>",
}  # fmt: skip
DIGITS_SUMMED_MAX = 28
"""A sum of numbers of so many digits has 38 only after ten billion rows."""
_JOINS = frozenset({"", "INNER", "CROSS", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"})
_SET_OPERATIONS: Mapping[type[exp.Expr], str] = {
    exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column and DuckDB's type of it."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A SELECT that Spark runs, and what comes out of it."""

    select: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class _Value:
    """An expression that Spark runs."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names mean in one SELECT."""

    sources: Mapping[str, tuple[Column, ...]]
    ctes: Mapping[str, Relation]

    def kind(self, column: exp.Column) -> str:
        for known in self.sources.get(column.table, ()):
            if known.name == column.name:
                return known.kind
        where = "a query around it, or is neither grouped nor aggregated" if column.table else "no table"
        raise refused(f"'{column.sql(dialect='duckdb')}' comes from {where}")


MakeFunction = Callable[[str, tuple[str, ...], str], str]
"""From a scalar's text, the types of its inputs and its own type to the name under which Spark knows it."""


def transpile(text: str, *, tables: Mapping[str, Relation], oracle: DuckDB, function: MakeFunction) -> Relation:
    """The query for Spark. `tables` are what it may read, `oracle` is a DuckDB that knows the SQL functions.

    Column names are in lower case. Raises BuildError for what can't be moved.
    """
    known = {name.lower(): relation for name, relation in tables.items()}
    tree = resolved(text, {name: [column.name for column in relation.columns] for name, relation in known.items()})
    try:
        return _Translation(known, oracle, function).query(tree, {})
    except duckdb.Error as error:
        raise refused(str(error).strip().splitlines()[0]) from error


def name_of(name: str) -> str:
    """A name as an identifier of Spark's."""
    return "`" + name.replace("`", "``") + "`"


class _Translation:
    """One query on its way."""

    def __init__(self, tables: Mapping[str, Relation], oracle: DuckDB, function: MakeFunction) -> None:
        self._tables = tables
        self._oracle = oracle
        self._function = function

    # -- relations ----------------------------------------------------------------------------------------------------

    def query(self, node: exp.Expr, ctes: Mapping[str, Relation]) -> Relation:
        """The relation that a query, or a query in parentheses, is."""
        if isinstance(node, exp.Subquery):
            only(node, "this", "alias")
            return self.query(node.this, ctes)
        ctes = {**ctes, **self._with(node, ctes)}
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, ctes)
        raise refused(f"it is no SELECT but {node.key.upper()}")

    def _with(self, node: exp.Expr, ctes: Mapping[str, Relation]) -> dict[str, Relation]:
        known = dict(ctes)
        clause = node.args.get("with_")
        if clause is not None:
            only(clause, "expressions")
            for cte in clause.expressions:
                only(cte, "this", "alias", "materialized")
                known[cte.alias] = self.query(cte.this, known)
        return known

    def _set_operation(self, node: exp.SetOperation, ctes: Mapping[str, Relation]) -> Relation:
        only(node, "this", "expression", "distinct", "with_", "order", "limit", "offset")
        word, distinct = _SET_OPERATIONS[type(node)], bool(node.args.get("distinct"))
        if not distinct and word != "UNION":
            raise refused(f"{word} ALL")
        left, right = self.query(node.this, ctes), self.query(node.expression, ctes)
        both = f"{_empty(left.columns)} UNION ALL {_empty(right.columns)}"
        kinds = [row[1] for row in self._oracle.execute(f"DESCRIBE {both}")]
        columns = tuple(Column(column.name, kind) for column, kind in zip(left.columns, kinds, strict=True))
        sides = (self._as_columns(side, columns, distinct=distinct) for side in (left, right))
        select = f" {word} {'' if distinct else 'ALL '}".join(sides)
        return self._arranged(Relation(select, columns), node)

    def _as_columns(self, side: Relation, columns: Sequence[Column], *, distinct: bool) -> str:
        """A SELECT of a side's columns in the types and with the names that both sides get."""
        scope, parts = _Scope({"s": side.columns}, {}), []
        for own, wanted in zip(side.columns, columns, strict=True):
            node: exp.Expr = exp.column(own.name, table="s", quoted=True)
            if own.kind != wanted.kind:
                node = exp.cast(node, wanted.kind, dialect="duckdb")
            value = self._comparable(node, scope, "a set without duplicates") if distinct else self._value(node, scope)
            parts.append(f"{value.text} AS {name_of(wanted.name)}")
        return f"SELECT {', '.join(parts)} FROM ({side.select}) AS s"

    def _select(self, node: exp.Select, ctes: Mapping[str, Relation]) -> Relation:
        only(
            node,
            *("expressions", "from_", "joins", "where", "group", "having", "qualify", "distinct"),
            *("order", "limit", "offset", "with_"),
        )
        scope, source = self._from(node, ctes)
        where = node.args.get("where")
        conditions = [self._condition(part, scope) for part in conjuncts(where.this if where else None)]
        condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        if node.args.get("group") or node.args.get("having") or any(map(aggregates, computed_by(node))):
            return self._grouped(node, scope, source, condition)
        return self._core(node, scope, source, condition)

    def _from(self, node: exp.Select, ctes: Mapping[str, Relation]) -> tuple[_Scope, str]:
        """The scope of a SELECT and its FROM clause."""
        sources: dict[str, tuple[Column, ...]] = {}
        scope = _Scope(sources, ctes)
        start = node.args.get("from_")
        if start is None:
            return scope, ""
        text = f"FROM {self._source(start.this, scope, sources)}"
        for join in node.args.get("joins") or ():
            only(join, "this", "on", "side", "kind")
            kind = (join.side or join.kind or ("INNER" if join.args.get("on") else "CROSS")).upper()
            if kind not in _JOINS or (join.side and join.kind.upper() not in ("", "OUTER")):
                raise refused(f"a {join.side} {join.kind} JOIN".replace("  ", " "))
            visible = dict(sources)
            right = self._source(join.this, scope, sources)
            # Spark looks at an outer join's condition itself; our functions may stand in an inner one's.
            plain = "" if kind in ("INNER", "CROSS") else f"a {kind} JOIN"
            on = [self._truth(part, scope, plain=plain) for part in conjuncts(join.args.get("on"))]
            text += f" {kind} JOIN {right}" + (f" ON {' AND '.join(on)}" if on else "")
            if kind in ("SEMI", "ANTI"):  # what is on the right is not seen any further
                sources.clear()
                sources.update(visible)
        return scope, text

    def _source(self, node: exp.Expr, scope: _Scope, sources: dict[str, tuple[Column, ...]]) -> str:
        if isinstance(node, exp.Table):
            only(node, "this", "alias")
            relation = scope.ctes.get(node.name) or self._tables.get(node.name)
            if relation is None or not isinstance(node.this, exp.Identifier):
                raise refused(f"it reads '{node.sql(dialect='duckdb')}', which is no table of the lake")
        else:
            relation = self.query(node, scope.ctes)
        columns = relation.columns
        if renamed := node.alias_column_names:
            columns = tuple(Column(name, column.kind) for name, column in zip(renamed, columns, strict=False))
            columns += relation.columns[len(renamed) :]
            names = ", ".join(
                f"{name_of(old.name)} AS {name_of(new.name)}"
                for old, new in zip(relation.columns, columns, strict=True)
            )
            relation = Relation(f"SELECT {names} FROM ({relation.select}) AS r", columns)
        sources[node.alias_or_name] = columns
        return f"({relation.select}) AS {name_of(node.alias_or_name)}"

    def _grouped(self, node: exp.Select, scope: _Scope, source: str, condition: str) -> Relation:
        """Three layers: keys and arguments of each row, aggregates of each group, and what is computed of those."""
        over = node.copy()
        groups = Groups(keys_of(over))
        for computed in computed_by(over):
            computed.replace(groups.taken_out(computed))
        rows, grouped, columns = [], [], []
        for place, key in enumerate(groups.keys):
            value = self._comparable(key, scope, "a group's key")
            rows.append(f"{value.text} AS k{place}")
            grouped.append(f"k{place}")
            columns.append(Column(f"k{place}", value.kind))
        for place, aggregate in enumerate(groups.aggregates):
            condition_of = aggregate.expression.this if isinstance(aggregate, exp.Filter) else None
            if condition_of is not None:
                rows.append(f"{self._truth(condition_of, scope)} AS f{place}")
            call = self._aggregate(aggregate if condition_of is None else aggregate.this, scope)
            if call.argument is not None:
                rows.append(f"{call.argument.text} AS a{place}")
            filtered = f" FILTER (WHERE f{place})" if condition_of is not None else ""
            grouped.append(f"{call.text(f'a{place}', filtered)} AS g{place}")
            columns.append(Column(f"g{place}", call.kind))
        inner = f"SELECT {', '.join(rows) or '1 AS one'} {source}{condition}"
        keys = f" GROUP BY {', '.join(f'k{place}' for place in range(len(groups.keys)))}" if groups.keys else ""
        above = _Scope({"g": tuple(columns)}, scope.ctes)
        having = over.args.get("having")
        kept = [self._condition(part, above) for part in conjuncts(having.this if having else None)]
        text = f"FROM (SELECT {', '.join(grouped)} FROM ({inner}) AS r{keys}) AS g"
        return self._core(over, above, text, f" WHERE {' AND '.join(kept)}" if kept else "")

    def _core(self, node: exp.Select, scope: _Scope, source: str, condition: str) -> Relation:
        """A SELECT without groups: its columns, and around them QUALIFY, ORDER BY and LIMIT."""
        distinct = node.args.get("distinct")
        parts: dict[str, _Value] = {}
        for projection in node.expressions:
            name, inner = projection.alias_or_name, projection.unalias()
            if name in parts or name.startswith("__"):
                raise refused(f"two columns are called '{name}'" if name in parts else f"'{name}' begins with __")
            parts[name] = self._comparable(inner, scope, "DISTINCT") if distinct else self._value(inner, scope)
        columns = tuple(Column(name, value.kind) for name, value in parts.items())
        if distinct:
            only(distinct)
            if node.args.get("qualify"):
                raise refused("QUALIFY beside DISTINCT")
            return self._arranged(Relation(f"SELECT DISTINCT {_listed(parts)} {source}{condition}", columns), node)
        directions = []
        for place, (key, direction) in enumerate(order_of(node)):
            parts[f"__order{place}"] = self._comparable(key, scope, "ORDER BY")
            directions.append(f"__order{place} {direction}")
        after = f" ORDER BY {', '.join(directions)}" if directions else ""
        for part in ("limit", "offset"):
            if clause := node.args.get(part):
                only(clause, "expression")
                after += f" {part.upper()} {whole_number(clause.expression, part.upper())}"
        if qualify := node.args.get("qualify"):
            parts["__kept"] = _Value(self._truth(qualify.this, scope), "BOOLEAN")
            after = f" WHERE __kept{after}"
        core = f"SELECT {_listed(parts)} {source}{condition}"
        if not after:
            return Relation(core, columns)
        return Relation(f"SELECT {', '.join(name_of(one.name) for one in columns)} FROM ({core}) AS c{after}", columns)

    def _arranged(self, relation: Relation, node: exp.Expr) -> Relation:
        """The relation with the ORDER BY and LIMIT of `node`, which may name its columns only."""
        if not any(node.args.get(part) for part in ("order", "limit", "offset")):
            return relation
        outer = exp.Select(expressions=[exp.column(column.name, table="u", quoted=True) for column in relation.columns])
        for part in ("order", "limit", "offset"):
            outer.set(part, node.args[part].copy() if node.args.get(part) else None)
        same = {one.unalias(): one.alias_or_name for one in node.args.get("expressions") or ()}
        for key in outer.args["order"].expressions if outer.args.get("order") else ():
            if key.this in same:
                key.set("this", exp.column(same[key.this], quoted=True))
        return self._core(outer, _Scope({"u": relation.columns}, {}), f"FROM ({relation.select}) AS u", "")

    # -- values -------------------------------------------------------------------------------------------------------

    def _value(self, node: exp.Expr, scope: _Scope) -> _Value:
        return self._plain(node, scope) or self._scalar(node, scope)

    def _truth(self, node: exp.Expr, scope: _Scope, *, plain: str = "") -> str:
        """The text of a condition. With `plain`, which names who asks, Spark must be able to look into it."""
        value = self._plain(node, scope)
        if value is None and plain:
            raise refused(f"{plain} is on something computed: {node.sql(dialect='duckdb')}")
        value = value or self._scalar(node, scope)
        return value.text if value.kind == "BOOLEAN" else self._scalar(exp.cast(node.copy(), "BOOLEAN"), scope).text

    def _condition(self, node: exp.Expr, scope: _Scope) -> str:
        """The text of one of the conditions of a WHERE, where a search in a query is a join of Spark's."""
        search = node.this.unnest() if isinstance(node, exp.Not) else node
        if not isinstance(search, exp.In) or not search.args.get("query"):
            return self._truth(node, scope)
        only(search, "this", "query")
        relation = self.query(search.args["query"], scope.ctes)
        value = self._plain(search.this, scope)
        if value is None or len(relation.columns) != 1 or not _compare([value, _Value("", relation.columns[0].kind)]):
            raise refused(f"IN looks for {search.this.sql(dialect='duckdb')} in a query of another type")
        return f"({value.text} {'IN' if search is node else 'NOT IN'} ({relation.select}))"

    def _comparable(self, node: exp.Expr, scope: _Scope, what: str) -> _Value:
        """A value that is equal to others, and in the same order, on both engines."""
        value = self._value(node, scope)
        if _is_alike(value.kind):
            return value
        if value.kind in ("DOUBLE", "FLOAT"):
            # Spark tells 0.0 from -0.0 and one NaN from another; DuckDB does not.
            x = node.sql(dialect="duckdb")
            same = f"CASE WHEN isnan({x}) THEN CAST('nan' AS {value.kind}) WHEN {x} = 0 THEN 0 ELSE {x} END"
            return self._scalar(sqlglot.parse_one(same, dialect="duckdb"), scope)
        raise refused(f"{what} has the type {value.kind}")

    def _plain(self, node: exp.Expr, scope: _Scope) -> _Value | None:
        """The expression where Spark means the same by it, else None."""
        match node:
            case exp.Column():
                return _Value(f"{name_of(node.table)}.{name_of(node.name)}", scope.kind(node))
            case exp.Paren():
                inner = self._plain(node.this, scope)
                return _Value(f"({inner.text})", inner.kind) if inner else None
            case exp.Literal() | exp.Neg() | exp.Cast() | exp.Boolean():
                return _constant(node)
            case exp.Is(expression=exp.Null()):
                inner = self._plain(node.this, scope)
                return _Value(f"({inner.text} IS NULL)", "BOOLEAN") if inner else None
            case exp.Not():
                inner = self._plain(node.this, scope)
                return _Value(f"(NOT {inner.text})", "BOOLEAN") if inner and inner.kind == "BOOLEAN" else None
            case exp.And() | exp.Or():
                sides = self._all_plain([node.this, node.expression], scope)
                if sides is None or any(side.kind != "BOOLEAN" for side in sides):
                    return None
                return _Value(f"({sides[0].text} {node.key.upper()} {sides[1].text})", "BOOLEAN")
            case exp.Between():
                only(node, "this", "low", "high")
                sides = self._all_plain([node.this, node.args["low"], node.args["high"]], scope)
                if sides is None or not _compare(sides):
                    return None
                return _Value(f"({sides[0].text} BETWEEN {sides[1].text} AND {sides[2].text})", "BOOLEAN")
            case exp.In():
                if node.args.get("query"):  # Sail takes an unknown for TRUE there
                    raise refused("a search in a query is part of another condition")
                only(node, "this", "expressions")
                sides = self._all_plain([node.this, *node.expressions], scope)
                if sides is None or not _compare(sides):
                    return None
                return _Value(f"({sides[0].text} IN ({', '.join(side.text for side in sides[1:])}))", "BOOLEAN")
            case exp.Subquery():
                return self._one_value(node, scope)
            case exp.Window():
                return self._window(node, scope)
        if type(node) in _COMPARISONS:
            sides = self._all_plain([node.this, node.expression], scope)
            if sides is None or not _compare(sides):
                return None
            return _Value(f"({sides[0].text} {_COMPARISONS[type(node)]} {sides[1].text})", "BOOLEAN")
        return None

    def _all_plain(self, nodes: Sequence[exp.Expr], scope: _Scope) -> list[_Value] | None:
        values = [self._plain(node, scope) for node in nodes]
        return [value for value in values if value] if all(values) else None

    def _one_value(self, node: exp.Subquery, scope: _Scope) -> _Value:
        """A subquery that is one row for sure: aggregates without groups."""
        inner = node.this
        if not isinstance(inner, exp.Select) or inner.args.get("group") or not any(map(aggregates, inner.expressions)):
            raise refused("a subquery is used as a value and may have more than one row")
        relation = self.query(inner, scope.ctes)
        return _Value(f"({relation.select})", relation.columns[0].kind)

    def _scalar(self, node: exp.Expr, scope: _Scope) -> _Value:
        """The expression as a function that runs in DuckDB, over the columns and whatever else Spark gives."""
        leaves: list[_Value] = []

        def taken(part: exp.Expr) -> exp.Expr | None:
            if isinstance(part, exp.In) and part.args.get("query"):
                raise refused("a search in a query is part of another condition")
            if isinstance(part, (exp.Column, exp.Window, exp.Subquery)):
                leaf = self._plain(part, scope)
                assert leaf is not None  # these are plain, or refused
                if leaf not in leaves:
                    leaves.append(leaf)
                return exp.column(f"p{leaves.index(leaf)}", quoted=True)
            if isinstance(part, exp.Query):
                raise refused("a subquery looks at each row of the query around it")
            return None

        refuse_unsteady(node)
        text = swapped(node.copy(), taken).sql(dialect="duckdb")
        empty = _empty([Column(f"p{place}", leaf.kind) for place, leaf in enumerate(leaves)])
        # In a WHERE stands nothing but what is computed of one row: DuckDB refuses all else.
        described = f"DESCRIBE SELECT {text} AS value FROM ({empty}) WHERE ({text}) IS NULL"
        kind = str(self._oracle.execute(described)[0][1])
        name = self._function(text, tuple(leaf.kind for leaf in leaves), kind)
        return _Value(f"{name}({', '.join(leaf.text for leaf in leaves) or '1'})", kind)

    # -- aggregates and windows ---------------------------------------------------------------------------------------

    def _aggregate(self, node: exp.Expr, scope: _Scope) -> _Call:
        inner = node.this
        match node:
            case exp.Count(this=exp.Star()):
                return _Call("COUNT(*){over}", None, "BIGINT")
            case exp.Count(this=exp.Distinct()) if len(inner.expressions) == 1:
                only(inner, "expressions")
                value = self._comparable(inner.expressions[0], scope, "count(DISTINCT)")
                return _Call("COUNT(DISTINCT {value}){over}", value, "BIGINT")
            case exp.Count() if not node.expressions and not isinstance(inner, exp.Distinct):
                return _Call("COUNT({value}){over}", self._value(inner, scope), "BIGINT")
            case exp.Min() | exp.Max() if not node.expressions:
                return _extreme(node.key.upper(), self._comparable(inner, scope, node.key))
            case exp.LogicalOr() | exp.LogicalAnd():
                value = self._value(inner, scope)
                if value.kind == "BOOLEAN":
                    word = "BOOL_OR" if isinstance(node, exp.LogicalOr) else "BOOL_AND"
                    return _Call(f"{word}({{value}}){{over}}", value, "BOOLEAN")
            case exp.Sum() if not isinstance(inner, exp.Distinct):
                return _sum(self._value(inner, scope))
        raise refused(f"it aggregates by {node.sql(dialect='duckdb')}")

    def _window(self, node: exp.Window, scope: _Scope) -> _Value:
        only(node, "this", "partition_by", "order", "spec", "over")
        if node.args.get("over") not in (None, "OVER"):
            raise refused("a WINDOW clause")
        call = self._window_call(node.this, scope)
        over = []
        if keys := [self._comparable(key, scope, "PARTITION BY").text for key in node.args.get("partition_by") or ()]:
            over.append(f"PARTITION BY {', '.join(keys)}")
        if ordered := node.args.get("order"):
            keys = [
                f"{self._comparable(key.this, scope, 'ORDER BY').text} {direction_of(key)}"
                for key in ordered.expressions
            ]
            over.append(f"ORDER BY {', '.join(keys)}")
        if spec := node.args.get("spec"):
            over.append(frame_of(spec))
        return _Value(call.text(call.argument.text if call.argument else "", f" OVER ({' '.join(over)})"), call.kind)

    def _window_call(self, node: exp.Expr, scope: _Scope) -> _Call:
        match node:
            case exp.RowNumber() | exp.Rank() | exp.DenseRank() if not node.args.get("expressions"):
                return _Call(f"{node.sql_name()}(){{over}}", None, "BIGINT")
            case exp.Min() | exp.Max() if not node.expressions:
                value = self._comparable(node.this, scope, node.key)
                return _Call(f"{node.key.upper()}({{value}}){{over}}", value, value.kind)
            case exp.FirstValue() | exp.LastValue():
                value = self._value(node.this, scope)
                return _Call(f"{node.sql_name()}({{value}}){{over}}", value, value.kind)
            case exp.Lag() | exp.Lead() if not node.args.get("default"):
                value = self._value(node.this, scope)
                offset = whole_number(node.args.get("offset") or exp.Literal.number(1), node.sql_name())
                return _Call(f"{node.sql_name()}({{value}}, {offset}){{over}}", value, value.kind)
        return self._aggregate(node, scope)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of an aggregate: its text with gaps, the value for one of them, DuckDB's type of the result."""

    template: str
    argument: _Value | None
    kind: str

    def text(self, value: str, over: str) -> str:
        """The call of a value, with an OVER or FILTER clause or none."""
        return self.template.format(value=value, over=over)


def _sum(value: _Value) -> _Call:
    """A sum that is exact, or an error, where Spark's would wrap around."""
    if value.kind in _INTEGERS:
        return _Call("SUM(CAST({value} AS DECIMAL(19, 0))){over}", value, "HUGEINT")
    if value.kind in ("DOUBLE", "FLOAT"):
        return _Call("SUM(CAST({value} AS DOUBLE)){over}", value, "DOUBLE")
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", value.kind)
    if decimal is None and value.kind != "HUGEINT":
        raise refused(f"it sums values of the type {value.kind}")
    digits, scale = (int(decimal[1]), int(decimal[2])) if decimal else (38, 0)
    kind = f"DECIMAL(38,{scale})" if decimal else "HUGEINT"
    if digits <= DIGITS_SUMMED_MAX:
        return _Call("SUM({value}){over}", value, kind)
    most = f"MAX(ABS(CAST({{value}} AS DOUBLE))){{over}} * COUNT({{value}}){{over}} >= 1e{38 - scale}"
    failed = f"raise_error('Out of Range: a sum may leave DECIMAL(38, {scale})')"
    return _Call(f"CASE WHEN {most} THEN {failed} ELSE SUM({{value}}){{over}} END", value, kind)


def _extreme(word: str, value: _Value) -> _Call:
    """The least or the greatest of a group. Sail errs about floats that are not finite; here NaN is above all."""
    if value.kind not in ("DOUBLE", "FLOAT"):
        return _Call(f"{word}({{value}}){{over}}", value, value.kind)
    infinite, negative, nan = (f"CAST('{name}' AS {value.kind})" for name in ("Infinity", "-Infinity", "NaN"))
    finite = f"ABS({{value}}) < {infinite}"
    cases = [
        (f"{{value}} = {negative}", negative),
        (finite, f"{word}(CASE WHEN {finite} THEN {{value}} END){{over}}"),
        (f"{{value}} = {infinite}", infinite),
        ("ISNAN({value})", nan),
    ]
    listed = [f"WHEN BOOL_OR({case}){{over}} THEN {found}" for case, found in cases]
    return _Call(f"CASE {' '.join(listed if word == 'MIN' else reversed(listed))} END", value, value.kind)


def _constant(node: exp.Expr) -> _Value | None:
    """A literal that both engines read alike."""
    if isinstance(node, exp.Boolean):
        return _Value("TRUE" if node.this else "FALSE", "BOOLEAN")
    sign, inner = ("-", node.this) if isinstance(node, exp.Neg) else ("", node)
    if isinstance(inner, exp.Literal) and inner.is_string and not sign:
        return _Value(_text(inner.name), "VARCHAR")
    if isinstance(inner, exp.Literal) and re.fullmatch(r"\d{1,18}", inner.name):
        kind, word = ("INTEGER", "INT") if int(inner.name) < 2**31 else ("BIGINT", "BIGINT")
        return _Value(f"CAST({sign}{inner.name} AS {word})", kind)
    is_date = type(node) is exp.Cast and node.to.is_type("date") and isinstance(node.this, exp.Literal)
    if is_date and re.fullmatch(r"\d{4}-\d\d-\d\d", node.this.name):
        return _Value(f"DATE '{node.this.name}'", "DATE")
    return None


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _compare(values: Sequence[_Value]) -> bool:
    """Whether values of these types compare alike on both engines, with no cast that could differ."""
    kinds = {"BIGINT" if value.kind in _INTEGERS else value.kind for value in values}
    return len(kinds) == 1 and _is_alike(kinds.pop())


def _is_alike(kind: str) -> bool:
    return kind in _ALIKE or kind == "HUGEINT" or bool(re.fullmatch(r"DECIMAL\(\d+,\d+\)", kind))


def _listed(parts: Mapping[str, _Value]) -> str:
    return ", ".join(f"{value.text} AS {name_of(name)}" for name, value in parts.items())


def _empty(columns: Sequence[Column]) -> str:
    """A SELECT of DuckDB's with columns of these types."""
    return f"SELECT {', '.join(f'CAST(NULL AS {one.kind}) AS {quoted(one.name)}' for one in columns) or '1 AS one'}"
