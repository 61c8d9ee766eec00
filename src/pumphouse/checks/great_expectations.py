"""Expectation suites of Great Expectations (JSON; 0.x and 1.x) as checks of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from pumphouse.checks.expectations import expected
from pumphouse.checks.imported import Imported, Left, Taken, admitted
from pumphouse.declare.checks import Condition, FailingRows, RowCount
from pumphouse.errors import ConfigError

_HARMLESS = frozenset(
    {"column", "mostly", "batch_id", "result_format", "catch_exceptions", "include_config", "meta", "row_condition"}
    | {"condition_parser", "severity", "notes", "description", "id"}
)


def from_great_expectations(text: str, *, source: str, table: str | None = None) -> Imported:
    """The checks of a suite; of `table`, or of the one that its name begins with. Raises ConfigError."""
    try:
        suite = msgspec.json.decode(text)
        expectations = suite["expectations"]
        entries = [dict(one) for one in expectations]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{source} is no expectation suite", mend='It is JSON with "expectations": [...].') from error
    name = str(suite.get("expectation_suite_name") or suite.get("name") or "")
    notes = [] if table else [f"The table is taken from the suite's name, {name!r}: --table says another."]
    about = table or re.sub(r"\W+", "_", name.partition(".")[0]) or "table"
    found = [_one(entry, about) for entry in entries]
    return Imported(
        source=source,
        taken=tuple(one for one in found if isinstance(one, Taken)),
        left=tuple(one for one in found if isinstance(one, Left)),
        notes=tuple(notes),
    )


def _one(entry: Mapping[str, Any], table: str) -> Taken | Left:  # as JSON has it
    kind = str(entry.get("expectation_type") or entry.get("type") or "")
    given: dict[str, Any] = dict(entry.get("kwargs") or {})
    column = given.get("column")
    what = f"{column}: {kind}" if column else kind
    if "$PARAMETER" in str(given):
        return Left(asset=table, what=what, why="it has a $PARAMETER, whose value is not in the suite")
    try:
        said = expected(kind, table, given)
        mostly = float(given.get("mostly") or 1.0)
    except (KeyError, ValueError, TypeError) as error:
        return Left(asset=table, what=what, why=f"it can't be read: {error}")
    if isinstance(said, str):
        return Left(asset=table, what=what, why=said)
    condition = given.get("row_condition")
    if condition and given.get("condition_parser", "pandas") not in ("spark", "sql"):
        return Left(asset=table, what=what, why=f"its row_condition is no SQL: {condition}")
    if mostly < 1 and not _counts_rows(said.condition):
        return Left(asset=table, what=what, why="mostly is about rules that look at each row")
    if condition and not _takes_where(said.condition):
        return Left(
            asset=table, what=what, why=f"it looks at the table as a whole, and has a row_condition: {condition}"
        )
    where = [one for one in (said.where, condition, said.nulls_apart if mostly < 1 else None) if one]
    unused = sorted(set(given) - _HARMLESS - said.used)
    severity = str(entry.get("severity") or given.get("severity") or "critical")
    notes = (entry.get("meta") or {}).get("notes") or entry.get("notes") or ""
    return admitted(
        Taken(
            asset=table,
            about=f"{column or ''}_{kind.removeprefix('expect_').removeprefix('column_')}",
            condition=said.condition,
            severity="warn" if severity.lower() in ("warning", "info") else "error",
            where=" AND ".join(f"({one})" for one in where) if len(where) > 1 else (where[0] if where else None),
            mostly=mostly,
            doc=_text(notes.get("content", "") if isinstance(notes, dict) else notes),
            notes=tuple(f"its {name} is left out" for name in unused),
        ),
        what=what,
    )


def _counts_rows(condition: Condition) -> bool:
    return not isinstance(condition, FailingRows | RowCount)


def _takes_where(condition: Condition) -> bool:
    return not isinstance(condition, FailingRows)


def _text(notes: Any) -> str:  # as JSON has it: a text, or several
    return " ".join(" ".join(notes if isinstance(notes, list) else [str(notes)]).split())
