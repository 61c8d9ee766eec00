"""Upkeep of a lake of many small files: files, bytes and queries before and after, CPU and memory beside writing.

python bench/upkeep.py [commits]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.expiry import expire, to_expire
from pumphouse.lake.fragments import fragments
from pumphouse.lake.lake import LEFT_BEHIND_S, Lake, Location
from pumphouse.lake.upkeep import merge_files, remove_files, rewrite_deletes

COMMITS, ROWS = 1_000, 100
GROWN, GROWN_ROWS = 60, 250_000
"""Commits of a table that grows, with upkeep after each."""
LARGE_FILES, LARGE_FILE_ROWS = 40, 2_000_000
MEMORY = "256MB"
QUERIES = {
    "count and sum of all": "SELECT count(*), sum(amount) FROM {t}",
    "one row by its key": "SELECT * FROM {t} WHERE id = 4711",
}
REPEATS = 5


def main() -> None:
    """Print each figure beside what it is a ratio of."""
    if "--large" in sys.argv:
        large()
        return
    commits = int(sys.argv[1]) if len(sys.argv) > 1 else COMMITS
    with tempfile.TemporaryDirectory() as folder:
        small(Path(folder), commits)
    with tempfile.TemporaryDirectory() as folder:
        growing(Path(folder))
    subprocess.run([sys.executable, __file__, "--large"], check=True)  # a process of its own, for its memory


def small(folder: Path, commits: int) -> None:
    """A table of small commits, a tenth of them upserts, through every step of upkeep."""
    lake = opened(folder)
    _, wrote = measured(lambda: [commit(lake, number) for number in range(commits)])
    print(f"{commits:,} commits of {ROWS} rows{'':<22} {wrote:8.2f} s CPU")
    everything = lake.scan("t")
    rows = lake.engine.fork().execute(f"SELECT count(*) FROM ({everything.relation})")[0][0]
    _, once = measured(lambda: at_once(lake))
    print(f"the same {rows:,} rows written once{'':<22} {once:8.2f} s CPU")
    before = asked(lake)
    was = fragments(lake)["t"]
    steps: dict[str, Callable[[], Any]] = {
        "merging": lambda: merge_files(lake, ["t"]),
        "rewriting": lambda: rewrite_deletes(lake, ["t"]),
        "expiring": lambda: expire(
            lake,
            lambda: to_expire(
                lake, retention=timedelta(days=30), now=datetime.now(UTC) + timedelta(days=40), pinned=[]
            ),
        ),
        "removing": lambda: remove_files(lake, now=datetime.now(UTC) + timedelta(seconds=LEFT_BEHIND_S + 60)),
    }
    size = on_disk(folder)
    total = 0.0
    for name, step in steps.items():
        _, spent = measured(step)
        total += spent
        print(f"  {name:<48} {spent:8.2f} s CPU   {spent / wrote:6.3f} of the commits, {spent / once:6.1f} of once")
    now = fragments(lake)["t"]
    print(f"upkeep {'':<44} {total:8.2f} s CPU   {total / wrote:6.3f} of the commits, {total / once:6.1f} of once")
    print(f"files {was.files:,} -> {now.files:,}: {now.files / was.files:.3f}")
    print(f"bytes of the lake {size:,} -> {on_disk(folder):,}: {on_disk(folder) / size:.3f}")
    for name, spent in asked(lake).items():
        print(f"{name:<50} {before[name] * 1e3:8.1f} -> {spent * 1e3:.1f} ms CPU: {spent / before[name]:.3f}")
    lake.close()


def growing(folder: Path) -> None:
    """A table that grows, with upkeep after each commit: how often a byte is written, and how many files there are."""
    lake, written, wrote, spent, most = opened(folder), 0, 0.0, 0.0, 0
    for number in range(GROWN):
        rows = numbers(number * GROWN_ROWS, GROWN_ROWS)
        wrote += measured(lambda rows=rows: append(lake, [rows]))[1]
        written += fragments(lake)["t"].bytes_to_write
        spent += measured(lambda: merge_files(lake, ["t"]))[1]
        most = max(most, fragments(lake)["t"].files)
    size = fragments(lake)["t"].bytes
    print(
        f"upkeep after each of {GROWN} commits, {size / 1e6:.0f} MB in all: {written / size:.1f} bytes written again"
        f" for each there is, {spent / wrote:.2f} of the CPU of the commits, at most {most} files"
    )
    lake.close()


def large() -> None:
    """Merging of large files: the memory that it takes beside what the table has."""
    with tempfile.TemporaryDirectory() as folder:
        lake = opened(Path(folder), memory=MEMORY)
        for number in range(LARGE_FILES):
            parts = range(number * LARGE_FILE_ROWS, (number + 1) * LARGE_FILE_ROWS, GROWN_ROWS)
            append(lake, (numbers(first, GROWN_ROWS) for first in parts))
        was, held = fragments(lake)["t"], peak()
        _, spent = measured(lambda: merge_files(lake, ["t"]))
        now = fragments(lake)["t"]
        print(
            f"merging {was.files} files of {was.bytes:,} bytes into {now.files}: {spent:.1f} s CPU, peak memory"
            f" {held / 1e6:.0f} -> {peak() / 1e6:.0f} MB ({peak() / was.bytes:.2f} of the table's bytes)"
        )
        lake.close()


def opened(folder: Path, *, memory: str | None = None) -> Lake:
    return Lake(Location(folder=folder), engine=DuckDB(threads=2, memory_limit=memory))


def commit(lake: Lake, number: int) -> None:
    """New rows, or in every tenth commit some that are there already."""
    first = (number - 5) * ROWS if number % 10 == 9 else number * ROWS
    build = Commit(lake, "t", run="bench", actor="bench")
    rows = some(first)
    build.upsert("t", lake.stage(rows.to_batches(), rows.schema, stem=f"t_{number}"), key=("id",))
    build.publish(Counts())


def some(first: int) -> pa.Table:
    rng = np.random.default_rng(first)
    return pa.table(
        {
            "id": pa.array(range(first, first + ROWS)),
            "customer_id": rng.integers(0, 10_000, ROWS),
            "amount": rng.random(ROWS),
            "note": [f"note {number} of many words" for number in rng.integers(0, 1_000_000, ROWS)],
        }
    )


def numbers(first: int, count: int) -> pa.RecordBatch:
    rng = np.random.default_rng(first)
    return pa.record_batch({"id": np.arange(first, first + count), "a": rng.random(count)})


def append(lake: Lake, batches: Iterable[pa.RecordBatch]) -> None:
    build = Commit(lake, "t", run="bench", actor="bench")
    schema = numbers(0, 1).schema
    build.append("t", lake.stage(batches, schema, stem=f"t_{uuid.uuid4().hex}"))
    build.publish(Counts())


def at_once(lake: Lake) -> None:
    scan = lake.scan("t")
    rows = lake.engine.fork().connection.execute(f"SELECT * FROM ({scan.relation})").to_arrow_table()
    build = Commit(lake, "once", run="bench", actor="bench")
    build.append("once", lake.stage(rows.to_batches(), rows.schema, stem="once"), key=("id",))
    build.publish(Counts())


def asked(lake: Lake) -> dict[str, float]:
    """The CPU seconds of each query, the best of some."""
    relation = lake.scan("t").relation
    found = {}
    for name, query in QUERIES.items():
        text = query.format(t=f"({relation})")
        found[name] = min(measured(lambda text=text: lake.engine.fork().execute(text))[1] for _ in range(REPEATS))
    return found


def measured(run: Callable[[], Any]) -> tuple[Any, float]:
    cpu = time.process_time()
    return run(), time.process_time() - cpu


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "data").rglob("*.parquet"))


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
