"""What one SQL query reads and what is wrong with it, found with SQLGlot and without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pumphouse.graph.findings import Finding
from pumphouse.graph.moments import MOMENTS, early_aggregates
from pumphouse.graph.sql_scopes import NameRead, columns_of, names_read
from pumphouse.graph.sql_words import (
    MANY,
    NO_SELECT,
    ONE_SELECT,
    Word,
    hashed,
    line_of,
    literals,
    normal,
    open_quote_line,
    settings,
    with_settings,
    word_faults,
)

if TYPE_CHECKING:
    from sqlglot.errors import ParseError

_READS = 'If DuckDB runs it, declare what it reads in the header: reads = ["..."].'


class QueryFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a query. Where the parser gave up, only what its words tell: no names and no columns."""

    text: str
    """The query without the semicolon at its end; lines stay."""
    normal: str
    """Hash of the query without comments, white space and the case of reserved words."""
    names: tuple[NameRead, ...] = ()
    """Tables it reads, each once; names of its own CTEs and table functions are left out."""
    settings: tuple[str, ...] = ()
    """Every `$name`."""
    columns: tuple[str, ...] | None = None
    """Names of its columns where the text alone says them (no `*`)."""
    literals: tuple[str, ...] = ()
    """Texts in quotes."""
    of_row: tuple[str, ...] = ()
    """Of a condition: the columns of its row that it names."""
    nested: bool = False
    """Whether there is a query within the query."""
    early: tuple[Finding, ...] = ()
    """What a feature may not do: parts that aggregate a table before it meets `moments`."""
    faults: tuple[Finding, ...] = ()
    unparsed: Finding | None = None
    """Why the parser gave up; no fault where the edges are declared."""


def read_query(text: str) -> QueryFacts:
    """What the query `text` (DuckDB's dialect, one SELECT) reads, with everything that is wrong with it."""
    import sqlglot.errors
    from sqlglot import exp
    from sqlglot.dialects.duckdb import DuckDB

    dialect = DuckDB()
    # SQLGlot takes the `$a+$` of `$a+$b` for the start of a quote; with a space before the sign it doesn't.
    text = with_settings(text, lambda name: f"${name} ")
    try:
        tokens = dialect.tokenize(text)
    except sqlglot.errors.TokenError:
        finding = Finding(open_quote_line(text), "the SQL has a quote or a comment that is never closed")
        return QueryFacts(text=text, normal=hashed(text.split()), unparsed=finding)
    while tokens and text[tokens[-1].start] == ";":
        end = tokens.pop().start
        text = f"{text[:end]} {text[end + 1 :]}"
    if not tokens:
        nothing = Finding(1, "the file holds no SQL", "Write one SELECT in it.")
        return QueryFacts(text=text, normal="", faults=(nothing,))
    words = [Word(token.text, text[token.start : token.end + 1], token.start) for token in tokens]
    faults = tuple(word_faults(words, text))
    facts = QueryFacts(
        text=text, normal=normal(words), settings=settings(words), literals=literals(words), faults=faults
    )
    if any(fault.what in (MANY, NO_SELECT) for fault in faults):
        return facts
    try:
        (tree,) = dialect.parser().parse(tokens, text)
    except sqlglot.errors.ParseError as error:
        return msgspec.structs.replace(facts, unparsed=_parse_finding(error))
    except RecursionError:
        return msgspec.structs.replace(facts, unparsed=Finding(1, "the SQL is nested too deep to be read", _READS))
    if not isinstance(tree, exp.Query | exp.Values | exp.Pivot):
        no_select = Finding(line_of(words[0].start, text), NO_SELECT, ONE_SELECT)
        return msgspec.structs.replace(facts, faults=(*faults, no_select))
    names, wrong = names_read(tree, text)
    of_row = {} if tree.args.get("from_") else {column.name: None for column in tree.find_all(exp.Column)}
    return msgspec.structs.replace(
        facts,
        names=tuple(names.values()),
        columns=columns_of(tree),
        of_row=tuple(of_row),
        nested=any(one is not tree for one in tree.find_all(exp.Query)),
        early=tuple(early_aggregates(tree, text)) if MOMENTS in names else (),
        faults=(*faults, *wrong),
    )


def _parse_finding(error: ParseError) -> Finding:
    first = error.errors[0] if error.errors else {}
    described = str(first.get("description") or "it can't be read").split(" but got <Token")[0].rstrip(".")
    near = str(first.get("highlight") or "").strip()
    # SQLGlot says where a word ends, and counts wrongly after a comment of several lines.
    column = max(1, (first.get("col") or 1) - len(near) + 1)
    where = f" near '{near}'" if near else ""
    return Finding(first.get("line") or 1, f"the SQL does not parse at column {column}{where}: {described}", _READS)
