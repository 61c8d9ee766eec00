"""How a run is watched: bars on a terminal, a line for each asset elsewhere."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from pumphouse.cli.output import visible
from pumphouse.declare.asset import TABLES
from pumphouse.graph.plan import PlannedBuild
from pumphouse.lake.builds import Counts
from pumphouse.project.running import Nobody, Result, Watcher

COLOURS = {"built": "green", "unchanged": "dim", "failed": "bold red", "skipped": "yellow"}
REFRESHES_PER_S = 8
BAR_WIDTH = 30
INDENT = "    "


@contextmanager
def watching(*, quiet: bool, json: bool, tracebacks: bool) -> Iterator[Watcher]:
    """Somebody who watches a run. With `json`, standard output is a program's: only a terminal at stderr sees bars."""
    console = Console(file=sys.stderr if json else sys.stdout, highlight=False, markup=False, soft_wrap=True)
    lines = Lines(console, failures_only=quiet, tracebacks=tracebacks)
    if quiet or not console.is_terminal or console.is_dumb_terminal:
        yield Nobody() if json else lines
    else:
        bars = Bars(lines)
        with Live(bars.picture, console=console, refresh_per_second=REFRESHES_PER_S, transient=True):
            yield bars


class Lines:
    """A watcher that prints what became of each asset."""

    def __init__(self, console: Console, *, failures_only: bool, tracebacks: bool) -> None:
        self._console = console
        self._failures_only = failures_only
        self._tracebacks = tracebacks
        self._name_width = 0

    def planned(self, builds: tuple[PlannedBuild, ...]) -> None:
        """All names are printed as wide as the longest."""
        self._name_width = max((len(build.asset) for build in builds), default=0)

    def started(self, asset: str) -> None:
        """Nothing is printed before there is a result."""

    def progress(self, asset: str, rows: int) -> None:
        """Nothing is printed before there is a result."""

    def finished(self, result: Result) -> None:
        """Print a line, and below it what a person has to know."""
        if self._failures_only and result.status != "failed":
            return
        printed = [headline(result, name_width=self._name_width)]
        printed += [Text(INDENT + visible(one)) for one in details(result, tracebacks=self._tracebacks)]
        self._console.print(Text("\n").join(printed))  # at once: builds end in several threads


class Bars:
    """A watcher that draws what is under way below the lines of what is done."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._working = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[rows]}"), TimeElapsedColumn()
        )
        self._all = Progress(BarColumn(BAR_WIDTH), MofNCompleteColumn(), TextColumn("builds"), TimeElapsedColumn())
        self._tasks: dict[str, TaskID] = {}
        self.picture = Group(self._working, self._all)

    def planned(self, builds: tuple[PlannedBuild, ...]) -> None:
        """Begin the bar of the whole run."""
        self._lines.planned(builds)
        if builds:
            self._tasks[""] = self._all.add_task("", total=len(builds))

    def started(self, asset: str) -> None:
        """Begin a line for a build."""
        self._tasks[asset] = self._working.add_task(visible(asset), total=None, rows="")

    def progress(self, asset: str, rows: int) -> None:
        """Count a build's rows."""
        self._working.update(self._tasks[asset], rows=f"{rows:,} rows")

    def finished(self, result: Result) -> None:
        """Replace a build's line by its result."""
        if result.asset in self._tasks:  # a skipped one never started
            self._working.remove_task(self._tasks.pop(result.asset))
        self._all.advance(self._tasks[""])
        self._lines.finished(result)


def headline(result: Result, *, name_width: int) -> Text:
    """What became of an asset, on one line: `built  1.2 s  orders  69,659 in, 69,590 out, 69 dropped`."""
    is_table = result.kind in TABLES and result.status == "built"
    said = result.note if result.status in ("unchanged", "skipped") else counted(result.counts, always=is_table)
    return Text.assemble(
        (f"{result.status:<9}", COLOURS[result.status]),
        f" {result.seconds:6.1f} s  ",
        f"{visible(result.asset):<{name_width}}  {visible(said)}".rstrip(),
    )


def details(result: Result, *, tracebacks: bool) -> Iterator[str]:
    """What a person has to know besides: why it failed and how to mend it, notes, warnings."""
    if result.error is not None:
        yield from (result.error.what + (f" ({result.error.place})" if result.error.place else "")).splitlines()
        yield from (result.error.mend or "").splitlines()
        if tracebacks:
            yield from "".join(traceback.format_exception(result.error)).splitlines()
    elif result.status == "built":
        yield from result.note.splitlines()
    yield from (f"warning: {one}" for one in result.warnings)


def counted(counts: Counts, *, always: bool) -> str:
    """Counts of rows: `69,659 in, 69,590 out, 69 dropped`; `always` says in and out even where they are 0."""
    numbers = {
        "in": counts.rows_in,
        "out": counts.rows_out,
        "quarantined": counts.quarantined,
        "dropped": counts.dropped,
        "merged": counts.merged,
        "withheld": counts.withheld,
    }
    shown = ("in", "out") if always else ()
    return ", ".join(f"{number:,} {what}" for what, number in numbers.items() if number or what in shown)
