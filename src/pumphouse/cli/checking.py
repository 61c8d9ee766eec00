"""`check`: whether what must hold of tables holds now."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import in_columns, print_json, print_text
from pumphouse.project.checking import check_tables, where_rows_are

FAILED = 1
WIDTH_MAX = 100
INDENT = "    "


def check(*assets: str, json: bool = False, call: Call) -> int:
    """Evaluate checks on the rows that stand now. Nothing is built. Ends with 1 where an error check fails.

    A run checks what it builds. This finds what went bad since: rows that grew old, keys that another table lost.

    For example:

        pumphouse check
        pumphouse check orders

    Args:
        assets: Names of tables, or of checks, which stand for their tables. Without them all are checked.
        json: Print what was found as JSON.
    """
    with open_project(call) as project:
        checked = check_tables(project, assets)
    if json:
        print_json(checked.to_dict())
    else:
        _print_found(checked.lines())
        print_text(str(checked))
        for table in where_rows_are(checked):
            print_text(f"Look at rows that failed: pumphouse query 'FROM {table}'")
    return 0 if checked.ok else FAILED


def _print_found(lines: Sequence[Sequence[str]]) -> None:
    """One line for each check, and what is wrong on the lines below it."""
    heads = in_columns([line[:-1] for line in lines])
    for head, (*_, said) in zip(heads, lines, strict=True):
        print_text(head)
        for line in textwrap.wrap(said, WIDTH_MAX, initial_indent=INDENT, subsequent_indent=INDENT):
            print_text(line)
