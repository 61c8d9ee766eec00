"""What a query asks of rows, copied below what hides some of them, so that files can be passed over by it.

    SELECT * FROM orders WHERE order_id = 7

reads under a grant with `rows` a view that DuckDB pushes no filter through. Below it the same condition can stand where
it neither fails on a row nor can be told to have been there: it only compares stored columns that are shown as they are
with values of exactly their type. The condition of the query stays where it is.

It is copied whole or not at all, and only where nothing else of the query could be computed on rows that are hidden:
one SELECT of one table, or SELECTs without conditions around one. DuckDB is free to mix its filters, and to leave out
what is joined with nothing; either would tell of hidden rows what the condition found of them.

A view takes no parameters, so values are written into it: only those that are checked to be exactly of a type, each as
one quoted text that is cast to that type.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pumphouse.engines.engine import Scan
from pumphouse.engines.parameters import literal, quoted
from pumphouse.server.access.policies import Policy

CONSTANTS_MAX = 200
"""How many values a condition compares with at most; one with more stays above."""
TEXT_MAX = 1_000
"""How long a text may be that it compares with."""
_Tree = Mapping[str, Any]  # DuckDB's syntax tree as JSON
_PLACE = frozenset({"query_location"})
_SELECT = frozenset(
    {"aggregate_handling", "from_table", "group_expressions", "group_sets", "modifiers", "select_list", "type"}
)
"""Parts of a SELECT by which nothing is computed on a row that its WHERE leaves out."""
_TABLE = frozenset({"alias", "catalog_name", "schema_name", "table_name", "type"})
_NESTED = frozenset({"alias", "column_name_alias", "subquery", "type"})
_COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
_INTEGERS = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
    "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1),
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_ZONED = "TIMESTAMP WITH TIME ZONE"


class _Unsure(Exception):
    """The condition stays above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """A condition of a query on one table that may stand below what hides some of its rows."""

    policy: Policy
    scan: Scan
    """The table as it is, before the policy."""
    names: frozenset[str]
    """What the query may write before a column of the table, in lower case."""
    where: _Tree

    def applied(self, values: Mapping[str, Any]) -> Scan | None:
        """The table as the visitor has it, of the rows that meet the condition; None where it has to stay above."""
        try:
            condition = _Condition(self, values).sql(self.where)
        except (_Unsure, RecursionError):
            return None
        return self.policy.applied(self.scan.where(condition))


def below(tree: _Tree, *, policy: Policy, scan: Scan) -> Below | None:
    """The condition of a query of one table that may stand below; None where there is none, or other parts forbid it.

    `tree` is DuckDB's own of the query, as `project.queries` has looked at it.
    """
    if policy.rows is None or not policy.as_stored:
        return None
    node: _Tree = tree["node"]
    while "where_clause" not in node:
        nested = node.get("from_table", {})
        if not _is_plain(node, _SELECT) or nested.get("type") != "SUBQUERY" or not _has_only(nested, _NESTED):
            return None
        node = nested["subquery"]["node"]
    table = node["from_table"]
    if not _is_plain(node, _SELECT | {"where_clause"}) or table["type"] != "BASE_TABLE" or not _has_only(table, _TABLE):
        return None
    # Of `orders.id` it can't be told here whether `orders` is the table or a column of that name.
    names = {table.get("alias", table["table_name"]).lower()} - {name.lower() for name in scan.schema.names}
    return Below(policy=policy, scan=scan, names=frozenset(names), where=node["where_clause"])


def _is_plain(node: _Tree, parts: Collection[str]) -> bool:
    """Whether a node is a SELECT of these parts alone, and none of them but FROM asks a query of its own."""
    asked = (part for name, part in node.items() if name != "from_table")
    return node.get("type") == "SELECT_NODE" and _has_only(node, parts) and not any(map(_asks, asked))


def _asks(tree: Any) -> bool:
    if isinstance(tree, list):
        return any(map(_asks, tree))
    return isinstance(tree, dict) and (tree.get("class") == "SUBQUERY" or any(map(_asks, tree.values())))


def _has_only(tree: _Tree, parts: Collection[str]) -> bool:
    return _PLACE.issuperset(tree.keys() - parts)


class _Condition:
    """Writes a condition as SQL over the stored columns; raises _Unsure for what has to stay above."""

    def __init__(self, of: Below, values: Mapping[str, Any]) -> None:
        self._names = of.names
        self._types = {name.lower(): (name, kind) for name, kind in of.policy.as_stored.items()}
        self._values = values
        self._constants = 0

    def sql(self, node: _Tree) -> str:
        match node.get("type"):
            case "CONJUNCTION_AND" | "CONJUNCTION_OR" as kind if _has_only(node, {"class", "type", "children"}):
                return f"({f' {kind[12:]} '.join(map(self.sql, node['children']))})"
            case "OPERATOR_NOT":
                (child,) = self._children(node)
                return f"(NOT {self.sql(child)})"
            case "OPERATOR_IS_NULL" | "OPERATOR_IS_NOT_NULL" as kind:
                (child,) = self._children(node)
                return f"({self._column(child)[0]} {kind[9:].replace('_', ' ')})"
            case "COMPARE_IN" | "COMPARE_NOT_IN" as kind:
                first, *others = self._children(node)
                name, of = self._column(first)
                return f"({name} {kind[8:].replace('_', ' ')} ({', '.join(self._value(one, of) for one in others)}))"
            case "COMPARE_BETWEEN" if _has_only(node, {"class", "type", "input", "lower", "upper"}):
                name, of = self._column(node["input"])
                return f"({name} BETWEEN {self._value(node['lower'], of)} AND {self._value(node['upper'], of)})"
            case str(kind) if kind in _COMPARISONS and _has_only(node, {"class", "type", "left", "right"}):
                left, right, sign = node["left"], node["right"], _COMPARISONS[kind]
                if left.get("class") == "COLUMN_REF":
                    name, of = self._column(left)
                    return f"({name} {sign} {self._value(right, of)})"
                name, of = self._column(right)
                return f"({self._value(left, of)} {sign} {name})"
        raise _Unsure

    def _children(self, node: _Tree) -> list[_Tree]:
        if not _has_only(node, {"class", "type", "children"}):
            raise _Unsure
        return list(node["children"])

    def _column(self, node: _Tree) -> tuple[str, str]:
        """A column as SQL, and its type as the engine calls it."""
        if node.get("class") != "COLUMN_REF" or not _has_only(node, {"class", "type", "column_names"}):
            raise _Unsure
        *before, name = (one.lower() for one in node["column_names"])
        if name not in self._types or len(before) > 1 or not self._names.issuperset(before):
            raise _Unsure
        spelled, kind = self._types[name]
        return quoted(spelled), kind

    def _value(self, node: _Tree, kind: str) -> str:
        self._constants += 1
        written = _written(_constant(node, kind, self._values), kind)
        if self._constants > CONSTANTS_MAX:
            raise _Unsure
        return f"CAST({literal(written)} AS {kind})"


def _constant(node: _Tree, kind: str, values: Mapping[str, Any]) -> Any:
    """What a node stands for: a value of a parameter, or a literal as a person may write it for a column of a type."""
    match node.get("class"):
        case "PARAMETER" if node.get("identifier") in values:
            return values[node["identifier"]]
        case "CONSTANT" if _has_only(node, {"class", "type", "value"}):
            return _literal(node["value"], kind)
        case "CAST" if _has_only(node, {"class", "type", "child", "cast_type"}) and node["cast_type"] == {"id": kind}:
            child = node["child"]
            if child.get("class") == "CONSTANT" and child["value"]["type"] == {"id": "VARCHAR"}:
                return _literal(child["value"], kind)
    raise _Unsure


def _literal(value: _Tree, kind: str) -> Any:
    if value["is_null"]:
        raise _Unsure
    of, found = value["type"]["id"], value.get("value", "")  # an empty text is left out of the tree
    if of in ("INTEGER", "BIGINT") and isinstance(found, int):
        return found
    if of == "DECIMAL" and isinstance(found, int) and (column := _DECIMAL.fullmatch(kind)):
        width, scale = value["type"]["type_info"]["width"], value["type"]["type_info"].get("scale", 0)
        if scale <= int(column[2]) and width - scale <= int(column[1]) - int(column[2]):
            return Decimal(found).scaleb(-scale)
    if of != "VARCHAR" or not isinstance(found, str):
        raise _Unsure
    try:
        match kind:
            case "VARCHAR":
                return found
            case "BOOLEAN" if found in ("t", "f"):  # as DuckDB's parser writes TRUE and FALSE
                return found == "t"
            case "DATE" if str(day := date.fromisoformat(found)) == found:
                return day
            case "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE":
                moment = datetime.fromisoformat(found)
                if found in (str(moment), str(moment.date())):
                    return moment
    except ValueError:
        pass
    raise _Unsure


def _written(value: Any, kind: str) -> str:
    """A value that is exactly of a type of the engine, as the text that the engine reads as it."""
    match value:
        case bool() if kind == "BOOLEAN":
            return str(value)
        case bool():
            pass
        case int() if kind in _INTEGERS and _INTEGERS[kind][0] <= value <= _INTEGERS[kind][1]:
            return str(value)
        case int() | Decimal() if (found := _DECIMAL.fullmatch(kind)) and Decimal(value).is_finite():
            _, digits, exponent = Decimal(value).as_tuple()
            width, scale = int(found[1]), int(found[2])
            if isinstance(exponent, int) and -scale <= exponent <= 0 and len(digits) + exponent <= width - scale:
                return f"{Decimal(value):f}"
        case str() if kind == "VARCHAR" and len(value) <= TEXT_MAX and "\0" not in value and value.isprintable():
            return value
        case datetime() if kind == "TIMESTAMP" and value.tzinfo is None:
            return str(value)
        case datetime() if kind == _ZONED and value.tzinfo is not None and 2 < value.year < 9998:
            return str(value.astimezone(UTC))
        case datetime():
            pass
        case date() if kind == "DATE":
            return str(value)
    raise _Unsure
