"""Doing as if: what the cleaning of a table would do now, with nothing built."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pumphouse.cleaning.diff import Diff, diff
from pumphouse.cleaning.sensitive.report import PersonalData, personal_data
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.steps.phones import REGION
from pumphouse.cleaning.suggestions.suggest import Suggestions, suggest
from pumphouse.errors import ConfigError
from pumphouse.project.jobs import Job, context_of

if TYPE_CHECKING:
    from pumphouse.project.project import Project


def suggestions(project: Project, table: str, *, who: str | None = None) -> Suggestions:
    """Steps that would suit a table as it is now. Looking is reading: it is written to the access log."""
    scan = project.lake.scan(table, snapshot=project.lake.snapshot())
    taken = {*project.graph.assets, *project.lake.tables()}
    resources = Resources(folder=project.config.folder)
    found = suggest(table, scan, project.lake.engine.fork(), resources=resources, taken=taken)
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


def personal_data_in(project: Project, table: str, *, region: str | None = None) -> PersonalData:
    """Which columns of a table hold personal data or secrets. Looking is reading: it is written to the access log."""
    if region is not None and not REGION.fullmatch(region):
        raise ConfigError(f"a region is an ISO 3166 code like US or DE, not '{region}'")
    scan = project.lake.scan(table, snapshot=project.lake.snapshot())
    found = personal_data(table, scan, project.lake.engine.fork(), region=region)
    project.reader().record((table,), found.snapshot, found.looked_at, detail="personal")
    return found
