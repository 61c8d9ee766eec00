"""Which type of PostgreSQL an expression over its tables is, where that is for sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from pumphouse.server.postgres.catalogue.builtin import Builtin, Relation
from pumphouse.server.postgres.catalogue.functions import FAMILIES

ALIASES = {
    "int": "int4", "integer": "int4", "smallint": "int2", "bigint": "int8", "real": "float4", "float": "float8",
    "double": "float8", "double precision": "float8", "boolean": "bool", "decimal": "numeric", "dec": "numeric",
    "character varying": "varchar", "character": "bpchar", "sql_identifier": "name", "cardinal_number": "int4",
    "character_data": "varchar", "yes_or_no": "varchar", "time_stamp": "timestamptz", "string": "text",
}  # fmt: skip
_PARSED = {
    "INT": "int4", "SMALLINT": "int2", "BIGINT": "int8", "FLOAT": "float4", "DOUBLE": "float8", "BOOLEAN": "bool",
    "DECIMAL": "numeric", "VARCHAR": "varchar", "CHAR": "bpchar", "BPCHAR": "bpchar", "TEXT": "text", "NAME": "name",
    "TIMESTAMPTZ": "timestamptz", "TIMESTAMP": "timestamp", "DATE": "date", "TIME": "time", "TIMETZ": "timetz",
    "INTERVAL": "interval", "UUID": "uuid", "JSON": "json", "JSONB": "jsonb", "VARBINARY": "bytea", "BIT": "bit",
    "MONEY": "money", "XML": "xml", "INET": "inet",
}  # fmt: skip
REGISTERED = frozenset(FAMILIES)
VECTORS = frozenset({"int2vector", "oidvector"})
_SYSTEM = {"tableoid": "oid", "xmin": "xid", "xmax": "xid", "cmin": "cid", "cmax": "cid"}
"""Columns that every table has and no list of columns shows."""
_BOOLEAN = (exp.Predicate, exp.Not, exp.Connector)


def type_name(to: exp.Expr) -> str | None:
    """The name of a type in a cast, as pg_type has it: "int4", "regclass", "_text"."""
    if isinstance(to, exp.DataType) and not isinstance(to.this, str):
        if to.this == exp.DType.ARRAY and to.expressions:
            element = type_name(to.expressions[0])
            return f"_{element}" if element else None
        if to.this != exp.DType.USERDEFINED:
            return _PARSED.get(to.this.name)
        kind = to.args.get("kind")
        name = kind.name if isinstance(kind, exp.Expr) else str(kind or "")
        if isinstance(kind, exp.Dot):
            name = kind.expression.name
    else:
        name = str(to.this)
    name = name.lower()
    if name.startswith("_"):
        return f"_{ALIASES.get(name[1:], name[1:])}"
    return ALIASES.get(name, name) or None


class Kinds:
    """The types of a statement's expressions, looked up before anything of it is rewritten."""

    def __init__(self, tree: exp.Expr, relations: Mapping[int, Relation], known: Builtin) -> None:
        self._relations = relations
        self._known = known
        self._scopes: dict[int, Scope] = {id(scope.expression): scope for scope in traverse_scope(tree)}
        self._found: dict[int, str | None] = {}
        self._nodes = list(tree.walk())  # kept, so that no id is used again
        for node in self._nodes:
            self.of(node)

    def of(self, node: exp.Expr | None) -> str | None:
        """The name of the type, or None where it is not known."""
        if node is None:
            return None
        if id(node) not in self._found:
            self._found[id(node)] = None  # whatever refers to itself
            self._found[id(node)] = self._of(node)
        return self._found[id(node)]

    def put(self, node: exp.Expr, kind: str | None) -> None:
        """Say the type of a node that stands in place of another."""
        self._nodes.append(node)
        self._found[id(node)] = kind

    def columns(self, select: exp.Expr, star: exp.Expr) -> list[tuple[str, str]] | None:
        """What a `*` or `t.*` stands for, as (table, column); None where that can't be told."""
        scope = self._scopes.get(id(select))
        if scope is None or any(join.args.get("using") or join.method for join in select.args.get("joins") or ()):
            return None
        names = [star.table] if isinstance(star, exp.Column) else _in_order(select)
        found = []
        for name in names:
            columns = self._columns_of(scope.sources.get(name)) if name else None
            if columns is None:
                return None
            found += [(name, column) for column in columns]
        return found

    def system_relation(self, column: exp.Column) -> Relation | None:
        """The one table that a column without a column's place, such as tableoid, belongs to."""
        for scope in self._around(column):
            tables = [
                self._relations[id(source)]
                for name, source in scope.sources.items()
                if isinstance(source, exp.Table) and id(source) in self._relations
                and (not column.table or name == column.table)
            ]  # fmt: skip
            if len(tables) == 1:
                return tables[0]
        return None

    def is_column(self, column: exp.Column) -> bool:
        """Whether some source has a column of this name."""
        for scope in self._around(column):
            for name, source in scope.sources.items():
                if column.table and name != column.table:
                    continue
                columns = self._columns_of(source)
                if columns is None or column.name in columns:
                    return True
        return False

    def _of(self, node: exp.Expr) -> str | None:
        match node:
            case exp.Column():
                return self._of_column(node)
            case exp.Cast():
                return self._of_cast(node)
            case exp.Paren() | exp.Alias() | exp.Max() | exp.Min() | exp.Collate() | exp.Ordered():
                return self.of(node.this)
            case exp.Distinct() if node.expressions:
                return self.of(node.expressions[0])
            case exp.Subquery() if isinstance(node.this, exp.Select) and not node.args.get("alias"):
                return self.of(next(iter(node.this.expressions), None))
            case exp.Coalesce() | exp.Nullif():
                return self._of_first(node.this, *node.expressions)
            case exp.Case():
                default = node.args.get("default")
                return self._of_first(*(one.args["true"] for one in node.args["ifs"]), *([default] if default else ()))
            case exp.Array() if node.expressions and isinstance(node.expressions[0], exp.Select):
                element = self.of(next(iter(node.expressions[0].expressions), None))
                return f"_{element}" if element else None
            case exp.ArrayAgg():
                element = self.of(node.this.this if isinstance(node.this, exp.Order) else node.this)
                return f"_{element}" if element else None
            case exp.Bracket() | exp.Explode() | exp.Unnest():
                return _element(self.of(node.this if not isinstance(node, exp.Unnest) else node.expressions[0]))
            case exp.Dot() if isinstance(node.expression, exp.Func):
                return self.of(node.expression)
            case exp.StringToArray():
                return "_text"
            case exp.CurrentSchemas():
                return "_name"
            case exp.Sum():
                return {"int2": "int8", "int4": "int8"}.get(self.of(node.this) or "")
            case exp.ExplodingGenerateSeries():
                return "int4" if all(self._is_small(one) for one in node.args.values() if one) else None
            case exp.Literal():
                return "text" if node.is_string else None
            case exp.Null():
                return "text"
            case exp.Boolean() | exp.Exists():
                return "bool"
            case exp.DPipe():
                return next((kind for one in (node.this, node.expression)
                             if (kind := self.of(one)) and kind.startswith("_")), "text")  # fmt: skip
            case exp.CurrentUser() | exp.SessionUser() | exp.CurrentSchema():
                return "name"
            case exp.CurrentCatalog() | exp.CurrentDatabase():
                return "name"
            case exp.Anonymous() if node.name.lower() in _RETURNS:
                return _RETURNS[node.name.lower()]
            case _ if isinstance(node, _BOOLEAN):
                return "bool"
        return None

    def _is_small(self, node: exp.Expr) -> bool:
        """Whether it is a number of type int4."""
        return self.of(node) == "int4" or (isinstance(node, exp.Literal) and node.is_int)

    def _of_first(self, *nodes: exp.Expr) -> str | None:
        """The type of the first that has one of its own: a text or a null takes that of the others."""
        kinds = [self.of(one) for one in nodes if not isinstance(one, exp.Null) and not one.is_string]
        return kinds[0] if kinds else "text"

    def _of_cast(self, node: exp.Expr) -> str | None:
        kind = type_name(node.args["to"])
        inner = self.of(node.this)
        if kind in ("_int2", "_oid") and inner in VECTORS:
            return inner  # its first position is still 0
        return kind

    def _of_column(self, column: exp.Column) -> str | None:
        for scope in self._around(column):
            for name, source in scope.sources.items():
                if column.table and name != column.table:
                    continue
                kind = self._of_source(source, column.name)
                if kind is not None:
                    return kind
            if column.table and column.table in scope.sources:
                return None
        return "name" if column.name in ("user", "current_role") and not column.table else None

    def _of_source(self, source: Any, column: str) -> str | None:
        if isinstance(source, Scope):
            select = source.expression
            while isinstance(select, (exp.SetOperation, exp.Subquery)):
                select = select.this
            outer = self._alias_columns(source)
            if isinstance(select, exp.Select):
                for number, one in enumerate(select.expressions):
                    if (outer[number] if number < len(outer) else one.alias_or_name) == column:
                        return self.of(one)
            return None
        relation = self._relations.get(id(source))
        if relation is not None:
            return relation.columns.get(column) or _SYSTEM.get(column)
        call = source.this if isinstance(source, exp.Table) else source
        if isinstance(call, exp.Func):  # a set of single values
            names = [one.name for one in source.args["alias"].columns] if source.args.get("alias") else []
            return self.of(call) if column == (names[0] if names else source.alias) else None
        return None

    def _columns_of(self, source: Any) -> list[str] | None:
        if isinstance(source, Scope):
            select = source.expression
            while isinstance(select, (exp.SetOperation, exp.Subquery)):
                select = select.this
            if not isinstance(select, exp.Select) or any(one.is_star for one in select.expressions):
                return None
            outer = self._alias_columns(source)
            return outer + [one.alias_or_name for one in select.expressions[len(outer) :]]
        relation = self._relations.get(id(source))
        return list(relation.columns) if relation is not None else None

    @staticmethod
    def _alias_columns(source: Scope) -> list[str]:
        parent = source.expression.parent
        alias = parent.args.get("alias") if isinstance(parent, (exp.Subquery, exp.CTE)) else None
        return [one.name for one in alias.columns] if isinstance(alias, exp.TableAlias) else []

    def _around(self, node: exp.Expr) -> Iterator[Scope]:
        """The scopes that a column is looked up in, from the inmost."""
        above: Any = node.parent
        while above is not None:
            scope = self._scopes.get(id(above))
            if scope is not None:
                yield scope
            above = above.parent


def _element(kind: str | None) -> str | None:
    if kind is None:
        return None
    if kind in VECTORS:
        return {"int2vector": "int2", "oidvector": "oid"}[kind]
    return kind[1:] if kind.startswith("_") else None


def _in_order(select: exp.Expr) -> list[str]:
    first = select.args.get("from_")
    sources = [first.this] if first is not None else []
    sources += [join.this for join in select.args.get("joins") or ()]
    return [source.alias_or_name for source in sources]


_RETURNS = {
    "pg_get_userbyid": "name", "to_regclass": "regclass", "to_regtype": "regtype", "to_regproc": "regproc",
    "to_regnamespace": "regnamespace", "to_regrole": "regrole", "current_schemas": "_name", "current_setting": "text",
    "pg_my_temp_schema": "oid", "pg_relation_filenode": "oid", "pg_encoding_to_char": "name", "format_type": "text",
    "generate_subscripts": "int4", "array_upper": "int4", "array_lower": "int4", "json_build_object": "json",
}  # fmt: skip
