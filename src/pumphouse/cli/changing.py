"""`restore`, `hide`: changes of the lake that a person makes."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.errors import UnknownName, did_you_mean


def restore(
    table: str, /, *, to: Annotated[int, Parameter(metavar="SNAPSHOT")], json: bool = False, call: Call
) -> None:
    """Make a table what it was at an earlier snapshot.

    It stays so until its code or an input changes. Nothing is lost: the content it had can be restored in the same way.

    For example:

        pumphouse restore orders --to 41

    Args:
        table: Name of the table.
        to: The snapshot; `pumphouse show TABLE` lists those of its builds.
        json: Print what was done as JSON.
    """
    with open_project(call) as project:
        before = project.lake.version(table)
        known = project.lake.snapshot()
        build = project.restore(table, to=to)
    if json:
        print_json({"table": table, "to": to, "before": before, "snapshot": build.snapshot})
        return
    if build.snapshot <= known:
        print_text(f"{table} is what it was at snapshot {to} already; nothing was changed.")
        return
    print_text(f"{table} is what it was at snapshot {to}; this is snapshot {build.snapshot}.")
    print_text(f"Undo it: pumphouse restore {table} --to {known}")


def hide(entity: str, value: str, /, *, why: str, json: bool = False, call: Call) -> None:
    """Hide a person: rows that name them leave every table, at every snapshot, at once.

    The column counts in every table that has it, however it is spelled. What is derived from such rows is rebuilt
    without them by the next run.

    For example:

        pumphouse hide customer_id 4711 --why "asked by mail on 3 May"
        pumphouse run

    Args:
        entity: The column that says whose row it is.
        value: The person's value in that column.
        why: The reason, for the record.
        json: Print what was done as JSON.
    """
    with open_project(call) as project:
        lake, assets = project.lake, project.graph.assets
        columns = {table: lake.schema(table).names for table in lake.tables()}
        named = {table: name for table, names in columns.items() for name in names if name.lower() == entity.lower()}
        if not named:
            known = sorted({name for names in columns.values() for name in names})
            raise UnknownName(
                f"no table has a column '{entity}'",
                mend=did_you_mean(entity, known) or "See a table's columns: pumphouse show TABLE",
            )
        before = {table: lake.count(table) for table in named}
        build = project.hide(entity, value, why=why)
        rows = {table: count - lake.count(table) for table, count in before.items()}
        lacking = columns.keys() - named.keys()
        above = sorted(lacking & {one for table in named if table in assets for one in project.graph.upstream(table)})
        below = sorted(lacking & {one for table in named if table in assets for one in project.graph.downstream(table)})
    if json:
        print_json(
            {"entity": entity, "value": value, "rows": rows, "lacking": [*above, *below], "snapshot": build.snapshot}
        )
        return
    counted = ", ".join(f"{table} ({count:,} row{'' if count == 1 else 's'})" for table, count in rows.items())
    print_text(f"{entity} {value} is hidden from {counted}; this is snapshot {build.snapshot}.")
    if not any(rows.values()):
        print_text("No row has that value now; one that comes will be hidden.")
    if above:
        print_text(
            f"Without that column, so they are still in: {', '.join(above)}. Hide them by what they are called there."
        )
    if below:
        print_text(f"Without that column, so in earlier snapshots, and until it is rebuilt, of: {', '.join(below)}.")
    print_text("Rebuild what is derived: pumphouse run")
