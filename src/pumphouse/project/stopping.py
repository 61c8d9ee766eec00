"""What is done where a guardrail was broken: a commit that all processes follow, a line in the log, and telling."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from pumphouse.declare.asset import Asset
from pumphouse.errors import PumphouseError
from pumphouse.lake.lake import Lake
from pumphouse.models.promotion import heed
from pumphouse.models.rollouts import Stop
from pumphouse.project.config import Config
from pumphouse.project.running import run_id
from pumphouse.project.telling import tell_stop

ACTOR = "guardrail"
"""Who stopped, where the lake asks."""
STOP_TRIES_MAX = 5
STOP_WAIT_S = 2.0

log = logging.getLogger("pumphouse")


def make_it_so(stop: Stop, *, lake: Lake, config: Config, rollout: Asset) -> None:
    """Commit a stop, log it, and tell people. Who saw it heeds it already, so what goes wrong here is logged only."""
    log.error("%s, %s of %s, was stopped: %s", stop.version, stop.role, stop.rollout, stop.why)
    began = datetime.now(UTC)
    run = run_id(began)
    for attempt in range(STOP_TRIES_MAX):
        try:
            build = heed(lake, rollout, stop, run=run, actor=ACTOR)
            break
        except PumphouseError as error:
            log.error("the stop of %s could not be committed: %s", stop.version, error)
            if attempt == STOP_TRIES_MAX - 1:
                tell_stop(stop, config=config, lake=lake)
                return
            time.sleep(STOP_WAIT_S)
    if build is None:
        return  # another process stopped it before, and told it
    lake.state.run_started(run, command=f"model stop {stop.version}", actor=ACTOR, at=began)
    summary = f"{stop.why}; snapshot {build.snapshot}."
    lake.state.run_finished(run, status="done", at=datetime.now(UTC), snapshot=build.snapshot, summary=summary)
    tell_stop(stop, config=config, lake=lake)
