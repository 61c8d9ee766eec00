"""`search('tickets', 'refund AND late')` in SQL: the rows of a table that an index finds, each with its score.

It is found on DuckDB's own tree of the query. Where the query runs, a view stands in its place that has the table's
rows at the query's snapshot, joined with the ids that match.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from pumphouse.engines.engine import Scan
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BadRequest, Place, UnknownName, did_you_mean
from pumphouse.indexes.lookup import Where
from pumphouse.indexes.queries import parse
from pumphouse.indexes.searching import Order
from pumphouse.indexes.sights import Sight
from pumphouse.lake.lake import ROW_IDS

if TYPE_CHECKING:
    import pyarrow as pa

SEARCH = "search"
SCORE = "score"
SEARCHES_MAX = 16
"""How many searches one query may read from."""
_PARTS = {"type", "query_location", "alias", "column_name_alias", "function", "sample"}
# Groups are atomic: a text of many comments is gone through once.
_CALL_END = re.compile(rb"""(?>'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|--[^\n]*\n|/\*.*?\*/|[^()'])*+\)""", re.DOTALL)
_VIEW = f"{SEARCH} "
_WHERE = re.compile(r"([^=<>]+)(=|>=|<=|>|<)(.*)", re.DOTALL)
_CALL_START = re.compile(rb"(?:search|\"search\")\s*\(", re.IGNORECASE)
_PARAMETER = re.compile(rb"(\?\d*|\$\w+)(?>\s|--[^\n]*\n|/\*.*?\*/)*+\)\Z", re.DOTALL)
_Tree = dict[str, Any]  # DuckDB's syntax tree as JSON


class SearchOptions(TypedDict, total=False):
    """What a search may be asked beside its words, as `indexes.searching.search` says."""

    where: Where | None
    order: Order
    facets: Sequence[str] | None
    limit: int
    after: str | None
    snapshot: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCall:
    """A search that a query reads from."""

    index: str
    table: str
    query: str
    """What is searched for, where it stands in the text; else it is the value of a `parameter`."""
    parameter: str | None = None

    @property
    def view(self) -> str:
        """What a connection has its rows as."""
        asked = f"${self.parameter}" if self.parameter else hashlib.sha256(self.query.encode()).hexdigest()[:16]
        return f"{_VIEW}{self.index} {asked}"

    def asked(self, values: Mapping[str, Any]) -> str:
        """What is searched for. Raises BadRequest where the value that it is, is no text."""
        if self.parameter is None:
            return self.query
        value = values.get(self.parameter)
        if not isinstance(value, str):
            raise BadRequest(
                f"what search('{self.index}', ${self.parameter}) looks for is no text", mend="Give it as a text."
            )
        parse(value)
        return value


def where_of(text: str) -> tuple[str, str] | None:
    """The column and the value of `account=acme`, or of a comparison, as `opened_at>=2026-01`; None where it is none.

    What compares stays with the column, as `Where` has it.
    """
    found = _WHERE.fullmatch(text)
    return (found[1] + ("" if found[2] == "=" else found[2]), found[3]) if found else None


def is_search(tree: _Tree) -> bool:
    """Whether a node of the tree is a search after FROM."""
    return tree.get("type") == "TABLE_FUNCTION" and tree["function"]["function_name"].lower() == SEARCH


def is_view(name: str) -> bool:
    """Whether an input of a query is what a search found: no table has a space in its name."""
    return name.startswith(_VIEW)


def search_call(tree: _Tree, *, indexes: Mapping[str, str], place: Place) -> SearchCall:
    """What a search asks. `indexes` are those that may be searched, each with its table.

    Raises UnknownName for an index that is not among them, BadRequest for other arguments than a name and a text, and
    QueryError, with the character, for a text that can't be read.
    """
    function: _Tree = tree["function"]
    arguments: list[_Tree] = function.get("children", [])
    if not tree.keys() <= _PARTS or "schema" in function or "catalog" in function:
        raise BadRequest("a search is written search('INDEX', 'WORDS')", place=place)
    if len(arguments) != 2 or any("alias" in one for one in arguments):
        raise BadRequest(
            f"search(...) takes an index and what to look for, not {len(arguments)} arguments"
            if len(arguments) != 2
            else "search(...) takes no arguments by name",
            place=place,
            mend="Write search('tickets', 'refund AND late').",
        )
    name, asked = (_text(one) for one in arguments)
    if name is None:
        raise BadRequest("the index of search(...) has to be a text in the query", place=place)
    index = index_of(name, indexes, place)
    parameter = arguments[1]["identifier"] if arguments[1].get("class") == "PARAMETER" else None
    if asked is None and parameter is None:
        raise BadRequest(
            "what search(...) looks for has to be a text in the query, or a parameter",
            place=place,
            mend="It is one search for the whole query: no column of another table can stand there.",
        )
    if asked is not None:
        parse(asked)
    return SearchCall(index=index, table=indexes[index], query=asked or "", parameter=parameter)


def _text(argument: _Tree) -> str | None:
    value = argument.get("value", {})
    if argument.get("class") != "CONSTANT" or value.get("is_null") or value.get("type", {}).get("id") != "VARCHAR":
        return None
    return str(value.get("value", ""))


def index_of(name: str, indexes: Mapping[str, str], place: Place | None = None) -> str:
    """The index of this name, or the only one of the table of this name. Raises UnknownName and BadRequest."""
    lowered = name.lower()
    for one in indexes:
        if one.lower() == lowered:
            return one
    of_table = sorted(one for one, table in indexes.items() if table.lower() == lowered)
    if len(of_table) > 1:
        raise BadRequest(
            f"'{name}' has more than one index", asset=name, place=place, mend=f"Name one: {', '.join(of_table)}."
        )
    if not of_table:
        mend = did_you_mean(name, [*indexes, *indexes.values()])
        mend = mend or (f"There is {', '.join(sorted(indexes))}." if indexes else "")
        raise UnknownName(f"there is no index '{name}' to search", asset=name, place=place, mend=mend or None)
    return of_table[0]


def written_at(text: bytes, start: int) -> tuple[int, bytes]:
    """Where a search that starts there ends, and its parameter as it is written, if it has one; (-1, b"") is nowhere.

    It is a guess: whoever uses it has DuckDB read the result again.
    """
    begun = _CALL_START.match(text, start)
    ended = _CALL_END.match(text, begun.end()) if begun else None
    if ended is None:
        return -1, b""
    parameter = _PARAMETER.search(text, start, ended.end())
    return ended.end(), parameter[1] if parameter else b""


def stand_in(call: SearchCall, parameter: str, *, inside: str, is_named: bool) -> str:
    """SQL that reads its view. A parameter stays where it was, since they may be counted."""
    name = "" if is_named else f" AS {SEARCH}"
    if not parameter:
        return f"{inside}{quoted(call.view)}{name}"
    return f"(FROM {inside}{quoted(call.view)} WHERE CAST({parameter} AS VARCHAR) IS NOT NULL){name}"


def found_rows(scan: Scan, matches: pa.Table, *, view: str) -> Scan:
    """The rows of a scan with row ids that match, with their score.

    `matches` has `_rowid` and `score`. The score's column is `search_score` in a table that has a column `score`.
    """
    called = f"matches of {view}"
    columns = [one for one in scan.schema if one.name not in ROW_IDS]
    name = f"{SEARCH}_{SCORE}" if SCORE in {one.name.lower() for one in columns} else SCORE
    cells = ", ".join(f"rows.{quoted(one.name)}" for one in columns)
    return replace(
        scan,
        schema=_with_score(columns, name),
        relation=f"SELECT {cells}, CAST(found.score AS DOUBLE) AS {quoted(name)} FROM ({scan.relation}) AS rows"
        f" JOIN {quoted(called)} AS found ON rows._rowid = found._rowid",
        files=None,
        datasets=(*scan.datasets, (called, matches)),
    )


def no_matches() -> pa.Table:
    """Matches of which there are none: enough to tell a query's columns."""
    import pyarrow as pa

    return pa.table({"_rowid": pa.array([], pa.int64()), "score": pa.array([], pa.float32())})


def _with_score(columns: list[Any], name: str) -> Any:
    import pyarrow as pa

    return pa.schema([*columns, pa.field(name, pa.float64())])


Search = Callable[[SearchCall, str, int, "Sight | None"], "pa.Table"]
"""Who searches: what, for which text, at which snapshot, in whose sight; `_rowid` and `score` of all that match.

Who sees all of the table has no `Sight`.
"""
