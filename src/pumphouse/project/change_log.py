"""What a person changed beside runs, in the run log."""

from __future__ import annotations

from datetime import UTC, datetime

from pumphouse.lake.builds import Build
from pumphouse.lake.state import State


def log_change(state: State, build: Build, command: str, *, who: str, at: datetime, why: str) -> None:
    """Write what a person changed to the run log: who, when, what, and why."""
    end = datetime.now(UTC)
    state.run_started(build.run, command=command, actor=who, at=at)
    state.run_finished(
        build.run, status="done", at=end, snapshot=build.snapshot, summary=f"{why}; snapshot {build.snapshot}."
    )
