"""Secrets: `"secret:NAME"` in a connection is looked up when it is used, and never printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pumphouse.errors import ConfigError
from pumphouse.lake.context import Connection
from pumphouse.lake.secrets import PREFIX, secret


class Connections(Mapping[str, Connection]):
    """The project's connections; the secrets of one are looked up when it is asked for, not before."""

    def __init__(self, declared: Mapping[str, Mapping[str, Any]], *, folder: Path) -> None:
        self._declared = declared
        self._folder = folder

    def __getitem__(self, name: str) -> Connection:
        values = {
            key: resolved(value, folder=self._folder, wanted_by=f"connections.{name}.{key}")
            for key, value in self._declared[name].items()
        }
        url = values.pop("url", None)
        if not isinstance(url, str):
            raise ConfigError(f"connection '{name}' has no url", mend=f'Add url = "..." to [connections.{name}].')
        return Connection(name=name, url=url, options=values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)


def resolved(value: Any, *, folder: Path, wanted_by: str) -> Any:
    """A value of the configuration with its secrets in place, through tables and lists.

    Raises ConfigError naming every place that was looked at.
    """
    if isinstance(value, dict):
        return {key: resolved(inner, folder=folder, wanted_by=f"{wanted_by}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, folder=folder, wanted_by=wanted_by) for inner in value]
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return value
    return secret(value.removeprefix(PREFIX), folder=folder, wanted_by=wanted_by)
