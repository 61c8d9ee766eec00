"""Rows over Arrow Flight SQL against plain DuckDB in the same run: in the clear, by TLS, small, cancelled; memory.

    PYTHONPATH=. python bench/flight.py [MILLIONS]         10 where it is left out; they take some 300 MB of disk

Each round reads all rows once each way, one after the other; the medians are compared. The reader is another process
than the server, on the same two cores; it looks at every batch and keeps none. Beside each figure stands that of a bare
server of pyarrow's (bench/bare_flight.py), which is the least that the protocol and its driver take here.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import duckdb

from bench.over_http import ENDLESS, in_turns, make_shop, resident_mb, works

ROUNDS = 5
SMALL = 200
READERS = 8
CLIENTS, QUESTIONS = 200, 5
CLEAR_MIN, TLS_MIN, SMALL_MS, CANCEL_S, STREAM_MB = 0.7, 0.4, 10.0, 0.5, 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs, and how to reach it."""

    process: int
    uri: str
    options: dict[str, str]

    def connect(self) -> Any:
        """A connection of its own."""
        return adbc.connect(self.uri, db_kwargs=self.options, autocommit=True)


def main() -> None:
    """Print each figure with its ratio to plain DuckDB, or to its limit."""
    rows = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * 1e6)
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder) / "shop"
        files = make_shop(shop, rows)
        with _serving(shop) as clear:
            with _bare(files) as bare:
                with _serving(shop, "--self-signed") as tls:
                    _whole(clear, tls, bare, files, rows)
                _small(clear, bare, rows)
            _cancel(clear)
            _many(clear, rows)
            _memory(clear)


def _whole(clear: Server, tls: Server, bare: Server, files: list[str], rows: int) -> None:
    own = duckdb.connect()
    own.execute("SET TimeZone = 'UTC'")

    def plain() -> int:
        return sum(
            batch.num_rows for batch in own.execute(f"SELECT * FROM read_parquet({files})").to_arrow_reader(50_000)
        )

    def over(server: Server) -> Callable[[], int]:
        def read() -> int:
            with server.connect() as connection, connection.cursor() as cursor:
                cursor.execute("SELECT * FROM orders")
                return sum(batch.num_rows for batch in cursor.fetch_record_batch())

        return read

    ways = {
        "DuckDB to Arrow": plain,
        "bare Flight SQL": over(bare),
        "Flight SQL": over(clear),
        "Flight SQL, TLS": over(tls),
    }
    median = in_turns(ways, rows)
    print(f"bare Flight SQL is {median['DuckDB to Arrow'] / median['bare Flight SQL']:.2f} of DuckDB to Arrow")
    for name, least in (("Flight SQL", CLEAR_MIN), ("Flight SQL, TLS", TLS_MIN)):
        print(
            f"{name} is {median['DuckDB to Arrow'] / median[name]:.2f} of DuckDB to Arrow (at least {least}),"
            f" {median['bare Flight SQL'] / median[name]:.2f} of the bare one"
        )


def _small(server: Server, bare: Server, rows: int) -> None:
    """In turns with a server that has the row already: what is left is the protocol's and the driver's."""
    asked: dict[str, Callable[[int], tuple[str, tuple[int, ...] | None]]] = {
        "one row": lambda number: (f"SELECT * FROM orders WHERE order_id = {number * 7919 % rows}", None),
        "one row, prepared": lambda number: ("SELECT * FROM orders WHERE order_id = ?", (number * 7919 % rows,)),
        "without a table": lambda number: (f"SELECT {number} AS n", None),
    }
    with (
        server.connect() as connection,
        connection.cursor() as ours,
        bare.connect() as other,
        other.cursor() as least,
    ):
        for name, question in asked.items():
            times: dict[Any, list[float]] = {ours: [], least: []}
            for number in range(SMALL):
                for cursor, took in times.items():
                    text, values = question(number)
                    began = time.perf_counter()
                    cursor.execute(text, values)
                    assert cursor.fetchone()
                    took.append((time.perf_counter() - began) * 1000)
            p50, p99 = statistics.median(times[ours]), sorted(times[ours])[SMALL * 99 // 100]
            print(
                f"{name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms; {p50 / SMALL_MS:.2f} of {SMALL_MS:.0f} ms;"
                f" bare Flight SQL p50 {statistics.median(times[least]):.1f} ms"
            )


def _cancel(server: Server) -> None:
    times, idle = [], []
    for _ in range(ROUNDS):
        with server.connect() as connection, connection.cursor() as cursor:

            def ask(cursor: Any = cursor) -> None:
                try:
                    cursor.execute(ENDLESS).fetchall()
                except adbc.Error:
                    return
                raise AssertionError("it was not cancelled")

            asking = threading.Thread(target=ask)
            asking.start()
            time.sleep(1)
            began = time.perf_counter()
            cursor.adbc_cancel()
            asking.join()
            times.append(time.perf_counter() - began)
            while works(server.process):
                pass
            idle.append(time.perf_counter() - began)
    for name, seconds in (("the client has its answer", times), ("the server rests", idle)):
        took = statistics.median(seconds)
        print(f"cancel, until {name}: {took:.3f} s; {took / CANCEL_S:.2f} of {CANCEL_S} s")


def _many(server: Server, rows: int) -> None:
    times: list[float] = []
    failed: list[Exception] = []
    ready = threading.Barrier(CLIENTS)

    def ask(number: int) -> None:
        try:
            with server.connect() as connection, connection.cursor() as cursor:
                ready.wait()
                for question in range(QUESTIONS):
                    began = time.perf_counter()
                    key = (number * 7919 + question * 104729) % rows
                    cursor.execute("SELECT * FROM orders WHERE order_id = ?", (key,))
                    assert cursor.fetchone()[0] == key
                    times.append(time.perf_counter() - began)
        except Exception as error:  # noqa: BLE001  # each is counted and shown
            failed.append(error)

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    times.sort()
    print(
        f"{CLIENTS} clients at once, {QUESTIONS} questions each: {len(failed)} failed, {len(times)} answered;"
        f" p50 {statistics.median(times):.2f} s, the last {times[-1]:.2f} s"
    )
    for error in failed[:3]:
        print(f"  {error}")


def _memory(server: Server) -> None:
    """How much the server grows with readers that have begun and do not read on."""
    before = resident_mb(server.process)
    held = []
    for _ in range(READERS):
        connection = server.connect()
        cursor = connection.cursor()
        cursor.execute("SELECT * FROM orders")
        reader = cursor.fetch_record_batch()
        reader.read_next_batch()
        held.append((connection, cursor, reader))
    time.sleep(2)
    each = (resident_mb(server.process) - before) / READERS
    print(f"{each:.0f} MB a stream with {READERS} that do not read on; {each / STREAM_MB:.2f} of {STREAM_MB:.0f} MB")
    for connection, cursor, reader in held:
        reader.close()
        cursor.close()
        connection.close()


@contextmanager
def _bare(files: list[str]) -> Iterator[Server]:
    command = [sys.executable, str(Path(__file__).with_name("bare_flight.py")), *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield Server(process=server.pid, uri=server.stdout.readline().strip(), options={})
        finally:
            server.terminate()


@contextmanager
def _serving(shop: Path, *options: str) -> Iterator[Server]:
    program = str(Path(sys.executable).with_name("pumphouse"))
    command = [sys.executable, program, "serve", "--port", "0", *options]
    with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = []
        while not (lines and lines[-1].startswith("SHA-256" if options else "Flight SQL at")):
            lines.append(server.stdout.readline())
            assert lines[-1], lines
        said = dict(line.strip().rsplit(" ", 1) for line in lines)
        by_name = {name.strip(): value for name, value in said.items()}
        token = by_name["Sign in with"].rpartition("token=")[2]
        kwargs = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
        if options:
            kwargs["adbc.flight.sql.client_option.tls_root_certs"] = Path(by_name["Its certificate"]).read_text()
        try:
            yield Server(process=server.pid, uri=by_name["Flight SQL at"], options=kwargs)
        finally:
            server.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
