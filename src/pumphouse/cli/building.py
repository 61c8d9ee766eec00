"""`validate`, `plan`, `run`: from declarations to tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from cyclopts import Parameter, validators

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_note, print_text
from pumphouse.cli.progress import watching
from pumphouse.errors import ConfigError, ProjectFaults
from pumphouse.project.project import Project
from pumphouse.project.telling import as_json
from pumphouse.project.upkeep_runs import why_due as why_upkeep_is_due
from pumphouse.project.validating import validate as validate_together

SOMETHING_FAILED = 3


def validate(*, json: bool = False, call: Call) -> None:
    """Check all declarations of the project and list every fault. Nothing is read or built.

    Ends with 2 where there are faults.

    For example:

        pumphouse validate

    Args:
        json: Print the faults as JSON.
    """
    project = open_project(call)
    try:
        assets = project.graph.assets
        validate_together(project.graph, connections=project.config.connections)
    except ProjectFaults as error:
        if json:
            print_json({"faults": error.faults, "assets": None})
        raise
    if json:
        print_json({"faults": [], "assets": len(assets)})
    else:
        print_text(f"{len(assets):,} assets, no faults")


def plan(
    *targets: str,
    only: bool = False,
    due: bool = False,
    full: bool = False,
    refetch: bool = False,
    json: bool = False,
    call: Call,
) -> None:
    """Say what a run would build, and why. Nothing is built.

    For example:

        pumphouse plan orders

    Args:
        targets: Assets to build, with what they need. Without any: all.
        only: The targets alone, not what they need.
        due: Only what is due by its schedule, whose files changed, or to which answers arrived.
        full: Build again though nothing changed; sources from their stored bytes.
        refetch: Ask the outside world again for all that a source has.
        json: Print the plan as JSON.
    """
    with open_project(call) as project:
        planned = project.plan(*targets, only=only, due=due, full=full, refetch=refetch)
        _tell_external(project, targets)
        if due and (why := why_upkeep_is_due(project, now=datetime.now(UTC))):
            print_note(f"The upkeep of the lake is due: {why}. pumphouse serve does it, or pumphouse upkeep --due.")
    if json:
        print_json(planned.to_dict())
    else:
        print_text(str(planned))


def run(
    *targets: str,
    only: bool = False,
    due: bool = False,
    full: bool = False,
    refetch: bool = False,
    from_: Annotated[date | None, Parameter(name="--from")] = None,
    to: date | None = None,
    sample: Annotated[int | None, Parameter(metavar="ROWS", validator=validators.Number(gte=1))] = None,
    snapshot: Annotated[int | None, Parameter(metavar="N")] = None,
    accept_schema: bool = False,
    refit: bool = False,
    replay: bool = False,
    wait: Annotated[float, Parameter(metavar="SECONDS")] = 0.0,
    quiet: bool = False,
    json: bool = False,
    call: Call,
) -> int:
    """Build what is stale or due, or the targets and what they need.

    Each asset is committed on its own; what fails leaves its last version standing, and the others go on. Ends with 3
    where something failed, with 4 where another run holds the lake.

    For example:

        pumphouse run
        pumphouse run orders --full
        pumphouse run --due --quiet --wait 600        (a line for cron)

    Args:
        targets: Assets to build, with what they need. Without any: all that is stale or due.
        only: The targets alone, not what they need.
        due: Only what is due by its schedule, whose files changed, or to which answers arrived.
        full: Build again though nothing changed; sources from their stored bytes.
        refetch: Ask the outside world again for all that a source has.
        from_: Build again the targets' slices from this day on, and only those.
        to: Build again the targets' slices before this day, and only those.
        sample: Try it on about so many rows of each input, in a lake apart.
        snapshot: Read inputs as they were at this snapshot; for named targets, with --only.
        accept_schema: Take columns that were narrowed, renamed or dropped as they are now.
        refit: Choose anew what cleaning steps have chosen: columns to drop, values to fill in.
        replay: After a rule was mended, clean again only the rows that are in quarantine, and read a source's stored
            bytes again; of named tables.
        wait: How long to wait for another run.
        quiet: Print only what failed.
        json: Print what came of each asset as JSON.
    """
    if from_ is not None and to is not None and from_ >= to:
        raise ConfigError(f"--from {from_} is not before --to {to}", mend="The window ends before the day of --to.")
    window = (from_ or date.min, to or date.max) if from_ or to else None
    with open_project(call) as project, watching(quiet=quiet, json=json, tracebacks=call.debug) as watcher:
        _tell_external(project, targets)
        report = project.run(
            *targets,
            only=only,
            due=due,
            full=full,
            refetch=refetch,
            window=window,
            sample=sample,
            snapshot=snapshot,
            accept_schema=accept_schema,
            refit=refit,
            replay=replay,
            wait_s=wait,
            watcher=watcher,
        )
    if json:
        print(as_json(report))
    elif not quiet:
        print_text(str(report))
    return 0 if report.ok else SOMETHING_FAILED


def _tell_external(project: Project, targets: tuple[str, ...]) -> None:
    """Say of targets that nothing is built of them, since they stay where they are."""
    assets = project.graph.assets
    for name in targets:
        if name in assets and assets[name].kind == "external":
            print_note(f"'{name}' is an external table: it is read where it lies, as it is now, and is never built.")
