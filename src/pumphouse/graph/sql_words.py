"""SQL as words: what can be told of a query before, and without, understanding its grammar."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from pumphouse.graph.findings import Finding

_CLOCKS = frozenset({
    "now", "today", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
    "get_current_time", "get_current_timestamp", "transaction_timestamp", "current_localtime",
    "current_localtimestamp", "txid_current", "pg_postmaster_start_time", "pg_conf_load_time",
})  # fmt: skip
_BARE_CLOCKS = frozenset({
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
})  # fmt: skip
_RANDOM = frozenset({
    "random", "setseed", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "nextval",
})  # fmt: skip
_IMPURE = _CLOCKS | _RANDOM | {"age"}
_OUTSIDE = re.compile(
    r"read_\w+|\w+_scan|parquet_\w+|sniff_csv|glob|query|query_table|duckdb_\w+|pragma_\w+|st_read"
    r"|getenv|getvariable|current_setting|json_execute_serialized_sql|from_substrait\w*",
    re.IGNORECASE,
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
_QUOTED = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
    r"|\$((?:[^\W\d]\w*)?)\$.*?\$\1\$|\$(?P<setting>[^\W\d]\w*)",
    re.DOTALL,
)
# The same, where a comment that never ends goes to the end: else each of many would be looked for to the end again.
_QUOTED_OR_OPEN = re.compile(_QUOTED.pattern.replace(r"/\*.*?\*/", r"/\*.*?(?:\*/|\Z)"), re.DOTALL)

NO_SELECT = "the statement is not a SELECT"
ONE_SELECT = "Write one SELECT; Pumphouse makes the table from it."
MANY = "the file holds more than one statement"


class Word(NamedTuple):
    """A token: its meaning, how it is written (with quotes), and where it starts."""

    text: str
    written: str
    start: int


def normal(words: Iterable[Word]) -> str:
    """Hash of a query that its comments, white space and the case of reserved words don't change."""
    uppers = ((word.written, word.written.upper()) for word in words)
    return hashed(upper if upper in _KEYWORDS else written for written, upper in uppers)


def hashed(parts: Iterable[str]) -> str:
    """Hash of several texts in their order."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def with_settings(text: str, value: Callable[[str], str]) -> str:
    """The SQL with `value(name)` in place of each `$name`; a `$` in a quote or a comment stays."""
    if "$" not in text:
        return text
    return _QUOTED_OR_OPEN.sub(lambda found: value(found["setting"]) if found["setting"] else found[0], text)


def settings(words: Sequence[Word]) -> tuple[str, ...]:
    """Every name written `$name`, once."""
    return tuple(dict.fromkeys(name.written for sign, name in pairwise(words) if _is_setting(sign, name)))


def literals(words: Iterable[Word]) -> tuple[str, ...]:
    """Every text in single quotes, once."""
    return tuple(dict.fromkeys(word.text for word in words if word.written[0] == "'"))


def word_faults(words: Sequence[Word], text: str) -> Iterator[Finding]:
    """What is wrong whatever the query means: no SELECT, several statements, clocks, chance, reads of the outside."""
    if words[0].written.upper() not in _STARTS:
        yield Finding(line_of(words[0].start, text), NO_SELECT, ONE_SELECT)
    for word, following in pairwise(words):
        if word.written == ";":
            yield Finding(line_of(following.start, text), MANY, "Give each its own file.")
            break
    for word, following in pairwise(words):
        if word.written == following.written == ",":  # SQLGlot would pass over it
            mend = "Take one out, or write what is missing."
            yield Finding(line_of(word.start, text), "two commas with nothing between them", mend)
    for word in _impure_calls(words):
        random = word.text.lower() in _RANDOM
        what = f"{word.text}() is {'random' if random else 'a clock'}: the same inputs would not give the same table"
        mend = "Derive it from the row, such as hash(order_id)." if random else "Take the day as a setting: $today."
        yield Finding(line_of(word.start, text), what, mend)
    for word in _calls(words):
        if _OUTSIDE.fullmatch(word.text):
            mend = "Gather it as an asset, such as ph.files(...) or ph.database(...), and read that by its name."
            yield Finding(line_of(word.start, text), f"{word.text}() reads what no asset stores", mend)
    for before, word, following, first in zip(words, words[1:], words[2:], words[3:], strict=False):
        # After WITH, or a comma in it, `search (a, b) AS` names a query and its columns; no index is named by a column.
        is_read = before.written.upper() in ("FROM", "JOIN") or first.written[0] in "'$"
        if word.text.lower() == "search" and word.written[0] != "'" and following.written == "(" and is_read:
            what = "search() reads an index, which follows the tables and is none that a build could read"
            mend = "Ask it of the built tables, by p.sql or pumphouse query; here write a condition on the columns."
            yield Finding(line_of(word.start, text), what, mend)
    for at, word in enumerate(words):
        if _is_sample(words, at) and not _SEEDED.search(" ".join(word.written for word in words[at : at + 12])):
            mend = "Give a seed: USING SAMPLE 10% (bernoulli, 42)."
            yield Finding(line_of(word.start, text), "a sample without a seed is random", mend)
        if word.written == "?":
            yield Finding(line_of(word.start, text), "'?' has no name", "Name the setting: $name.")
    for sign, name in pairwise(words):
        if sign.written == "$" and not _is_setting(sign, name):
            yield Finding(line_of(sign.start, text), f"'${name.written}' has no name", "Name the setting: $name.")


def line_of(start: int, text: str) -> int:
    """The line of a position in a text, from 1."""
    return text.count("\n", 0, start) + 1


def open_quote_line(text: str) -> int:
    """The line in which a quote or a comment starts that never ends."""
    rest = _QUOTED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    found = re.search(r"['\"$]|/\*", rest)
    return rest.count("\n", 0, found.start()) + 1 if found else 1


def _calls(words: Sequence[Word]) -> Iterator[Word]:
    for word, following in pairwise(words):
        if following.written == "(" and word.text.isidentifier():
            yield word


def _impure_calls(words: Sequence[Word]) -> Iterator[Word]:
    for at, word in enumerate(words):
        name = word.text.lower()
        if name not in _IMPURE or word.written[0] == "'":
            continue
        before = words[at - 1].written.upper() if at else ""
        if at + 1 < len(words) and words[at + 1].written == "(":
            # `main.now()` and `x.now()` call it too; `a.age(b)` is a difference.
            if before != "WITH" and (name != "age" or (before != "." and _has_one_argument(words[at + 1 :]))):
                yield word
        elif name in _BARE_CLOCKS and word.written[0] != '"' and before not in (".", "AS", "$"):
            yield word


def _has_one_argument(words: Sequence[Word]) -> bool:
    # age(a, b) is a difference; age(a) counts from today.
    depth = 0
    for word in words:
        if word.written in ("(", "[", "{"):
            depth += 1
        elif word.written in (")", "]", "}"):
            depth -= 1
        if depth == 0:
            return True
        if word.written == "," and depth == 1:
            return False
    return True


def _is_sample(words: Sequence[Word], at: int) -> bool:
    written = words[at].written.upper()
    return written == "TABLESAMPLE" or (written == "SAMPLE" and at > 0 and words[at - 1].written.upper() == "USING")


def _is_setting(sign: Word, name: Word) -> bool:
    return sign.written == "$" and name.written.isidentifier() and name.start == sign.start + 1
