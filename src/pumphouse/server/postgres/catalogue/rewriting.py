"""A query of PostgreSQL over its own tables as one of DuckDB over the tables of `store`.

What is not known to mean the same there is refused: better no answer than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from pumphouse.engines.parameters import literal
from pumphouse.server.postgres.catalogue.building import aliased, call_of, cast, cut, has_array, macro, raw, unescaped
from pumphouse.server.postgres.catalogue.builtin import KEYWORDS, Builtin, Relation, physical
from pumphouse.server.postgres.catalogue.functions import NAMES
from pumphouse.server.postgres.catalogue.kinds import REGISTERED, VECTORS, Kinds, type_name
from pumphouse.server.postgres.catalogue.refusals import no_function, no_type, unsupported
from pumphouse.server.postgres.catalogue.statements import SCHEMAS, is_role
from pumphouse.server.postgres.catalogue.titles import title
from pumphouse.server.postgres.sqlstate import Refused

SETTINGS = "pg_catalog.pg_settings"
PROCESS = "pg_backend_pid"
"""Among the settings of a session: its number."""
NO_OPTIONS = "(SELECT CAST(NULL AS VARCHAR) AS option_name, CAST(NULL AS VARCHAR) AS option_value WHERE false)"
_SAME = (
    exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.Upper, exp.Lower, exp.Count, exp.Max, exp.Min, exp.Sum,
    exp.Avg, exp.ArrayAgg, exp.GroupConcat, exp.LogicalAnd, exp.LogicalOr, exp.Concat, exp.ConcatWs, exp.Replace,
    exp.SplitPart, exp.Left, exp.Right, exp.Trim, exp.Substring, exp.Abs, exp.Round, exp.Ceil, exp.Floor, exp.MD5,
    exp.Ascii, exp.Chr, exp.Repeat, exp.Reverse, exp.Translate, exp.StartsWith, exp.RegexpLike, exp.RegexpILike,
    exp.RegexpReplace, exp.Case, exp.If, exp.Cast, exp.Exists, exp.Array, exp.RowNumber, exp.Rank, exp.DenseRank,
    exp.CurrentTimestamp, exp.CurrentDate, exp.Extract, exp.ArrayConcat, exp.And, exp.Or, exp.Explode, exp.Unnest,
    exp.ExplodingGenerateSeries, exp.Pow, exp.ArrayOverlaps, exp.ArrayContainsAll, exp.Any, exp.All, exp.Mod,
)  # fmt: skip
"""Functions that DuckDB has with the same meaning, as sqlglot writes them for it."""
_NAMED = {"array_to_string": "array_to_string", "every": "bool_and", "octet_length": "strlen",
          "json_build_object": "json_object"}  # fmt: skip
"""Functions that sqlglot has no class for, by their names in DuckDB."""
_OPERATORS = {
    "~": exp.RegexpLike, "~*": exp.RegexpILike, "=": exp.EQ, "<>": exp.NEQ, "!=": exp.NEQ, "<": exp.LT, ">": exp.GT,
    "<=": exp.LTE, ">=": exp.GTE, "~~": exp.Like, "~~*": exp.ILike, "||": exp.DPipe, "+": exp.Add, "-": exp.Sub,
    "*": exp.Mul,
}  # fmt: skip
_REFUSED = (
    exp.Into, exp.Lock, exp.Placeholder, exp.Slice, exp.SimilarTo, exp.AtTimeZone, exp.TableSample, exp.Command,
    exp.UnicodeString, exp.BitString, exp.HexString, exp.Introducer, exp.UserDefinedFunction, exp.DDL, exp.DML,
    exp.JSONExtract, exp.JSONExtractScalar, exp.JSONBExtract, exp.JSONBExtractScalar,
)  # fmt: skip
_ARRAY = re.compile(r'\{(?:(?:"(?:[^"\\]|\\.)*"|[^{},"\\]+)(?:,|(?=\})))*\}', re.DOTALL)
_FLOATS = frozenset({"float4", "float8", "numeric"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a statement is asked in: by whom, where, with which settings and values."""

    who: str
    database: str
    version: str
    settings: Mapping[str, str]
    values: Sequence[Any] | None = None  # as a protocol carries them
    """Values of `$1`...; None: they are not known yet, and each is null."""
    declared: Sequence[str | None] = ()
    """The types of `$1`..., where the client told them."""


@dataclass(slots=True)
class Rewritten:
    """A query for the store, and how its answer looks to PostgreSQL."""

    sql: str
    columns: list[tuple[str, str | None]] | None
    """Names and types; None where only the answer tells."""
    parameters: dict[int, str] = field(default_factory=dict)


def rewrite(tree: exp.Expr, relations: Mapping[int, Relation], around: Around, known: Builtin) -> Rewritten:
    """The query for the store. Raises Refused for what can't be rewritten."""
    return _Rewriting(tree, relations, around, known).result()


class _Rewriting:
    """One statement as it is rewritten, from the inside out."""

    def __init__(self, tree: exp.Expr, relations: Mapping[int, Relation], around: Around, known: Builtin) -> None:
        self._tree = tree
        self._relations = relations
        self._around = around
        self._known = known
        self._parameters: dict[int, str] = {}
        for node in tree.find_all(exp.Identifier):
            if not node.args.get("quoted"):
                node.set("this", node.this.lower())
        for dot in reversed(list(tree.find_all(exp.Dot, bfs=False))):  # from the inside
            self._without_schema(dot)
        self._kinds = Kinds(tree, relations, known)

    def result(self) -> Rewritten:
        self._refuse()
        self._name_projections()
        self._expand_stars()
        columns = self._outputs()
        nodes = list(self._tree.walk(bfs=False))
        roots = {id(one) for one in self._roots()}
        for node in reversed(nodes):
            kind = self._kinds.of(node)
            replaced = self._replaced(node)
            if replaced is not node:
                self._kinds.put(replaced, kind)
                assert id(node) not in roots, type(node)
                node.replace(replaced)
        for node in self._tree.find_all(exp.Identifier):
            node.set("quoted", value=True)
        sql = self._tree.sql("duckdb", comments=False, normalize_functions=False)
        return Rewritten(sql=sql, columns=columns, parameters=self._parameters)

    # -- before anything is replaced -----------------------------------------------------------------------------------

    def _without_schema(self, dot: exp.Dot) -> None:
        """`pg_catalog.f(...)` as `f(...)`."""
        call = dot.expression
        if isinstance(dot.this, exp.Identifier) and isinstance(call, exp.Anonymous):
            if dot.this.name.lower() not in SCHEMAS:
                raise no_function(dot.sql("postgres"))
            dot.replace(call_of(call.name, call.expressions))

    def _refuse(self) -> None:
        for node in self._tree.walk():
            if isinstance(node, _REFUSED):
                raise unsupported(node.sql("postgres"))

    def _roots(self) -> list[exp.Expr]:
        """The SELECTs that make the statement's own rows."""
        found, waiting = [], [self._tree]
        while waiting:
            one = waiting.pop(0)
            if isinstance(one, exp.SetOperation):
                waiting = [one.this, one.expression, *waiting]
            elif isinstance(one, exp.Subquery):
                waiting.insert(0, one.this)
            else:
                found.append(one)
        return found

    def _expand_stars(self) -> None:
        for select in self._roots():
            if not isinstance(select, exp.Select):
                continue
            expanded: list[exp.Expr] = []
            for one in select.expressions:
                columns = self._kinds.columns(select, one) if one.is_star and not isinstance(one, exp.Alias) else None
                if columns is None:
                    expanded.append(one)
                    continue
                expanded += [exp.column(exp.to_identifier(name), exp.to_identifier(table)) for table, name in columns]
            select.set("expressions", expanded)

    def _name_projections(self) -> None:
        """Give what has no name the one that PostgreSQL gives it."""
        for select in self._tree.find_all(exp.Select):
            if isinstance(select.parent, exp.Exists) and not select.expressions:
                select.set("expressions", [exp.Literal.number(1)])
            if isinstance(select.parent, (exp.Exists, exp.In)):
                continue
            named = [
                one if isinstance(one, (exp.Alias, exp.Column, exp.Star)) else aliased(one, title(one))
                for one in select.expressions
            ]
            select.set("expressions", named)

    def _outputs(self) -> list[tuple[str, str | None]] | None:
        """Names and types of the answer's columns; those of which DuckDB has only the number are written out."""
        roots = self._roots()
        if not isinstance(roots[0], exp.Select) or any(one.is_star for one in roots[0].expressions):
            return None
        kinds = [self._kinds.of(one) for one in roots[0].expressions]
        for select in roots:
            if not isinstance(select, exp.Select) or len(select.expressions) != len(kinds):
                continue
            for number, (one, kind) in enumerate(zip(select.expressions, kinds, strict=True)):
                if kind in REGISTERED or kind in VECTORS:
                    name, inner = one.alias_or_name, one.this if isinstance(one, exp.Alias) else one
                    placed = exp.Placeholder()
                    select.expressions[number].replace(placed)
                    placed.replace(aliased(exp.Anonymous(this=f"out {kind}", expressions=[inner]), name))
        self._kinds_again()
        # What is written out is told as text: in binary a client would take its letters for a number.
        told = ["text" if kind in REGISTERED or kind in VECTORS else kind for kind in kinds]
        return [(one.alias_or_name, kind) for one, kind in zip(roots[0].expressions, told, strict=True)]

    def _kinds_again(self) -> None:
        self._kinds = Kinds(self._tree, self._relations, self._known)

    # -- one node ------------------------------------------------------------------------------------------------------

    def _replaced(self, node: exp.Expr) -> exp.Expr:
        match node:
            case exp.Table():
                return self._table(node)
            case exp.Column():
                return self._column(node)
            case exp.Cast():
                return self._cast(node)
            case exp.Parameter():
                return self._parameter(node)
            case exp.Operator():
                return self._operator(node)
            case exp.Collate(this=exp.Expr() as inner):
                return inner
            case exp.Bracket():
                return self._element(node)
            case exp.EQ() | exp.NEQ():
                return self._compared(node)
            case exp.Like() | exp.ILike() if not isinstance(node.parent, exp.Escape):
                if isinstance(node.expression, (exp.Any, exp.All)):
                    raise unsupported("LIKE ANY", hint="Write one LIKE for each.")
                return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))
            case exp.Div():
                kinds = {self._kinds.of(node.this), self._kinds.of(node.expression)}
                return node if kinds & _FLOATS else exp.IntDiv(this=node.this.copy(), expression=node.expression.copy())
            case exp.DPipe() if (self._kinds.of(node) or "").startswith("_") or has_array(node):
                return macro("join_lists", node.this, node.expression)
            case exp.ByteString():
                return exp.Literal.string(unescaped(node.name))
            case exp.RawString():
                return exp.Literal.string(node.name)
            case exp.Any() | exp.All() if not isinstance(node.parent, (exp.EQ, exp.NEQ)):
                raise unsupported(node.sql("postgres"))
            case exp.Func():
                return self._function(node)
        return node

    def _table(self, node: exp.Table) -> exp.Expr:
        alias = node.args.get("alias")
        relation = self._relations.get(id(node))
        if relation is not None:
            if node.catalog and node.catalog != self._around.database:
                raise unsupported(f"the other database {node.catalog}")
            node.set("alias", alias or exp.TableAlias(this=exp.to_identifier(relation.name, quoted=True)))
            node.set("db", None)
            node.set("catalog", None)
            stored = exp.to_identifier(relation.stored_as, quoted=True)
            node.set("this", self._settings() if relation.stored_as == SETTINGS else stored)
            return node
        if isinstance(node.this, exp.Identifier):
            return node  # of a WITH
        return self._table_function(node, alias)

    def _table_function(self, node: exp.Table, alias: exp.TableAlias | None) -> exp.Expr:
        call = node.this
        if isinstance(call, exp.Anonymous) and call.name.startswith("set "):
            name = alias or exp.TableAlias(this=exp.to_identifier(call.name[4:], quoted=True))
            if call.name == "set pg_get_keywords":
                return exp.Table(this=exp.to_identifier(KEYWORDS.stored_as, quoted=True), alias=name)
            if call.name == "set pg_options_to_table":
                return exp.Subquery(this=raw(NO_OPTIONS), alias=name)
            return exp.Subquery(this=self._settings(), alias=name)
        if alias is not None and not alias.columns and not isinstance(call, exp.Anonymous):
            alias.set("columns", [alias.this.copy()])  # a set of single values is named as its table
        if isinstance(call, exp.ExplodingGenerateSeries):
            arguments = [call.args[one] for one in ("start", "end", "step") if call.args.get(one)]
            return exp.Table(this=exp.Anonymous(this="generate_series", expressions=arguments), alias=alias)
        if isinstance(call, exp.Explode):
            return exp.Table(this=exp.Anonymous(this="unnest", expressions=[call.this]), alias=alias)
        if isinstance(call, exp.Anonymous) and call.name == "unnest":
            return exp.Table(this=call, alias=alias)
        if isinstance(call, exp.Anonymous) and call.name == "f_pg_expandarray_1":
            struct = exp.Select(expressions=[aliased(call, "_s")])
            inner = exp.Subquery(this=struct, alias=exp.TableAlias(this=exp.to_identifier("_e", quoted=True)))
            fields = [aliased(exp.Dot(this=exp.column("_s"), expression=exp.to_identifier(one)), one) for one in "xn"]
            rows = exp.Select(expressions=fields, from_=exp.From(this=inner))
            return exp.Lateral(this=exp.Subquery(this=rows), alias=alias)
        if isinstance(call, exp.Anonymous) and alias is not None:  # one value
            value = exp.Select(expressions=[aliased(call, alias.columns[0].name)]) if alias.columns else None
            if value is None:
                value = exp.Select(expressions=[aliased(call, alias.this.name)])
            return exp.Subquery(this=value, alias=exp.TableAlias(this=alias.this))
        raise unsupported(node.sql("postgres"))

    def _column(self, node: exp.Column) -> exp.Expr:
        name = node.name
        if not node.table and not node.this.args.get("quoted") and is_role(node) and not self._kinds.is_column(node):
            return exp.Literal.string(self._around.who)
        if name in ("tableoid", "xmin", "xmax", "cmin", "cmax", "ctid"):
            relation = self._kinds.system_relation(node)
            if relation is not None and name not in relation.columns:
                if name == "ctid":
                    raise unsupported("ctid")
                return cast(exp.Literal.number(relation.oid if name == "tableoid" else 1), "UINTEGER")
        for part in ("db", "catalog"):
            node.set(part, None)
        return node

    def _parameter(self, node: exp.Parameter) -> exp.Expr:
        number = int(node.name)
        declared = self._around.declared[number - 1] if number <= len(self._around.declared) else None
        kind = declared or self._wanted(node) or "text"
        self._parameters[number] = kind
        values = self._around.values
        if values is None:
            return cast(exp.Null(), physical(kind))
        if number > len(values):
            raise Refused(f"there is no value for ${number}", state="08P01")
        value = values[number - 1]
        if isinstance(value, str) and kind.startswith("_"):
            return self._list(value, kind)
        if isinstance(value, str) and kind in REGISTERED:
            return macro(f"in_{kind}", exp.Literal.string(value))
        return cast(raw(literal(value)), physical(kind))

    def _wanted(self, node: exp.Parameter) -> str | None:
        """The type that a parameter has to be by its place."""
        parent: Any = node.parent
        while isinstance(parent, exp.Paren):
            parent = parent.parent
        if isinstance(parent, exp.Cast):
            kind = type_name(parent.args["to"])
            return "text" if kind in REGISTERED else kind
        if isinstance(parent, (exp.Any, exp.All)) and isinstance(parent.parent, exp.Binary):
            other = self._kinds.of(parent.parent.this)
            return f"_{other or 'text'}"
        if isinstance(parent, (exp.Limit, exp.Offset)):
            return "int8"
        if isinstance(parent, exp.Binary):
            return self._kinds.of(parent.expression if parent.this is node else parent.this)
        if isinstance(parent, exp.In):
            return self._kinds.of(parent.this)
        return None

    def _cast(self, node: exp.Cast) -> exp.Expr:
        kind = type_name(node.args["to"])
        known = kind is not None and kind.removeprefix("_") in self._known.types
        if kind is None or not known:
            raise no_type(node.args["to"].sql("postgres"))
        inner: exp.Expr = node.this
        of = self._kinds.of(inner)
        if kind in REGISTERED:
            return inner if of in REGISTERED or of == "oid" else macro(f"in_{kind}", inner)
        if kind == "oid" and of in REGISTERED:
            return inner
        if kind in VECTORS:
            if of == kind:
                return inner
            raise unsupported(f"a cast to {kind}")
        if kind in ("text", "varchar", "name", "bpchar", "char"):
            return cut(self._as_text(inner, of), kind, node.args["to"])
        if kind.startswith("_"):
            if isinstance(inner, exp.Literal) and inner.is_string:
                return self._list(inner.name, kind)
            return inner if of in VECTORS else cast(inner, physical(kind))
        if kind in ("json", "jsonb"):
            return cast(inner, "VARCHAR")
        if physical(kind) == "VARCHAR":
            raise unsupported(f"a cast to {kind}")
        if kind == "numeric":
            return cast(inner, node.args["to"].sql("duckdb") if node.args["to"].expressions else "DECIMAL(38, 10)")
        return cast(inner, physical(kind))

    def _as_text(self, inner: exp.Expr, kind: str | None) -> exp.Expr:
        if kind in REGISTERED:
            return macro(f"out_{kind}", inner)
        if kind in VECTORS:
            return macro("out_vector", inner)
        if kind is not None and kind.startswith("_"):
            return macro("out_list", inner)
        return inner

    def _list(self, text: str, kind: str) -> exp.Expr:
        """The array that PostgreSQL writes as `{a,b}`."""
        if not _ARRAY.fullmatch(text.strip()):
            raise Refused(f'malformed array literal: "{text[:80]}"', state="22P02")
        items = re.findall(r'"((?:[^"\\]|\\.)*)"|([^{},"\\]+)', text.strip()[1:-1], re.DOTALL)
        values: list[exp.Expr] = []
        for quoted, plain in items:
            if not quoted and plain.strip().lower() == "null":
                values.append(exp.Null())
                continue
            item = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted else plain.strip()
            element = kind[1:]
            values.append(
                macro(f"in_{element}", exp.Literal.string(item)) if element in REGISTERED else exp.Literal.string(item)
            )
        return cast(exp.Array(expressions=values), physical(kind))

    def _operator(self, node: exp.Operator) -> exp.Expr:
        name = str(node.args["operator"]).rsplit(".", 1)[-1].strip()
        negated = name.startswith("!") and name != "!="
        made = _OPERATORS.get(name[1:] if negated else name)
        if made is None:
            raise unsupported(f"the operator {name}")
        found: exp.Expr = made(this=node.this, expression=node.expression)
        if isinstance(found, (exp.Like, exp.ILike)):
            found = exp.Escape(this=found, expression=exp.Literal.string("\\"))
        return exp.Not(this=exp.Paren(this=found)) if negated else exp.Paren(this=found)

    def _element(self, node: exp.Bracket) -> exp.Expr:
        if len(node.expressions) != 1:
            raise unsupported(node.sql("postgres"))
        position: exp.Expr = node.expressions[0]
        if self._kinds.of(node.this) in VECTORS:
            position = exp.Add(this=exp.Paren(this=position), expression=exp.Literal.number(1))
        elif self._kinds.of(node.this) is None and isinstance(node.this, exp.Column):
            raise unsupported(node.sql("postgres"))
        # DuckDB counts negative positions from the end; PostgreSQL has nothing there.
        inside = exp.Anonymous(this="greatest", expressions=[position, exp.Literal.number(0)])
        return exp.Anonymous(this="list_extract", expressions=[node.this, inside])

    def _compared(self, node: exp.Binary) -> exp.Expr:
        left, right = node.this, node.expression
        if isinstance(right, (exp.Any, exp.All)):
            return self._contained(node, left, right)
        kinds = self._kinds.of(left), self._kinds.of(right)
        for one, kind in ((left, kinds[1]), (right, kinds[0])):
            if isinstance(one, exp.Literal) and one.is_string and kind and kind.startswith("_"):
                one.replace(self._list(one.name, kind))
        return node

    def _contained(self, node: exp.Binary, value: exp.Expr, asked: exp.Any | exp.All) -> exp.Expr:
        wanted = exp.EQ if isinstance(asked, exp.Any) else exp.NEQ
        if not isinstance(node, wanted):
            raise unsupported(node.sql("postgres"))
        inner = asked.this
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, exp.Subquery):
            inner = inner.this
        if isinstance(inner, exp.Query):
            found: exp.Expr = exp.In(this=value, query=exp.Subquery(this=inner))
        else:
            if isinstance(inner, exp.Literal) and inner.is_string:
                inner = self._list(inner.name, f"_{self._kinds.of(value) or 'text'}")
            found = exp.Anonymous(this="list_contains", expressions=[inner, value])
        return found if wanted is exp.EQ else exp.Not(this=found)

    def _function(self, node: exp.Func) -> exp.Expr:
        match node:
            case exp.CurrentSchema():
                return exp.Literal.string("public")
            case exp.CurrentUser() | exp.SessionUser():
                return exp.Literal.string(self._around.who)
            case exp.CurrentCatalog() | exp.CurrentDatabase():
                return exp.Literal.string(self._around.database)
            case exp.CurrentVersion():
                return exp.Literal.string(self._around.version)
            case exp.CurrentSchemas():
                return macro("current_schemas", node.this)
            case exp.Length():
                return macro("length", node.this)
            case exp.StrPosition():
                return macro("strpos", node.this, node.args["substr"])
            case exp.ArraySize():
                return macro("array_length", node.this, node.expression or exp.Literal.number(1))
            case exp.ArrayPosition():
                return macro("array_position", node.this, node.expression)
            case exp.Format():
                return macro("format", node.this, *node.expressions)
            case exp.StringToArray() if not node.args.get("null"):
                return exp.Anonymous(this="string_split", expressions=[node.this, node.expression])
            case exp.ArrayToString() if not node.args.get("null"):
                return exp.Anonymous(this="array_to_string", expressions=[node.this, node.expression])
            case exp.Anonymous():
                return self._named(node)
            case _ if isinstance(node, _SAME):
                return node
        raise unsupported(node.sql("postgres"))

    def _named(self, node: exp.Anonymous) -> exp.Expr:
        name, arguments = node.name.lower(), node.expressions
        if name.startswith("out "):
            kind = name[4:]
            return macro("out_vector" if kind in VECTORS else f"out_{kind}", *arguments)
        if name in ("generate_subscripts", "array_upper", "array_lower"):
            return self._subscripts(name, arguments)
        if name == "current_setting":
            return self._setting(arguments)
        if name == "set_config":
            return self._set_config(arguments)
        if name == PROCESS:
            return exp.Literal.number(int(self._around.settings.get(PROCESS, 0)))
        if name in ("pg_get_keywords", "pg_show_all_settings", "pg_options_to_table") and isinstance(
            node.parent, exp.Table
        ):
            return exp.Anonymous(this=f"set {name}")
        if name in ("some", "all"):
            return (exp.Any if name == "some" else exp.All)(this=arguments[0])
        if name in ("_pg_expandarray", "unnest"):
            return macro("pg_expandarray", *arguments) if name != "unnest" else node
        if name in ("pg_postmaster_start_time", "pg_conf_load_time"):
            return cast(exp.Literal.string(self._around.settings.get(name, "2000-01-01 00:00:00+00")), "TIMESTAMPTZ")
        if name in NAMES:
            return macro(name, *arguments)
        if name in _NAMED:
            return exp.Anonymous(this=_NAMED[name], expressions=arguments)
        raise unsupported(f"the function {name}(...)")

    def _subscripts(self, name: str, arguments: Sequence[exp.Expr]) -> exp.Expr:
        first = 0 if self._kinds.of(arguments[0]) in VECTORS else 1
        if name == "generate_subscripts":
            length = exp.Anonymous(this="len", expressions=[arguments[0]])
            start = exp.Literal.number(first)
            end: exp.Expr = length if first else exp.Sub(this=length, expression=exp.Literal.number(1))
            series = exp.Anonymous(this="generate_series", expressions=[start, end])
            return exp.Anonymous(this="unnest", expressions=[cast(series, "INTEGER[]")])
        found = macro(name, *arguments)
        return found if first else exp.Paren(this=exp.Sub(this=found, expression=exp.Literal.number(1)))

    def _settings(self) -> exp.Expr:
        rows = [
            f"({literal(name)}, {literal(value)}, {literal(value)})"
            for name, value in sorted(self._around.settings.items())
            if name != PROCESS
        ]
        columns = self._known.relations[SETTINGS].columns
        given = {"name": "s.name", "setting": "s.setting", "boot_val": "s.setting", "reset_val": "s.setting",
                 "category": "'Session'", "short_desc": "''", "context": "'user'", "vartype": "'string'",
                 "source": "'default'", "pending_restart": "false"}  # fmt: skip
        selected = ", ".join(
            f'{given.get(name, f"CAST(NULL AS {physical(kind)})")} AS "{name}"' for name, kind in columns.items()
        )
        return raw(f"(SELECT {selected} FROM (VALUES {', '.join(rows)}) AS s(name, setting, _))")

    def _setting(self, arguments: Sequence[exp.Expr]) -> exp.Expr:
        named = arguments[0].find(exp.Literal)
        name = named.name.lower() if named is not None and named.is_string else None
        by_name = {one.lower(): value for one, value in self._around.settings.items()}
        if name is None:
            names, values = (raw(literal(list(one))) for one in (by_name, by_name.values()))
            lower = exp.Lower(this=arguments[0])
            position = exp.Anonymous(this="list_position", expressions=[names, lower])
            return exp.Anonymous(this="list_extract", expressions=[values, position])
        if name not in by_name:
            if len(arguments) > 1:
                return cast(exp.Null(), "VARCHAR")
            raise Refused(f'unrecognized configuration parameter "{name}"', state="42704")
        return exp.Literal.string(by_name[name])

    def _set_config(self, arguments: Sequence[exp.Expr]) -> exp.Expr:
        words = [one.find(exp.Literal) for one in arguments[:2]]
        if len(arguments) != 3 or any(word is None for word in words):
            raise unsupported("set_config(...) of more than a name and a value")
        name, value = (word.name for word in words if word is not None)
        if self._around.settings.get(name.lower()) != value:
            raise unsupported("set_config(...) of another value", hint=f"Write SET {name} TO ...")
        return exp.Literal.string(value)
