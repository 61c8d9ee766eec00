"""What a build through `run` costs beyond its SQL, and an upsert beyond DuckLake's own MERGE, as ratios in one run.

    python bench/build.py

Each pair alternates REPEATS times on the same machine; the medians of wall time are compared. Limits: a 5M-row table at
most 1.15 times the same SQL in plain DuckDB writing Parquet; 100k rows upserted into 5M at most 1.5 times MERGE.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.project import Project, open_project

ROWS = 5_000_000
UPSERTED = 100_000
REPEATS = 3
LIMITS = {"build": 1.15, "upsert": 1.5}

SELECT = f"""SELECT range AS id, range % 23570 AS customer_id, (range * 7919 % 10000) / 100.0 AS amount_usd,
       TIMESTAMPTZ '2024-01-01' + to_seconds(range) AS paid_at, 'note ' || (range % 1000) AS note
FROM range({ROWS})"""
CHANGED = f"""SELECT (range * 50)::BIGINT AS id, (range % 23570)::BIGINT AS customer_id, 1.0::DOUBLE AS amount_usd,
       TIMESTAMPTZ '2025-01-01' AS paid_at, 'changed ' || $nth AS note FROM range({UPSERTED})"""


def main() -> None:
    """Print each ratio beside its limit."""
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        print(f"a table of {ROWS:,} rows, median of {REPEATS}:")
        plain = [_timed(lambda n=n: _copy(folder / f"plain_{n}.parquet")) for n in range(REPEATS)]
        for key in ("", 'key = "id"'):
            with _project(folder / ("keyed" if key else "plain"), key) as project:
                through = [_timed(lambda: _run(project)) for _ in range(REPEATS)]
            limit = f"   limit {LIMITS['build']}" if not key else "   no limit is set; the key is checked"
            print(
                f"  run{' with a key' if key else '':<11} {_median(through):6.2f} s against plain DuckDB "
                f"{_median(plain):6.2f} s   ratio {_median(through) / _median(plain):.2f}{limit}"
            )
        print(f"{UPSERTED:,} rows upserted into {ROWS:,}, median of {REPEATS}:")
        ours, merge = _upserts(folder / "lake")
        print(
            f"  upsert          {_median(ours):6.2f} s against MERGE {_median(merge):6.2f} s"
            f"   ratio {_median(ours) / _median(merge):.2f}   limit {LIMITS['upsert']}"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(path: Path) -> None:
    engine = DuckDB()
    engine.execute(f"COPY ({SELECT}) TO '{path}' (FORMAT parquet)")
    engine.close()


def _project(folder: Path, key: str) -> Project:
    folder.mkdir()
    (folder / "pumphouse.toml").write_text("")
    (folder / "big.sql").write_text(f"/* pumphouse\n{key}\n*/\n{SELECT}\n")
    project = open_project(folder)
    project.graph  # noqa: B018  # reading the folder is bench/plan.py's to measure
    project.lake  # noqa: B018  # so is opening a lake no part of a build
    return project


def _run(project: Project) -> None:
    report = project.run("big", full=True)
    assert report.ok, report


def _upserts(folder: Path) -> tuple[list[float], list[float]]:
    lake = Lake(Location(folder=folder), engine=DuckDB())
    engine = lake.engine
    for table in ("ours", "theirs"):
        written = engine.write(Query(text=SELECT), folder=lake.staging(), stem=f"first_{table}")
        commit = Commit(lake, table, run="bench", actor="bench")
        commit.replace(table, written)
        commit.publish()
    ours, merge = [], []
    for nth in range(REPEATS):
        query = Query(text=CHANGED, parameters={"nth": nth})

        def upsert(query: Query = query, nth: int = nth) -> None:
            commit = Commit(lake, "ours", run="bench", actor="bench")
            commit.upsert("ours", engine.write(query, folder=lake.staging(), stem=f"changed_{nth}"), key=("id",))
            commit.publish()

        def merged(nth: int = nth) -> None:
            source = CHANGED.replace("$nth", str(nth))
            engine.execute(
                f"MERGE INTO lake.main.theirs t USING ({source}) a ON t.id = a.id WHEN MATCHED THEN UPDATE"
                " WHEN NOT MATCHED THEN INSERT"
            )

        ours.append(_timed(upsert))
        merge.append(_timed(merged))
    lake.close()
    return ours, merge


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
