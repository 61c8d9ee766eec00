"""Sessions of respondents whose connections drop, who send twice and nonsense, while the server is killed.

`PUMPHOUSE_SESSIONS=10000` runs more of them than a change needs, `PUMPHOUSE_SEED=1` others.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.questionnaires import answers, elements, survey

from pumphouse.errors import Uncheckable
from pumphouse.project.project import open_project
from pumphouse.server.answers import AnswerCheck
from pumphouse.sources.surveys.events import WITHDRAWN, decode
from pumphouse.sources.surveys.invitations import answer_id, invite

SESSIONS = int(os.environ.get("PUMPHOUSE_SESSIONS", "200"))
SEED = int(os.environ.get("PUMPHOUSE_SEED", "0"))
SURVEYS = 8
RESPONDENTS_AT_ONCE = 8
SESSIONS_PER_KILL = 100
WAIT_S = 180
SAID = {200, 400, 403, 409, 410, 413, 422, 429, 503}
SERVER = """
import sys
from pumphouse.project.project import open_project
from pumphouse.project.served import Served
from pumphouse.server.serve import serve

with open_project(sys.argv[1]) as project:
    serve(Served(project), port=int(sys.argv[2]), on_ready=lambda serving: print(serving.url, flush=True))
"""
DECLARED = """
import pumphouse as ph

s0 = ph.survey("s0.json", access="invited")
s1 = ph.survey("s1.json", quota=40)
s2 = ph.survey("s2.json", consent="consent.md")
"""


class Server:
    """A server that is killed without warning, and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process = self._start()
        self.url = f"http://127.0.0.1:{self._port}"

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()
        self._process = self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self._folder), str(self._port)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http")
        return process


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What respondents were told, by all of them."""

    acknowledged: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    withdrawn: set[tuple[str, str]] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "asking"
    folder.mkdir()
    (folder / "pumphouse.toml").write_text('name = "asking"\n')
    more = "".join(f's{number} = ph.survey("s{number}.json")\n' for number in range(3, SURVEYS))
    (folder / "ask.py").write_text(DECLARED + more)
    (folder / "consent.md").write_text("We read it.")
    for number in range(SURVEYS):
        (folder / f"s{number}.json").write_text(json.dumps(survey(random.Random(f"{SEED} {number}"))))
    return folder


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    started = Server(project)
    yield started
    started.close()


def test_no_acknowledged_answer_is_lost_or_kept_twice_whatever_happens(project: Path, server: Server) -> None:
    with open_project(project) as opened:
        links = invite(opened.lake.state, "s0", [{}] * (SESSIONS // 4 + 8))
    ledger = Ledger()
    with ThreadPoolExecutor(RESPONDENTS_AT_ONCE) as pool:
        sessions = [
            pool.submit(Session(project, server.url, number, links[number % len(links)], ledger).run)
            for number in range(SESSIONS)
        ]
        killer = random.Random(SEED)
        for number in range(SESSIONS_PER_KILL // 2, SESSIONS, SESSIONS_PER_KILL):
            while not sessions[number].done():
                time.sleep(0.01)
            server.kill()
            changed = killer.randrange(SURVEYS)  # and comes back with another version of a survey
            (project / f"s{changed}.json").write_text(json.dumps(survey(random.Random(f"{SEED} again {number}"))))
        for session in sessions:
            session.result()
    server.close()

    assert set(ledger.statuses) <= SAID, ledger.statuses
    assert len(ledger.acknowledged) > SESSIONS // 5
    with open_project(project) as opened:
        for name in {name for name, _ in ledger.acknowledged}:
            events = opened.lake.state.events(f"survey/{name}", limit=10 * SESSIONS)
            times = Counter(event.key for event in events)
            bodies = {event.key: decode(event.body) for event in events}
            assert set(times.values()) == {1}
            kept = [key for key in times if not key.endswith(WITHDRAWN)]
            if name == "s1":
                assert len(kept) - len([key for key in times if key.endswith(WITHDRAWN)]) <= 40
            for (survey_name, key), sent in ledger.acknowledged.items():
                if survey_name != name:
                    continue
                event = bodies[answer_id(name, key)]  # none is lost
                for question, answer in event.answers.items():
                    assert question not in sent or sent[question] == answer
            for survey_name, key in ledger.withdrawn:
                if survey_name == name:
                    assert answer_id(name, key) + WITHDRAWN in times


class Session:
    """One respondent: opens the form, types, and sends until somebody says what became of it."""

    def __init__(self, project: Path, url: str, number: int, link: str, ledger: Ledger) -> None:
        self._rng = random.Random(f"{SEED} session {number}")
        self._project, self._url, self._link, self._ledger = project, url, link, ledger
        self._name = f"s{self._rng.randrange(SURVEYS)}"
        self._reckoned: set[str] = set()
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def run(self) -> None:
        with self._http:
            asked = self._shown()
            if asked is None:
                return
            self._reckoned = {
                one["name"] for one in elements(asked["survey"]) if one["type"] == "expression" or one.get("readOnly")
            }
            key = self._link if self._name == "s0" else f"{self._rng.getrandbits(128):032x}"
            typed = answers(self._rng, asked["survey"])
            for _ in range(3):  # what does not hold is typed anew
                body = {"client_key": key, "answers": typed, "version": asked["version"]}
                body |= {"cleared": [*typed][:1]} | (
                    {"consent": asked["consent"]["version"]} if asked["consent"] else {}
                )
                if self._rng.random() < 0.05:
                    body[self._rng.choice([*body])] = self._rng.choice([None, 7, [], "x"])
                if self._send(body) != 422:
                    break
                typed = answers(self._rng, asked["survey"])

    def _shown(self) -> dict[str, Any] | None:
        if self._name == "s0":
            reply = self._asked("POST", "/surveys/s0/open", json={"client_key": self._link})
            opened: dict[str, Any] = reply.json()
            return opened if opened.get("status") == "open" else None
        reply = self._asked("GET", f"/surveys/{self._name}")
        if reply.status_code != 200:
            return None
        text = reply.text.partition('id="definition">')[2].partition("</script>")[0]
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    def _send(self, body: dict[str, Any]) -> int:
        address = f"/surveys/{self._name}/answers"
        if self._rng.random() < 0.2:
            self._dropped(address, body)
        if self._rng.random() < 0.2:  # twice at once
            twin = threading.Thread(target=self._told, args=(address, body))
            twin.start()
            status = self._told(address, body)
            twin.join()
        else:
            status = self._told(address, body)
        if status == 200 and self._rng.random() < 0.1:
            reply = self._asked("POST", f"/surveys/{self._name}/withdraw", json={"client_key": body["client_key"]})
            assert reply.status_code == 200, reply.text
            with self._ledger.lock:
                self._ledger.withdrawn.add((self._name, body["client_key"]))
        elif status == 200 and self._rng.random() < 0.1:
            self._told(address, {**body, "answers": {"q0": "other"}})  # does not take the place of what is kept
        return status

    def _told(self, address: str, body: dict[str, Any]) -> int:
        reply = self._asked("POST", address, json=body)
        if reply.status_code == 200:
            with self._ledger.lock:
                theirs = {key: answer for key, answer in body["answers"].items() if key not in self._reckoned}
                self._ledger.acknowledged.setdefault((self._name, body["client_key"]), theirs)
        return reply.status_code

    def _asked(self, method: str, address: str, **more: Any) -> httpx.Response:
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            try:
                reply = self._http.request(method, address, **more)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            with self._ledger.lock:
                self._ledger.statuses[reply.status_code] += 1
            if reply.status_code not in (429, 503):
                return reply
            time.sleep(0.05)
        raise AssertionError("the server never came back")

    def _dropped(self, address: str, body: dict[str, Any]) -> None:
        """A connection that breaks: after some of the request, or before its reply."""
        data = json.dumps(body).encode()
        headers = ["Host: x", "Content-Type: application/json", f"Content-Length: {len(data)}"]
        head = "\r\n".join([f"POST {address} HTTP/1.1", *headers, "", ""])
        whole = head.encode() + data
        host, _, port = self._url.removeprefix("http://").partition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                connection.sendall(whole[: self._rng.choice([len(whole), len(whole) // 2, len(head)])])
        except OSError:
            return


@pytest.fixture(scope="module")
def check() -> Iterator[AnswerCheck]:
    checker = AnswerCheck()
    yield checker
    checker.close()


@pytest.mark.parametrize("seed", range(max(SESSIONS // 20, 10)))
def test_form_that_checked_others_before_says_what_a_new_one_says(seed: int, check: AnswerCheck) -> None:
    rng = random.Random(f"{SEED} check {seed}")
    asked = survey(rng)
    text = json.dumps(asked)
    whole = json.dumps({"triggers": [], **asked})  # with these no form is kept, and no question is taken out of it
    for number in range(6):
        sent = answers(rng, asked)
        kept = said(check, text, sent, version=f"kept {seed}")
        assert kept == said(check, whole, sent, version=f"whole {seed} {number}"), (asked, sent)
        assert kept == said(check, text, sent, version=f"new {seed} {number}"), (asked, sent)


def said(check: AnswerCheck, text: str, sent: dict[str, Any], *, version: str) -> object:
    try:
        return check.check(text, sent, version=version)
    except Uncheckable as error:
        return str(error)
