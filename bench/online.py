"""The online store against its limits: publishing, reading one key and many, and readers while generations are swapped.

    PYTHONPATH=src python bench/online.py [MILLIONS]

Prints each figure beside its limit as a ratio: below 1 it holds. With MILLIONS above 1 that many entities are published
too (10 take some 3 GB of disk).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from pumphouse.features.online.files import FileStore
from pumphouse.features.online.generations import ROWS_AT_ONCE, Published, publish
from pumphouse.features.online.layout import Column, Layout

VALUES = 20
READERS = 8
SWAPS = 100
ALONE_S = 10.0
SWAPPED = 20_000
"""Entities of the generations that are swapped."""
PUBLISH_S, PUBLISH_10M_S = 3.0, 40.0
ONE_P99_US, HUNDRED_P50_US, WAIT_MS = 50.0, 300.0, 20.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAYOUT = Layout(
    entity=(("customer_id", "int64"),),
    columns=tuple(Column(name=f"value_{number}", type="float64") for number in range(VALUES)),
)
READER = """
import sys, time
from pathlib import Path
import numpy as np
from bench.online import NOON, FileStore

store, rng, until = FileStore("bench", Path(sys.argv[1])), np.random.default_rng(int(sys.argv[2])), float(sys.argv[3])
longest, most, torn, reads = 0.0, 0.0, 0, 0
keys = [[(int(key),) for key in rng.integers(0, 20_000, 100)] for _ in range(100)]
store.read(keys[0], now=NOON)
print("ready", flush=True)
seen, ends = 0, time.perf_counter() + 600
while seen < until and time.perf_counter() < ends:
    began, worked = time.perf_counter(), time.thread_time()
    rows = store.read(keys[reads % 100], now=NOON)
    waited, worked = time.perf_counter() - began, time.thread_time() - worked
    found = set(rows.values["value_0"])
    torn += len(found) != 1
    seen, reads = int(max(found)), reads + 1
    longest, most = max(longest, waited), max(most, worked)
print(longest * 1e3, most * 1e3, torn, reads)
"""
"""Reads 100 keys at a time until it sees the generation of a number; each generation has one value for all."""


def main() -> None:
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    home = Path(tempfile.mkdtemp(prefix="online-"))
    try:
        publishing(home / "one", 1_000_000, PUBLISH_S)
        reading(home / "one", 1_000_000)
        swapping(home / "swapped")
        if millions > 1:
            publishing(home / "many", millions * 1_000_000, PUBLISH_10M_S * millions / 10)
    finally:
        shutil.rmtree(home)


def publishing(home: Path, entities: int, limit_s: float) -> None:
    """A first generation, one in which nothing changed, and one in which one entity in 100 did."""
    took = measured(lambda: published(home, entities))
    say(f"publish {entities:,} entities x {VALUES} values, s", took[0], limit_s, cpu=took[1])
    took = measured(lambda: published(home, entities, at=1))
    say("publish them again, nothing changed, s", took[0], limit_s, cpu=took[1])
    took = measured(lambda: published(home, entities, at=2, changed=100))
    say("publish them again, 1 of 100 changed, s", took[0], limit_s, cpu=took[1])


def reading(home: Path, entities: int) -> None:
    """Keys at random from the whole store, whose files are in memory, as a server's are after a while.

    Beside one key stands as much work that reads nothing: what its p99 takes longer than its p50 is the machine's.
    """
    store, rng = FileStore("bench", home), np.random.default_rng(1)
    keys = [(int(key),) for key in rng.permutation(entities)[:100_000]]
    for start in range(0, entities, 10_000):
        store.read([(key,) for key in range(start, min(start + 10_000, entities))], now=NOON)
    for what, many, read, share, limit in (
        ("1 key, plain values", 1, lambda asked: store.entities(asked, now=NOON), 99, ONE_P99_US),
        ("1 key, arrays", 1, lambda asked: store.read(asked, now=NOON), 99, ONE_P99_US),
        ("100 keys, arrays", 100, lambda asked: store.read(asked, now=NOON), 50, HUNDRED_P50_US),
        ("nothing: a loop as long as a read", 1, lambda _: sum(range(2_500)), 99, ONE_P99_US),
    ):
        times = 20_000 if many == 1 else 2_000
        took, cpu = np.empty(times), np.empty(times)
        for at in range(times):
            asked = keys[at * many % 90_000 :][:many]
            began, worked = time.perf_counter_ns(), time.thread_time_ns()
            read(asked)
            took[at], cpu[at] = time.perf_counter_ns() - began, time.thread_time_ns() - worked
        took, cpu = took / 1e3, cpu / 1e3
        print(f"{what}: p50 {np.percentile(took, 50):.1f} us, p90 {np.percentile(took, 90):.1f}")
        say(f"{what}, p{share}, us", float(np.percentile(took, share)), limit, cpu=float(np.percentile(cpu, share)))


def swapping(home: Path) -> None:
    """READERS processes that read all the time: alone, then under SWAPS generations in each of which all differs.

    More readers than cores wait for a core, also where nobody publishes: so that is measured first, for as long.
    """
    published(home, SWAPPED, same=0.0)
    readers = started(home, until=1)
    began = time.perf_counter()
    time.sleep(ALONE_S)
    published(home, SWAPPED, at=1, same=1.0)
    alone = ended(readers)
    print(f"{READERS} readers alone for {time.perf_counter() - began:.1f} s: {alone.reads:,} reads, {alone.torn} torn")
    say("longest read alone, ms", alone.longest, WAIT_MS, cpu=alone.most)
    readers = started(home, until=SWAPS)
    began = time.perf_counter()
    for number in range(2, SWAPS + 1):
        published(home, SWAPPED, at=number, same=float(number))
    among = ended(readers)
    print(f"{SWAPS - 1} swaps in {time.perf_counter() - began:.1f} s: {among.reads:,} reads, {among.torn} torn")
    say("longest read among swaps, ms", among.longest, WAIT_MS, cpu=among.most)
    say("  more than alone, ms", among.longest - alone.longest, WAIT_MS, cpu=among.most - alone.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What readers measured, in milliseconds."""

    longest: float
    most: float
    """The most CPU that one read took."""
    torn: int
    reads: int


def started(home: Path, *, until: int) -> list[subprocess.Popen[str]]:
    root = Path(__file__).parent.parent
    commands = [[sys.executable, "-c", READER, str(home), str(number), str(until)] for number in range(READERS)]
    readers = [subprocess.Popen(one, cwd=root, stdout=subprocess.PIPE, text=True) for one in commands]
    for one in readers:
        assert one.stdout
        one.stdout.readline()
    return readers


def ended(readers: list[subprocess.Popen[str]]) -> Said:
    said = [one.communicate()[0].split() for one in readers]
    return Said(
        longest=max(float(one[0]) for one in said),
        most=max(float(one[1]) for one in said),
        torn=sum(int(one[2]) for one in said),
        reads=sum(int(one[3]) for one in said),
    )


def published(home: Path, entities: int, *, at: int = 0, changed: int = 0, same: float | None = None) -> Published:
    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, entities, ROWS_AT_ONCE):
            keys = np.arange(start, min(start + ROWS_AT_ONCE, entities))
            if same is None:
                columns = [keys * 1.5 + number for number in range(VALUES)]
            else:
                columns = [np.full(len(keys), same)] * VALUES
            if changed:
                columns[0] = np.where(keys % changed == 0, -1.0, columns[0])
            names = [column.name for column in LAYOUT.columns]
            yield pa.RecordBatch.from_pydict({"customer_id": keys, **dict(zip(names, columns, strict=True))})

    return publish(home, batches, layout=LAYOUT, snapshot=at, as_of=NOON + timedelta(minutes=at))


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of CPU."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - worked


def say(what: str, figure: float, limit: float, *, cpu: float) -> None:
    ratios = f"ratio {figure / limit:.2f} (CPU {cpu / limit:.2f})"
    print(f"{what:<55} {figure:>9.2f}  CPU {cpu:>8.2f}  limit {limit:>6.0f}  {ratios}")


if __name__ == "__main__":
    main()
