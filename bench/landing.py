"""What landing costs beyond writing the same rows to Parquet by hand, and what it holds in memory.

    python bench/landing.py

Rows come from a function of the project: as Arrow batches of declared types, and as dicts, which is JSON once decoded.
By hand is pyarrow's writer at the same compression. Landing also keeps what came (raw), says of each row where it is
from, and commits. The processor's time is compared, without that of a run of one batch, which is mostly the start: the
median of REPEATS after one that does not count. Memory is the largest that a process of its own held, for so many rows
and for four times as many: it must not grow with them.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pumphouse.project.project import open_project

BATCH_ROWS = 50_000
BATCHES = 20
REPEATS = 3
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("customer_id", pa.int64()),
        ("amount", pa.float64()),
        ("paid_at", pa.timestamp("us", tz="UTC")),
        ("status", pa.string()),
        ("note", pa.string()),
    ]
)
GATHER = """
import pumphouse as ph
from bench.landing import arrow_batches, dicts

{}
def raw():
    yield from {}
"""
LIMITS = {"arrow": 4.0, "arrow with a key": 4.0, "dicts": 2.0, "memory": 1.3}


def main() -> None:
    """Print each ratio beside its limit."""
    if len(sys.argv) > 1:
        _hold(int(sys.argv[1]))
        return
    rows = BATCH_ROWS * BATCHES
    print(f"{rows:,} rows, the processor's time, median of {REPEATS}:")
    with tempfile.TemporaryDirectory(prefix="pumphouse-bench-") as folder:
        by_hand = {
            "arrow": lambda: _by_hand(arrow_batches(BATCHES), Path(folder)),
            "dicts": lambda: _by_hand(map(_of_dicts, dicts(BATCHES)), Path(folder)),
        }
        for name, declared, source in (
            ("arrow", "@ph.source()", "arrow_batches"),
            ("arrow with a key", '@ph.source(key="id")', "arrow_batches"),
            ("dicts", "@ph.source()", "dicts"),
        ):
            theirs = _seconds(by_hand[name.partition(" ")[0]])
            ours, start = (_seconds(partial(_landed, declared, f"{source}({count})")) for count in (BATCHES + 1, 1))
            ours -= start
            print(f"  {name}: {ours / theirs:.2f} times by hand ({ours:.2f} s), limit {LIMITS[name]}")
    few, many = (_peak_mb(batches) for batches in (BATCHES, 4 * BATCHES))
    print(
        f"memory for 4 times the rows: {many / few:.2f} times ({few:,.0f} and {many:,.0f} MB), limit {LIMITS['memory']}"
    )


def arrow_batches(count: int) -> Iterator[pa.RecordBatch]:
    """Batches of a stream that says its types."""
    for number in range(count):
        ids = pa.arange(number * BATCH_ROWS, (number + 1) * BATCH_ROWS)
        numbers = ids.to_numpy()
        words = pa.array(["paid", "open", "refunded"]).take(pa.array(numbers % 3))
        notes = pa.array([f"note {each}" for each in range(1000)]).take(pa.array(numbers * 7919 % 1000))
        moments = pa.array(numbers * 7_000_000 + 1_700_000_000_000_000).cast(SCHEMA.field("paid_at").type)
        yield pa.RecordBatch.from_arrays(
            [ids, pa.array(numbers * 7919 % 23570), pa.array(numbers % 10_007 / 100), moments, words, notes],
            schema=SCHEMA,
        )


def dicts(count: int) -> Iterator[list[dict[str, Any]]]:
    """The same as an API gives it: pages of dicts."""
    for batch in arrow_batches(count):
        text = batch.set_column(3, "paid_at", batch["paid_at"].cast(pa.string()))
        for start in range(0, BATCH_ROWS, 1_000):
            yield text.slice(start, 1_000).to_pylist()


def _of_dicts(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    schema = SCHEMA.set(3, pa.field("paid_at", pa.string()))
    return pa.RecordBatch.from_pylist(rows, schema)


def _by_hand(batches: Iterator[pa.RecordBatch], folder: Path) -> None:
    writer = None
    for batch in batches:
        writer = writer or pq.ParquetWriter(
            folder / "hand.parquet", batch.schema, compression="zstd", compression_level=1
        )
        writer.write_batch(batch)
    assert writer is not None
    writer.close()


def _landed(declared: str, source: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    project = folder / "landed"
    project.mkdir()
    try:
        (project / "pumphouse.toml").write_text("")
        (project / "__init__.py").write_text("")
        (project / "gather.py").write_text(GATHER.format(declared, source))
        with open_project(project) as opened:
            report = opened.run("raw", only=True)
            assert [result.status for result in report.results] == ["built"], report
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _seconds(work: Callable[[], None]) -> float:
    took = []
    for _ in range(REPEATS + 1):
        began = sum(os.times()[:4])  # a run's processes among them
        work()
        took.append(sum(os.times()[:4]) - began)
    return statistics.median(took[1:])


def _peak_mb(batches: int) -> float:
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "bench.landing", str(batches)]
    return float(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout)


def _hold(batches: int) -> None:
    _landed("@ph.source()", f"dicts({batches})")
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    print(max(resource.getrusage(one).ru_maxrss for one in whose) / 1024)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
