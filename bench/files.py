"""Ten thousand files of 100 rows to a table, every file's bytes kept, beside DuckDB reading the glob; then one more.

python bench/files.py
"""

from __future__ import annotations

import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from pumphouse.project.project import open_project

FILES = 10_000
ROWS = 100
TIMES_MAX = 3
SECOND_S_MAX = 1.0
CODE = 'import pumphouse as ph\n\nraw_visits = ph.files("visits/*.csv")\n'


def main(files: int) -> None:
    """Print what the first run took beside DuckDB, by the clock and of the processor, and the second by its limit."""
    top = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    folder = top / "shop"
    try:
        (folder / "visits").mkdir(parents=True)
        (folder / "pumphouse.toml").write_text("")
        (folder / "gather.py").write_text(CODE)
        for number in range(files):
            _write(folder, number)
        peer = _taken(lambda: _by_duckdb(folder))
        first = _taken(lambda: _run(folder))
        print(
            f"{files:,} files of {ROWS} rows: {first[0]:.1f} s, DuckDB's glob to Parquet {peer[0]:.1f} s:"
            f" {first[0] / peer[0]:.2f} times by the clock,"
            f" {first[1] / peer[1]:.2f} times of the processor   limit {TIMES_MAX}"
        )
        _write(folder, files)
        second = _taken(lambda: _run(folder))
        print(f"one file more: {second[0]:.2f} s, {second[1]:.2f} s of the processor   limit {SECOND_S_MAX} s")
        third = _taken(lambda: _run(folder))
        print(f"nothing new: {third[0]:.2f} s, {third[1]:.2f} s of the processor")
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _write(folder: Path, number: int) -> None:
    draw = random.Random(number)
    lines = [
        f"{number * ROWS + row},2026-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}T{draw.randint(0, 23):02}:00:00Z,"
        f"{draw.choice(('home', 'search', 'cart', 'pay'))},{draw.randint(1, 10**6)},{draw.random() * 100:.2f}\n"
        for row in range(ROWS)
    ]
    (folder / f"visits/{number:06}.csv").write_text("visit_id,began_at,page,user_id,seconds\n" + "".join(lines))


def _by_duckdb(folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_csv('{folder}/visits/*.csv', filename = true)) TO '{folder.parent}/peer.parquet'"
        )


def _run(folder: Path) -> None:
    with open_project(folder) as project:
        report = project.run()
        assert report.ok, report


def _taken(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu_s


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else FILES)
