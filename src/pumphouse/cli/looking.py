"""`show`, `log`, `adoption`: what there is, what was done, and whether anybody uses it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter, validators

from pumphouse.catalog.adoption import adoption as adoption_of
from pumphouse.catalog.description import Column, describe
from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_note, print_text
from pumphouse.cli.progress import counted
from pumphouse.errors import PumphouseError, UnknownName, did_you_mean
from pumphouse.lake.state import BuildRecord, RunRecord
from pumphouse.project.project import Project
from pumphouse.project.results import result_text

RUNS_SHOWN = 20
RUNS_KNOWN_MAX = 10_000


def show(asset: str, /, *, json: bool = False, call: Call) -> None:
    """Say what an asset is: meaning, columns, checks, where it comes from, who reads it, how it stands.

    For example:

        pumphouse show orders

    Args:
        asset: Name of anything that the project declares.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        assets = project.graph.assets
        folder = project.config.folder
        result = result_text(project.lake, assets, assets[asset], folder=folder) if asset in assets else ""
        description = describe(project.lake, assets, asset, folder=folder, now=_now(project), result=result)
        if description.kind == "external":
            description = replace(description, columns=_columns_there(project, asset))
    if json:
        print_json(description.to_dict())
    else:
        print_text(description.to_text())


def _columns_there(project: Project, name: str) -> tuple[Column, ...]:
    """The columns that an external table has now; none, with a note why, where it can't be reached."""
    engine = project.lake.engine.fork()
    try:
        found = project.external(engine).shape(name)
    except PumphouseError as error:
        print_note(f"Its columns can't be told: {error.what}")
        return ()
    described = engine.execute(f"DESCRIBE {found.relation}")
    return tuple(Column(name=row[0], type=row[1], hidden=False) for row in described)


def adoption(*, json: bool = False, call: Call) -> None:
    """Say who reads what, what became of each bet, and what nobody reads.

    Reads that a run makes for itself are not counted.

    For example:

        pumphouse adoption

    Args:
        json: Print it as JSON.
    """
    with open_project(call) as project:
        found = adoption_of(project.lake, project.graph.assets, now=_now(project))
    if json:
        print_json(found.to_dict())
    else:
        print_text(found.to_text())


def log(
    run: str | None = None,
    /,
    *,
    limit: Annotated[int, Parameter(metavar="RUNS", validator=validators.Number(gte=1))] = RUNS_SHOWN,
    json: bool = False,
    call: Call,
) -> None:
    """List the newest runs, or tell what became of each asset in one.

    For example:

        pumphouse log
        pumphouse log 20261123T071500-3f9a

    Args:
        run: A run's name, as the list shows it.
        limit: How many runs to list.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        if run is None:
            _list_runs(project, limit=limit, json=json)
        else:
            _tell_run(project, run, json=json)


def _list_runs(project: Project, *, limit: int, json: bool) -> None:
    runs = project.lake.state.runs(limit=limit)
    if json:
        print_json(runs)
    elif runs:
        print_columns([_line(run, project) for run in runs])
    else:
        print_text("No run yet. Build the project: pumphouse run")


def _tell_run(project: Project, name: str, *, json: bool) -> None:
    known = {run.run: run for run in project.lake.state.runs(limit=RUNS_KNOWN_MAX)}
    if name not in known:
        raise UnknownName(f"there is no run '{name}'", mend=did_you_mean(name, known) or "List them: pumphouse log")
    builds = list(reversed(project.lake.state.run_builds(run=name)))
    if json:
        print_json({"run": known[name], "builds": builds})
        return
    print_text("  ".join(_line(known[name], project)))
    if builds:
        print_columns([["", *_told(one, project)] for one in builds])


def _told(build: BuildRecord, project: Project) -> list[str]:
    counts = next((one.counts for one in project.lake.history(build.asset) if one.run == build.run), None)
    said = [counted(counts, always=False)] if counts and build.status == "built" else []
    seconds = "" if build.seconds is None else f"{build.seconds:.1f} s"
    return [build.status, seconds, build.asset, "; ".join(filter(None, [*said, *build.note.splitlines()]))]


def _line(run: RunRecord, project: Project) -> list[str]:
    started = run.started.astimezone(ZoneInfo(project.config.zone))
    return [run.run, f"{started:%Y-%m-%d %H:%M:%S %Z}", run.actor, run.command, run.status, run.summary]


def _now(project: Project) -> datetime:
    return datetime.now(UTC).astimezone(ZoneInfo(project.config.zone))
