"""Upkeep as a run: one at a time, by its schedule or when somebody calls, in the run log, and told where it failed."""

from __future__ import annotations

import time
import traceback
from datetime import UTC, datetime
from typing import Literal

from pumphouse.errors import PumphouseError
from pumphouse.lake.lake import Lake
from pumphouse.lake.locks import held
from pumphouse.project.due import forget_failed, last_checked, remember_checked, remember_failed, ripe
from pumphouse.project.explaining import explained
from pumphouse.project.project import Project
from pumphouse.project.retention import retention_of
from pumphouse.project.running import UPKEEP, Report, Result, run_id
from pumphouse.project.telling import tell_failures
from pumphouse.project.upkeep import Upkeep, Watch, keep_up

NAME = "the upkeep of the lake"
"""What messages call it; no asset can be called so."""


def next_upkeep(project: Project) -> datetime | None:
    """When its schedule has it next, also where that is past; None without one, or where it never ran."""
    every = project.config.upkeep.every
    return every.due_at(last_checked(project.lake, NAME)) if every else None


def why_due(project: Project, *, now: datetime) -> str | None:
    """Why it is due by its schedule, in plain words; None where it is not. One that failed just now waits."""
    every = project.config.upkeep.every
    if every is None or not every.is_due(last := last_checked(project.lake, NAME), now=now):
        return None
    since = every.due_at(last)
    due = f"due since {since:%Y-%m-%d %H:%M} UTC" if since else "it never ran"
    return ripe({NAME: due}, project.lake, now=now).get(NAME)


def run_upkeep_due(
    project: Project, *, now: datetime | None = None, watch: Watch | None = None, wait_s: float = 0.0
) -> Upkeep | None:
    """Upkeep if it is due by its schedule, else None. Raises LakeBusy where another goes on longer than `wait_s`."""
    moment = now or datetime.now(UTC)
    if why_due(project, now=moment) is None:
        return None
    return _run(project, retention=None, due=True, now=moment, watch=watch, wait_s=wait_s)


def run_upkeep(
    project: Project,
    *,
    retention: str | None = None,
    now: datetime | None = None,
    watch: Watch | None = None,
    wait_s: float = 0.0,
) -> Upkeep:
    """Upkeep now, whatever its schedule; that counts from here. Raises LakeBusy as `run_upkeep_due` does.

    A retention that is none is told to whoever said it, before anything begins: no run has failed.
    """
    if retention is not None:
        retention_of(retention)
    moment = now or datetime.now(UTC)
    done = _run(project, retention=retention, due=False, now=moment, watch=watch, wait_s=wait_s)
    assert done is not None
    return done


def _run(
    project: Project, *, retention: str | None, due: bool, now: datetime, watch: Watch | None, wait_s: float
) -> Upkeep | None:
    lake, watch, began, identity = project.lake, watch or Watch(), time.monotonic(), run_id(now)
    purpose = f"upkeep {identity}"
    with (
        held(lake.folder / "upkeep.lock", purpose=purpose, wait_s=wait_s),
        lake.taking_turns("upkeep", purpose=purpose, wait_s=wait_s),
    ):
        if due and not why_due(project, now=now):  # another server's clock was quicker
            return None
        _end_dead(lake, at=now)
        asked = f' --retention "{retention}"' if retention else ""
        command = f"{UPKEEP} --due" if due else f"{UPKEEP}{asked}"
        lake.state.run_started(identity, command=command, actor=project.who, at=now)
        status, summary, failure = "stopped", "stopped by a person", None
        try:
            done = keep_up(project, retention=retention, now=now, watch=watch)
            if not watch.stops():
                status, summary = "done", said(done)
                remember_checked(lake, NAME, now)
                forget_failed(lake, NAME)
            return done
        except Exception as error:  # what happens to a clock's work is recorded, and told
            failure = explained(error, asset=NAME, folder=project.config.folder)
            if not isinstance(error, PumphouseError):
                failure.add_note("".join(traceback.format_exception(error)))
            status, summary = "failed", str(failure)
            remember_failed(lake, NAME, now)
            if failure is error:
                raise
            raise failure from error
        finally:
            lake.state.run_finished(
                identity, status=status, at=datetime.now(UTC), snapshot=lake.snapshot(), summary=summary
            )
            if status != "stopped":
                _tell(project, identity, summary, failure, seconds=time.monotonic() - began)


def _tell(project: Project, run: str, summary: str, failure: PumphouseError | None, *, seconds: float) -> None:
    became: Literal["failed", "unchanged"] = "failed" if failure else "unchanged"
    result = Result(asset=NAME, kind=UPKEEP, status=became, seconds=seconds, note=summary, error=failure)
    report = Report(run=run, results=(result,), snapshot=project.lake.snapshot(), seconds=seconds)
    tell_failures(report, config=project.config, lake=project.lake)


def said(done: Upkeep) -> str:
    """What upkeep came to, on one line."""
    parts = []
    if done.tables:
        before, after = sum(one.files for one in done.tables), sum(one.files_after for one in done.tables)
        parts.append(f"{before:,} files of {counted(len(done.tables), 'table')} became {after:,}")
    if done.expiry is not None:
        parts.append(f"{counted(len(done.expiry.snapshots), 'snapshot')} expired")
    return "; ".join([*parts, f"{counted(done.files, 'file')} of {done.bytes:,} bytes removed"])


def counted(number: int, what: str) -> str:
    """A number with what it counts: `1 file`, `1,204 files`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _end_dead(lake: Lake, *, at: datetime) -> None:
    for dead in lake.state.runs():
        if dead.status == "running" and dead.command.startswith(UPKEEP):  # no other can be: we hold the lock
            lake.state.run_finished(dead.run, status="stopped", at=at, snapshot=None, summary="ended before its end")
