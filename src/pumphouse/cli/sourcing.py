"""`sources`: how each source stands, and what one would bring."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter, validators
from rich.console import Console

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import in_columns, print_columns, print_json, print_text
from pumphouse.project.gathering import size, sources_of
from pumphouse.project.sampling import SAMPLE_ROWS, try_source

NOTHING = "Nothing is gathered here. Declare a source: raw_orders = ph.files(...), ph.database(...), @ph.source(...)"


def show(*, json: bool = False, call: Call) -> None:
    """Say of each source when it was last loaded, what it brought and cost, how far it lags, and when it is due.

    `pumphouse sources` alone is the same. Requests and bytes are those of the last visit; cells and rows in quarantine
    are counted together. Nothing is fetched.

    For example:

        pumphouse sources list

    Args:
        json: Print it as JSON.
    """
    with open_project(call) as project:
        found = sources_of(project)
    if json:
        print_json(found.to_dict())
        return
    if not found.sources:
        print_text(NOTHING)
        return
    header, *lines = found.table()
    used = [at for at, _ in enumerate(header) if any(line[at] for line in lines)]
    rows = [[line[at] for at in used] for line in (header, *lines)]
    console = Console()
    if console.is_terminal and max(map(len, in_columns(rows))) > console.width:
        for line in rows[1:]:  # no room for a table: a paragraph each
            print_text(line[0])
            print_columns([["", name, cell] for name, cell in zip(rows[0][1:], line[1:], strict=True) if cell])
    else:
        print_columns(rows)
    for said in found.failed():
        print_text(said)


def try_(
    source: str,
    /,
    *,
    rows: Annotated[int, Parameter(metavar="ROWS", validator=validators.Number(gte=1))] = SAMPLE_ROWS,
    json: bool = False,
    call: Call,
) -> None:
    """Fetch some rows of a source and say what they hold: columns, types, what would be set aside. Nothing is kept.

    It asks for no more than those rows need, and 50 times at most. Its contract holds for them; its checks don't run.

    For example:

        pumphouse sources try raw_orders

    Args:
        source: Name of a source.
        rows: About how many rows to look at.
        json: Print it as JSON.
    """
    console = Console(file=sys.stderr)
    with open_project(call) as project:
        if console.is_terminal and not json:
            with console.status(f"fetching {source}") as status:
                found = try_source(
                    project, source, rows=rows, progress=lambda done: status.update(f"fetching {source}: {done:,} rows")
                )
        else:
            found = try_source(project, source, rows=rows)
    if json:
        print_json(found.to_dict())
        return
    asked = f"{found.requests:,} {'answer' if found.requests == 1 else 'answers'}"
    print_text(f"{found.source}: {found.rows:,} rows from {asked} of {size(found.size_bytes)}; nothing was kept")
    print_columns(found.table())
    if found.set_aside:
        print_text(f"{found.set_aside:,} would be set aside:")
        print_columns([["", one.column, one.original, one.reason] for one in found.rejected])
    for warning in found.warnings:
        print_text(warning)
    if found.suggests:
        print_text(f"It may be declared with: {', '.join(found.suggests)}")
