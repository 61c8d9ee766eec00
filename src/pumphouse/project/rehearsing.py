"""Doing as if: what the cleaning of a table would do now, with nothing built."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pumphouse.cleaning.diff import Diff, diff
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.suggestions.suggest import Suggestions, suggest
from pumphouse.project.jobs import Job, context_of

if TYPE_CHECKING:
    from pumphouse.project.project import Project


def suggestions(project: Project, table: str, *, who: str | None = None) -> Suggestions:
    """Steps that would suit a table as it is now. Looking is reading: it is written to the access log."""
    scan = project.lake.scan(table, snapshot=project.lake.snapshot())
    found = suggest(table, scan, project.lake.engine.fork(), resources=Resources(folder=project.config.folder))
    project.reader(who=who).record((table,), found.snapshot, found.rows, detail="suggest")
    return found


def rehearse(project: Project, table: str, *, sample: int | None = None) -> Diff:
    """What the steps of a cleaned table would do now, over about `sample` rows of its input, or all."""
    now = datetime.now(UTC)
    asset = project.graph.asset(table)
    job = Job(
        config=project.config, asset=table, run="", actor=project.who, now=now, snapshot=project.lake.snapshot(),
        fingerprint="", inputs={}, settings=project.settings(now), sample=sample, pins=project.lake.pins,
    )  # fmt: skip
    context = context_of(
        job,
        lake=project.lake,
        engine=project.lake.engine.fork(),
        assets=project.graph.assets,
        declaration=None,
        progress=lambda rows: None,
    )
    return diff(asset, context)
