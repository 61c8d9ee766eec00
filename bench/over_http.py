"""Rows over HTTP against plain DuckDB in the same run: Arrow, CSV, small queries, cancelled; many clients, memory.

    python bench/over_http.py [MILLIONS]         10 where it is left out; they take some 300 MB of disk

Each round reads all rows once each way, one after the other; the medians are compared. The reader is another process
than the server, on the same two cores; it looks at every batch and keeps none.
"""

from __future__ import annotations

import http.client
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import duckdb
import pyarrow as pa

ROUNDS = 5
SMALL = 200
READERS = 8
CLIENTS, QUESTIONS = 200, 5
ARROW = "application/vnd.apache.arrow.stream"
ARROW_MIN, CSV_MIN, SMALL_MS, CANCEL_S, STREAM_MB = 0.4, 0.5, 10.0, 0.5, 100.0
ENDLESS = "SELECT sum(a.range * b.range + order_id) AS s FROM orders, range(1_000_000) a, range(1_000_000) b"
ORDERS = """/* pumphouse
key = "order_id"
doc = "One row per order." */
SELECT range AS order_id, range * 7919 % 100000 AS customer_id, 'customer ' || range % 5000 AS customer,
       ['new', 'paid', 'sent', 'back'][1 + range % 4] AS status, round(range * 31 % 100000 / 100, 2) AS amount,
       (range % 500)::INTEGER AS quantity, TIMESTAMPTZ '2026-01-01' + INTERVAL (range % 10000000) SECOND AS paid_at,
       DATE '2020-01-01' + (range % 2000)::INTEGER AS day
FROM range({rows})
"""


def main() -> None:
    """Print each figure with its ratio to plain DuckDB, or to its limit."""
    rows = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * 1e6)
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder) / "shop"
        files = make_shop(shop, rows)
        command = [sys.executable, str(Path(sys.executable).with_name("pumphouse")), "serve", "--port", "0"]
        with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = urlsplit(server.stdout.readline().split()[-1])
            token = server.stdout.readline().rpartition("token=")[2].strip()
            try:
                _measure(server.pid, Client(url.hostname or "", url.port or 0, token), files, rows, Path(folder))
            finally:
                server.send_signal(signal.SIGTERM)


class Client:
    """One connection to the server."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._made = host, port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection(host, port, timeout=600)

    def another(self) -> Client:
        """The same on a connection of its own: the server closes one that is idle for long."""
        return Client(*self._made, self._headers["Authorization"].removeprefix("Bearer "))

    def ask(self, path: str, accept: str = "*/*") -> None:
        """Send a request, and wait for nothing."""
        self._connection.request("GET", path, headers={**self._headers, "Accept": accept})

    def leave(self) -> None:
        """Go away, whatever was asked."""
        self._connection.close()

    def get(self, path: str, accept: str = "*/*") -> http.client.HTTPResponse:
        """An answer, not read yet."""
        self.ask(path, accept)
        answer = self._connection.getresponse()
        assert answer.status == 200, answer.read()
        return answer


def _measure(server: int, client: Client, files: list[str], rows: int, folder: Path) -> None:
    plain = f"SELECT * FROM read_parquet({files})"
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")

    def duckdb_arrow() -> int:
        return sum(batch.num_rows for batch in connection.execute(plain).to_arrow_reader(50_000))

    def http_arrow() -> int:
        answer = client.another().get("/api/tables/orders/rows", ARROW)
        found = sum(batch.num_rows for batch in pa.ipc.open_stream(pa.PythonFile(answer, mode="r")))
        answer.read()
        return found

    def duckdb_csv() -> int:
        copied = connection.execute(f"COPY ({plain}) TO '{folder / 'copy.csv'}' (FORMAT csv, HEADER)").fetchall()
        return int(copied[0][0])

    def http_csv() -> int:
        answer, lines = client.another().get("/api/tables/orders.csv"), -1
        while piece := answer.read1(1 << 20):
            lines += piece.count(b"\n")
        return lines

    ways: dict[str, Callable[[], int]] = {
        "DuckDB to Arrow": duckdb_arrow,
        "HTTP Arrow": http_arrow,
        "DuckDB's COPY to CSV": duckdb_csv,
        "HTTP CSV": http_csv,
    }
    median = in_turns(ways, rows)
    for name, peer, least in (
        ("HTTP Arrow", "DuckDB to Arrow", ARROW_MIN),
        ("HTTP CSV", "DuckDB's COPY to CSV", CSV_MIN),
    ):
        print(f"{name} is {median[peer] / median[name]:.2f} of {peer} (at least {least})")
    _small(client.another(), rows)
    _cancel(server, client)
    _many(client, rows)
    _memory(server, client)


def _small(client: Client, rows: int) -> None:
    asked = {
        "one row as JSON": lambda number: f"/api/tables/orders/rows?where=order_id%3D{number * 7919 % rows}",
        "the first ten as CSV": lambda number: f"/api/tables/orders.csv?limit={10 + number % 3}",
        "SQL without a table": lambda number: f"/api/sql?sql={quote(f'SELECT {number} AS n')}",
    }
    for name, path in asked.items():
        times = []
        for number in range(SMALL):
            began = time.perf_counter()
            client.get(path(number)).read()
            times.append((time.perf_counter() - began) * 1000)
        times.sort()
        p50, p99 = times[SMALL // 2], times[SMALL * 99 // 100]
        print(f"{name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms; {p50 / SMALL_MS:.2f} of {SMALL_MS:.0f} ms")


def _cancel(server: int, client: Client) -> None:
    """How long a query runs on once its client has gone away."""
    times = []
    for _ in range(ROUNDS):
        own = client.another()
        own.ask(f"/api/sql?sql={quote(ENDLESS)}")
        time.sleep(1)
        assert any(works(server) for _ in range(100)), "the query does not run"
        began = time.perf_counter()
        own.leave()
        while works(server):
            pass
        times.append(time.perf_counter() - began)
    took = statistics.median(times)
    print(f"cancel, until the server rests: {took:.3f} s; {took / CANCEL_S:.2f} of {CANCEL_S} s")


def _many(client: Client, rows: int) -> None:
    times: list[float] = []
    failed: list[Exception] = []
    ready = threading.Barrier(CLIENTS)

    def ask(number: int) -> None:
        try:
            own = client.another()
            ready.wait()
            for question in range(QUESTIONS):
                began = time.perf_counter()
                key = (number * 7919 + question * 104729) % rows
                told = own.get(f"/api/tables/orders/rows?where=order_id%3D{key}").read()
                assert [row["order_id"] for row in json.loads(told)["rows"]] == [key]
                times.append(time.perf_counter() - began)
        except Exception as error:  # noqa: BLE001  # each is counted and shown
            failed.append(error)

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    p50, last = (statistics.median(times), max(times)) if times else (0.0, 0.0)
    print(
        f"{CLIENTS} clients at once, {QUESTIONS} questions each: {len(failed)} failed, {len(times)} answered;"
        f" p50 {p50:.2f} s, the last {last:.2f} s"
    )
    for error in failed[:3]:
        print(f"  {type(error).__name__}: {error}")


def _memory(server: int, client: Client) -> None:
    """How much the server grows with readers that have begun and do not read on."""
    for name, path in (("Arrow", "/api/tables/orders.arrow"), ("CSV", "/api/tables/orders.csv")):
        before = resident_mb(server)
        held = [client.another().get(path) for _ in range(READERS)]
        for answer in held:
            answer.read(1 << 20)
        time.sleep(2)
        each = (resident_mb(server) - before) / READERS
        print(f"{name}: {each:.0f} MB a stream with {READERS} that do not read on; {each / STREAM_MB:.2f} of the limit")
        for answer in held:
            answer.close()
        time.sleep(1)


def in_turns(ways: dict[str, Callable[[], int]], rows: int) -> dict[str, float]:
    """Read all rows each way, one way after the other, ROUNDS times; the median seconds of each, which are printed."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, read in ways.items():
            began = time.perf_counter()
            found = read()
            took[name].append(time.perf_counter() - began)
            assert found == rows, (name, found)
    median = {name: statistics.median(times) for name, times in took.items()}
    print(f"{rows:,} rows of 8 columns, median of {ROUNDS}, in turns")
    for name, seconds in median.items():
        print(f"{name:22} {seconds:6.2f} s   {rows / seconds / 1e6:6.2f} million rows a second")
    return median


def resident_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def works(process: int) -> bool:
    """Whether the server uses more than a tenth of a core, by what it used in 50 ms."""

    def used() -> int:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])  # hundredths of a second

    before = used()
    time.sleep(0.05)
    return used() - before > 1


def make_shop(shop: Path, rows: int) -> list[str]:
    """Build the lake; the files of the table."""
    import pumphouse as ph

    shop.mkdir()
    (shop / "pumphouse.toml").write_text('name = "bench"\nlake = "lake/"\n')
    (shop / "orders.sql").write_text(ORDERS.format(rows=rows))
    with ph.open(shop) as project:
        report = project.run()
        assert report.ok, [one.note for one in report.failed]
        scan = project.lake.scan("orders", files=True)
        assert scan.files is not None
        return [file.path for file in scan.files]


if __name__ == "__main__":
    main()
