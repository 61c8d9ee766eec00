"""What a person may ask in SQL: one SELECT over tables of the lake, and nothing else that DuckDB can do.

DuckDB itself parses the text, so what was looked at is what runs: a second parser could see a string where DuckDB sees
code. What is not known to be harmless is refused: files, addresses, settings, the lake's own catalogue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal
from pumphouse.errors import AccessDenied, BadRequest, Place, UnknownName, did_you_mean
from pumphouse.project.search_calls import (
    SEARCH,
    SEARCHES_MAX,
    SearchCall,
    is_search,
    search_call,
    stand_in,
    written_at,
)

NODES = frozenset(
    """
    SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE
    BASE_TABLE SUBQUERY JOIN TABLE_FUNCTION EXPRESSION_LIST EMPTY PIVOT SHOW_REF
    ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT ASCENDING DESCENDING
    """.split()
)
"""Queries, what stands after FROM, and what stands behind a query."""
CLASSES = frozenset(
    """
    BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA LAMBDA_REF OPERATOR PARAMETER
    POSITIONAL_REFERENCE STAR SUBQUERY WINDOW
    """.split()
)
"""Kinds of expressions."""
TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "unnest"})
"""Functions after FROM that make rows of their arguments alone."""
REFUSED_FUNCTIONS = frozenset(
    {"current_setting", "currval", "getenv", "getvariable", "nextval", "pg_sleep", "sleep_ms", "write_log"}
)
CLOCKS_AND_CHANCE = frozenset(
    """
    age ago current_catalog current_database current_date current_localtime current_localtimestamp current_role
    current_schema current_schemas current_time current_timestamp current_user gen_random_uuid get_current_time
    get_current_timestamp localtime localtimestamp now random reservoir_quantile session_user today
    transaction_timestamp user uuid uuidv4 uuidv7
    """.split()
)
"""What gives another value at another time, or to somebody else."""
FORMATS = frozenset({"format", "printf"})
PARAMETERS_MAX = 10_000
COMMENTS_MAX = 1_000
SIGNS_MAX = 64
DOLLAR_QUOTES_MAX = 100
_SIGNS = re.compile(rf"[-+*/<>=]{{{SIGNS_MAX + 1},}}")
_DOLLAR_QUOTES = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_COMMENT_ENDS = re.compile(r"--|/\*|\*/")
_WIDE = re.compile(r"\d{5}|\*|\{[^}]*\{")
"""A format that makes a text of any length, or takes its length from a value."""
SCHEMAS = frozenset({"main", "public"})
"""What a client may write before a table's name: the lake has one schema, of either name."""
OWN_SCHEMAS = frozenset({"pg_catalog", "information_schema", "system", "temp", "memory"})
"""Where DuckDB has functions beside those of `main`, which its parser itself writes: [1] is main.list_value(1)."""
INSIDE = "temp.main."
"""Where a connection has the tables of a query; a WITH can't hide what is named there."""
_PARSE = "SELECT json_serialize_sql({}, skip_default := true, skip_empty := true, skip_null := true)"
"""DuckDB's own tree of a text, as JSON."""
_NAME = rb'(?:"(?:[^"]|"")*"|[A-Za-z_\x80-\xff][\w$\x80-\xff]*)'
_GAP = rb"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_DOT = _GAP + rb"\." + _GAP
_Tree = dict[str, Any]  # DuckDB's syntax tree as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query that may be run."""

    text: str
    """As it runs: tables that were written with a schema or a catalogue are named where a connection has them."""
    tables: tuple[str, ...]
    """Those of the lake that it reads, as the lake spells them."""
    parameters: tuple[str, ...] = ()
    """What it wants values for, in order: "1" for the first `?` or `$1`, "name" for `$name`."""
    tree: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """DuckDB's own syntax tree of it, as JSON."""
    searches: tuple[SearchCall, ...] = ()
    """What it reads by search; the text has their views in their place."""
    is_steady: bool = True
    """Whether the same tables give the same rows each time: no chance, no clock, nothing of who asks."""


def no_snapshot(table: str) -> BadRequest:
    """What to say where a snapshot is asked for of a table that stays where it is."""
    return BadRequest(
        f"'{table}' is an external table: it is read where it lies, as it is now, and has no snapshots",
        asset=table,
        mend="Leave the snapshot out; to have its rows as they were, gather it, with ph.database or ph.files.",
    )


def asked(
    text: str,
    *,
    engine: DuckDB,
    known: Collection[str],
    catalogues: Collection[str] = (),
    functions: Collection[str] | None = None,
    indexes: Mapping[str, str] | None = None,
) -> Asked:
    """The query with what it reads and wants.

    `indexes` may be searched by `search(...)`: each by its name with its table, which is among the `known`.

    A table may be written `orders`, `main.orders` or `public.orders`, and with one of `catalogues` before that. Only
    the `functions` may be called, and only what is known of DuckDB's grammar may stand in it; without them, a person at
    their own lake, all but a few.

    Raises UnknownName with the nearest table, AccessDenied for what only looks like one and for what may not be called,
    BadRequest for what is no single SELECT, QueryError for a search that can't be read.
    """
    statement = _parsed(text, engine)
    seen = _Seen(allowed=None if functions is None else frozenset(functions))
    try:
        _look(statement, frozenset(), text, seen)
    except RecursionError:
        raise _too_deep() from None
    spelled = {name.lower(): name for name in known}
    found: dict[str, None] = {}
    qualified: list[_Tree] = []
    for table in seen.tables:
        name = table["table_name"]
        if name.lower() not in spelled or not _is_ours(table, catalogues):
            raise UnknownName(
                f"the lake has no table '{_full_name(table)}'",
                asset=name,
                place=_place(text, table.get("query_location", 0)),
                mend=did_you_mean(name, known) or None,
            )
        found[spelled[name.lower()]] = None
        if "schema_name" in table:
            qualified.append(table)
    parameters = _parameters(statement)
    searches: list[tuple[_Tree, SearchCall]] = []
    if len(seen.searches) > SEARCHES_MAX:
        raise BadRequest(f"the query reads from more than {SEARCHES_MAX} searches")
    for tree in seen.searches:
        call = search_call(tree, indexes=indexes or {}, place=_place(text, tree.get("query_location", 0)))
        found[spelled[call.table.lower()]] = None
        searches.append((tree, call))
    return Asked(
        text=_rewritten(text, statement, qualified, searches, seen, engine) if qualified or searches else text,
        tables=tuple(found),
        parameters=parameters,
        searches=tuple(dict.fromkeys(call for _, call in searches)),
        tree=statement,
        is_steady=not seen.is_sampled and seen.calls.isdisjoint(CLOCKS_AND_CHANCE),
    )


def tables_in(text: str, *, engine: DuckDB, known: Collection[str]) -> tuple[str, ...]:
    """Names of the lake's tables that a query reads, as the lake spells them. Raises what `asked` raises."""
    return asked(text, engine=engine, known=known).tables


def serialized(text: str, engine: DuckDB) -> _Tree:
    """What DuckDB's parser makes of a `readable` text. As a literal: DuckDB imports pandas to look at a parameter."""
    tree: _Tree = json.loads(engine.execute(_PARSE.format(literal(text)))[0][0])
    return tree


def readable(text: str) -> None:
    """Raise BadRequest for what DuckDB would read only half of, or it or we would take minutes to read.

    Each comment and each quote in dollars costs a walk through the rest, and each sign of a long row of signs two.
    """
    if "\0" in text:  # to DuckDB it is the end
        raise BadRequest("there is a zero byte in it", mend="Leave it out, or give the value as a parameter.")
    if text.count("/*") > COMMENTS_MAX:
        raise BadRequest(f"there are more than {COMMENTS_MAX:,} comments in it", mend="Leave them out.")
    if len(_DOLLAR_QUOTES.findall(text)) > DOLLAR_QUOTES_MAX:
        raise BadRequest(f"there are more than {DOLLAR_QUOTES_MAX} quotes in dollars in it", mend="Use ' instead.")
    for row in _SIGNS.findall(text):
        for signs in _COMMENT_ENDS.split(row):
            if len(signs) > SIGNS_MAX and not {"+", "-"}.isdisjoint(signs):
                raise BadRequest(f"there are more than {SIGNS_MAX} signs in a row in it", mend="Part them by spaces.")


@dataclass(slots=True)
class _Seen:
    """What a walk through a query's tree came by."""

    allowed: frozenset[str] | None
    """The functions that may be called; None is all but REFUSED_FUNCTIONS, in whatever it may be."""
    tables: list[_Tree] = field(default_factory=list)
    searches: list[_Tree] = field(default_factory=list)
    columns: list[_Tree] = field(default_factory=list)
    """References to columns with something before their name."""
    aliases: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    is_sampled: bool = False


def _parsed(text: str, engine: DuckDB) -> _Tree:
    readable(text)
    try:
        parsed = serialized(text, engine)
    except RecursionError:
        raise _too_deep() from None
    if parsed["error"] and parsed["error_type"] == "parser":
        place = _place(text, int(parsed.get("position", 0)))
        raise BadRequest(f"the query can't be parsed: {parsed['error_message']}", place=place)
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise BadRequest(
            "only one SELECT can be asked at a time",
            mend="A PIVOT has to list its values: ON column IN (...)."
            if re.search(r"\bPIVOT\b", text, re.IGNORECASE)
            else "The lake is changed by builds, not by queries.",
        )
    statement: _Tree = parsed["statements"][0]
    return statement


def _look(tree: Any, defined: frozenset[str], text: str, seen: _Seen) -> None:
    """Note the tables that are read, but not those that a WITH defines where they are read. Raises AccessDenied."""
    if isinstance(tree, list):
        for part in tree:
            _look(part, defined, text, seen)
        return
    if not isinstance(tree, dict):
        return
    for definition in tree.get("cte_map", {}).get("map", ()):
        # Before its end a name means what it meant before, unless the definition is recursive.
        own = {definition["key"].lower()}
        recursive = definition["value"]["query"]["node"]["type"] == "RECURSIVE_CTE_NODE"
        _look(definition["value"], defined | own if recursive else defined, text, seen)
        defined |= own
    if "alias" in tree:
        seen.aliases.add(tree["alias"].lower())
    if "function_name" in tree:
        _look_at_call(tree, text, seen)
    if "sample" in tree:
        seen.is_sampled = True
    if seen.allowed is not None:
        _look_at_kind(tree, text)
    if is_search(tree):
        seen.aliases.add(SEARCH)
        seen.searches.append(tree)
        return
    match tree.get("type"):
        case "BASE_TABLE" if tree["table_name"].lower() not in defined or "schema_name" in tree:
            seen.tables.append(tree)
        case "TABLE_FUNCTION" if (name := tree["function"]["function_name"].lower()) not in TABLE_FUNCTIONS:
            _refuse(f"{name}(...) can't be read from", text, tree)
        case "SHOW_REF" if "query" not in tree:
            _refuse("SHOW can't be asked", text, tree)
        case "COLUMN_REF" if len(tree["column_names"]) > 1:
            seen.columns.append(tree)
        case "COLUMN_REF":
            seen.calls.add(tree["column_names"][0].lower())  # `current_date` is a call without brackets
    for key, part in tree.items():
        if key != "cte_map":
            _look(part, defined, text, seen)


def _look_at_call(tree: _Tree, text: str, seen: _Seen) -> None:
    name = tree["function_name"].lower()
    seen.calls.add(name)
    if seen.allowed is None:
        if name in REFUSED_FUNCTIONS:
            _refuse(f"{name}(...) can't be called", text, tree)
        return

    def place() -> Place:  # it takes a walk through the text, which is too much for each call of many
        return _place(text, tree.get("query_location", 0))

    if name not in seen.allowed and name not in TABLE_FUNCTIONS:
        mend = did_you_mean(name, seen.allowed) or "It is not among those that a query may call here."
        raise AccessDenied(f"{name}(...) can't be called in a query", place=place(), mend=mend)
    if "catalog" in tree or tree.get("schema", "").lower() in OWN_SCHEMAS:
        raise AccessDenied(f"{name}(...) can't be called in a schema", place=place(), mend="Write its name alone.")
    if name in FORMATS:
        first: _Tree = next(iter(tree.get("children", ())), {})
        if first.get("class") != "CONSTANT" or _WIDE.search(str(first["value"].get("value", ""))):
            raise AccessDenied(
                f"the format of {name}(...) has to be a text in the query, with widths below 10,000", place=place()
            )


def _look_at_kind(tree: _Tree, text: str) -> None:
    """Refuse what the grammar has and we do not know."""
    kind, of = tree.get("type"), tree.get("class")
    if of is not None:
        known = of in CLASSES
    else:
        known = not isinstance(kind, str) or kind in NODES or kind.endswith("_TYPE_INFO")
    if not known:
        _refuse(f"{str(of or kind).lower().replace('_', ' ')} can't be used", text, tree)
    if "at_clause" in tree:
        raise AccessDenied(
            "AT can't be used in a query",
            place=_place(text, tree.get("query_location", 0)),
            mend="All its tables are read at one snapshot; name that beside the query.",
        )


def _is_ours(table: _Tree, catalogues: Collection[str]) -> bool:
    """Whether what is written before a table's name means the lake."""
    schema, catalogue = table.get("schema_name", "").lower(), table.get("catalog_name", "").lower()
    ours = {name.lower() for name in catalogues}
    if catalogue:
        return catalogue in ours and schema in SCHEMAS
    return not schema or (bool(ours) and schema in SCHEMAS | ours)


def _rewritten(
    text: str,
    statement: _Tree,
    tables: list[_Tree],
    searches: list[tuple[_Tree, SearchCall]],
    seen: _Seen,
    engine: DuckDB,
) -> str:
    """The same query with tables, and views of searches, named where a connection has them.

    DuckDB's own trees of both texts are compared.
    """
    written = text.encode()
    cuts = _qualifiers(written, text, tables, seen)
    for tree, call in searches:
        start = tree.get("query_location", 0)
        end, parameter = written_at(written, start)
        if end < 0 or bool(parameter) != bool(call.parameter):
            raise BadRequest(
                "this search can't be read for sure",
                place=_place(text, start),
                mend="Write it search('tickets', 'refund AND late'), in single quotes, or give a parameter.",
            )
        named = "alias" in tree
        cuts.append((start, end, stand_in(call, parameter.decode(), inside=INSIDE, is_named=named)))
        marker = f"${call.parameter}" if call.parameter else ""
        node = _parsed("FROM " + stand_in(call, marker, inside=INSIDE, is_named=named), engine)["node"]["from_table"]
        kept = {key: part for key, part in tree.items() if key in ("alias", "column_name_alias", "sample")}
        tree.clear()
        tree.update(node | kept)
    pieces, after = [], len(written)
    for start, end, instead in sorted(set(cuts), reverse=True):
        if end > after:
            _cannot_tell(text, start)
        pieces += [written[end:after], instead.encode()]
        after = start
    pieces.append(written[:after])
    rewritten = b"".join(reversed(pieces)).decode()
    if _without_places(_parsed(rewritten, engine)) != _without_places(statement):
        _cannot_tell(text, cuts[0][0])
    return rewritten


def _qualifiers(written: bytes, text: str, tables: list[_Tree], seen: _Seen) -> list[tuple[int, int, str]]:
    """Where something stands before a table's name, and what has to stand there; the tree is changed to match."""
    addressed = {
        (*map(str.lower, _qualifier(table)), table["table_name"].lower()) for table in tables if "alias" not in table
    }
    places: list[tuple[int, int]] = [(table["query_location"], len(_qualifier(table))) for table in tables]
    for column in seen.columns:
        names = [name.lower() for name in column["column_names"]]
        for length in (2, 3):
            if tuple(names[:length]) in addressed and len(names) > length and names[0] not in seen.aliases:
                places.append((column["query_location"], length - 1))
                column["column_names"] = [*INSIDE.split(".")[:2], *column["column_names"][length - 1 :]]
                break
    cuts = []
    for place, length in places:
        found = re.compile((_NAME + _DOT) * length, re.DOTALL).match(written, place)
        if found is None:
            _cannot_tell(text, place)
        cuts.append((place, found.end(), INSIDE))
    for table in tables:
        table["catalog_name"], table["schema_name"] = INSIDE.split(".")[:2]
    return cuts


def _cannot_tell(text: str, place: int) -> NoReturn:
    raise BadRequest(
        "it can't be told for sure which table this means",
        place=_place(text, place),
        mend="Write the table's name alone, without what stands before its dot.",
    )


def _qualifier(table: _Tree) -> list[str]:
    return [table[part] for part in ("catalog_name", "schema_name") if part in table]


def _without_places(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_without_places(part) for part in tree]
    if isinstance(tree, dict):
        return {key: _without_places(part) for key, part in tree.items() if key != "query_location"}
    return tree


def _parameters(statement: _Tree) -> tuple[str, ...]:
    names = [one["key"] for one in sorted(statement.get("named_param_map", ()), key=lambda one: one["value"])]
    if names and all(name.isdigit() for name in names):
        count = max(map(int, names))
        if count > PARAMETERS_MAX:  # of few letters: $2000000000 wants as many values
            raise BadRequest(f"a query has at most {PARAMETERS_MAX:,} parameters, ${count} is beyond them")
        return tuple(str(number) for number in range(1, count + 1))
    return tuple(names)


def _too_deep() -> BadRequest:
    return BadRequest("the query is nested too deeply", mend="Split it with WITH.")


def _refuse(what: str, text: str, tree: _Tree) -> NoReturn:
    raise AccessDenied(
        f"{what} in a query",
        place=_place(text, tree.get("query_location", 0)),
        mend=f"A query reads tables of the lake, and {', '.join(sorted(TABLE_FUNCTIONS))}.",
    )


def _full_name(table: _Tree) -> str:
    return ".".join(table[part] for part in ("catalog_name", "schema_name", "table_name") if part in table)


def _place(text: str, position: int) -> Place:
    return Place(file="query", line=text.encode()[:position].count(b"\n") + 1)
