"""`pumphouse.toml`: where things are. It says nothing of what they mean; that is the project's code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pumphouse.errors import ConfigError, Place, did_you_mean
from pumphouse.lake.lake import Location

FILE = "pumphouse.toml"
BASE_ENV = "prod"
"""The environment that the file describes outside any `[env.*]`."""
_KEYS = ("name", "lake", "catalogue", "zone", "engine", "settings", "connections", "failures", "people", "env")
_ENV_KEYS = ("lake", "catalogue", "inputs_from", "engine", "settings", "connections")
_ENGINE_KEYS = ("kind", "url", "memory", "threads", "workers", "worker_memory")
_FAILURE_KEYS = ("command", "webhook", "mail", "server")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """`[engine]`: which one, and how much of the machine it may take."""

    kind: str = "duckdb"
    url: str | None = None
    """Of a Spark Connect server; None runs Sail in this process."""
    memory: str | None = None
    threads: int | None = None
    workers: int = 2
    """Builds at once."""
    worker_memory: str | None = None
    """What one worker process may take; None is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One environment of a project, as its file says."""

    folder: Path
    name: str
    env: str
    lake: Location
    inputs_from: Location | None = None
    zone: str = "UTC"
    engine: EngineConfig = field(default_factory=EngineConfig)
    settings: Mapping[str, Any] = field(default_factory=dict)  # values as TOML has them
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: Mapping[str, Any] = field(default_factory=dict)
    people: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        """The folder for what can be made again: parsed files, samples."""
        return self.folder / ".pumphouse"


def read_config(folder: Path, *, env: str | None = None) -> Config:
    """The configuration of a project's folder in one environment.

    Raises ConfigError where there is no such file or environment, where it isn't TOML, or where it has a key that
    means nothing.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = (
            next((str(child.parent) for child in sorted(folder.glob(f"*/{FILE}"))), None) if folder.is_dir() else None
        )
        raise ConfigError(
            f"there is no {FILE} in {folder}",
            mend=f"Did you mean the folder {near}?" if near else "Make a project: pumphouse new NAME",
        ) from None
    except (PermissionError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}", mend="It has to be UTF-8 text that you may read.") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ConfigError(
            f"{FILE} is not TOML: {error}",
            place=Place(file=FILE, line=int(line[1]) if line else 1),
            mend="Mend that line.",
        ) from None
    _refuse_unknown(values, _KEYS, text, where="")
    environments = values.get("env", {})
    chosen = env or BASE_ENV
    if chosen != BASE_ENV and chosen not in environments:
        raise ConfigError(
            f"there is no environment '{chosen}'",
            mend=did_you_mean(chosen, [*environments, BASE_ENV]) or f"Add [env.{chosen}] to {FILE}.",
        )
    own = environments.get(chosen, {})
    _refuse_unknown(own, _ENV_KEYS, text, where=f"env.{chosen}.")
    engine = {**values.get("engine", {}), **own.get("engine", {})}
    _refuse_unknown(engine, _ENGINE_KEYS, text, where="engine.")
    failures = values.get("failures", {})
    _refuse_unknown(failures, _FAILURE_KEYS, text, where="failures.")
    inputs_from = own.get("inputs_from")
    return Config(
        folder=folder,
        name=values.get("name", folder.absolute().name),
        env=chosen,
        lake=_location(folder, {**_lake_of(values), **_lake_of(own)}),
        inputs_from=_location(
            folder, _lake_of(values if inputs_from == BASE_ENV else environments.get(inputs_from, {}))
        )
        if inputs_from
        else None,
        zone=_zone(values.get("zone", "UTC"), text),
        engine=EngineConfig(**engine),
        settings={**values.get("settings", {}), **own.get("settings", {})},
        connections={**values.get("connections", {}), **own.get("connections", {})},
        failures=failures,
        people=values.get("people", {}),
    )


def _lake_of(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in ("lake", "catalogue") if key in values}


def _location(folder: Path, values: Mapping[str, Any]) -> Location:
    return Location(folder=(folder / values.get("lake", "lake")).absolute(), catalogue=values.get("catalogue"))


def _zone(name: str, text: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"'{name}' is no time zone",
            place=_line_of("zone", text),
            mend='Use a name like zone = "Europe/Berlin" or "UTC".',
        ) from None
    return name


def _refuse_unknown(values: Mapping[str, Any], known: tuple[str, ...], text: str, *, where: str) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(
                f"{FILE} has no setting '{where}{key}'",
                place=_line_of(key, text),
                mend=did_you_mean(key, known) or f"It has: {', '.join(known)}.",
            )


def _line_of(key: str, text: str) -> Place:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\[?[\w.]*\b{re.escape(key)}\b", line):
            return Place(file=FILE, line=number)
    return Place(file=FILE)
