"""Opening the lake that a configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Engine
from pumphouse.engines.spark import Spark
from pumphouse.errors import ConfigError
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.config import Config
from pumphouse.project.secrets import resolved

SAMPLE_FOLDER = "sample-lake"


def open_lake(config: Config, *, pinned: Sequence[int] | None = None) -> Lake:
    """The lake of a configuration, made if it is not there. What it lacks is read from the lakes of `inputs_from`.

    These are pinned at the snapshots of `pinned`, as `Lake.pins` has them; without it, each at its newest.
    """
    engine = DuckDB(memory_limit=config.engine.memory, threads=config.engine.threads, zone=config.zone)
    upstream = None
    for number, location in reversed(list(enumerate(config.inputs_from))):
        upstream = Lake(
            _with_secret(location, config),
            engine=engine,
            alias=f"upstream_{number}",
            writable=False,
            upstream=upstream,
            pinned=None if pinned is None else pinned[number],
        )
    return Lake(_with_secret(config.lake, config), engine=engine, upstream=upstream)


def for_sample(config: Config) -> Config:
    """The configuration of a trial: a lake of its own beside the cache, whose inputs are those of the real lake."""
    folder = config.cache / SAMPLE_FOLDER / config.env
    return replace(config, lake=Location(folder=folder), inputs_from=(config.lake, *config.inputs_from))


def open_engine(config: Config, lake: Lake) -> Engine:
    """The engine that the project's SQL and cleaning run on: the lake's own DuckDB, or Spark."""
    if config.engine.kind == "duckdb":
        return lake.engine
    if config.engine.kind == "spark":
        return Spark(url=config.engine.url, zone=config.zone)
    raise ConfigError(f"there is no engine '{config.engine.kind}'", mend='Use kind = "duckdb" or kind = "spark".')


def _with_secret(location: Location, config: Config) -> Location:
    catalogue = resolved(location.catalogue, folder=config.folder, wanted_by="catalogue")
    return replace(location, catalogue=catalogue)
