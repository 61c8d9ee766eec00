"""Opening the lake that a configuration names."""

from __future__ import annotations

from dataclasses import replace

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Engine
from pumphouse.engines.spark import Spark
from pumphouse.errors import ConfigError
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.config import Config
from pumphouse.project.secrets import resolved

SAMPLE_FOLDER = "sample-lake"


def open_lake(config: Config) -> Lake:
    """The lake of a configuration, made if it is not there. What it lacks is read from `inputs_from`, pinned."""
    engine = DuckDB(memory_limit=config.engine.memory, threads=config.engine.threads, zone=config.zone)
    upstream = None
    if config.inputs_from is not None and config.inputs_from != config.lake:
        location = _with_secret(config.inputs_from, config)
        upstream = Lake(location, engine=engine, alias="upstream", writable=False)
    return Lake(_with_secret(config.lake, config), engine=engine, upstream=upstream)


def for_sample(config: Config) -> Config:
    """The configuration of a trial: a lake of its own beside the cache, whose inputs are the real lake's."""
    return replace(config, lake=Location(folder=config.cache / SAMPLE_FOLDER), inputs_from=config.lake)


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
