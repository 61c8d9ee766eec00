"""`new`: a project to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pumphouse.cli.output import print_json, print_text
from pumphouse.project.scaffold import scaffold


def new(
    name: Path,
    /,
    *,
    from_: Annotated[str | None, Parameter(name="--from", metavar="FILE_OR_URL")] = None,
    json: bool = False,
) -> None:
    """Make a project that runs, around a small table or around a file of your own.

    It has a source, a table, a check and a report, each a few lines to change. A file (CSV, TSV, JSON, JSON lines,
    Parquet, Avro, a workbook, a web server's access log) is copied into the project and gathered at once.

    For example:

        pumphouse new shop
        pumphouse new shop --from ~/Downloads/orders.csv
        pumphouse new quakes --from https://example.org/quakes.csv

    Args:
        name: The project's folder. It must be new, or empty.
        from_: The file to start from, or its address.
        json: Print what was made as JSON.
    """
    made = scaffold(name, start=from_)
    if json:
        print_json(made)
        return
    said = [f"{name} is a project with a source ({_rows(made.rows)}), a table, a check and a report."]
    if made.withheld:
        said.append(f'Withheld: {_rows(made.withheld)}. See why: pumphouse query "FROM {made.source}__quarantine"')
    if made.encoding:
        said.append(f"The file is not UTF-8; gather.py reads it as {made.encoding}, and is where to say another.")
    print_text("\n".join(said) + (" Next:" if len(said) == 1 else "\nNext:"))
    print_text("")
    print_text(f"    cd {shlex.quote(str(name))}")
    print_text("    pumphouse run")
    print_text(f"    pumphouse show {made.table}")
    print_text(f'    pumphouse query "FROM {made.table}"')


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
