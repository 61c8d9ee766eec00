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
from bench.online import NOON, SWAPS, FileStore

store, rng = FileStore("bench", Path(sys.argv[1])), np.random.default_rng(int(sys.argv[2]))
longest, torn, seen, reads = 0.0, 0, 0, 0
print("ready", flush=True)
while seen < SWAPS:
    keys = [(int(key),) for key in rng.integers(0, 20_000, 100)]
    began, worked = time.perf_counter(), time.thread_time()
    rows = store.read(keys, now=NOON)
    waited, worked = time.perf_counter() - began, time.thread_time() - worked
    found = set(rows.values["value_0"])
    torn += len(found) != 1
    seen = int(max(found))
    longest, reads = max(longest, waited), reads + 1
    most = max(worked, globals().get("most", 0.0))
print(longest * 1e3, most * 1e3, torn, reads)
"""


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
    """Keys at random from the whole store."""
    store, rng = FileStore("bench", home), np.random.default_rng(1)
    keys = [(int(key),) for key in rng.integers(0, entities, 100_000)]
    for many, times in ((1, 20_000), (100, 2_000)):
        took, cpu = np.empty(times), np.empty(times)
        for at in range(times):
            asked = keys[at * many % 90_000 :][:many]
            began, worked = time.perf_counter_ns(), time.thread_time_ns()
            store.read(asked, now=NOON)
            took[at], cpu[at] = time.perf_counter_ns() - began, time.thread_time_ns() - worked
        share, limit = (99, ONE_P99_US) if many == 1 else (50, HUNDRED_P50_US)
        of = f"{many} key{'s' if many > 1 else ''} p{share}, us"
        say(of, float(np.percentile(took, share)) / 1e3, limit, cpu=float(np.percentile(cpu, share)) / 1e3)


def swapping(home: Path) -> None:
    """SWAPS generations, in each of which everything differs, under READERS processes that read all the time."""
    published(home, SWAPPED, same=0.0)
    root = Path(__file__).parent.parent
    commands = [[sys.executable, "-c", READER, str(home), str(number)] for number in range(READERS)]
    readers = [subprocess.Popen(one, cwd=root, stdout=subprocess.PIPE, text=True) for one in commands]
    for one in readers:
        assert one.stdout
        one.stdout.readline()
    for number in range(1, SWAPS + 1):
        published(home, SWAPPED, at=number, same=float(number))
    said = [one.communicate()[0].split() for one in readers]
    torn, reads = sum(int(one[2]) for one in said), sum(int(one[3]) for one in said)
    print(f"{SWAPS} generations under {READERS} readers: {reads:,} reads of 100 keys, {torn} torn")
    say(
        "longest read among them, ms",
        max(float(one[0]) for one in said),
        WAIT_MS,
        cpu=max(float(one[1]) for one in said),
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
