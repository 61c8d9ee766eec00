"""Who may see what, as the files of a project's folder declare it: looked at again and again while it is served.

What has changed is read by a process of its own (`python -m pumphouse.project.declared FOLDER`): to read a project
is to run its modules, and those that this process runs are to stay as they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pumphouse.declare.asset import Asset, Common, Kind
from pumphouse.declare.grants import Grant
from pumphouse.errors import ConfigError, Place, ProjectFaults
from pumphouse.graph.assets import load
from pumphouse.graph.folder import walk
from pumphouse.project.config import FILE, Access, Config, read_config
from pumphouse.project.people import group_faults

READ_S = 120.0
"""How long the other process may take."""
SAID_CHARACTERS_MAX = 2_000
_STREAM_OF_RESULT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One thing that is declared, as far as its rights go by it."""

    kind: Kind
    inputs: tuple[str, ...]
    grant: Grant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """All that decides who may see what."""

    known: Mapping[str, Known]
    groups: Mapping[str, tuple[str, ...]]
    is_open: bool
    """Whether a table without a grant is there for all who may read."""

    @property
    def assets(self) -> Mapping[str, Asset]:
        """What is declared, each with nothing but what rights go by."""
        return {
            name: Asset(
                name=name, kind=one.kind, spec=one.grant, common=Common(), place=Place(file=""), inputs=one.inputs
            )
            for name, one in self.known.items()
        }


def declared_of(assets: Mapping[str, Asset], access: Access) -> Declared:
    """What these assets and `[groups]` and `[access]` declare."""
    return Declared(
        known={
            name: Known(kind=one.kind, inputs=one.inputs, grant=one.spec if one.kind == "grant" else None)
            for name, one in assets.items()
        },
        groups={name: tuple(people) for name, people in access.groups.items()},
        is_open=access.default == "open",
    )


class Declarations:
    """The files of a project's folder, as they are now and as they were read last. Used by one thread."""

    def __init__(self, config: Config) -> None:
        """Made before the project is read: what changes while it is read has changed since."""
        self._config = config
        self._read = self._before = self._stamp()

    def changed(self) -> Declared | None:
        """What they declare now, once they have changed and are still; None where there is nothing new to read.

        Raises ConfigError where they can't be read; they are read again once they have changed again.
        """
        stamp = self._stamp()
        is_still, self._before = stamp == self._before, stamp
        if stamp == self._read or not is_still:
            return None
        self._read = stamp
        return self._declared_now()

    def _stamp(self) -> tuple[tuple[str, int, int], ...]:
        found = walk(self._config.folder)
        sources = [(one.path, one.status) for one in (*found.python, *found.sql, *found.pages)]
        path = self._config.folder / FILE
        sources += [(FILE, path.stat())] if path.exists() else []
        return tuple((path, status.st_mtime_ns, status.st_size) for path, status in sources)

    def _declared_now(self) -> Declared:
        folder = self._config.folder
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "pumphouse.project.declared", str(folder)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd=folder,
                timeout=READ_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(f"the project's files could not be read: {error}") from error
        if done.returncode:
            raise ConfigError(done.stderr.decode(errors="replace").strip()[-SAID_CHARACTERS_MAX:])
        try:
            return msgspec.json.decode(done.stdout, type=Declared)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"what the project's files declare could not be read: {error}") from error


def main() -> None:
    """Write what a project's folder declares, as JSON; what the project's own code prints goes to standard error."""
    said = os.fdopen(os.dup(_STREAM_OF_RESULT), "wb")
    os.dup2(2, _STREAM_OF_RESULT)
    folder = Path(sys.argv[1])
    access = read_config(folder).access
    graph = load(folder)
    if faults := group_faults(graph, access.groups):
        raise ProjectFaults(faults)
    said.write(msgspec.json.encode(declared_of(graph.assets, access)))
    said.close()


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001  # the process's outermost edge: the other one tells it
        sys.exit(str(error))
