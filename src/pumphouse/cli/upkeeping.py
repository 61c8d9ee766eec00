"""`pumphouse upkeep`: fewer files, and those that nothing needs any more gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import in_columns, print_json, print_text, visible
from pumphouse.errors import ConfigError
from pumphouse.lake.expiry import Expiry
from pumphouse.project.project import Project
from pumphouse.project.upkeep import TableUpkeep, Upkeep, Watch, foreseen
from pumphouse.project.upkeep_runs import counted, next_upkeep, run_upkeep, run_upkeep_due

BAR_WIDTH = 30
LINES = 20
"""Of tables whose files change, and of snapshots that are pinned."""
REASONS = 3
"""Why one is pinned."""


def upkeep(
    *,
    dry_run: bool = False,
    due: bool = False,
    retention: str | None = None,
    wait: Annotated[float, Parameter(metavar="SECONDS")] = 0.0,
    json: bool = False,
    call: Call,
) -> None:
    """Merge small files, write those with deleted rows again, and remove what nothing needs.

    Snapshots older than the retention leave the lake, but for the newest and for those that something pins: the newest
    build of each asset, a model, a verdict. Without a retention, none does. Files that are in no snapshot go a day
    later, so that who reads them reads on. Ends with 4 where another upkeep is under way.

    For example:

        pumphouse upkeep --dry-run
        pumphouse upkeep --retention "30 days"
        pumphouse upkeep --due

    Args:
        dry_run: Only say what would be freed, and which old snapshots are pinned by what.
        due: Only if it is due by `every` in `[upkeep]`, as the clock of `pumphouse serve` has it: a line for cron.
        retention: How long snapshots are kept, at least "1 day"; without it, `retention` in `[upkeep]`.
        wait: How long to wait for another upkeep.
        json: Print it as JSON.
    """
    if due and (dry_run or retention is not None):
        raise ConfigError("--due is what pumphouse.toml says", mend="Leave --dry-run and --retention out.")
    with open_project(call) as project:
        if due and project.config.upkeep.every is None:
            raise ConfigError("no upkeep is ever due", mend='Say when: [upkeep] every = "day at 03:00".')
        if dry_run:
            done: Upkeep | None = foreseen(project, retention=retention)
        else:
            with _watched() as watch:
                done = (
                    run_upkeep_due(project, watch=watch, wait_s=wait)
                    if due
                    else run_upkeep(project, retention=retention, watch=watch, wait_s=wait)
                )
        scheduled = _scheduled(project)
    if json:
        print_json(done)
    elif done is None:
        print_text(f"Not due. {scheduled}")
    else:
        _print(done, dry_run=dry_run)
        if dry_run and scheduled:
            print_text(scheduled)


@contextmanager
def _watched() -> Iterator[Watch]:
    """A bar on a terminal; nothing elsewhere."""
    console = Console(file=sys.stderr, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield Watch()
        return
    shown = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(BAR_WIDTH), MofNCompleteColumn(),
        TextColumn("{task.fields[now]}", markup=False), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*shown, console=console, transient=True) as bars:
        task = bars.add_task("looking at the lake", total=None, now="")

        def step(what: str, tables: int) -> None:
            bars.reset(task, total=tables or None, description=what, now="")

        def table(name: str) -> None:
            before = bars.tasks[0].fields["now"]
            bars.update(task, advance=1 if before else 0, now=visible(name))

        yield Watch(step=step, table=table)


def _scheduled(project: Project) -> str:
    if project.config.upkeep.every is None:
        return ""
    at = next_upkeep(project)
    if at is None or at <= datetime.now(UTC):
        return "By its schedule, upkeep is due now."
    return f"By its schedule, upkeep is due {at.astimezone(ZoneInfo(project.config.zone)):%Y-%m-%d %H:%M %Z}."


def _print(done: Upkeep, *, dry_run: bool) -> None:
    would = "would " if dry_run else ""
    for line in _tables(done.tables, dry_run=dry_run):
        print_text(line)
    if done.expiry is None:
        print_text('No snapshot leaves without a retention: [upkeep] retention = "30 days" in pumphouse.toml.')
    else:
        print_text(
            f"{counted(len(done.expiry.snapshots), 'snapshot')} {would}leave, with {counted(done.expiry.files, 'file')}"
            f" of {done.expiry.bytes:,} bytes that are in no other; these go a day later."
        )
    print_text(f"{counted(done.files, 'file')} of {done.bytes:,} bytes {would}go now: they are in no snapshot.")
    if done.later_files:
        print_text(
            f"{counted(done.later_files, 'file')} of {done.later_bytes:,} bytes go within a day: they were in a"
            " snapshot until lately."
        )
    if done.stored is not None and done.stored.files:
        print_text(
            f"{counted(done.stored.files, 'stored file')} of {done.stored.bytes:,} bytes, of {done.stored.all_files:,},"
            " are named by nothing in this lake, as what a killed run was answered. They stay: so does all raw input."
        )
    if done.expiry is not None and done.expiry.kept:
        for line in _kept(done.expiry, now=datetime.now(UTC)):
            print_text(line)
    for index, size in done.undeclared.items():
        print_text(
            f"The index {index} is not declared any more, and pins nothing. Its {size:,} bytes go when you delete"
            f" indexes/{index} in the lake's folder."
        )


def _kept(expiry: Expiry, *, now: datetime) -> list[str]:
    """Lines of old snapshots that are pinned, those for which most bytes are kept first."""
    kept = expiry.kept
    most = sorted(kept, key=lambda one: (-one.bytes, one.snapshot))[:LINES]
    rows = [["snapshot", "made", "days ago", "bytes", "for"]]
    for one in most:
        rows.append(
            [
                str(one.snapshot),
                f"{one.at:%Y-%m-%d}",
                f"{(now - one.at).days:,}",
                f"{one.bytes:,}",
                "; ".join(one.why[:REASONS]),
            ]
        )
        if len(one.why) > REASONS:
            rows[-1][-1] += f"; and {len(one.why) - REASONS:,} more"
    older = counted(len(kept), "older snapshot")
    lines = [f"Pinned: {older}, with {expiry.kept_bytes:,} bytes that would go without. Alone:"]
    lines += in_columns(rows)
    if len(kept) > len(most):
        rest = sum(one.bytes for one in kept) - sum(one.bytes for one in most)
        lines.append(f"and {len(kept) - len(most):,} more, with {rest:,} bytes; --json has all")
    return lines


def _tables(tables: Sequence[TableUpkeep], *, dry_run: bool) -> list[str]:
    """Lines of those tables whose files change most."""
    if not tables:
        return [f"No table's files {'would be' if dry_run else 'were'} written again."]
    before, after = sum(one.files for one in tables), sum(one.files_after for one in tables)
    written = sum(one.bytes_written for one in tables)
    became = f"would become {after:,}" if dry_run else f"became {after:,}"
    most = sorted(tables, key=lambda one: (one.files_after - one.files, -one.bytes_written, one.table))[:LINES]
    rows = [["", "files", "", "", "bytes", "after", "written again", "deleted rows that go"]]
    for one in most:
        numbers = (one.files, one.files_after, one.bytes, one.bytes_after, one.bytes_written, one.rows_deleted or None)
        cells = ["" if number is None else f"{number:,}" for number in numbers]
        rows.append([f"  {one.table}", cells[0], "->", *cells[1:]])
    columns = [list(column) for column in zip(*rows, strict=True) if any(column[1:])]
    columns[1:] = [[cell.rjust(max(map(len, column))) for cell in column] for column in columns[1:]]
    lines = [f"{counted(before, 'file')} of {counted(len(tables), 'table')} {became}; {written:,} bytes written again:"]
    lines += in_columns(list(zip(*columns, strict=True)))
    if len(tables) > len(most):
        lines.append(f"  and {len(tables) - len(most):,} more; --json has all")
    return lines
