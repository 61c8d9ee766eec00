"""Seconds to clean again what was set aside, after a rule was mended, beside building the whole table, in one run.

    python bench/replay.py [rows]

Ten million rows; one in a hundred has a date in a format that the first rule did not know. Limit: 5 s.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from pumphouse.project.project import Project, open_project

ROWS, LIMIT_S = 10_000_000, 5.0
RAW = """/* pumphouse
key = "id" */
SELECT i AS id, CASE WHEN i % 100 = 0 THEN strftime(day, '%d.%m.%Y') ELSE strftime(day, '%d/%m/%Y') END AS born,
       'note ' || (i % 1000) AS note, i % 10000 AS cents
FROM (SELECT i, DATE '1950-01-01' + (hash(i) % 20000)::INTEGER AS day FROM range({rows}) AS numbers(i)) AS days"""
CLEAN = """
from pumphouse.cleaning import clean, col, parse_date
people = clean("raw", col.born >> parse_date({formats}), key="id")
"""


def main() -> None:
    """Print the seconds of both, their ratio, and the limit."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        (folder / "pumphouse.toml").write_text("")
        (folder / "raw.sql").write_text(RAW.format(rows=rows))
        _declare(folder, '"%d/%m/%Y"')
        with open_project(folder) as project:
            _run(project)
        _declare(folder, '"%d/%m/%Y", "%d.%m.%Y"')
        with open_project(folder) as project:
            replayed = _run(project, "people", replay=True)
            found = project.sql("SELECT count(born) AS born, count(*) AS people FROM people").to_arrow().to_pylist()
            assert found == [{"born": rows, "people": rows}], found
            whole = _run(project, "people", full=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{rows // 100:,} of {rows:,} rows cleaned again: {replayed:.2f} s, limit {LIMIT_S:.0f} s;", end=" ")
    print(f"all of them: {whole:.2f} s; ratio {replayed / whole:.2f}")


def _declare(folder: Path, formats: str) -> None:
    (folder / "clean.py").write_text(CLEAN.format(formats=formats))


def _run(project: Project, *targets: str, **options: bool) -> float:
    started = time.perf_counter()
    report = project.run(*targets, **options)
    assert all(result.status == "built" for result in report.results), report
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
