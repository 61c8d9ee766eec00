"""JSON records over HTTP to a table: rows per CPU-second of the client, ours beside dlt and beside writing it by hand.

    python bench/apis.py            # 200,000 records in pages of 5,000, flat ones and nested ones

The server is a process of its own and gives the same bytes to all. Each client is a process of its own too, and its
CPU time counts from when its libraries are imported. By hand: httpx, msgspec, pyarrow, one Parquet file; nothing kept
of the answers, no types looked at, no commit. dlt: its REST source into Parquet files, its defaults, all of extract,
normalize and load. Ours: a build, with the answers stored and the rows committed. What is nested becomes columns and a
table of its own with dlt, structs and lists by hand, and JSON text with us: not the same work.
"""

from __future__ import annotations

import http.server
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECORDS, PAGE = 200_000, 5_000
TIMES_DLT_MIN, OF_HAND_MIN, OF_HAND_AIM = 20.0, 0.5, 0.7
ROOT = Path(__file__).resolve().parents[1]


def record(number: int) -> dict[str, object]:
    """An order as a shop's API has it."""
    return {
        "order_id": number,
        "customer_id": number * 7919 % 50_021,
        "status": ("paid", "sent", "returned")[number % 3],
        "email": f"buyer{number % 50_021}@mail{number % 97}.example",
        "cents": number * 37 % 100_000,
        "weight_kg": number % 1000 / 8,
        "is_gift": number % 11 == 0,
        "note": None if number % 4 else f"Leave it with the neighbour at number {number % 300}, please.",
        "paid_at": f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:00Z",
        "country": ("DE", "FR", "PL", "GB", "US")[number % 5],
        "coupon": None,
        "updated_at": f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:07Z",
    }


def nested(number: int) -> dict[str, object]:
    """The same with the buyer's address as an object and a short list of what was bought."""
    items = [
        {"sku": f"A{number % 7919 + at}", "quantity": at + 1, "cents": 100 * at + 99} for at in range(number % 3 + 1)
    ]
    return {**record(number), "address": {"street": f"{number % 300} High Street", "city": "York"}, "items": items}


SHAPES = {"flat": record, "nested": nested}


def serve() -> None:
    """Answer pages of records until the process is ended; the first line says where."""
    pages = {}
    for shape, made in SHAPES.items():
        for number in range(RECORDS // PAGE):
            rows = [made(at) for at in range(number * PAGE, (number + 1) * PAGE)]
            following = f"/{shape}/{number + 1}" if (number + 1) * PAGE < RECORDS else None
            value = {"data": {"items": rows}, "links": {"next": following}}
            pages[f"/{shape}/{number}"] = json.dumps(value, separators=(",", ":")).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = pages[self.path]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


def ours(url: str, folder: Path, shape: str) -> int:
    """A build of a declared API."""
    import httpx  # noqa: F401  # as with the others, libraries are imported before the clock starts
    import stamina  # noqa: F401

    import pumphouse as ph

    project = folder / "shop"
    project.mkdir()
    (project / "pumphouse.toml").write_text(f'[connections.shop_api]\nurl = "{url}"\n')
    (project / "gather.py").write_text(
        "import pumphouse as ph\n\n"
        f'raw_orders = ph.api("shop_api", "/{shape}/0", records="data.items", pages={{"next": "links.next"}},\n'
        '                    time={"event": "paid_at"})\n'
    )
    with ph.open(project) as opened:
        _ = opened.lake.snapshot(), opened.graph  # as with the others, what is set up once is not counted
        began = cpu_s()
        report = opened.run("raw_orders")
        rows = report.results[0].counts.rows_out
        print(json.dumps({"rows": rows, "cpu_s": cpu_s() - began}))
    return rows


def by_hand(url: str, folder: Path, shape: str) -> int:
    """The same bytes decoded and written, and nothing else."""
    import httpx
    import msgspec
    import pyarrow as pa
    import pyarrow.parquet as pq

    began = cpu_s()
    rows = 0
    with httpx.Client() as client:
        writer, address = None, f"/{shape}/0"
        while address:
            value = msgspec.json.decode(client.get(url + address).content)
            table = pa.Table.from_pylist(value["data"]["items"])
            writer = writer or pq.ParquetWriter(folder / "orders.parquet", table.schema, compression="zstd")
            writer.write_table(table)
            rows, address = rows + table.num_rows, value["links"]["next"]
        assert writer is not None
        writer.close()
    print(json.dumps({"rows": rows, "cpu_s": cpu_s() - began}))
    return rows


def by_dlt(url: str, folder: Path, shape: str) -> int:
    """dlt's REST source into Parquet files."""
    import dlt
    from dlt.sources.rest_api import rest_api_resources

    config = {
        "client": {"base_url": url},
        "resources": [
            {
                "name": "orders",
                "endpoint": {
                    "path": f"/{shape}/0",
                    "data_selector": "data.items",
                    "paginator": {"type": "json_link", "next_url_path": "links.next"},
                },
            }
        ],
    }
    destination = dlt.destinations.filesystem(bucket_url=(folder / "out").as_uri())
    pipeline = dlt.pipeline("bench", pipelines_dir=str(folder / "dlt"), destination=destination, dataset_name="shop")
    began = cpu_s()
    pipeline.run(rest_api_resources(config), loader_file_format="parquet")
    rows = pipeline.last_trace.last_normalize_info.row_counts["orders"]
    print(json.dumps({"rows": rows, "cpu_s": cpu_s() - began}))
    return int(rows)


def cpu_s() -> float:
    """CPU seconds of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measured(who: str, url: str, shape: str) -> float:
    """Rows per CPU-second of one client, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, who, url, folder, shape]
        out = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if out.returncode:
            sys.exit(f"{who} failed:\n{out.stderr[-3000:]}")
    result = json.loads(out.stdout.strip().splitlines()[-1])
    assert result["rows"] == RECORDS, f"{who} wrote {result['rows']:,} of {RECORDS:,} rows"
    return float(result["rows"] / result["cpu_s"])


def main() -> None:
    """Print rows per CPU-second of each, and both ratios beside their limits."""
    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            for shape in SHAPES:
                _compare(url, shape)
        finally:
            server.terminate()


def _compare(url: str, shape: str) -> None:
    began = time.perf_counter()
    mine, hand, dlts = (measured(who, url, shape) for who in ("ours", "by_hand", "by_dlt"))
    print(f"JSON over HTTP to a table, {RECORDS:,} {shape} records ({time.perf_counter() - began:.0f} s)")
    print(f"  ours     {mine:>9,.0f} rows per CPU-second")
    print(f"  by hand  {hand:>9,.0f}   ratio {mine / hand:.2f} (at least {OF_HAND_MIN}, aim {OF_HAND_AIM})")
    print(f"  dlt      {dlts:>9,.0f}   ratio {mine / dlts:.1f} (at least {TIMES_DLT_MIN:.0f})")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case [who, url, folder, shape]:
            {"ours": ours, "by_hand": by_hand, "by_dlt": by_dlt}[who](url, Path(folder), shape)
        case _:
            main()
