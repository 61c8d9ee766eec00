"""A world that grows, what is true of it, and what stands between it and us.

The rows are in a SQLite database, read as such, and as an API through Datasette, a server of somebody else's; and in
files of a folder. Whoever asks the API goes through a proxy that breaks answers where a test says so.
"""

from __future__ import annotations

import csv
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STARTS_S = 120.0
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
LATE_TICKS_MAX = 3
"""How much later than its time says a row may come; a tick is a second."""
FAULTS = ("drop", "429", "500", "truncate", "repeat")


class Datasette:
    """Datasette over one database that it does not write to."""

    def __init__(self, path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "datasette", "serve", str(path), "--host", "127.0.0.1", "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + STARTS_S
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/versions.json", timeout=5).close()
                return
            except OSError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Proxy(ThreadingHTTPServer):
    """Hands on what it is asked, and breaks the answers that `breaks` names by their number."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handing)
        self.upstream = f"http://127.0.0.1:{port}"
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.breaks: deque[str] = deque()
        """What is done to the next answers, in order: one of FAULTS, or nothing."""
        self.last: dict[tuple[str, ...], bytes] = {}
        """The last answer to each walk, for a page that repeats."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked may have been killed."""


class _Handing(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        fault = self.server.breaks.popleft() if self.server.breaks else ""
        if fault == "drop":
            self.close_connection = True
            return
        if fault in ("429", "500"):
            self._answer(int(fault), b"busy", {"Retry-After": "0"} if fault == "429" else {})
            return
        try:
            with urllib.request.urlopen(self.server.upstream + self.path, timeout=30) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        body = body.replace(self.server.upstream.encode(), self.server.url.encode())
        path, _, query = self.path.partition("?")
        walk = (path, *(part for part in query.split("&") if part.startswith("_size")))
        if fault == "repeat":
            body = self.server.last.get(walk, body)
        self.server.last[walk] = body
        self._answer(status, body, {}, whole=fault != "truncate")

    def _answer(self, status: int, body: bytes, headers: dict[str, str], *, whole: bool = True) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if whole else body[: len(body) // 2])
        self.close_connection = not whole

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass(kw_only=True)
class World:
    """One case's part of the world, and the truth about it. `name` is that of its two tables and of its folder."""

    name: str
    database: Path
    folder: Path
    rolls: random.Random
    tick: int = 0
    items: dict[int, tuple[str, str]] = field(default_factory=dict)
    """What holds of each id now: when it was changed, and its value."""
    events: list[tuple[int, str, str]] = field(default_factory=list)
    """All that ever happened: number, when, and what. Two may be alike but for the number."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    """The rows of the files."""

    def begin(self) -> None:
        self.folder.mkdir(parents=True)
        self._write(
            f"CREATE TABLE {self.name}_items (id INTEGER PRIMARY KEY, at TEXT, value TEXT)",
            f"CREATE TABLE {self.name}_events (seq INTEGER PRIMARY KEY, at TEXT, what TEXT)",
        )
        self.grow()

    def grow(self) -> None:
        """Let time go on, by nothing or by some ticks: rows come, change, and come late, several at one time."""
        statements = []
        self.tick += self.rolls.choice([0, 0, 1, 5])
        for _ in range(self.rolls.randint(1, 60)):
            self.tick += self.rolls.choice([0, 0, 0, 1])
            late = self.rolls.choice([0, 0, 0, self.rolls.randint(0, LATE_TICKS_MAX)])
            at = (BEGAN + timedelta(seconds=max(self.tick - late, 0))).strftime("%Y-%m-%dT%H:%M:%SZ")
            if self.rolls.random() < 0.5:
                item, value = self.rolls.randrange(1, 400), f"v{self.rolls.random()}"
                # What was changed last says a later time than what it was before.
                at = max(at, self.items.get(item, (at, ""))[0])
                self.items[item] = (at, value)
                statements.append(f"INSERT OR REPLACE INTO {self.name}_items VALUES ({item}, '{at}', '{value}')")
            else:
                seq, what = len(self.events) + 1, self.rolls.choice(["came", "went"])
                self.events.append((seq, at, what))
                statements.append(f"INSERT INTO {self.name}_events VALUES ({seq}, '{at}', '{what}')")
        self._write(*statements)
        self._write_file()

    def _write(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.database, timeout=30)) as db, db:
            for statement in statements:
                db.execute(statement)

    def _write_file(self) -> None:
        """Another file in the folder, whole or not at all, as whoever drops files should."""
        number = len(list(self.folder.glob("*.csv")))
        rows = [(f"{number}-{n}", f"{self.rolls.random()}") for n in range(self.rolls.randint(1, 20))]
        self.lines += rows
        scratch = self.folder / f"{number}.tmp"
        with scratch.open("w", newline="") as file:
            csv.writer(file).writerows([("line", "said"), *rows])
        scratch.rename(self.folder / f"{number}.csv")
