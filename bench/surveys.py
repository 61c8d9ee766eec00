"""Answers to a survey that one server acknowledges in a second, each checked and on disk, beside the limit of 200.

    PYTHONPATH=src python bench/surveys.py

The peer is the same server with the check off: what is left is the request, the commit and the reply. Also prints what
a check takes where the form is kept from one answer to the next, and where each gets a new one.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pumphouse.lake.databases import Sqlite
from pumphouse.lake.state import State
from pumphouse.server.answers import AnswerCheck

LIMIT_PER_S = 200.0
ANSWERS = 3_000
CONNECTIONS = 48
CHECKS = 100
SERVER = """
import sys
from pumphouse.project.project import open_project
from pumphouse.project.served import Served
from pumphouse.server.answers import AnswerCheck, Checked
from pumphouse.server.serve import serve

def unchecked(self, survey, answers, **more):
    return Checked(answers=dict(answers), errors={}, dropped=[], marks={}, files=[])

if sys.argv[2] == "off":
    AnswerCheck.check = unchecked
with open_project(sys.argv[1]) as project:
    serve(Served(project), port=0, on_ready=lambda serving: print(serving.url, flush=True))
"""
CHOICES = [f"choice {number}" for number in range(7)]
SURVEY: dict[str, Any] = {
    "title": "How was it?",
    "pages": [
        {
            "elements": [
                {"type": "radiogroup", "name": "reason", "choices": CHOICES, "isRequired": True, "showOtherItem": True},
                {"type": "rating", "name": "recommend", "rateMin": 0, "rateMax": 10, "isRequired": True},
                {"type": "comment", "name": "better", "visibleIf": "{recommend} < 7", "maxLength": 500},
                {"type": "checkbox", "name": "bought", "choices": CHOICES},
                {"type": "text", "name": "visits", "inputType": "number", "min": 0, "max": 1000},
            ]
        },
        *(
            {
                "elements": [
                    {"type": "radiogroup", "name": f"page{page}_choice", "choices": CHOICES},
                    {"type": "rating", "name": f"page{page}_rating"},
                    {"type": "dropdown", "name": f"page{page}_place", "choices": CHOICES},
                    {"type": "boolean", "name": f"page{page}_yes"},
                    {"type": "text", "name": f"page{page}_words", "visibleIf": f"{{page{page}_yes}} = true"},
                ]
            }
            for page in range(2, 5)
        ),
    ],
}
"""20 questions on four pages."""


def main() -> None:
    """Print answers a second with the check and without it, and what a check takes."""
    on, cpu, spent = served("on")
    off, _, spent_off = served("off")
    print(f"{on:.0f} answers a second, checked and on disk: {on / LIMIT_PER_S:.2f} of the limit, {LIMIT_PER_S:.0f}")
    print(
        f"  without the check {off:.0f}: checked is {on / off:.2f} of it; CPU of the machine meanwhile {cpu:.1f} cores"
    )
    print(
        f"  CPU an answer: server {spent[0]:.2f} ms and checking {spent[1]:.2f}, without the check {spent_off[0]:.2f}"
    )
    checking()


def checking() -> None:
    """What a check of SURVEY takes, one after the other."""
    check, text, rng = AnswerCheck(), json.dumps(SURVEY), random.Random(1)
    try:
        took = {}
        for what in ("kept", "new"):
            check.check(text, drawn(rng), version="first")
            began = time.perf_counter()
            for number in range(CHECKS):
                check.check(text, drawn(rng), version="first" if what == "kept" else f"{number}")
            took[what] = (time.perf_counter() - began) / CHECKS * 1e3
    finally:
        check.close()
    print(
        f"a check takes {took['kept']:.2f} ms, with a new form each {took['new']:.2f}: {took['kept'] / took['new']:.2f}"
    )


def served(check: str) -> tuple[float, float, list[float]]:
    """Answers a second of a server of its own, how many cores were busy, and ms of CPU an answer: server, checking."""
    folder = Path(tempfile.mkdtemp(prefix="surveys-"))
    try:
        (folder / "pumphouse.toml").write_text('name = "asking"\n')
        (folder / "exit.json").write_text(json.dumps(SURVEY))
        (folder / "ask.py").write_text('import pumphouse as ph\n\nexit_survey = ph.survey("exit.json")\n')
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder), check], stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            asyncio.run(sent(url, CONNECTIONS * 2, seed=0))  # the processes that check have started
            spent = cpu_s(server.pid)
            before, began = os.times(), time.perf_counter()
            asyncio.run(sent(url, ANSWERS, seed=1))
            took = time.perf_counter() - began
            spent = [(now - then) / ANSWERS * 1e3 for now, then in zip(cpu_s(server.pid), spent, strict=True)]
            server.terminate()
            server.wait(30)
            after = os.times()
        busy = sum(after[:4]) - sum(before[:4])
        state = State(Sqlite(folder / "lake" / "state.sqlite"))
        kept = len(state.events("survey/exit_survey", limit=10 * ANSWERS))
        assert kept == ANSWERS + CONNECTIONS * 2, kept
        state.close()
        return ANSWERS / took, busy / took, spent
    finally:
        shutil.rmtree(folder)


def cpu_s(server: int) -> list[float]:
    """Seconds of CPU that a server took, and those of the processes it started."""
    threads = Path(f"/proc/{server}/task").iterdir()
    children = [child for thread in threads for child in (thread / "children").read_text().split()]
    ticks = [
        sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]))
        for process in (server, *children)
    ]
    return [ticks[0] / os.sysconf("SC_CLK_TCK"), sum(ticks[1:]) / os.sysconf("SC_CLK_TCK")]


async def sent(url: str, count: int, *, seed: int) -> None:
    """Send answers over CONNECTIONS connections at once, each of which waits for its reply."""
    host, _, port = url.removeprefix("http://").partition(":")
    rng, left = random.Random(seed), iter(range(count))

    async def respondents() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in left:
            body = json.dumps({"client_key": f"{rng.getrandbits(128):032x}", "answers": drawn(rng)}).encode()
            head = f"POST /surveys/exit_survey/answers HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            reply = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in reply.partition(b"\r\n")[0], reply
            length = int(reply.lower().partition(b"content-length:")[2].split()[0])
            await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(respondents() for _ in range(CONNECTIONS)))


def drawn(rng: random.Random) -> dict[str, Any]:
    """Answers to most of the questions."""
    answers: dict[str, Any] = {
        "reason": rng.choice(CHOICES),
        "recommend": rng.randint(0, 10),
        "bought": rng.sample(CHOICES, 2),
        "visits": rng.randint(0, 99),
    }
    for page in range(2, 5):
        some = {"choice": rng.choice(CHOICES), "rating": rng.randint(1, 5), "place": rng.choice(CHOICES), "yes": True}
        some["words"] = "some words that were typed " * rng.randint(1, 4)
        answers |= {f"page{page}_{name}": value for name, value in some.items() if rng.random() < 0.8}
    return answers


if __name__ == "__main__":
    main()
