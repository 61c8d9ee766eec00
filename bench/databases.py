"""A table of PostgreSQL to the lake, beside DuckDB's own `ATTACH` and `CREATE TABLE AS` into a DuckLake, in one run.

    python bench/databases.py [ROWS]

Each turn is a process of its own, REPEATS times after one that does not count; medians are compared. The processor's
time is of both sides of the socket: this side's and the server's. Limit: 0.8 of DuckDB's speed. Ours keeps the batches
as they came, too, which the other does not. Then a table of WIDE_BYTES is read: memory may grow by a tenth of that.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from pumphouse.engines.duckdb import DuckDB
from pumphouse.project.project import open_project

ROWS = 3_000_000
REPEATS = 3
SPEED_MIN = 0.8
WIDE_BYTES = 2_000_000_000
STARTS_S = 30.0
ORDERS = """CREATE TABLE orders AS SELECT g::bigint AS id, (g::bigint * 7919 % 23570)::int AS customer_id,
    (g::bigint * 7919 % 10000 / 100.0)::numeric(12, 2) AS amount,
    timestamptz '2024-01-01' + g * interval '1 second' AS updated_at, 'note ' || (g % 1000) AS note, g % 3 = 0 AS ok,
    (g * 1.5)::float8 AS score FROM generate_series(1, {rows}) g"""
WIDE = "CREATE TABLE wide AS SELECT g AS id, repeat(md5(g::text), 320) AS body FROM generate_series(1, {rows}) g"
MODULE = """import pumphouse as ph
plain = ph.database("shop", tables={"orders": {}, "wide": {}, "small": {}})
keyed = ph.database("shop", tables={"orders": {"key": "id", "cursor": "updated_at"}})
"""


def main() -> None:
    """Print each ratio beside its limit."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    folder.chmod(0o755)
    try:
        with _server(folder / "pg") as (url, server):
            _ask(
                url,
                ORDERS.format(rows=rows),
                "ALTER TABLE orders ADD PRIMARY KEY (id)",
                WIDE.format(rows=WIDE_BYTES // 10_240),
                "CREATE TABLE small AS SELECT 1 AS id",
                "VACUUM ANALYZE",
                "CHECKPOINT",
            )
            print(f"a table of {rows:,} rows of PostgreSQL, median of {REPEATS}:")
            took = _by_turns(folder, url, server)
            beside, processor_beside = took.pop("duckdb")
            for name, (wall, processor) in took.items():
                print(
                    f"  {name:<13} {wall:5.2f} s against DuckDB {beside:5.2f} s   speed {beside / wall:.2f}   limit"
                    f" {SPEED_MIN}   (processor: {processor:.2f} s against {processor_beside:.2f} s,"
                    f" {processor_beside / processor:.2f})"
                )
            _, (before, after) = _turn("wide", folder, url, server)
            print(
                f"a table of {WIDE_BYTES / 1e6:,.0f} MB: memory grew by {(after - before) / 1e6:,.0f} MB   limit"
                f" {WIDE_BYTES / 1e7:,.0f} MB"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def work(what: str, folder: Path, url: str) -> None:
    """One turn, in a process of its own: what it took, and the most memory before and after."""
    shop = folder / f"projects_{what}" / "shop"
    shutil.rmtree(shop.parent, ignore_errors=True)
    shop.mkdir(parents=True)
    (shop / "pumphouse.toml").write_text(f'[connections.shop]\nurl = "{url}"\n')
    (shop / "gather.py").write_text(MODULE)
    with open_project(shop) as project:
        project.run("plain_small", only=True)  # what is loaded once is loaded
        engine = _theirs(shop, url)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        wall, processor = time.perf_counter(), time.process_time()
        if what == "duckdb":
            engine.execute("CREATE TABLE theirs.orders AS FROM pg.orders")
        else:
            name = "plain_wide" if what == "wide" else f"{what}_orders"
            report = project.run(name, only=True)
            assert [result.status for result in report.results] == ["built"], report
        print(time.perf_counter() - wall, time.process_time() - processor)
        print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        engine.close()


def _theirs(folder: Path, url: str) -> DuckDB:
    (folder / "theirs").mkdir()
    engine = DuckDB()
    for extension in ("postgres_scanner", "ducklake", "sqlite_scanner"):
        engine.load(extension)
    engine.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
    engine.execute(f"ATTACH 'ducklake:sqlite:{folder}/theirs.sqlite' AS theirs (DATA_PATH '{folder}/theirs/')")
    return engine


def _by_turns(folder: Path, url: str, server: psutil.Process) -> dict[str, tuple[float, float]]:
    taken: dict[str, list[tuple[float, float]]] = {"duckdb": [], "plain": [], "keyed": []}
    for nth in range(REPEATS + 1):
        for name, turns in taken.items():
            took, _ = _turn(name, folder, url, server)
            if nth:
                turns.append(took)
    return {
        name: (statistics.median(wall for wall, _ in turns), statistics.median(processor for _, processor in turns))
        for name, turns in taken.items()
    }


def _turn(name: str, folder: Path, url: str, server: psutil.Process) -> tuple[tuple[float, float], tuple[int, int]]:
    before = _processor_s(server)
    out = subprocess.run(
        [sys.executable, __file__, "turn", name, str(folder), url], check=True, capture_output=True, text=True
    )
    times, sizes = (line.split() for line in out.stdout.splitlines())
    return (float(times[0]), float(times[1]) + _processor_s(server) - before), (int(sizes[0]), int(sizes[1]))


def _processor_s(server: psutil.Process) -> float:
    """What the server's processes have taken that have ended."""
    times = server.cpu_times()
    return float(times.children_user + times.children_system)


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A PostgreSQL of its own, on a socket."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    folder.mkdir()
    who: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        who = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    initdb = [programs / "initdb", "-D", data, "-A", "trust", "-U", "pumphouse", "--no-sync", "-E", "UTF8"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **who)
    options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", f"unix_socket_directories={folder}"]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, *options], stderr=subprocess.DEVNULL, cwd=folder, **who
    )
    try:
        until = time.monotonic() + STARTS_S
        while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode:
            assert time.monotonic() < until
            time.sleep(0.1)
        yield f"postgresql://pumphouse@/postgres?host={folder}", psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(STARTS_S)


def _ask(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as database:
        for statement in statements:
            database.execute(statement)


if __name__ == "__main__":
    if sys.argv[1:2] == ["turn"]:
        work(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    else:
        main()
