"""Where tests find what may be absent: real data from outside the repository, and a browser."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pumphouse.engines.spark import Spark

# A machine that is busy is no fault: no test judges by the clock. In CI examples are the same each time, so that a
# change is judged by what it changes; whoever works here looks further each time.
settings.register_profile(
    "pumphouse", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("pumphouse")

POSTGRES_STARTS_S = 30.0
MARIADB_STARTS_S = 60.0
PROGRAMS = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = {
        "realdata": None
        if _realdata().is_dir()
        else f"no real data in {_realdata()} (PUMPHOUSE_REALDATA names the folder)",
        "browser": None if _chromium() else "no chromium: apt-get install chromium",
    }
    for item in items:
        for marker, reason in absent.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real data. For tests marked `realdata`."""
    return _realdata()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. For tests marked `browser`."""
    found = _chromium()
    assert found, "a test that asks for chromium is marked `browser`"
    return found


def _realdata() -> Path:
    return Path(os.environ.get("PUMPHOUSE_REALDATA", REPOSITORY.parent / "shared" / "data"))


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def spark() -> Iterator[Spark]:
    """Spark in this process: one session for all that ask it."""
    pytest.importorskip("pysail", reason="the extra 'spark' is not installed")
    engine = Spark()
    yield engine
    engine.close()


class Postgres:
    """A PostgreSQL server of its own, on a socket in a folder of its own, that a test may start and stop."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not programs:
            pytest.skip("no PostgreSQL server: apt-get install postgresql")
        self._programs = programs[-1].parent
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            self._who = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self._folder, "postgres", "postgres")
        self._server: subprocess.Popen[bytes] | None = None
        made = [
            programs[-1], "-D", self._folder / "data", "-A", "trust", "-U", "pumphouse", "--no-sync", "-E", "UTF8",
            "--locale=C.UTF-8",
        ]  # fmt: skip
        subprocess.run(made, check=True, capture_output=True, cwd=self._folder, **self._who)
        self.url = f"postgresql://pumphouse@/postgres?host={self._folder}"

    def start(self) -> None:
        """Return once it answers."""
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", f"unix_socket_directories={self._folder}"]
        command = [self._programs / "postgres", "-D", self._folder / "data", *options]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(command, stderr=log, stdout=log, cwd=self._folder, **self._who)
        until = time.monotonic() + POSTGRES_STARTS_S
        ready = [self._programs / "pg_isready", "-q", "-h", self._folder]
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < until, (self._folder / "log").read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """Whoever is still connected is shown the door."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(POSTGRES_STARTS_S)
            self._server = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections within this, and answers none."""
        assert self._server is not None
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self._server.pid)], capture_output=True, check=True)
        pids = [self._server.pid, *map(int, listed.stdout.split())]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The url of a PostgreSQL server of its own, on a socket in a folder of its own."""
    server = Postgres()
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


@pytest.fixture
def stoppable_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server that runs, and that the test may stop."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The url of a MariaDB server of its own, on a socket in a folder of its own, with the database `shop`."""
    program, install = shutil.which("mariadbd", path=PROGRAMS), shutil.which("mariadb-install-db", path=PROGRAMS)
    if program is None or install is None:
        pytest.skip("no MariaDB server: apt-get install mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="my-"))
    data, socket = folder / "data", folder / "socket"
    who: list[str] = []
    if os.geteuid() == 0:  # the server asks to be told that it may run as root
        who = ["--user=root"]
    auth = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    subprocess.run([install, "--no-defaults", *who, f"--datadir={data}", *auth], check=True, capture_output=True)
    (folder / "init.sql").write_text("CREATE DATABASE shop;")
    options = [
        f"--datadir={data}", f"--socket={socket}", f"--pid-file={folder}/pid", f"--init-file={folder}/init.sql",
        "--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--sql-mode=",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "--no-defaults", *who, *options], stderr=log, stdout=log, cwd=folder)
    try:
        until = time.monotonic() + MARIADB_STARTS_S
        while b"ready for connections" not in (folder / "log").read_bytes():
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"mysql://root@localhost/shop?unix_socket={socket}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(MARIADB_STARTS_S)
        shutil.rmtree(folder)
