"""A condition that stands alone: an SQL expression, and nothing that could end it and go on as something else."""

from __future__ import annotations

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import QueryError
from pumphouse.project.queries import readable, serialized

_BEFORE = "SELECT * FROM rows WHERE "
_PARTS = {"type", "select_list", "from_table", "where_clause", "aggregate_handling"}
"""All that there is of a SELECT with a condition and nothing behind it."""


def condition(text: str, *, engine: DuckDB) -> str:
    """The text between parentheses, as SQL that can stand in a WHERE. Raises QueryError where it is no expression.

    DuckDB parses it as all that follows a WHERE. If nothing but the condition of a WHERE came of it, it is one
    expression, which stays one between parentheses.
    """
    readable(text)
    try:
        parsed = serialized(f"{_BEFORE}{text}\n", engine)
    except RecursionError as error:
        raise QueryError("this is nested too deeply", query=f"{text[:40]}...", position=0) from error
    if parsed["error"]:
        at = int(parsed.get("position", len(_BEFORE))) - len(_BEFORE)
        at = min(max(at, 0), len(text))
        raise QueryError(f"this is no condition: {parsed['error_message']}", query=text, position=at)
    statements = parsed["statements"]
    node = statements[0].get("node", {}) if len(statements) == 1 else {}
    if set(node) != _PARTS or node["aggregate_handling"] != "STANDARD_HANDLING" or "sample" in node["from_table"]:
        raise QueryError(
            "this is more than a condition",
            query=text,
            position=0,
            mend="Write what may stand after WHERE: amount > 10 AND customer IS NOT NULL.",
        )
    return f"({text}\n)"
