"""Laws 1 and 4 on promotions: killed anywhere, the version that answers is the old one or the new one, never none."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.lake import Lake, Location
from pumphouse.models import training
from pumphouse.models.pins import Pins, pins
from pumphouse.models.registry import live

KILLS = 12
ACKNOWLEDGED_MAX = 3
AFTER_S_MAX = 0.06
LIVE = (1, 1, 2, 1)
"""Which version is live after each step."""
RUNNER = """
import os, random, signal, sys, time
from pathlib import Path
from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.lake import Lake, Location
from pumphouse.models.pins import pins
from pumphouse.models.promotion import promote, roll_back

def decide(folder, said):
    lake = Lake(Location(folder=Path(folder) / "lake"), engine=DuckDB(threads=1))
    who = {"run": "run-9", "actor": "ada"}
    while True:
        step = (len(pins(lake, "returns").history) - 1) % 4
        if step == 0:
            promote(lake, "returns", 2, share=0.1, **who)
        elif step == 2:
            promote(lake, "returns", 2, **who)
        else:
            roll_back(lake, "returns", **who)
        os.write(said, b".")

for line in sys.stdin:
    folder, acknowledged, after_s = line.split(" ")
    hear, say = os.pipe()
    child = os.fork()
    if not child:
        try:
            decide(folder, say)
        finally:
            os._exit(1)
    os.close(say)
    heard = 0
    while heard < int(acknowledged):
        heard += len(os.read(hear, 1)) or 1_000_000  # a child that died is seen by the test
    time.sleep(float(after_s))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    heard += len(os.read(hear, 1_000))
    os.close(hear)
    print(heard, flush=True)
"""
"""Promotes and rolls back in turn, in forks of a process that has imported all, and kills them; prints how many steps
had been acknowledged."""


def test_killed_while_promoting_leaves_the_old_or_the_new_version_and_each_is_one_snapshot(served) -> None:
    served.build(training.build, "returns", today=date(1997, 9, 1))
    folder: Path = served.folder
    served.lake.close()
    chance = random.Random(8)
    done = 0
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as runner:  # fmt: skip
        assert runner.stdin
        assert runner.stdout
        for _ in range(KILLS):
            after_s = chance.uniform(0, AFTER_S_MAX)
            runner.stdin.write(f"{folder} {chance.randint(0, ACKNOWLEDGED_MAX)} {after_s}\n")
            runner.stdin.flush()
            acknowledged = int(runner.stdout.readline())
            found, number, changes = state(folder)
            assert acknowledged < 1_000_000, "it died by itself"
            steps = len(found.history) - 1
            assert done + acknowledged <= steps <= done + acknowledged + 1
            assert number == (LIVE[(steps - 1) % 4] if steps else 1)
            assert (found.canary is not None) == (steps % 4 == 1)
            assert changes == len(found.history)
            done = steps
    assert done > KILLS


def state(folder: Path) -> tuple[Pins, int, int]:
    """What was decided, who answers, and how many snapshots decided something."""
    lake = Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=1))
    found, number = pins(lake, "returns"), live(lake, "returns").number
    deciding = [build.snapshot for build in lake.history("returns") if build.detail.keys() & {"live", "canary"}]
    lake.close()
    return found, number, len(set(deciding))
