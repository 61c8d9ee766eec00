"""What a build through `run` costs beyond its SQL, and an upsert beyond DuckLake's own MERGE, as ratios in one run.

    python bench/build.py

The two of each pair take turns, REPEATS times after one that does not count; medians are compared, of wall time and of
the processor's. Limits: a 5M-row table at most 1.15 times the same SQL in plain DuckDB writing Parquet; 100k rows
upserted into 5M, half of them new, at most 1.5 times MERGE.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, Written
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.project import Project, open_project

ROWS = 5_000_000
UPSERTED = 100_000
REPEATS = 3
LIMITS = {"run": 1.15, "upsert": 1.5}

RAW = f"""SELECT range AS id, range % 23570 AS customer_id, range * 7919 % 10000 AS cents,
       TIMESTAMPTZ '2024-01-01' + to_seconds(range) AS paid_at, 'note ' || (range % 1000) AS note
FROM range({ROWS})"""
ORDERS = "SELECT id, customer_id, cents / 100.0 AS amount_usd, paid_at, upper(note) AS note FROM raw WHERE cents >= 100"
CHANGED = f"""SELECT (range * 50 + range % 2 * {ROWS} * $nth)::BIGINT AS id, (range % 23570)::BIGINT AS customer_id,
       1::BIGINT AS cents, TIMESTAMPTZ '2025-01-01' AS paid_at, 'changed ' || $nth AS note FROM range({UPSERTED})"""

Work = Callable[[int], object]
"""Does the nth turn."""
Seconds = dict[str, tuple[float, float]]
"""Medians of wall and processor's time by name."""


def main() -> None:
    """Print each ratio beside its limit."""
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        print(f"a table of {ROWS:,} rows, median of {REPEATS}:")
        took = _builds(folder / "shop")
        _print("run", took, beside="plain DuckDB")
        _print("run with a key", took, beside="plain DuckDB")
        print(f"{UPSERTED:,} rows upserted into {ROWS:,}, median of {REPEATS}:")
        _print("upsert", _upserts(folder / "lake"), beside="MERGE")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _builds(folder: Path) -> Seconds:
    """A table of a project, without a key and with one, and a COPY of the same query over the same files."""
    folder.mkdir()
    (folder / "pumphouse.toml").write_text("")
    (folder / "raw.sql").write_text(RAW)
    (folder / "orders.sql").write_text(ORDERS)
    (folder / "keyed.sql").write_text(f'/* pumphouse\nkey = "id" */\n{ORDERS}')
    with open_project(folder) as project:
        _run(project, "raw")
        plain = DuckDB()
        files = sorted(str(file) for file in (folder / "lake" / "data" / "main" / "raw").glob("*.parquet"))
        plain.execute(f"CREATE VIEW raw AS FROM read_parquet({files})")
        return _by_turns(
            {
                "plain DuckDB": lambda nth: plain.execute(f"COPY ({ORDERS}) TO '{folder}/{nth}.parquet'"),
                "run": lambda nth: _run(project, "orders"),
                "run with a key": lambda nth: _run(project, "keyed"),
            }
        )


def _run(project: Project, table: str) -> None:
    report = project.run(table, only=True, full=True)
    assert [(result.asset, result.status) for result in report.results] == [(table, "built")], report


def _upserts(folder: Path) -> Seconds:
    """The same rows, in Parquet files as a source hands them over, into two equal tables."""
    lake = Lake(Location(folder=folder), engine=DuckDB())
    engine = lake.engine
    for table in ("ours", "theirs"):
        commit = Commit(lake, table, run="bench", actor="bench")
        commit.replace(table, engine.write(Query(text=RAW), folder=lake.staging(), stem=f"first_{table}"))
        commit.publish()

    def arrived(table: str) -> list[Written]:
        return [
            engine.write(Query(text=CHANGED, parameters={"nth": nth + 1}), folder=lake.staging(), stem=f"{table}_{nth}")
            for nth in range(REPEATS + 1)
        ]

    arriving, merging = arrived("ours"), arrived("theirs")

    def upsert(nth: int) -> None:
        commit = Commit(lake, "ours", run="bench", actor="bench")
        commit.upsert("ours", arriving[nth], key=("id",))
        assert commit.publish() is not None

    def merge(nth: int) -> None:
        (file,) = merging[nth].files
        engine.execute(
            f"MERGE INTO lake.main.theirs t USING '{file}' a ON t.id = a.id"
            " WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"
        )

    took = _by_turns({"upsert": upsert, "MERGE": merge})
    lake.close()
    return took


def _by_turns(works: dict[str, Work]) -> Seconds:
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for nth in range(REPEATS + 1):
        for name, work in works.items():
            wall, processor = time.perf_counter(), time.process_time()
            work(nth)
            if nth:
                taken[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return {
        name: (statistics.median(wall for wall, _ in turns), statistics.median(processor for _, processor in turns))
        for name, turns in taken.items()
    }


def _print(name: str, took: Seconds, *, beside: str) -> None:
    (wall, processor), (wall_beside, processor_beside) = took[name], took[beside]
    limit = f"limit {LIMITS[name]}" if name in LIMITS else "no limit is set; the key is checked"
    print(
        f"  {name:<15} {wall:5.2f} s against {beside} {wall_beside:5.2f} s   ratio {wall / wall_beside:.2f}   {limit}"
        f"   (processor: {processor:.2f} s against {processor_beside:.2f} s, {processor / processor_beside:.2f})"
    )


if __name__ == "__main__":
    main()
