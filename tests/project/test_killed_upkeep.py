"""Killed in any step of upkeep, the lake is whole, and the next upkeep goes on and leaves nothing behind."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from tests.lake.conftest import Desk
from tests.lake.test_upkeep import Story
from tests.project.conftest import CONFIG, Folder

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.upkeep import removable
from pumphouse.project.upkeep import keep_up

STEPS = ("merging", "rewriting", "expiring", "removing")
LATER_DAYS = 40
KILL_WITHIN_S = 0.12
"""About what a step takes on these tables."""
RUNNER = """
import os, signal, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pumphouse.project.project import open_project
from pumphouse.project.upkeep import Watch
from pumphouse.project.upkeep_runs import run_upkeep

def upkeep(folder, told):
    watch = Watch(step=lambda what, tables: os.write(told, what.split()[0].encode() + b"\\n"))
    with open_project(folder) as project:
        run_upkeep(project, watch=watch, now=datetime.now(UTC) + timedelta(days=int(sys.argv[1])))

for line in sys.stdin:
    folder, wanted, delay_s = line.rsplit(" ", 2)
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(heard)
        try:
            upkeep(folder, told)
        finally:
            os._exit(1 if sys.exc_info()[0] else 0)
    os.close(told)
    for step in os.fdopen(heard):
        if step.strip() == wanted:
            time.sleep(float(delay_s))
            os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Has upkeep done by forks of a process that has imported all, each killed so long after a step began."""


@pytest.fixture
def shop(folder: Folder) -> Folder:
    folder.write({"pumphouse.toml": f'{CONFIG}[upkeep]\nretention = "1 day"\n'})
    return folder


@pytest.mark.parametrize("is_laid_out", [False, True])
def test_killed_in_the_middle_of_any_step_the_lake_is_whole_and_the_next_upkeep_goes_on(
    shop: Folder, is_laid_out: bool
) -> None:
    if is_laid_out:
        shop.write({"t.sql": '/* pumphouse\nlayout = { sort_by = "b" } */\nSELECT 1 AS id, 2 AS a, 3 AS b'})
    lake = shop.open().lake
    story, chance = Story(Desk(lake), 11), random.Random(11)
    story.commit("append")
    ended = []
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(LATER_DAYS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdin is not None
        assert runner.stdout is not None
        for step in STEPS:
            for kind in ("append", "upsert", "lowest"):
                story.commit(kind)
            runner.stdin.write(f"{shop.path} {step} {chance.uniform(0, KILL_WITHIN_S)}\n")
            runner.stdin.flush()
            ended.append(int(runner.stdout.readline()))
            other = Lake(Location(folder=lake.folder), engine=DuckDB(threads=1))  # as the next process finds it
            forget_expired(story, other)
            engine = other.engine.fork()
            for at in story.snapshots:
                rows = engine.execute(f"SELECT * FROM {story.place(at)} ORDER BY ALL")
                assert rows == story.plain.execute(f"FROM t{at} ORDER BY ALL").fetchall()
                assert dict(engine.execute(f"SELECT id, rowid FROM {story.place(at)}")) == story.ids[at]
            other.close()
        runner.stdin.close()
    assert set(ended) <= {0, -9}
    assert -9 in ended
    later = datetime.now(UTC) + timedelta(days=LATER_DAYS)
    keep_up(project := shop.open(), now=later)
    keep_up(project, now=later)  # files that the first had to leave for those who read them
    forget_expired(story, lake)
    story.holds()
    assert removable(lake, now=later).files == 0


def test_readers_and_builds_go_on_beside_the_whole_of_upkeep(shop: Folder) -> None:
    project = shop.open()
    lake = project.lake
    story = Story(Desk(lake), 12)
    story.commit("append")
    done = threading.Event()

    def read() -> int:
        times = 0
        engine = lake.engine.fork()
        while not done.is_set():
            for at in list(story.ids):
                rows = dict(engine.execute(f"SELECT id, rowid FROM {story.place(at)}"))
                assert rows == story.ids[at]
                times += 1
        return times

    with ThreadPoolExecutor(2) as beside:
        reading = beside.submit(read)
        keeping = beside.submit(lambda: [keep_up(project) for _ in range(3)])
        for kind in ("append", "upsert", "delete", "append", "lowest"):
            story.commit(kind)
        keeping.result()
        done.set()
        assert reading.result() > 0
    story.holds()


def forget_expired(story: Story, lake: Lake) -> None:
    kept = {at for (at,) in lake.catalogue("SELECT snapshot_id FROM {meta}.ducklake_snapshot")}
    for at in set(story.snapshots) - kept:
        del story.snapshots[at]
