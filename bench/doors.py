"""The desk, which every door reads through, against plain DuckDB in the same run: streams, small queries, ends, crowds.

    PYTHONPATH=. python bench/doors.py [MILLIONS]         10 where it is left out; they take some 300 MB of disk

No protocol is in these figures: what bench/flight.py, bench/over_http.py and bench/postgres_wire.py print beyond them
is the door's own. Streams are read in turns, and the medians compared.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa

import pumphouse as ph
from bench.over_http import make_shop, resident_mb
from pumphouse.errors import Cancelled
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies

ROUNDS = 5
SMALL = 200
CLIENTS, QUESTIONS = 200, 5
SMALL_MS, CANCEL_S, STREAM_MB = 10.0, 0.5, 100.0
ADA = Visitor(who="ada", scope="all")
ENDLESS = "SELECT sum(a.range * b.range + order_id) AS s FROM orders, range(1_000_000) a, range(1_000_000) b"
MADE_WIDE = "SELECT order_id, repeat('x', 40_000) AS text FROM orders"
PAGES, PAGE_BYTES = 8_000, 40_000


def main() -> None:
    """Print each figure with its ratio to plain DuckDB, or to its limit."""
    rows = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * 1e6)
    with tempfile.TemporaryDirectory() as folder:
        files = make_shop(Path(folder) / "shop", rows)
        with ph.open(Path(folder) / "shop") as project:
            before, began = resident_mb(os.getpid()), time.perf_counter()
            desk = Desk(project.lake, Policies(project.lake, {}))
            _read(desk, "SELECT 1 AS one")
            print(
                f"a DuckDB of the doors' own: {time.perf_counter() - began:.2f} s until it answers,"
                f" {resident_mb(os.getpid()) - before:.0f} MB"
            )
            _whole(desk, files, rows)
            _small(desk, files, rows)
            _cancel(desk)
            _many(desk, rows)
            _add_pages(project.lake)
            _memory(desk)
            desk.close()


def _read(desk: Desk, text: str, *values: object) -> int:
    with desk.ask(ADA, text, door="bench", parameters=values or None).run() as result:
        for _ in result:
            pass
    return result.rows


def _whole(desk: Desk, files: list[str], rows: int) -> None:
    own = duckdb.connect()

    def plain() -> int:
        return sum(one.num_rows for one in own.execute(f"FROM read_parquet({files})").to_arrow_reader(50_000))

    ways: dict[str, Callable[[], int]] = {"DuckDB to Arrow": plain, "desk": lambda: _read(desk, "FROM orders")}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, read in ways.items():
            began = time.perf_counter()
            assert read() == rows, name
            took[name].append(time.perf_counter() - began)
    median = {name: statistics.median(times) for name, times in took.items()}
    print(f"{rows:,} rows of 8 columns, median of {ROUNDS}, in turns")
    for name, seconds in median.items():
        print(f"{name:16} {seconds:6.2f} s   {rows / seconds / 1e6:6.2f} million rows a second")
    print(f"the desk is {median['DuckDB to Arrow'] / median['desk']:.2f} of DuckDB to Arrow")


def _small(desk: Desk, files: list[str], rows: int) -> None:
    own = duckdb.connect()
    one_row = f"SELECT * FROM read_parquet({files}) WHERE order_id = "

    ways: dict[str, Callable[[int], object]] = {
        "plain DuckDB": lambda number: own.execute(f"{one_row}{number}").to_arrow_table(),
        "desk, anew each time": lambda number: _read(desk, f"SELECT * FROM orders WHERE order_id = {number}"),
        "desk, by a value": lambda number: _read(desk, "SELECT * FROM orders WHERE order_id = ?", number),
        "desk, without a table": lambda _: _read(desk, "SELECT 1 AS one"),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    worked = dict.fromkeys(ways, 0.0)
    for number in range(SMALL):
        for name, ask in ways.items():
            began, used = time.perf_counter(), time.process_time()
            ask(number * 7919 % rows)
            took[name].append((time.perf_counter() - began) * 1000)
            worked[name] += time.process_time() - used
    print(f"one row of {rows:,}, {SMALL} times, in turns")
    for name, times in took.items():
        p50, p99 = statistics.median(times), sorted(times)[SMALL * 99 // 100]
        print(
            f"{name:22} p50 {p50:5.1f} ms ({p50 / SMALL_MS:.2f} of {SMALL_MS:.0f}), p99 {p99:6.1f} ms,"
            f" {worked[name] / SMALL * 1000:5.1f} ms of CPU time"
        )


def _cancel(desk: Desk) -> None:
    times = []
    for _ in range(ROUNDS):
        result = desk.ask(ADA, ENDLESS, door="bench").run()
        ended: list[float] = []

        def read() -> None:
            try:
                list(result)  # noqa: B023  # it is joined within the round
            except Cancelled:
                ended.append(time.perf_counter())  # noqa: B023

        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(1)
        began = time.perf_counter()
        result.cancel()
        thread.join()
        times.append(ended[0] - began)
    print(f"cancel: {max(times):.3f} s at most, {max(times) / CANCEL_S:.2f} of {CANCEL_S} s")


def _many(desk: Desk, rows: int) -> None:
    waited: list[float] = []
    failed: list[BaseException] = []

    def ask(number: int) -> None:
        try:
            for question in range(QUESTIONS):
                began = time.perf_counter()
                assert _read(desk, "SELECT * FROM orders WHERE order_id = ?", (number + question) * 7919 % rows)
                waited.append(time.perf_counter() - began)
        except BaseException as error:  # noqa: BLE001  # counted
            failed.append(error)

    heavy = [desk.ask(ADA, ENDLESS, door="bench").run() for _ in range(2)]

    def endless(number: int) -> None:
        with suppress(Cancelled):
            list(heavy[number])

    working = [threading.Thread(target=endless, args=(number,)) for number in range(len(heavy))]
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for thread in (*working, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    for one in heavy:
        one.cancel()
    for thread in working:
        thread.join()
    print(
        f"{CLIENTS} at once beside 2 endless queries, {QUESTIONS} questions each: {len(waited)} answered,"
        f" {len(failed)} failed; p50 {statistics.median(waited):.2f} s, the slowest {max(waited):.2f} s"
    )


def _add_pages(lake: Lake) -> None:
    """A table of texts of 40 KB, as a source brings them."""
    schema, chance = pa.schema([("page_id", pa.int64()), ("text", pa.string())]), random.Random(1)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, PAGES, 200):
            texts = [chance.randbytes(PAGE_BYTES // 2).hex() for _ in range(200)]
            yield pa.record_batch([pa.array(range(start, start + 200)), pa.array(texts)], schema)

    commit = Commit(lake, "pages", run="bench", actor="bench", accept_schema=True)
    commit.replace("pages", lake.stage(batches(), schema, stem="pages"))
    commit.publish()


def _memory(desk: Desk) -> None:
    for name, text in (
        ("of the table", "FROM orders"),
        ("of stored texts of 40 KB", "FROM pages"),
        ("of texts of 40 KB that the query makes", MADE_WIDE),
        ("of those, asked again", MADE_WIDE),
    ):
        result = desk.ask(ADA, text, door="bench").run()
        batches, before, most = iter(result), resident_mb(os.getpid()), 0.0
        for _ in range(50):
            next(batches, None)
            most = max(most, resident_mb(os.getpid()) - before)
            time.sleep(0.01)
        result.close()
        width = f"{result.rows / 50:,.0f} rows a batch"
        print(f"a slow stream {name}, {width}: {most:.0f} MB, {most / STREAM_MB:.2f} of {STREAM_MB:.0f} MB")


if __name__ == "__main__":
    main()
