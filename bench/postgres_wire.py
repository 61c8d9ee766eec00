"""The PostgreSQL door beside plain DuckDB: rows of a table in both formats, a small query, how soon a cancel is heard.

    PYTHONPATH=src python bench/postgres_wire.py [--rows 10000000] [--rounds 5]

The table is one of the lake, of eight columns. Plain DuckDB reads it to Arrow batches in this process; the door sends
it to a client in a process of its own that reads the bytes and does nothing with them, over loopback. Rounds of both
take turns, and the medians are compared. How fast psycopg makes Python's values of rows is told for comparison.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pumphouse as ph
from pumphouse.engines.engine import Query
from pumphouse.project.served import Served
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate
from pumphouse.server.access.policies import Policies
from pumphouse.server.postgres.door import open_postgres

TOKEN = "the-owner-of-the-bench"
BINARY_MIN, BINARY_AIM, SMALL_MS_MAX, SMALL_MS_AIM, CANCEL_S_MAX, MEMORY_MB_MAX = 0.1, 0.2, 10.0, 5.0, 0.5, 100.0
SMALL_QUERIES = 200
TABLE = """
SELECT i AS order_id, (i * 7919 % 50021)::INTEGER AS customer_id, (i % 100000) / 8.0 AS amount_usd,
       i % 11 = 0 AS is_gift,
       DATE '2020-01-01' + (i % 2000)::INTEGER AS due, TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_seconds(i) AS paid_at,
       ['paid', 'sent', 'returned'][1 + i % 3] AS status,
       CASE WHEN i % 4 > 0 THEN 'buyer' || (i % 50021) || '@mail.example' END AS email
FROM range({rows}) AS r (i)
"""
CLIENT = """
import json, os, socket, struct, sys, threading, time
import psycopg

address, what = sys.argv[1:]
connection = psycopg.connect(address, autocommit=True)


def framed(letter, data):
    return letter + struct.pack(">i", len(data) + 4) + data


def read_all(binary):
    raw = socket.socket(fileno=os.dup(connection.fileno()))
    raw.setblocking(True)
    sql = b"SELECT * FROM orders"
    raw.sendall(
        framed(b"P", b"\\0" + sql + b"\\0\\0\\0")
        + framed(b"B", b"\\0\\0" + struct.pack(">hhhh", 0, 0, 1, int(binary)))
        + framed(b"E", b"\\0" + struct.pack(">i", 0))
        + framed(b"S", b"")
    )
    buffer, total, tail = bytearray(1 << 20), 0, b""
    while not tail.endswith(b"Z\\0\\0\\0\\5I"):
        count = raw.recv_into(buffer)
        assert count, "the server ended it"
        total += count
        tail = (tail + bytes(buffer[max(0, count - 64) : count]))[-64:]
    raw.close()
    assert b"SELECT" in tail, tail
    return total


def small():
    found = []
    for number in range(200):
        began = time.perf_counter()
        connection.execute("SELECT order_id, amount_usd FROM orders WHERE order_id = %s", [number]).fetchall()
        found.append(1000 * (time.perf_counter() - began))
    found.sort()
    return {"p50": found[100], "p99": found[198]}


def cancelled():
    moments = []
    threading.Timer(0.5, lambda: (moments.append(time.perf_counter()), connection.cancel_safe())).start()
    try:
        connection.execute("SELECT count(*) FROM orders a, orders b WHERE (a.order_id * b.order_id) % 7 = 3")
    except psycopg.errors.QueryCanceled:
        return time.perf_counter() - moments[0]
    raise AssertionError("it was not cancelled")


def decoded():
    with connection.cursor(binary=True) as cursor:
        return len(cursor.execute("SELECT * FROM orders LIMIT 200000").fetchall())


print("ready", flush=True)
sys.stdin.readline()
began = time.perf_counter()
done = {"binary": lambda: read_all(True), "text": lambda: read_all(False), "small": small, "cancel": cancelled,
        "psycopg": decoded}[what]()
print(json.dumps({"seconds": time.perf_counter() - began, "done": done}))
"""


def main() -> None:
    """Print each figure beside its limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        folder.mkdir()
        (folder / "pumphouse.toml").write_text('name = "shop"\n')
        (folder / "orders.sql").write_text(TABLE.format(rows=given.rows))
        with ph.open(folder) as project:
            project.run("orders")
            served = Served(project)
            gate = Gate(served.lake, owner="ada", token=TOKEN)
            desk = Desk(served.lake, Policies(served.lake, served.assets), settings=served.settings)
            door = open_postgres(served, gate, desk)
            address = door.url.replace("@", f":{TOKEN}@")
            try:
                _measure(served, address, rows=given.rows, rounds=given.rounds)
            finally:
                door.close()


def _measure(served: Served, address: str, *, rows: int, rounds: int) -> None:
    plain, found, grown = [], {"binary": [], "text": []}, 0.0
    for _ in range(rounds):
        plain.append(_plain(served, rows))
        for form, seconds in found.items():
            with _Growth() as growth:
                seconds.append(_client(address, form)["seconds"])
            grown = max(grown, growth.mb)
    base = statistics.median(plain)
    print(f"{rows:,} rows x 8 columns, median of {rounds}; plain DuckDB to Arrow {base:.2f} s")
    for form, seconds in found.items():
        ratio = base / statistics.median(seconds)
        limit = f" (at least {BINARY_MIN}, aim {BINARY_AIM})" if form == "binary" else ""
        print(f"  {form:<8} {statistics.median(seconds):6.2f} s   ratio {ratio:.2f}{limit}")
    print(f"  memory   {grown:6.0f} MB more while it streams (at most {MEMORY_MB_MAX:.0f})")
    small = _client(address, "small")["done"]
    print(
        f"  small    {small['p50']:6.1f} ms p50, {small['p99']:.1f} ms p99 (at most {SMALL_MS_MAX}, aim {SMALL_MS_AIM})"
    )
    print(f"  cancel   {_client(address, 'cancel')['done']:6.2f} s (at most {CANCEL_S_MAX})")
    decoded = _client(address, "psycopg")
    print(f"  psycopg  {decoded['done'] / decoded['seconds']:6,.0f} rows per second as Python values, for comparison")


def _plain(served: Served, rows: int) -> float:
    lake = served.lake
    scan = lake.scan("orders", snapshot=lake.snapshot())
    query = Query(text="SELECT * FROM orders", inputs={"orders": scan.only(scan.columns)})
    began = time.perf_counter()
    assert sum(batch.num_rows for batch in lake.engine.read(query)) == rows
    return time.perf_counter() - began


def _client(address: str, what: str) -> dict:  # what the client says of itself
    command = [sys.executable, "-c", CLIENT, address, what]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        client.stdin.write("\n")
        client.stdin.flush()
        return json.loads(client.stdout.readline())


class _Growth:
    """How much memory this process takes at most beyond what it has now."""

    def __enter__(self) -> _Growth:
        import psutil

        self._process = psutil.Process()
        self._before = self._most = self._process.memory_info().rss
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._ends.wait(0.02):
            self._most = max(self._most, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    @property
    def mb(self) -> float:
        """In megabytes."""
        return (self._most - self._before) / 1e6


if __name__ == "__main__":
    main()
