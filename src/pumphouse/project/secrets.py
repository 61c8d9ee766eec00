"""Secrets: `"secret:NAME"` in a connection is looked up when it is used, and never printed."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pumphouse.errors import ConfigError, Place
from pumphouse.lake.context import Connection

PREFIX = "secret:"
FILE = "secrets.toml"


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
    name = value.removeprefix(PREFIX)
    if name in os.environ:
        return os.environ[name]
    kept = _kept(folder / FILE)
    if name in kept:
        if not isinstance(kept[name], str):
            raise ConfigError(f"the secret '{name}' in {FILE} has to be text", mend=f'Write {name} = "...".')
        return kept[name]
    raise ConfigError(
        f"the secret '{name}', which {wanted_by} needs, was not found",
        mend=f"Looked at the environment variable {name} and at {FILE} in the project's folder; set it in one of them.",
    )


def _kept(path: Path) -> dict[str, Any]:  # values as TOML has them
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        # Its text is not shown: it may hold what must not be seen.
        line = re.search(r"line (\d+)", str(error)) if isinstance(error, tomllib.TOMLDecodeError) else None
        raise ConfigError(
            f"{FILE} can't be read ({type(error).__name__})",
            place=Place(file=FILE, line=int(line[1])) if line else None,
            mend="It has to be TOML that you may read.",
        ) from None
