"""Laws 1 and 2 on a whole project: killed anywhere, the next run ends with the same tables, and no row is lost.

The world grows day by day. Runs are killed at random moments and started again; another project sees the same days
undisturbed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.project.conftest import Folder

from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.lake.builds import Build
from pumphouse.project.project import open_project

KILLS = 50
EVE = date(2023, 12, 31)  # of the first day
DECLARED = ('key="customer_id", cursor="seq"', 'cursor="seq"')
"""How the source's rows meet those that are there: an upsert may come twice unseen, what is appended may not."""
TRIES_MAX = 20 * KILLS
PROJECT = {
    "gather.py": """
        import os
        from pathlib import Path

        import pumphouse as ph

        raw_orders = ph.files("orders/*.csv", key="order_id")


        @ph.source(DECLARED, every="1h")
        def raw_visits(since: ph.Cursor):
            day = int(Path(os.environ["SHOP_WORLD"]).read_text())
            for number in range(since.value or 0, 40 * day):
                yield {"seq": number + 1, "customer_id": number % 17, "page": f"page {number}"}
    """,
    "clean.py": """
        from pumphouse.cleaning import clean, col, parse_date

        orders = clean("raw_orders", col.paid_at >> parse_date("%d/%m/%Y", "%Y-%m-%d"))
    """,
    "paid.sql": """
        /* pumphouse
        key = "order_id"
        slice = "paid_at by day" */
        SELECT order_id, customer_id, cents, paid_at FROM orders WHERE paid_at IS NOT NULL
    """,
    "segments.py": """
        import pumphouse as ph


        @ph.table(key="customer_id")
        def segments(paid, raw_visits):
            spent = paid.aggregate("customer_id, sum(cents)::BIGINT AS spent_cents", "customer_id")
            seen = raw_visits.aggregate("customer_id, count(*) AS visits", "customer_id")
            return spent.join(seen, "customer_id", how="left")


        no_debts = ph.check("segments", "spent_cents >= 0", severity="warn")
    """,
    "week.md": "<!-- pumphouse -->\n# Week\n\n```sql\nSELECT customer_id, spent_cents FROM segments ORDER BY 1\n```\n",
}
RUNNER = """
import os, signal, sys, time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import psutil
from pumphouse.project.project import open_project

def run(folder, hours):
    code = 1
    try:
        with open_project(folder) as project:
            report = project.run(wait_s=60, now=datetime.now(UTC) + timedelta(hours=hours))
        print(report, *(result.error for result in report.failed), file=sys.stderr, flush=True)
        code = 0 if report.ok else 1
    finally:
        os._exit(code)

def kill(child, whole_tree):
    workers = psutil.Process(child).children(recursive=True) if whole_tree else []
    os.kill(child, signal.SIGKILL)
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()

for hours, line in enumerate(sys.stdin):
    folder, kill_after_s, whole_tree = line.rsplit(" ", 2)
    began = time.monotonic()
    child = os.fork() or run(folder, hours)
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() - began >= float(kill_after_s):
            kill(child, int(whole_tree))
            kill_after_s = "inf"
        time.sleep(0.002)
    print(os.waitstatus_to_exitcode(done[1]), time.monotonic() - began, flush=True)
"""
"""Runs folders that it is told, each an hour after the one before, in forks of a process that has imported all."""


class Chain:
    """One project on its way through the days, run in processes that can be killed."""

    def __init__(self, place: Path, *, declared: str) -> None:
        self.path = place / "shop"
        self.world = place / "day"
        self.log = place / "log"
        Folder(self.path).write({name: text.replace("DECLARED", declared) for name, text in PROJECT.items()})
        with self.log.open("w") as log:
            self._runner = subprocess.Popen(
                [sys.executable, "-c", RUNNER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "SHOP_WORLD": str(self.world)},
            )

    def begin(self, day: int) -> None:
        """More orders come, some twice, some with a date that is none; and more visits."""
        self.world.write_text(str(day))
        rows = [
            f"{day}{number:02},{number % 9},{number * 10},{'soon' if number == 7 else EVE + timedelta(days=day)}"
            for number in [*range(12), 3]
        ]
        orders = self.path / "orders" / f"{day}.csv"
        orders.parent.mkdir(exist_ok=True)
        orders.write_text("\n".join(["order_id,customer_id,cents,paid_at", *rows, ""]))

    def run(self, *, kill_after_s: float = 600.0, whole_tree: bool = False) -> tuple[bool, float]:
        """Whether the run was killed, and how long it took. It may not fail by itself."""
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        self._runner.stdin.write(f"{self.path} {kill_after_s} {int(whole_tree)}\n")
        self._runner.stdin.flush()
        code, seconds = self._runner.stdout.readline().split()
        assert int(code) in (0, -9), self.log.read_text()
        return int(code) == -9, float(seconds)

    def disturbed(self, chance: random.Random, *, kills: int, usual_s: float) -> int:
        """Runs that are killed, until so many were, and one that is not; a run that outlives its moment ends the day.

        The last day.
        """
        day, killed = 1, 0
        self.begin(day)
        for _ in range(TRIES_MAX):
            if killed == kills:
                self.run()
                return day
            dead, _ = self.run(kill_after_s=chance.uniform(0, usual_s), whole_tree=chance.random() < 0.5)
            killed += dead
            if not dead:
                day += 1
                self.begin(day)
        raise AssertionError(f"{killed} of {kills} kills in {TRIES_MAX} runs")

    def close(self) -> None:
        with self._runner as runner:
            assert runner.stdin is not None
            runner.stdin.close()


@dataclass(frozen=True)
class Content:
    """All that a project's lake holds, apart from when and by which run it came."""

    tables: dict[str, list[str]]
    cursors: dict[str, Any]
    page: list[str]
    """What the report shows, as the CSV of each block."""


def content(path: Path) -> tuple[Content, list[Build]]:
    """What the lake holds, and all builds that made it so."""
    with open_project(path) as project:
        lake = project.lake
        tables = {}
        for name in lake.tables():
            columns = [column for column in lake.schema(name).names if column not in (*HIDDEN_COLUMNS, "run")]
            rows = project.read(name).select(columns).to_pylist()
            tables[name] = sorted(json.dumps(row, default=str) for row in rows)
        builds = lake.builds()
        page = [
            artefact.sha
            for artefact in lake.artefacts("week")
            if artefact.name.endswith(".csv") and artefact.at >= lake.history("week")[-1].at
        ]
        history = [build for name in builds for build in lake.history(name)]
        return Content(
            tables=tables, cursors={name: build.cursor for name, build in builds.items()}, page=page
        ), history


def chains(place: Path, number: int) -> tuple[Path, Path, int]:
    """A project whose runs were killed and one whose runs were not, and the last day of both."""
    declared = DECLARED[number]
    undisturbed, killed = Chain(place / "undisturbed", declared=declared), Chain(place / "killed", declared=declared)
    try:
        undisturbed.begin(1)
        _, usual_s = undisturbed.run()
        last_day = killed.disturbed(random.Random(number), kills=KILLS // len(DECLARED), usual_s=usual_s)
        for day in range(2, last_day + 1):
            undisturbed.begin(day)
        undisturbed.run()
    finally:
        undisturbed.close()
        killed.close()
    return undisturbed.path, killed.path, last_day


@pytest.mark.timeout(900)
def test_killed_at_random_moments_a_project_ends_with_the_tables_of_an_undisturbed_run(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda number: chains(tmp_path / str(number), number), range(len(DECLARED))))
    for undisturbed, killed, last_day in done:
        (expected, _), (found, history) = content(undisturbed), content(killed)
        for table, rows in expected.tables.items():
            assert found.tables[table] == rows, table
        assert found == expected
        assert len(found.tables["raw_orders"]) == 12 * last_day
        assert len(found.tables["orders__quarantine"]) == last_day
        mapped = [build for build in history if build.asset in ("raw_orders", "raw_visits", "orders")]
        for counts in [build.counts for build in mapped]:
            assert counts.rows_in == counts.rows_out + counts.withheld + counts.dropped + counts.merged
        assert sum(build.counts.rows_in for build in mapped if build.asset == "raw_visits") == 40 * last_day
