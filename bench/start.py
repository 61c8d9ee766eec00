"""How long `import pumphouse` and `pumphouse --help` take of the processor in fresh processes, against our limits.

python bench/start.py
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

REPEATS = 9
HEAVY = ("duckdb", "pyarrow", "polars", "pandas", "httpx", "starlette", "sqlglot")


def main() -> None:
    """Print each figure beside its limit, and which heavy libraries the import brings."""
    python = [sys.executable, "-c"]
    bare, imported = _cpu_ms([*python, "pass"]), _cpu_ms([*python, "import pumphouse"])
    helped = _cpu_ms([str(Path(sys.executable).with_name("pumphouse")), "--help"])
    print(f"import pumphouse   {imported - bare:4.0f} ms beyond an empty Python's {bare:.0f} ms   limit 150 ms")
    print(f"pumphouse --help   {helped:4.0f} ms in all   limit 300 ms")
    loaded = f"import pumphouse, sys; print([name for name in {HEAVY} if name in sys.modules])"
    print("heavy libraries that the import brings:", subprocess.check_output([*python, loaded], text=True).strip())


def _cpu_ms(command: list[str]) -> float:
    """The median of the processor's time, which a busy machine stretches less than the clock's."""
    taken = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    main()
