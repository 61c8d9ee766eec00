"""The law of gathering: whatever goes wrong, wherever, no row is lost and none is there twice.

Each case is a project of its own over a world that grows. Some runs meet a fault at a place that the case's seed
decides: killed, a connection dropped, 429, 500, an answer cut off, a page that repeats, a clock that jumps, a full
disk.
The last runs are undisturbed, and the tables are then what is true. PUMPHOUSE_FAULTS says how many faults.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sources.faults.world import FAULTS, LATE_TICKS_MAX, Datasette, Proxy, World

from pumphouse.project.project import open_project

FAULTS_WANTED = int(os.environ.get("PUMPHOUSE_FAULTS", "16"))
RUNS_PER_CASE = 4
QUIET_RUNS_MAX = 4
KINDS = ("kill", "kill", "clock", "disk", *FAULTS)
ROOM_BYTES = 256 * 1024 * 1024
PROJECT = """
import pumphouse as ph

LATE, PAGES = "LATEs", {"next": "next_url"}
PAGED = {"_size": 20, "_shape": "objects", "_sort": "at", "at__gte": "$cursor"}
api_items = ph.api(
    "api", "/world/NAME_items.json", records="rows", pages=PAGES, params=PAGED, key="id", cursor="at", lag=LATE
)
api_events = ph.api("api", "/world/NAME_events.json", records="rows", pages=PAGES, params=PAGED, cursor="at", lag=LATE)
WHOLE = {"_size": 50, "_shape": "objects"}
api_whole = ph.api("api", "/world/NAME_items.json", records="rows", pages=PAGES, params=WHOLE, key="id")
db = ph.database(
    "db",
    tables={
        "NAME_items": {"key": "id", "cursor": "at", "lag": LATE},
        "NAME_events": {"cursor": "at", "lag": LATE},
    },
)
dropped = ph.files("dropped/*.csv")
"""
RUNNER = """
import os, signal, sys, time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import psutil
from pumphouse.project.project import open_project
import pumphouse.engines.duckdb, httpx, stamina

def run(folder, hours):
    code = 1
    try:
        with open_project(folder) as project:
            report = project.run(*project.graph.assets, wait_s=60, now=datetime.now(UTC) + timedelta(hours=hours))
        for result in report.failed:
            print("failed", result.asset, result.error, file=sys.stderr, flush=True)
        code = 0 if report.ok else 3
    finally:
        os._exit(code)

for line in sys.stdin:
    folder, hours, kill_after_s = line.rsplit(" ", 2)
    began = time.monotonic()
    child = os.fork() or run(folder, float(hours))
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() - began >= float(kill_after_s):
            tree = psutil.Process(child).children(recursive=True)
            os.kill(child, signal.SIGKILL)
            for worker in tree:
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
            kill_after_s = "inf"
        time.sleep(0.002)
    print(os.waitstatus_to_exitcode(done[1]), time.monotonic() - began, flush=True)
"""
"""Runs folders that it is told, in forks of a process that has imported all; one is killed after so many seconds."""


class Runner:
    """Whoever runs projects in other processes."""

    def __init__(self, errors: Path) -> None:
        self.errors = errors
        self._errors = errors.open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def run(self, folder: Path, *, hours: float, kill_after_s: float = float("inf")) -> tuple[int, float]:
        """How a run ended, and how long it took."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{folder} {hours} {kill_after_s}\n")
        self._process.stdin.flush()
        code, seconds = self._process.stdout.readline().split()
        return int(code), float(seconds)

    def close(self) -> None:
        self._process.communicate(timeout=30)
        self._errors.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world") / "world.db"


@pytest.fixture(scope="module")
def datasette(database: Path) -> Iterator[Datasette]:
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA journal_mode=wal")
    server = Datasette(database)
    yield server
    server.close()


@pytest.fixture(scope="module")
def proxy(datasette: Datasette) -> Iterator[Proxy]:
    server = Proxy(datasette.port)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    one = Runner(tmp_path_factory.mktemp("runner") / "errors.txt")
    yield one
    one.close()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of its own at the folder; false where we may not have one."""
    folder.mkdir(parents=True)
    mounted = shutil.which("mount") is not None and os.geteuid() == 0
    mounted = mounted and _mount("-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(folder))
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


def _leave(folder: Path, free_bytes: int) -> None:
    """Leave so much room on the disk of a folder."""
    used = shutil.disk_usage(folder).used
    assert _mount("-o", f"remount,size={used + free_bytes}", str(folder))


@pytest.mark.timeout(60 * FAULTS_WANTED)
def test_whatever_goes_wrong_no_row_is_lost_and_none_is_there_twice(
    tmp_path: Path, database: Path, proxy: Proxy, runner: Runner
) -> None:
    met: Counter[str] = Counter()
    seed = int(os.environ.get("PUMPHOUSE_FAULTS_SEED", "0"))
    while met.total() < FAULTS_WANTED:
        seed += 1
        with small_disk(tmp_path / f"case_{seed}" / "shop" / "lake") as has_disk:
            met += _case(tmp_path / f"case_{seed}" / "shop", seed, database, proxy, runner, has_disk=has_disk)
        shutil.rmtree(tmp_path / f"case_{seed}", ignore_errors=True)
    sys.stdout.write(f"{met.total()} faults: {dict(met)}\n")


def _case(folder: Path, seed: int, database: Path, proxy: Proxy, runner: Runner, *, has_disk: bool) -> Counter[str]:
    rolls = random.Random(seed)
    world = World(name=f"w{seed}", database=database, folder=folder / "dropped", rolls=rolls)
    world.begin()
    connections = f'[connections.api]\nurl = "{proxy.url}"\ntries = 2\n[connections.db]\nurl = "sqlite:///{database}"\n'
    (folder / "pumphouse.toml").write_text(f'name = "shop"\n{connections}')
    (folder / "gather.py").write_text(PROJECT.replace("NAME", world.name).replace("LATEs", f"{LATE_TICKS_MAX}s"))
    met: Counter[str] = Counter()
    hours, usual_s = 0.0, 2.0
    for _ in range(RUNS_PER_CASE):
        fault = rolls.choice(KINDS)
        proxy.breaks.clear()
        hours += 1
        kill_after_s = float("inf")
        if fault == "kill":
            kill_after_s = rolls.uniform(0.05, 1.0) * usual_s
        elif fault == "clock":
            hours += rolls.choice([-50, -2, 30, 500])
        elif fault == "disk":
            if not has_disk:
                continue
            _leave(folder / "lake", rolls.randrange(0, 400_000))
        else:
            proxy.breaks.extend([""] * rolls.randint(0, 8) + [fault] * rolls.choice([1, 1, 3]))
        code, seconds = runner.run(folder, hours=hours, kill_after_s=kill_after_s)
        met[fault] += fault != "kill" or code == -9
        usual_s = seconds if code == 0 else usual_s
        if fault == "disk":
            _leave(folder / "lake", ROOM_BYTES)
        world.grow()
    proxy.breaks.clear()
    for _ in range(QUIET_RUNS_MAX):
        hours = max(hours, 0) + 24
        if runner.run(folder, hours=hours)[0] == 0:
            break
    else:
        pytest.fail(f"seed {seed}: runs fail without any fault: {runner.errors.read_text()}")
    found, true = _tables(folder, world), _truth(world)
    lost = {name: sorted((Counter(true[name]) - Counter(rows)).elements()) for name, rows in found.items()}
    too_many = {name: sorted((Counter(rows) - Counter(true[name])).elements()) for name, rows in found.items()}
    said = f"seed {seed}, {dict(met)}: {runner.errors.read_text()}"
    assert (_some(lost), _some(too_many)) == ({}, {}), said
    return met


def _some(rows: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    return {name: some for name, some in rows.items() if some}


def _truth(world: World) -> dict[str, list[tuple[object, ...]]]:
    items = sorted((item, at, value) for item, (at, value) in world.items.items())
    return {
        "api_items": items,
        "api_whole": items,
        "db_items": items,
        "api_events": sorted(world.events),
        "db_events": sorted(world.events),
        "dropped": sorted(world.lines),
    }


def _tables(folder: Path, world: World) -> dict[str, list[tuple[object, ...]]]:
    at = "strftime(\"at\"::TIMESTAMPTZ AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')"
    asked = {
        "api_items": f"SELECT id, {at}, value FROM api_items",
        "api_whole": f"SELECT id, {at}, value FROM api_whole",
        "db_items": f"SELECT id, {at}, value FROM db_{world.name}_items",
        "api_events": f"SELECT seq, {at}, what FROM api_events",
        "db_events": f"SELECT seq, {at}, what FROM db_{world.name}_events",
        "dropped": "SELECT line, said::VARCHAR FROM dropped",
    }
    with open_project(folder) as project:
        return {name: sorted(tuple(row.values()) for row in project.sql(query).rows) for name, query in asked.items()}
