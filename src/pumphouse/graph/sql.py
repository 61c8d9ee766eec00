"""What one SQL query reads and calls, found with SQLGlot and without running it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from pumphouse.graph.findings import Finding

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

MOMENTS = "moments"
"""The reserved name of what a feature is asked about."""

_CLOCKS = frozenset({
    "now", "today", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
    "get_current_time", "get_current_timestamp", "transaction_timestamp", "current_localtime",
    "current_localtimestamp",
})  # fmt: skip
_BARE_CLOCKS = frozenset({
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
})  # fmt: skip
_RANDOM = frozenset({
    "random", "setseed", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "nextval",
})  # fmt: skip
_OUTSIDE = re.compile(
    r"read_\w+|\w+_scan|parquet_\w+|sniff_csv|glob|query|query_table|duckdb_\w+|pragma_\w+|st_read", re.IGNORECASE
)
_SEEDED = re.compile(r"repeatable\s*\(\s*\d+\s*\)|\(\s*\w+\s*,\s*\d+\s*\)", re.IGNORECASE)
_STARTS = frozenset({
    "SELECT", "WITH", "FROM", "VALUES", "PIVOT", "PIVOT_WIDER", "PIVOT_LONGER", "UNPIVOT", "TABLE", "(",
})  # fmt: skip
# Words that are reserved in DuckDB, so that their case can't be part of a column's name.
_KEYWORDS = frozenset({
    "ALL", "AND", "ANY", "AS", "ASC", "BOTH", "CASE", "CAST", "COLLATE", "CREATE", "DEFAULT", "DESC",
    "DISTINCT", "ELSE", "END", "EXCEPT", "FALSE", "FOR", "FROM", "GROUP", "HAVING", "IN", "INTERSECT", "INTO",
    "LATERAL", "LIMIT", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER", "QUALIFY", "SELECT", "SOME", "TABLE",
    "THEN", "TO", "TRUE", "UNION", "UNIQUE", "USING", "WHEN", "WHERE", "WINDOW", "WITH",
})  # fmt: skip
# Aggregates of DuckDB that SQLGlot 30 reads as functions of no known kind.
_AGGREGATES = frozenset({
    "approx_top_k", "arbitrary", "arg_max_null", "arg_min_null", "bitstring_agg", "favg", "fsum", "geomean",
    "geometric_mean", "group_concat", "histogram", "histogram_exact", "histogram_values", "kahan_sum",
    "kurtosis", "kurtosis_pop", "list", "listagg", "mad", "max_by", "min_by", "mode", "product", "regr_avgx",
    "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy",
    "reservoir_quantile", "sem", "skewness", "sumkahan", "sum_no_overflow", "entropy", "string_agg",
    "weighted_avg",
})  # fmt: skip
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)


class NameRead(msgspec.Struct, frozen=True):
    """A name in a FROM, and the line it stands in."""

    name: str
    line: int


class QueryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a query. Where `parsed` is False, only what its tokens tell is: no names and no columns."""

    text: str
    """The query without the semicolon at its end; lines stay."""
    normal: str
    """Hash of the query without comments, white space and the case of reserved words."""
    parsed: bool = False
    names: tuple[NameRead, ...] = ()
    """Tables it reads, each once; names of its own CTEs and table functions are left out."""
    settings: tuple[str, ...] = ()
    """Every `$name`."""
    functions: tuple[str, ...] = ()
    """Names in lower case that stand before a bracket: all functions it calls, and a few words such as `in`."""
    columns: tuple[str, ...] | None = None
    """Names of its columns where the text alone says them (no `*`)."""
    literals: tuple[str, ...] = ()
    """Texts in quotes."""
    early: tuple[Finding, ...] = ()
    """What a feature may not do: parts that aggregate a table before it meets `moments`."""
    faults: tuple[Finding, ...] = ()
    unparsed: Finding | None = None
    """Why the parser gave up; no fault where the edges are declared."""


def read_query(text: str) -> QueryFacts:
    """What the query `text` (DuckDB's dialect, one SELECT) reads and calls, with everything that is wrong with it."""
    import sqlglot.errors
    from sqlglot.dialects.duckdb import DuckDB

    dialect = DuckDB()
    try:
        tokens = dialect.tokenize(text)
    except sqlglot.errors.TokenError:
        finding = Finding(_open_quote_line(text), "the SQL has a quote or a comment that is never closed")
        return QueryFacts(text=text, normal=_sha(text.split()), unparsed=finding)
    while tokens and tokens[-1].text == ";" and text[tokens[-1].start] == ";":
        end = tokens.pop().start
        text = f"{text[:end]} {text[end + 1 :]}"
    if not tokens:
        return QueryFacts(
            text=text, normal="", faults=(Finding(1, "the file holds no SQL", "Write one SELECT in it."),)
        )
    normal = _sha(_normal(token, text) for token in tokens)
    faults = list(_token_faults(tokens, text))
    settings = tuple(dict.fromkeys(name for name, _ in _settings(tokens)))
    functions = tuple(dict.fromkeys(token.text.lower() for token in _calls(tokens)))
    literals = tuple(dict.fromkeys(token.text for token in tokens if token.token_type.name == "STRING"))
    facts = QueryFacts(
        text=text, normal=normal, settings=settings, functions=functions, literals=literals, faults=tuple(faults)
    )
    if any(fault.what in (_MANY, _NO_SELECT) for fault in faults):
        return facts
    try:
        (tree,) = dialect.parser().parse(tokens, text)
    except sqlglot.errors.ParseError as error:
        return msgspec.structs.replace(facts, unparsed=_parse_finding(error))
    except RecursionError:
        return msgspec.structs.replace(facts, unparsed=Finding(1, "the SQL is nested too deep to be read", _READS))
    if tree is None or not _is_query(tree):
        return msgspec.structs.replace(
            facts, faults=(*faults, Finding(_line(tokens[0], text), _NO_SELECT, _ONE_SELECT))
        )
    names, wrong = _names(tree, text)
    return msgspec.structs.replace(
        facts,
        parsed=True,
        names=tuple(names.values()),
        columns=_columns(tree),
        early=tuple(_early(tree, text)),
        faults=(*faults, *wrong),
    )


_MANY = "the file holds more than one statement"
_NO_SELECT = "the statement is not a SELECT"
_ONE_SELECT = "Write one SELECT; Pumphouse makes the table from it."
_READS = 'If DuckDB runs it, declare what it reads in the header: reads = ["..."].'
_SETTING = "Take the day as a setting: $today."


def _token_faults(tokens: Sequence[Token], text: str) -> Iterator[Finding]:
    first = tokens[0]
    if text[first.start : first.end + 1].upper() not in _STARTS:
        yield Finding(_line(first, text), _NO_SELECT, _ONE_SELECT)
    for token, following in pairwise(tokens):
        if text[token.start] == ";":
            yield Finding(_line(following, text), _MANY, "Give each its own file.")
            break
    for token in _clock_calls(tokens, text):
        name = token.text.lower()
        mend = _SETTING if name in _CLOCKS or name == "age" else "Derive it from the row, such as hash(order_id)."
        kind = "random" if name in _RANDOM else "a clock"
        yield Finding(
            _line(token, text), f"{name}() is {kind}, so that the same inputs would not give the same table", mend
        )
    for token in _calls(tokens):
        if _OUTSIDE.fullmatch(token.text):
            yield Finding(
                _line(token, text),
                f"{token.text}() reads what no asset stores",
                "Gather it as an asset, such as ph.files(...) or ph.database(...), and read that by its name.",
            )
    for before, token in pairwise(tokens):
        sampled = token.token_type.name == "TABLE_SAMPLE" or (token.text.upper(), before.text.upper()) == (
            "SAMPLE",
            "USING",
        )
        if sampled and not _SEEDED.search(text, token.end):
            yield Finding(
                _line(token, text),
                "a sample without a seed is random",
                "Give a seed: USING SAMPLE 10% (bernoulli, 42).",
            )
    for token, following in pairwise(tokens):
        if token.token_type.name == "PARAMETER" and not following.text.isidentifier():
            yield Finding(_line(token, text), f"'${following.text}' has no name", "Name the setting: $name.")
        if token.token_type.name == "PLACEHOLDER":
            yield Finding(_line(token, text), "'?' has no name", "Name the setting: $name.")


def _calls(tokens: Sequence[Token]) -> Iterator[Token]:
    for token, following in pairwise(tokens):
        if following.text == "(" and following.token_type.name == "L_PAREN" and token.text.isidentifier():
            yield token


def _clock_calls(tokens: Sequence[Token], text: str) -> Iterator[Token]:
    for at, token in enumerate(tokens):
        name = token.text.lower()
        if name not in _CLOCKS and name not in _RANDOM and name != "age":
            continue
        before = text[tokens[at - 1].start : tokens[at - 1].end + 1].upper() if at else ""
        quoted = text[token.start] in "'\""
        called = at + 1 < len(tokens) and tokens[at + 1].text == "("
        if called and name == "age":
            if _has_one_argument(tokens, at + 1):
                yield token
        elif (called and before not in ("WITH", ".")) or (
            name in _BARE_CLOCKS and not quoted and not called and before not in (".", "AS", "$")
        ):
            yield token


def _has_one_argument(tokens: Sequence[Token], opening: int) -> bool:
    # age(a, b) is a difference; age(a) counts from today.
    depth = 0
    for token in tokens[opening:]:
        if token.text in ("(", "[", "{") and token.token_type.name != "STRING":
            depth += 1
        elif token.text in (")", "]", "}") and token.token_type.name != "STRING":
            depth -= 1
            if depth == 0:
                return True
        elif token.token_type.name == "COMMA" and depth == 1:
            return False
    return True


def _settings(tokens: Sequence[Token]) -> Iterator[tuple[str, Token]]:
    for token, following in pairwise(tokens):
        if token.token_type.name == "PARAMETER" and following.text.isidentifier():
            yield following.text, following


def _is_query(tree: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(tree, exp.Query | exp.Values | exp.Pivot)


def _names(tree: exp.Expr, text: str) -> tuple[dict[str, NameRead], list[Finding]]:
    from sqlglot import exp

    names: dict[str, NameRead] = {}
    faults: list[Finding] = []
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        start = table.this.meta.get("start", 0)
        line = text.count("\n", 0, start) + 1
        if table.db:
            faults.append(
                Finding(line, f"'{table.db}.{table.name}' is not the name of an asset", "Write the name alone: orders.")
            )
        elif not table.name.isidentifier():
            faults.append(
                Finding(
                    line,
                    f"'{table.name}' in FROM is a file, not an asset",
                    "Gather it as an asset, such as ph.files(...), and read that by its name.",
                )
            )
        elif _cte(table) is None:
            names.setdefault(table.name.lower(), NameRead(table.name, line))
    return names, sorted(faults, key=lambda fault: fault.line)


def _cte(table: exp.Table) -> exp.CTE | None:
    """The CTE that a name in FROM means, or None where it means an asset."""
    from sqlglot import exp

    name = table.name.lower()
    child: exp.Expr = table
    while not table.db and (parent := child.parent) is not None:
        ctes: list[exp.CTE] = []
        if isinstance(parent, exp.With):
            # Within a WITH, a query sees those before it, and with RECURSIVE itself.
            ctes = parent.expressions[: parent.expressions.index(child) + bool(parent.args.get("recursive"))]
        elif not isinstance(child, exp.With) and (with_ := parent.args.get("with_")):
            ctes = with_.expressions
        for cte in ctes:
            if cte.alias.lower() == name:
                return cte
        child = parent
    return None


def _columns(tree: exp.Expr) -> tuple[str, ...] | None:
    from sqlglot import exp

    if not isinstance(tree, exp.Select | exp.SetOperation):
        return None
    first = tree
    while isinstance(first, exp.SetOperation):
        first = first.this
    if not isinstance(first, exp.Select):
        return None
    columns = []
    for column in first.expressions:
        if column.is_star or not column.output_name or column.find(exp.Columns):
            return None
        columns.append(column.output_name)
    return tuple(columns)


def _early(tree: exp.Expr, text: str) -> Iterator[Finding]:
    """Blocks that aggregate, sort out or number rows of a table without having met `moments`."""
    from sqlglot import exp

    for block in tree.find_all(exp.Query):
        if isinstance(block, exp.Subquery) or not _condenses(block):
            continue
        read = {name.lower(): table for name, table in _reached(block)}
        if read and MOMENTS not in read:
            table = min(read.values(), key=lambda table: table.this.meta.get("start", 0))
            line = text.count("\n", 0, table.this.meta.get("start", 0)) + 1
            yield Finding(
                line,
                f"'{table.name}' is aggregated before it meets moments, so that rows of the future would count",
                f"Join moments and '{table.name}' first, and aggregate over the result.",
            )


def _condenses(block: exp.Expr) -> bool:
    from sqlglot import exp

    if isinstance(block, exp.SetOperation):
        return not isinstance(block, exp.Union) or bool(block.args.get("distinct"))
    if any(block.args.get(part) for part in ("group", "distinct", "limit", "offset", "qualify", "having", "sample")):
        return True
    return any(
        isinstance(node, exp.AggFunc | exp.Window)
        or (isinstance(node, exp.Anonymous) and node.name.lower() in _AGGREGATES)
        for node in block.walk(prune=lambda node: node is not block and isinstance(node, exp.Query))
    )


def _reached(block: exp.Expr) -> Iterator[tuple[str, exp.Table]]:
    """Every asset that a block reads, also through CTEs."""
    from sqlglot import exp

    waiting, seen = [block], {id(block)}
    while waiting:
        for table in waiting.pop().find_all(exp.Table):
            if not isinstance(table.this, exp.Identifier):
                continue
            cte = _cte(table)
            if cte is None:
                yield table.name, table
            elif id(cte) not in seen:
                seen.add(id(cte))
                waiting.append(cte)


def _normal(token: Token, text: str) -> str:
    written = text[token.start : token.end + 1]
    upper = written.upper()
    return upper if upper in _KEYWORDS else written


def _parse_finding(error: Exception) -> Finding:
    from sqlglot.errors import ParseError

    assert isinstance(error, ParseError)
    first = error.errors[0] if error.errors else {}
    described = str(first.get("description") or "it can't be read").split(" but got <Token")[0].rstrip(".")
    near = str(first.get("highlight") or "").strip()
    # SQLGlot counts columns wrongly after a comment of several lines.
    column = max(1, first.get("col") or 1)
    where = f" near '{near}'" if near else ""
    return Finding(first.get("line") or 1, f"the SQL does not parse at column {column}{where}: {described}", _READS)


def _open_quote_line(text: str) -> int:
    rest = _QUOTED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    found = re.search(r"['\"$]|/\*", rest)
    return rest.count("\n", 0, found.start()) + 1 if found else 1


def _line(token: Token, text: str) -> int:
    return text.count("\n", 0, token.start) + 1


def _sha(parts: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
