"""The world as a child process of the caller."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shop_world.purchases import EXAMPLES

STOP_S_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where a running world is reached."""

    url: str
    """Of the server: `{url}/api/orders`, `{url}/shop/`."""
    database: Path
    """The SQLite file of contacts."""
    process: subprocess.Popen[str]


@contextmanager
def running(folder: Path, *, port: int = 0) -> Iterator[World]:
    """A world that lives as long as the `with` block; `folder` keeps its database of contacts.

    Raises RuntimeError if it does not start; what it said is on standard error.
    """
    command = [sys.executable, "-m", "shop_world", "--folder", str(folder.resolve()), "--port", str(port)]
    with subprocess.Popen(
        command, cwd=EXAMPLES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = process.stdout.readline()
        if not ready:
            raise RuntimeError(f"the shop's world did not start: {' '.join(command)} (in {EXAMPLES})")
        where = json.loads(ready)
        try:
            yield World(url=where["url"], database=Path(where["database"]), process=process)
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
