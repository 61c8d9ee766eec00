"""What a run with nothing stale does: no snapshot, no file, and how long it takes to find that out.

python bench/nothing.py
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from pumphouse.project.project import open_project

TABLES = 200


def main() -> None:
    """Print what the second run changed (limit: nothing) and what it took beside the first."""
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        (folder / "pumphouse.toml").write_text("")
        (folder / "t0.sql").write_text("SELECT range AS id FROM range(10)")
        for number in range(1, TABLES):
            (folder / f"t{number}.sql").write_text(f"SELECT id + 1 AS id FROM t{(number - 1) // 2}")
        first, _, _ = _run(folder)
        seconds, snapshots, files = _run(folder)
        print(
            f"a run of {TABLES} tables with nothing stale wrote {snapshots} snapshots and {files} files   limit 0 and 0"
        )
        print(f"  it took {seconds:.2f} s, the run that built them {first:.2f} s: {seconds / first:.3f} of it")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path) -> tuple[float, int, int]:
    with open_project(folder) as project:
        before, files = project.lake.snapshot(), _files(folder)
        began = time.perf_counter()
        report = project.run()
        seconds = time.perf_counter() - began
        assert report.ok, report
        return seconds, project.lake.snapshot() - before, _files(folder) - files


def _files(folder: Path) -> int:
    return sum(1 for _ in (folder / "lake" / "data").rglob("*.parquet"))


if __name__ == "__main__":
    main()
