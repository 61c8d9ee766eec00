"""Rows by pumphouse_client against the same answer read by hand, in the same run: streamed, kept, and small.

    PYTHONPATH=. python bench/client.py [MILLIONS]         10 where it is left out; they take some 300 MB of disk

Each round reads all rows once each way, one after the other; the medians are compared.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from bench.over_http import ARROW, Client, make_shop
from pumphouse_client import Cache, connect

ROUNDS = 5
SMALL = 200
BY_HAND_MAX, KEPT_MAX, SMALL_MS = 1.5, 1.0, 10.0


def main() -> None:
    """Print each figure with its ratio to reading by hand, or to its limit."""
    rows = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * 1e6)
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder) / "shop"
        make_shop(shop, rows)
        command = [sys.executable, str(Path(sys.executable).with_name("pumphouse")), "serve", "--port", "0"]
        with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            token = server.stdout.readline().rpartition("token=")[2].strip()
            try:
                _measure(url, token, rows, Path(folder) / "kept")
            finally:
                server.send_signal(signal.SIGTERM)


def _measure(url: str, token: str, rows: int, folder: Path) -> None:
    parts = urlsplit(url)
    plain = Client(parts.hostname or "", parts.port or 0, token)
    streaming = connect(url, token=token, cache=False)
    keeping = connect(url, token=token, cache=Cache(folder=folder))

    def by_hand() -> int:
        answer = plain.get("/api/tables/orders/rows", ARROW)
        found = sum(batch.num_rows for batch in pa.ipc.open_stream(pa.PythonFile(answer, mode="r")))
        answer.read()
        return found

    def by_client() -> int:
        with streaming["orders"].to_batches() as batches:
            return sum(batch.num_rows for batch in batches)

    def kept() -> int:
        with keeping["orders"].to_batches() as batches:
            return sum(batch.num_rows for batch in batches)

    kept()  # the first time it is fetched
    ways: dict[str, Callable[[], int]] = {"by hand": by_hand, "the client": by_client, "a kept answer": kept}
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, read in ways.items():
            began, worked = time.perf_counter(), time.process_time()
            found = read()
            took[name].append((time.perf_counter() - began, time.process_time() - worked))
            assert found == rows, (name, found)
    median = {name: statistics.median(seconds for seconds, _ in times) for name, times in took.items()}
    print(f"{rows:,} rows of 8 columns, median of {ROUNDS}, in turns")
    for name, pairs in took.items():
        worked = statistics.median(cpu for _, cpu in pairs)
        print(f"{name:14} {median[name]:6.2f} s, {worked:5.2f} s of the processor here")
    print(f"the client takes {median['the client'] / median['by hand']:.2f} of by hand (at most {BY_HAND_MAX})")
    print(f"a kept answer takes {median['a kept answer'] / median['by hand']:.2f} of by hand (at most {KEPT_MAX})")
    times = []
    for number in range(SMALL):
        began = time.perf_counter()
        streaming.table("orders").where(order_id=number * 7919 % rows).to_arrow()
        times.append((time.perf_counter() - began) * 1000)
    p50 = statistics.median(times)
    print(f"one row by its key: p50 {p50:.1f} ms; {p50 / SMALL_MS:.2f} of {SMALL_MS:.0f} ms")


if __name__ == "__main__":
    main()
