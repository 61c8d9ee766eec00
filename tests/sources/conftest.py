from __future__ import annotations

import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyarrow.fs import S3FileSystem

from pumphouse.declare.asset import Asset, Declaration
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.lake.context import Built, Connection, Context
from pumphouse.lake.lake import Lake, Location
from pumphouse.sources import function
from pumphouse.sources.databases import build as database
from pumphouse.sources.files import build as files
from pumphouse.sources.http import build as api
from pumphouse.sources.messages import build as messages
from pumphouse.sources.websites import build as website

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
BUILDS = {
    "files": files.build,
    "database": database.build,
    "source": function.build,
    "api": api.build,
    "website": website.build,
    "messages": messages.build,
}


@dataclass(frozen=True)
class S3:
    """A server that speaks S3: moto's, in a process of its own."""

    url: str
    process: subprocess.Popen[str]

    def put(self, path: str, body: bytes = b"") -> None:
        self._ask("PUT", f"/{path}", body)

    def delete(self, path: str) -> None:
        S3FileSystem(
            access_key="any", secret_key="any", scheme="http", endpoint_override=self.url.removeprefix("http://")
        ).delete_file(path)

    def ask_for_keys(self, *, after: int) -> None:
        """Let so many requests pass before keys are looked at."""
        self._ask("POST", "/moto-api/reset-auth", str(after).encode())

    def _ask(self, method: str, path: str, body: bytes = b"") -> None:
        headers = {"Content-Type": "application/octet-stream"}
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    with subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in process.stderr)
        url = next(found[0] for found in said if found)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield S3(url, process)
        process.terminate()


class Works:
    """A project's folder and lake, its clock, and one run after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = DuckDB(threads=2, zone="Europe/Berlin")
        self.lake = Lake(Location(folder=folder / "lake"), engine=self.engine)
        self.connections: dict[str, Connection] = {}
        self.assets: dict[str, Asset] = {}
        self.now = NOW

    def asset(
        self,
        declaration: Declaration,
        name: str = "raw",
        *,
        services: dict[str, str] | None = None,
        settings: tuple[str, ...] = (),
    ) -> tuple[Asset, Declaration]:
        """The declaration as an asset, as the graph makes it. The end of a name chooses a database's part."""
        spec, common = declaration.spec, declaration.common
        for part in declaration.parts:
            if name.endswith(part.suffix):
                spec, common = part.spec, part.common
        asset = Asset(
            name=name,
            kind=declaration.kind,
            spec=spec,
            common=common,
            place=Place(file="gather.py", line=3),
            services=tuple((services or {}).items()),
            settings=settings,
        )
        self.assets[name] = asset
        return asset, declaration

    def run(self, made: tuple[Asset, Declaration], **changes: Any) -> Built:
        """One build, an hour after the one before."""
        asset, declaration = made
        self.now += timedelta(hours=1)
        context = Context(
            lake=self.lake,
            engine=self.engine.fork(),
            folder=self.folder,
            assets=self.assets,
            now=self.now,
            today=self.now.date(),
            run=f"run at {self.now:%H:%M}",
            actor="tester",
            snapshot=self.lake.snapshot(),
            fingerprint="code-1",
            connections=self.connections,
            declaration=declaration,
        )
        return BUILDS[asset.kind](asset, replace(context, **changes))

    def rows(self, table: str = "raw", columns: str = "*", order: str = "ALL") -> list[tuple[Any, ...]]:
        """What a person sees of a table."""
        scan = self.lake.scan(table)
        shown = ", ".join(f'"{name}"' for name in scan.columns) if columns == "*" else columns
        return self.engine.fork().execute(f"SELECT {shown} FROM ({scan.relation}) ORDER BY {order}")

    def types(self, table: str = "raw") -> dict[str, str]:
        rows = self.engine.fork().execute(f"DESCRIBE {self.lake.name_of(table)}")
        return {row[0]: row[1] for row in rows}

    def quarantine(self, table: str = "raw") -> list[tuple[str, str, str]]:
        """(column, original, reason) of what was held back."""
        return self.rows(f"{table}__quarantine", '"column", original, reason')

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@dataclass
class Reply:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    declared_length: int | None = None


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(msgspec.json.encode(value), status, {"Content-Type": "application/json", **headers})


def html_reply(body: str, status: int = 200) -> Reply:
    return Reply(body.encode(), status, {"Content-Type": "text/html; charset=utf-8"})


class World(ThreadingHTTPServer):
    """A server on loopback that answers as a test says, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.replies: dict[str, Callable[[str], Reply] | Reply | list[Reply]] = {}
        self.asked: list[str] = []
        self.sent: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    def reply(self, target: str) -> Reply:
        found = self.replies.get(target) or self.replies.get(target.partition("?")[0])
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            return found(target)
        return found or Reply(b"nothing here", 404, {"Content-Type": "text/plain"})


class _Handler(BaseHTTPRequestHandler):
    server: World

    def do_POST(self) -> None:
        self.server.sent.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers.append(dict(self.headers))
        reply = self.server.reply(self.path)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header(
            "Content-Length", str(len(reply.body) if reply.declared_length is None else reply.declared_length)
        )
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    made = Works(tmp_path)
    yield made
    made.lake.close()


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A lake for tests of which each ends in an error, so that nothing is ever built in it."""
    made = Works(tmp_path_factory.mktemp("idle"))
    yield made
    assert made.lake.tables() == ()
    made.lake.close()


@pytest.fixture
def world() -> Iterator[World]:
    with World() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
