"""What DuckDB says of a faulty statement, in our words: what is wrong, and how to mend it.

Names that it offers are columns and tables of the statement itself, which its visitor sees. Functions and types it
offers of all that it has; of those nothing is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pumphouse.errors import did_you_mean

OFFERED_MAX = 5
_CLASS = re.compile(r"^[A-Z][A-Za-z ]+ Error: ")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_WINDOWS = frozenset(
    "cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number"
    .split()
)  # fmt: skip
_Said = tuple[str, str | None]


def worded(text: str, columns: Sequence[str] = ()) -> _Said:
    """What is wrong, and how to mend it where that is known. `columns` are those of the tables that are asked."""
    lines = [line.strip() for line in text.replace("_LITERAL", "").splitlines()] or [""]
    said = _CLASS.sub("", lines[0]).rstrip("!")
    candidates = next((line for line in lines if line.startswith("Candidate ")), "")
    names = [name.replace('""', '"') for name in _QUOTED.findall(candidates)]
    for pattern, told in _KNOWN:
        if found := pattern.match(said):
            return told(found, names or (columns if told in (_no_column, _no_column_of_table) else ()), lines)
    return said[:1].lower() + said[1:] if said[1:2].islower() else said, _offer("", names)


def _offer(name: str, names: Sequence[str]) -> str | None:
    """The nearest of the names, or those there are."""
    if not names:
        return None
    return did_you_mean(name, names) or f"There is {', '.join(names[:OFFERED_MAX])}."


def _no_column(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return f"there is no column '{found[1]}' in the tables of the query", _offer(found[1], names)


def _no_column_of_table(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return f"'{found[1]}' has no column '{found[2]}'", _offer(found[2], names)


def _no_column_without_from(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return (
        f"there is no column '{found[1]}': the query has no FROM",
        f"A text is written in single quotes: '{found[1]}'.",
    )


def _no_column_in_list(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return f"there is no column '{found[1]}' that {found[2]} could mean", None


def _no_table(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return f"nothing in FROM is called '{found[1]}'", _offer(found[1], names)


def _no_table_at_all(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return f"there is no table '{found[1]}'", None


def _no_function(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    name = found[1]
    if name.lower() in _WINDOWS:
        return f"{name}(...) is called over a window", f"Write {name}(...) OVER (ORDER BY ...)."
    return f"{name}(...) can't be called here", None


def _no_type(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return f"there is no type '{found[1]}'", None


def _other_arguments(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    forms = [line.partition(" -> ")[0] for line in lines if " -> " in line and line.startswith(f"{found[1]}(")]
    several = ", ".join(forms[:OFFERED_MAX])
    mend = f"Cast its arguments. There is {several}{', ...' if len(forms) > OFFERED_MAX else ''}." if forms else None
    return f"there is no {found[1]}({found[2]})", mend


def _ungrouped(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return (
        f"the column '{found[1]}' is neither in GROUP BY nor in an aggregate",
        f"Add it to GROUP BY, or take any_value({found[1]}).",
    )


def _aggregate_in(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    mend = "Write the condition on an aggregate in HAVING." if found[1] == "WHERE" else None
    return f"{found[1]} can't have an aggregate in it", mend


def _ambiguous(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    ways = _QUOTED.findall(found[2])
    return f"several tables of the query have a column '{found[1]}'", f"Write {' or '.join(ways)}." if ways else None


def _unlike_parts(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return "the parts of a UNION, INTERSECT or EXCEPT have different numbers of columns", None


def _incomparable(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return f"{found[1]} and {found[2]} can't be compared", "Cast one of them: CAST(... AS ...)."


def _unread_text(found: re.Match[str], names: Sequence[str], lines: Sequence[str]) -> _Said:
    return f"the text {found[1]} can't be read as {found[2]}", "TRY_CAST(... AS ...) gives null in its place."


_Told = Callable[[re.Match[str], Sequence[str], Sequence[str]], _Said]
_KNOWN: tuple[tuple[re.Pattern[str], _Told], ...] = tuple(
    (re.compile(pattern, re.DOTALL), told)
    for pattern, told in (
        (r'Referenced column "(.+)" not found in FROM clause', _no_column),
        (r'Referenced column "(.+)" was not found because the FROM clause is missing', _no_column_without_from),
        (r'[\w ]+ "(.+)" does not have a column named "(.+)"', _no_column_of_table),
        (r'Column "(.+)" in (EXCLUDE|REPLACE|RENAME) list not found', _no_column_in_list),
        (r'Column "(.+)" does not exist on (?:left|right) side of join', _no_column),
        (r'Referenced table "(.+)" not found', _no_table),
        (r"Table with name (\S+) does not exist", _no_table_at_all),
        (r"(?:\w+ )*Function with name (\S+) does not exist", _no_function),
        (r"Type with name (\S+) does not exist", _no_type),
        (r"No function matches the given name and argument types '([^'(]+)\((.*)\)'", _other_arguments),
        (r'column "(.+)" must appear in the GROUP BY clause', _ungrouped),
        (r"(\S+) clause cannot contain aggregates", _aggregate_in),
        (r'Ambiguous reference to column name "(.+?)"(.*)', _ambiguous),
        (r"Set operations can only apply to expressions with the same number", _unlike_parts),
        (r"Cannot compare values of type (.+) and type (.+?)(?: - .*)?$", _incomparable),
        (r"Could not convert string ('.*') to (\S+)", _unread_text),
    )
)
