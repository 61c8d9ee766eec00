"""`restore`, `hide`: changes of the lake that a person makes."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text


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
        build = project.restore(table, to=to)
    if json:
        print_json({"table": table, "to": to, "before": before, "snapshot": build.snapshot})
        return
    print_text(f"{table} is what it was at snapshot {to}; this is snapshot {build.snapshot}.")
    print_text(f"Undo it: pumphouse restore {table} --to {before}")


def hide(entity: str, value: str, /, *, why: str, json: bool = False, call: Call) -> None:
    """Hide a person: their rows leave every table, at every snapshot, at once.

    What is derived from such rows is rebuilt without them by the next run.

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
        build = project.hide(entity, value, why=why)
        tables = [name for name in project.lake.tables() if entity in project.lake.schema(name).names]
    if json:
        print_json({"entity": entity, "value": value, "tables": tables, "snapshot": build.snapshot})
        return
    where = ", ".join(tables) or "no table yet: none has that column"
    print_text(f"{entity} {value} is hidden from {where}; this is snapshot {build.snapshot}.")
    print_text("Rebuild what is derived: pumphouse run")
