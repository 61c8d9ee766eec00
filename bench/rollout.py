"""Promotions under load: how long each takes, when the server follows, and how many requests failed meanwhile.

    python bench/rollout.py [seconds] [clients]

A server with 2,000 entities answers clients that ask without a pause, each over a connection of its own; beside it
another process lets a canary in, promotes and rolls back in turn, and asks until the server answers by it. Limits: a
promotion takes less than 1 s, and no request fails.
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx

from pumphouse.models.rollouts import arms
from pumphouse.project.project import Project, open_project

SECONDS, CLIENTS = 30.0, 8
ENTITIES = 2_000
LIMIT_S = 1.0
FOLLOWED_S_MAX = REQUEST_S_MAX = 30.0
NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)
STEPS = ("canary", "rollback", "promote", "rollback")

PURCHASES = f"""/* pumphouse
time = {{ event = "bought_at", known = "bought_at" }} */
SELECT (hash(i) % {ENTITIES})::BIGINT AS customer_id,
       TIMESTAMPTZ '2026-01-01' + to_seconds((hash(i + 7) % 20000000)::BIGINT) AS bought_at,
       ((hash(i + 13) % 100000) / 100.0)::DOUBLE AS amount_usd
FROM range({10 * ENTITIES}) AS numbers(i)"""
SPEND = """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, coalesce(sum(p.amount_usd), 0) AS spend_usd, count(p.amount_usd) AS purchases
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id AND p.bought_at > m.as_of - INTERVAL 180 DAY
GROUP BY ALL"""
RETURNED = """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "30 days" */
SELECT c.customer_id, TIMESTAMPTZ '2026-06-01' AS as_of, count(p.customer_id) > 0 AS returned
FROM (SELECT DISTINCT customer_id FROM purchases) c
LEFT JOIN purchases p ON p.customer_id = c.customer_id AND p.bought_at >= TIMESTAMPTZ '2026-06-01'
    AND p.bought_at < TIMESTAMPTZ '2026-07-01'
GROUP BY ALL"""
LEARN = """
import pumphouse as ph
from sklearn.linear_model import LogisticRegression


@ph.model(label="returned", features=["spend"])
def returns(train: ph.TrainingSet):
    return LogisticRegression().fit(train.X, train.y)


everybody = ph.online(["spend"])
returns_live = ph.rollout("returns", guardrails=ph.guardrails(errors=0.01, shift=0.5))
"""


def ask(url: str, token: str, count: int, done: Event, told: Queue[tuple[Counter[str], Counter[str]]]) -> None:
    """Ask without a pause by as many threads until it is done, then tell what was answered and what failed."""
    answers: Counter[str] = Counter()
    failures: Counter[str] = Counter()

    def one(start: int) -> None:
        with _client(url, token) as client:
            for number in itertools.count(start * 251):
                if done.is_set():
                    return
                try:
                    said = client.post("/predict/returns_live", json={"customer_id": number % ENTITIES})
                    answer = said.json() if said.status_code == 200 else {}
                    if not answer or answer["fallback"]:
                        failures[f"{said.status_code} {said.text[:120]}"] += 1
                    else:
                        answers[f"{answer['role']} {answer['version']}"] += 1
                except httpx.HTTPError as error:
                    failures[type(error).__name__] += 1

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.put((answers, failures))


def main() -> None:
    """Print each figure beside its limit."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    count = int(sys.argv[2]) if len(sys.argv) > 2 else CLIENTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {
            "pumphouse.toml": 'name = "bench"\n', "purchases.sql": PURCHASES, "spend.sql": SPEND,
            "returned.sql": RETURNED, "learn.py": LEARN,
        }.items():  # fmt: skip
            (folder / file).write_text(text)
        with open_project(folder) as project:
            assert project.run(now=NOW).ok
            assert project.run("returns", now=NOW).ok
            _under_load(project, folder, seconds=seconds, count=count)


def _under_load(project: Project, folder: Path, *, seconds: float, count: int) -> None:
    server = subprocess.Popen(
        [Path(sys.executable).with_name("pumphouse"), "serve", "--port", "0"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    done: Event = multiprocessing.Event()
    told: Queue[tuple[Counter[str], Counter[str]]] = multiprocessing.Queue()
    try:
        assert server.stdout
        found = None
        while found is None:
            found = re.search(r"(http://\S+)/\?token=(\S+)", server.stdout.readline())
        url, token = found.groups()
        taken_s, followed_s = [], []
        with _client(url, token) as client:
            client.post("/predict/returns_live", json={"customer_id": 1}).raise_for_status()  # it has loaded all
            project.promote("returns@2")  # and so has this process
            project.roll_back("returns")
            clients = multiprocessing.Process(target=ask, args=(url, token, count, done, told))
            clients.start()
            began_all = time.monotonic()
            for step in itertools.cycle(STEPS):
                if time.monotonic() - began_all > seconds:
                    break
                began = time.monotonic()
                if step == "rollback":
                    project.roll_back("returns")
                else:
                    project.promote("returns@2", share=0.2 if step == "canary" else None)
                taken_s.append(time.monotonic() - began)
                followed_s.append(_followed(project, client))
            took_s = time.monotonic() - began_all
            done.set()
            answers, failures = told.get()
            clients.join()
    finally:
        done.set()
        server.terminate()
        server.wait()
    asked = answers.total() + failures.total()
    print(f"{count} clients, {asked:,} requests, {asked / took_s:,.0f} a second beside {len(taken_s)} decisions")
    print(
        f"a decision takes  median {statistics.median(taken_s):.3f} s, most {max(taken_s):.3f} s   limit {LIMIT_S:g} s"
    )
    print(f"it is followed    median {statistics.median(followed_s):.3f} s, most {max(followed_s):.3f} s later")
    print(f"requests that failed  {failures.total()}   limit 0   {dict(failures.most_common(3)) or ''}")
    print("answered by", dict(sorted(answers.items())))


def _client(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=REQUEST_S_MAX)


def _followed(project: Project, client: httpx.Client) -> float:
    """Seconds until entities of each arm are answered by it."""
    pinned = arms(project.lake, project.graph.assets["returns_live"])
    roles = pinned.pick([(number,) for number in range(ENTITIES)]).tolist()
    began = time.monotonic()
    for arm in pinned.answering:
        asked = {"customer_id": roles.index(arm.role)}
        while client.post("/predict/returns_live", json=asked).json()["version"] != arm.version.name:
            if time.monotonic() - began > FOLLOWED_S_MAX:
                raise TimeoutError(f"{arm.version.name} does not answer")
            time.sleep(0.005)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
