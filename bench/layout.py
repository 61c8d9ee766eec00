"""A table in many files, as it comes, with Bloom filters of its key, and in the order of a layout: costs and gains.

python bench/layout.py --files 200 --rows 20000
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pyarrow as pa

from pumphouse.declare.layouts import Partition, TableLayout
from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.rows import rows_of
from pumphouse.lake.upkeep import merge_files

KEY = ("id",)
FILTERS = TableLayout(bloom_filters=KEY)
LAYOUT = TableLayout(
    sort_by=("opened_at",), partition_by=(Partition(column="opened_at", unit="year"),), bloom_filters=KEY
)
TABLES = ("plain", "filters", "laid")
DAYS = 1_000
ASKED = 20
LAID_COMMITS = 10
"""How many files the table with a layout comes in; the others come in as many as are asked for."""
FASTER_MIN = {"key": 5, "absent": 5, "week": 3}
"""How many times less of the processor a question has to cost than in the table as it came."""
WRITE_MAX, SIZE_MAX = 1.4, 1.05
"""Times what it costs to write the table as it comes, and its bytes: limits for filters alone."""


def main(files: int, rows: int) -> None:
    """Print figures of the processor for each table, before merges and after, each beside the table as it came."""
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        lake = Lake(Location(folder=folder), engine=DuckDB(threads=1))
        print(f"{files} files of {rows:,} rows: a random UUID, a moment in {DAYS:,} days, a number, some words")
        _write(lake, files, rows)
        keys = [
            row[0]
            for row in lake.engine.execute(f"SELECT id FROM lake.main.plain USING SAMPLE {ASKED} ROWS (reservoir, 1)")
        ]
        _ask(lake, keys, "as written")
        for table, layouts in (("plain", {}), ("filters", {"filters": FILTERS}), ("laid", {"laid": LAYOUT})):
            cost = _cpu_s(lambda t=table, of=layouts: merge_files(lake, [t], layouts=of))
            count, size = _files(lake, table)
            print(f"{table:<8} merged into {count} files, {size / 1e6:.1f} MB: {cost:.2f} s")
        _ask(lake, keys, "merged")
        lake.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(lake: Lake, files: int, rows: int) -> None:
    plain_s = plain_bytes = 0.0
    for table, key, layout in (("plain", (), None), ("filters", KEY, None), ("laid", (), LAYOUT)):
        cost = 0.0
        together = max(1, files // LAID_COMMITS) if table == "laid" else 1
        for number in range(0, files, together):
            batches = [_rows(one, rows) for one in range(number, min(files, number + together))]
            cost += _cpu_s(lambda b=batches, t=table, k=key, lay=layout: _commit(lake, t, b, k, lay))
        _, size = _files(lake, table)
        plain_s, plain_bytes = plain_s or cost, plain_bytes or size
        limits = f"   limits {WRITE_MAX}, {SIZE_MAX}" if table == "filters" else ""
        print(
            f"{table:<8} written: {cost:.2f} s, {size / 1e6:.1f} MB: {cost / plain_s:.2f} times the time,"
            f" {size / plain_bytes:.2f} times the bytes{limits}"
        )


def _ask(lake: Lake, keys: list[str], when: str) -> None:
    """Print what each question costs in each table."""
    draw = random.Random(2)
    absent = [uuid.UUID(int=draw.getrandbits(128)) for _ in range(ASKED)]
    days = [draw.randrange(DAYS - 7) for _ in range(ASKED)]
    ids = [
        row[0] for row in lake.engine.execute("SELECT rowid FROM lake.main.plain USING SAMPLE 10 ROWS (reservoir, 1)")
    ]
    asked: dict[str, Callable[[str], list[str]]] = {
        "key": lambda t: [f"SELECT * FROM lake.main.{t} WHERE id = '{key}'" for key in keys],
        "absent": lambda t: [f"SELECT * FROM lake.main.{t} WHERE id = '{one}'" for one in absent],
        "week": lambda t: [
            f"SELECT count(*), sum(amount) FROM lake.main.{t} WHERE opened_at"
            f" BETWEEN TIMESTAMP '2023-01-01' + INTERVAL {day} DAY AND TIMESTAMP '2023-01-01' + INTERVAL {day + 7} DAY"
            for day in days
        ],
    }  # fmt: skip
    told = {what: {t: _median_ms(lake, questions(t)) for t in TABLES} for what, questions in asked.items()}
    told["ten rows by their ids"] = {
        t: median(_cpu_s(lambda of=t: rows_of(lake, of, ids, snapshot=lake.snapshot())) for _ in range(ASKED)) * 1000
        for t in TABLES
    }
    for what, costs in told.items():
        limit = f"   limit {FASTER_MIN[what]} times" if what in FASTER_MIN else ""
        shown = ", ".join(f"{t} {cost:.1f} ms ({costs['plain'] / cost:.1f} times)" for t, cost in costs.items())
        print(f"{when}, {what}: {shown}{limit}")


def _rows(number: int, rows: int) -> pa.RecordBatch:
    draw = random.Random(number)
    words = ("late", "refund", "order", "broken", "thanks", "again")
    return pa.record_batch(
        {
            "id": [str(uuid.UUID(int=draw.getrandbits(128))) for _ in range(rows)],
            "opened_at": pa.array(
                [1_672_531_200_000_000 + draw.randrange(DAYS * 86_400) * 1_000_000 for _ in range(rows)],
                pa.timestamp("us"),
            ),
            "amount": [draw.random() for _ in range(rows)],
            "body": [" ".join(draw.choices(words, k=8)) for _ in range(rows)],
        }
    )


def _commit(
    lake: Lake, table: str, batches: list[pa.RecordBatch], key: tuple[str, ...], layout: TableLayout | None
) -> None:
    written = lake.stage(batches, batches[0].schema, stem=f"{table}_{uuid.uuid4().hex}", key=key)
    commit = Commit(lake, table, run="bench", actor="bench", layout=layout)
    commit.append(table, written)
    commit.publish()


def _files(lake: Lake, table: str) -> tuple[int, int]:
    rows = lake.engine.execute(
        f"SELECT count(*), sum(data_file_size_bytes) FROM ducklake_list_files('lake', '{table}')"
    )
    return rows[0][0], rows[0][1]


def _median_ms(lake: Lake, questions: list[str]) -> float:
    engine = lake.engine.fork()
    engine.execute(questions[0])
    return median(_cpu_s(lambda q=question: engine.execute(q)) for question in questions) * 1000


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    main(given.files, given.rows)
