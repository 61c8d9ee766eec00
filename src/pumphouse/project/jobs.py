"""One build as a plain value that a worker process can be handed, and the context that is made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pumphouse.cleaning.functions import sql_functions
from pumphouse.declare.asset import Asset, Declaration
from pumphouse.engines.engine import Engine
from pumphouse.lake.context import Context
from pumphouse.lake.lake import Lake
from pumphouse.project.config import Config
from pumphouse.project.secrets import Connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that decides one build. It can be pickled: it names the declaration, and does not hold it."""

    config: Config
    asset: str
    run: str
    actor: str
    now: datetime
    snapshot: int
    fingerprint: str
    inputs: Mapping[str, int]
    settings: Mapping[str, Any]  # values as TOML has them
    pins: tuple[int, ...] = ()
    """The snapshots of the lakes above, as the run reads them: `Lake.pins`."""
    code: Mapping[str, str] = field(default_factory=dict)
    """The project's modules as they were `imported` when the run was planned; a worker imports them anew."""
    mode: Literal["normal", "full", "refetch"] = "normal"
    window: tuple[date, date] | None = None
    sample: int | None = None
    accept_schema: bool = False


def context_of(
    job: Job,
    *,
    lake: Lake,
    engine: Engine,
    assets: Mapping[str, Asset],
    declaration: Declaration | None,
    progress: Callable[[int], None],
) -> Context:
    """The context of a job's build."""
    return Context(
        lake=lake,
        engine=engine,
        folder=job.config.folder,
        assets=assets,
        declaration=declaration,
        settings={**job.settings, "zone": job.config.zone},
        connections=Connections(job.config.connections, folder=job.config.folder),
        functions=sql_functions(job.config.folder),
        now=job.now,
        today=today(job.now, job.config.zone),
        run=job.run,
        actor=job.actor,
        snapshot=job.snapshot,
        fingerprint=job.fingerprint,
        inputs=job.inputs,
        mode=job.mode,
        window=job.window,
        sample=job.sample,
        accept_schema=job.accept_schema,
        progress=progress,
    )


def today(now: datetime, zone: str) -> date:
    """The day of a moment in a time zone."""
    return now.astimezone(ZoneInfo(zone)).date()
