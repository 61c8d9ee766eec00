from __future__ import annotations

import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyarrow.fs import S3FileSystem
from tests.sources.files.desk import Desk

from pumphouse.engines.duckdb import DuckDB


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


@pytest.fixture(scope="session")
def _engine() -> Iterator[DuckDB]:
    engine = DuckDB(threads=2, zone="Europe/Berlin")
    yield engine
    engine.close()


@pytest.fixture
def desk(tmp_path: Path, _engine: DuckDB) -> Desk:
    return Desk(tmp_path, _engine)
