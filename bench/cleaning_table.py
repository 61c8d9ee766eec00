"""A million rows of eight columns through `clean(...)` on one core: seconds and memory beside their limits.

    python bench/cleaning_table.py [rows]

Each column has 20,000 different values, as a table of orders has customers; one in fifty can't be cleaned. The peer is
one build of the same rows without a step. Each runs in a process of its own on one core, whose processor time and peak
of memory count all of it, DuckDB too. Limits: 10 s and 1 GB.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from multiprocessing.queues import Queue
from pathlib import Path

from pumphouse.project.project import open_project

ROWS, VALUES, LIMIT_S, LIMIT_BYTES = 1_000_000, 20_000, 10.0, 1_000_000_000
RAW = """/* pumphouse
key = "id" */
WITH numbers AS (SELECT i AS id, (hash(i) % {values})::BIGINT AS n FROM range({rows}) AS numbers(i))
SELECT id,
    CASE WHEN n % 50 = 0 THEN 'ask ' || n ELSE '(212) 555-' || lpad((n % 10000)::VARCHAR, 4, '0') || ' x' || n END
        AS phone,
    'pls call ' || n || ' asap, thx' AS note,
    CASE WHEN n % 50 = 0 THEN '10.0.0.' || (n % 256)
         ELSE (n % 200 + 11) || '.' || (n % 251) || '.' || (n % 7) || '.9' END AS ip,
    CASE WHEN n % 50 = 0 THEN '31/02/1962' ELSE strftime(DATE '1950-01-01' + n::INTEGER, '%d/%m/%Y') END AS born,
    CASE WHEN n % 50 = 0 THEN 'free' ELSE '$' || n || '.50' END AS price,
    CASE WHEN n % 50 = 0 THEN 'nobody' ELSE 'Max.' || n || '@Example.COM' END AS email,
    CASE WHEN n % 50 = 0 THEN 'Atlantis ' || n
         ELSE list_extract(['Germany', 'USA', 'Namibia', 'France'], (n % 4 + 1)::INTEGER) END AS country,
    'cafÃ© &amp; ' || n AS story
FROM numbers"""
NOTHING = """
from pumphouse.cleaning import clean
bare = clean("raw", key="id")
"""
CLEAN = """
from pumphouse.cleaning import clean, col, country_code, e164, email, expand, ip_country, money, parse_date, plain_text
people = clean(
    "raw",
    col.phone >> e164(default="US"),
    col.note >> expand("shorthand.csv"),
    col.ip >> ip_country(),
    col.born >> parse_date("%d/%m/%Y"),
    col.price >> money(default="USD", decimal="."),
    col.email >> email(),
    col.country >> country_code(),
    col.story >> plain_text(html=True),
    key="id",
)
"""


def main() -> None:
    """Print processor seconds and peak memory of both, and the ratio."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        (folder / "pumphouse.toml").write_text("[engine]\nthreads = 1\n")
        (folder / "raw.sql").write_text(RAW.format(rows=rows, values=VALUES))
        (folder / "shorthand.csv").write_text("shorthand,expansion\npls,please\nasap,as soon as possible\nthx,thanks\n")
        (folder / "clean.py").write_text(NOTHING)
        with open_project(folder) as project:
            report = project.run("raw")
            assert report.results[0].status == "built", report
        bare_s, bare_bytes, _ = _measured(folder, "bare")
        (folder / "clean.py").write_text(CLEAN)
        clean_s, clean_bytes, cells = _measured(folder, "people")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{rows:,} rows of 8 columns, {VALUES:,} different values each, {cells:,} cells set aside, on one core:")
    print(f"  {clean_s:.1f} s, limit {LIMIT_S:.0f}; peak {clean_bytes / 1e9:.2f} GB, limit {LIMIT_BYTES / 1e9:.0f}")
    print(f"  without a step {bare_s:.1f} s, {bare_bytes / 1e9:.2f} GB; ratio {clean_s / bare_s:.1f}")


def _measured(folder: Path, table: str) -> tuple[float, int, int]:
    """Processor seconds, peak bytes and quarantined cells of one build, in a process of its own on one core."""
    told: Queue[tuple[float, int, int]] = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=_build, args=(folder, table, told))
    process.start()
    process.join()
    return told.get(timeout=1)  # empty where it failed


def _build(folder: Path, table: str, told: Queue[tuple[float, int, int]]) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with open_project(folder) as project:
        project.graph  # noqa: B018  # the project is imported before the clock starts
        started = time.process_time()
        report = project.run(table)
        took = time.process_time() - started
        assert [result.status for result in report.results] == ["built"], report.results
        cells = report.results[0].counts.quarantined
    told.put((took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, cells))


if __name__ == "__main__":
    main()
