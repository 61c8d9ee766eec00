"""One large CSV to a table, its bytes kept and every cell told back, beside DuckDB reading it as it guesses.

python bench/delimited.py
"""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from pumphouse.project.project import open_project

SIZE_BYTES = 200_000_000
SHARE_MIN = 0.4
"""Of DuckDB's own speed. Here each byte is also stored and checked, and read as text before it is typed."""
MEMORY_BYTES_MAX = 1_000_000_000
CODE = 'import pumphouse as ph\n\nraw_orders = ph.files("orders.csv")\n'
OURS, PEER = "ours", "peer"


def main(size_bytes: int) -> None:
    """Print DuckDB's processor time over ours, and the memory that ours took, each beside its limit."""
    top = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        folder = top / "shop"
        folder.mkdir()
        (folder / "pumphouse.toml").write_text("")
        (folder / "gather.py").write_text(CODE)
        _write(folder / "orders.csv", size_bytes)
        peer, _ = _apart(PEER, folder)
        ours, memory = _apart(OURS, folder)
        print(
            f"a CSV of {size_bytes / 1e6:.0f} MB: DuckDB {peer:.1f} s of the processor, ours {ours:.1f} s:"
            f" {peer / ours:.2f} of its speed   limit {SHARE_MIN}"
        )
        print(f"memory at most {memory / 1e6:.0f} MB   limit {MEMORY_BYTES_MAX / 1e6:.0f} MB")
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _write(path: Path, size_bytes: int) -> None:
    draw = random.Random(1)
    names = ["Smith, Ann", "Müller", 'O"Neill', "Kim", "Øst"]
    with path.open("w", encoding="utf-8") as file:
        file.write("order_id,name,day,amount,note\n")
        number = 0
        while file.tell() < size_bytes:
            for _ in range(10_000):
                number += 1
                name = draw.choice(names)
                quoted = '"' + name.replace('"', '""') + '"' if "," in name or '"' in name else name
                day = f"2026-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
                file.write(
                    f"{number},{quoted},{day},{draw.random() * 100:.2f},{draw.choice(('', 'call', 'paid by card'))}\n"
                )


def _apart(what: str, folder: Path) -> tuple[float, float]:
    """Seconds of the processor and bytes of memory at most, in a process of its own."""
    said = subprocess.run([sys.executable, __file__, what, str(folder)], check=True, capture_output=True, text=True)
    cpu_s, memory = said.stdout.split()[-2:]
    return float(cpu_s), float(memory)


def _alone(what: str, folder: Path) -> None:
    if what == PEER:
        with duckdb.connect() as connection:
            connection.execute(f"COPY (FROM read_csv('{folder}/orders.csv')) TO '{folder.parent}/peer.parquet'")
    else:
        with open_project(folder) as project:
            report = project.run()
            assert report.ok, report
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _alone(sys.argv[1], Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else SIZE_BYTES)
