"""What a person may ask in SQL: one SELECT over tables of the lake, and nothing else that DuckDB can do.

DuckDB itself parses the text, so what was looked at is what runs: a second parser could see a string where DuckDB sees
code. What is not known to be harmless is refused: files, addresses, settings, the lake's own catalogue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import AccessDenied, Place, PumphouseError, UnknownName, did_you_mean

TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "unnest"})
"""Functions after FROM that make rows of their arguments alone."""
REFUSED_FUNCTIONS = frozenset(
    {"current_setting", "currval", "getenv", "getvariable", "nextval", "pg_sleep", "sleep_ms", "write_log"}
)
_PARSE = "SELECT json_serialize_sql(?::VARCHAR, skip_default := true, skip_empty := true, skip_null := true)"
_Tree = dict[str, Any]  # DuckDB's syntax tree as JSON


def tables_in(text: str, *, engine: DuckDB, known: Collection[str]) -> tuple[str, ...]:
    """Names of the lake's tables that a query reads, as the lake spells them.

    Raises UnknownName with the nearest table, AccessDenied for what only looks like one, PumphouseError for what is no
    single SELECT.
    """
    parsed = json.loads(engine.execute(_PARSE, [text])[0][0])
    if parsed["error"] and parsed["error_type"] == "parser":
        place = _place(text, int(parsed.get("position", 0)))
        raise PumphouseError(f"the query can't be parsed: {parsed['error_message']}", place=place)
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise PumphouseError(
            "only one SELECT can be asked at a time",
            mend="A PIVOT has to list its values: ON column IN (...)."
            if re.search(r"\bPIVOT\b", text, re.IGNORECASE)
            else "The lake is changed by builds, not by queries.",
        )
    spelled = {name.lower(): name for name in known}
    found: dict[str, None] = {}
    for table in _sources(parsed["statements"][0], frozenset(), text):
        name = table["table_name"]
        if "schema_name" in table or "catalog_name" in table or name.lower() not in spelled:
            raise UnknownName(
                f"the lake has no table '{_full_name(table)}'",
                asset=name,
                place=_place(text, table.get("query_location", 0)),
                mend=did_you_mean(name, known) or None,
            )
        found[spelled[name.lower()]] = None
    return tuple(found)


def _sources(tree: Any, defined: frozenset[str], text: str) -> Iterator[_Tree]:
    """The tables that are read, but not those that a WITH defines where they are read. Raises AccessDenied."""
    if isinstance(tree, list):
        for part in tree:
            yield from _sources(part, defined, text)
        return
    if not isinstance(tree, dict):
        return
    for definition in tree.get("cte_map", {}).get("map", ()):
        # Before its end a name means what it meant before, unless the definition is recursive.
        own = {definition["key"].lower()}
        recursive = definition["value"]["query"]["node"]["type"] == "RECURSIVE_CTE_NODE"
        yield from _sources(definition["value"], defined | own if recursive else defined, text)
        defined |= own
    match tree.get("type"):
        case "BASE_TABLE" if tree["table_name"].lower() not in defined or "schema_name" in tree:
            yield tree
        case "TABLE_FUNCTION" if (name := tree["function"]["function_name"].lower()) not in TABLE_FUNCTIONS:
            _refuse(f"{name}(...) can't be read from", text, tree)
        case "FUNCTION" if (name := tree["function_name"].lower()) in REFUSED_FUNCTIONS:
            _refuse(f"{name}(...) can't be called", text, tree)
        case "SHOW_REF" if "query" not in tree:
            _refuse("SHOW can't be asked", text, tree)
    for key, part in tree.items():
        if key != "cte_map":
            yield from _sources(part, defined, text)


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
