"""`query`: SQL over the lake's tables, for a person or a program."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import duckdb
from cyclopts import Parameter, validators

from pumphouse.cli import forms
from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.errors import ConfigError, PumphouseError

TABLE_ROWS = 50
"""Rows of a table for a person, who asks for more with --limit."""


def query(
    sql: str,
    /,
    *,
    format: Literal["table", "csv", "json", "arrow"] = "table",
    snapshot: int | None = None,
    limit: Annotated[int | None, Parameter(metavar="ROWS", validator=validators.Number(gte=1))] = None,
    call: Call,
) -> None:
    """Ask the lake: one SELECT over its tables, all at one snapshot. The read is logged under your name.

    `$today` and the project's settings can be used by name, as in the project's own SQL.

    For example:

        pumphouse query "SELECT country, count(*) FROM customers GROUP BY ALL"
        pumphouse query "FROM orders" --format csv > orders.csv
        pumphouse query "FROM orders" --format arrow --snapshot 41 > orders.arrow

    Args:
        sql: The query, in DuckDB's dialect.
        format: A table to look at (numbers to the right, 50 rows); CSV with a header; JSON, an array with a row on each
            line, decimals as texts; or an Arrow stream. The last three are exact and have all rows.
        snapshot: Read the lake as it was at this snapshot.
        limit: At most so many rows.
    """
    out = sys.stdout.buffer
    if format == "arrow" and sys.stdout.isatty():
        raise ConfigError(
            "an Arrow stream is not for a terminal", mend="Send it to a file: ... --format arrow > rows.arrow"
        )
    with open_project(call) as project:
        rows = project.sql(sql, snapshot=snapshot)
        try:
            match format:
                case "table":
                    forms.print_table(rows, limit=TABLE_ROWS if limit is None else limit)
                case "csv":
                    forms.write_csv(forms.first(rows, limit), out)
                case "json":
                    forms.write_json(forms.first(rows, limit), out)
                case "arrow":
                    forms.write_arrow(forms.first(rows, limit), out)
        except duckdb.Error as error:
            raise PumphouseError(f"the query failed: {_said(error)}") from error
        out.flush()


def _said(error: duckdb.Error) -> str:
    """DuckDB's message without the part that points into text the person did not write."""
    return str(error).split("\n\nLINE ")[0].strip()
