"""Law 1 on scores: killed anywhere, a day is all there or not at all, and a later run ends with the same tables."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

from tests.models.conftest import Shop, declare_all

from pumphouse.models import scores

KILLS = 8
AFTER_S_MAX = 1.5
DAYS = (date(1997, 9, 1), date(1997, 9, 2), date(1997, 9, 3))
SAID = "as_of, prediction_id, prediction, version, shadow_prediction"
RUNNER = """
import os, signal, sys, time
from datetime import date
from pathlib import Path
from pumphouse.models import batch, scores
from tests.models.conftest import Shop, declare_all

batch.RANGE_ENTITIES, batch.CHUNK_ROWS = 50, 20

def score(folder):
    shop = Shop(Path(folder))
    declare_all(shop)
    while True:
        for day in (1, 2, 3):
            shop.build(scores.build, "returns_scores", today=date(1997, 9, day))

for line in sys.stdin:
    folder, after_s = line.split(" ")
    child = os.fork()
    if not child:
        try:
            score(folder)
        finally:
            os._exit(1)
    time.sleep(float(after_s))
    died, _ = os.waitpid(child, os.WNOHANG)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0) if not died else None
    print(died, flush=True)
"""
"""Scores day after day in forks of a process that has imported all, and kills them."""


def test_killed_while_scoring_leaves_whole_days_and_the_next_run_ends_with_the_same_tables(served) -> None:
    folder: Path = served.folder
    served.lake.close()
    chance = random.Random(3)
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as runner:  # fmt: skip
        assert runner.stdin
        assert runner.stdout
        for _ in range(KILLS):
            runner.stdin.write(f"{folder} {chance.uniform(0.2, AFTER_S_MAX)}\n")
            runner.stdin.flush()
            assert runner.stdout.readline() == "0\n", "it died by itself"
            whole_days(folder)
        runner.stdin.close()
    shop = opened(folder)
    for day in DAYS:
        shop.build(scores.build, "returns_scores", today=day)
    killed = shop.rows("returns_scores"), shop.rows("returns_live__predictions", SAID)
    commit = shop.context("returns_scores", today=DAYS[0]).begin(shop.assets["returns_scores"])
    commit.replace_where("returns_live__predictions", nothing(shop), where="true")
    commit.publish()
    for day in DAYS:
        shop.build(scores.build, "returns_scores", today=day)
    assert (shop.rows("returns_scores"), shop.rows("returns_live__predictions", SAID)) == killed
    assert len(killed[1]) == 120 * len(DAYS)
    shop.lake.close()


def whole_days(folder: Path) -> None:
    shop = opened(folder)
    if shop.lake.has("returns_scores"):
        found = shop.rows("returns_scores", "as_of, customer_id")
        said = shop.rows("returns_live__predictions", "as_of, customer_id")
        assert len(found) == 120
        assert set(found) <= set(said)
        assert len(said) == len(set(said))
        assert len(said) % 120 == 0
    shop.lake.close()


def opened(folder: Path) -> Shop:
    shop = Shop(folder)
    declare_all(shop)
    return shop


def nothing(shop: Shop):
    schema = shop.lake.stored_schema("returns_live__predictions")
    return shop.lake.stage([], schema, stem="nothing")
