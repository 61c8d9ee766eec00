"""How long it takes to load a generated project and plan its run, cold and warm, against the limits we set ourselves.

    python bench/plan.py            # 1,000 and 10,000 assets

Each figure is of a fresh process. The project's own modules are imported before the clock starts: how long that takes
is the user's. Cold: nothing was parsed before. Warm: no file has changed since.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMITS_S = {(1_000, "cold"): 4.0, (1_000, "warm"): 1.0, (10_000, "warm"): 6.0}
SQL_FILES_A_MODULE, TABLES_A_MODULE = 40, 10
"""So that four assets of five are SQL."""

QUERY = """/* pumphouse
key = "id"
doc = "Rows of {first} with what {second} says about them." */
WITH recent AS (
    SELECT id, customer_id, cents / 100.0 AS amount_usd, paid_at FROM {first} WHERE paid_at >= $today - INTERVAL 90 DAY
),
spend AS (SELECT customer_id, sum(amount_usd) AS spent_usd, count(*) AS purchases FROM recent GROUP BY customer_id)
SELECT
    r.id, r.customer_id, r.amount_usd * 100 AS cents, r.paid_at, s.spent_usd,
    CASE WHEN s.purchases > {number} THEN 'many' ELSE 'few' END AS buyer,
    row_number() OVER (PARTITION BY r.customer_id ORDER BY r.paid_at) AS nth
FROM recent r JOIN spend s USING (customer_id) LEFT JOIN {second} o ON o.id = r.id AND o.customer_id IN (1, 2, 3)
"""
TABLE = '''

@table(key="id")
def {name}({first}, {second}, *, share: float = 0.{number}):
    """Rows of {first}, weighed."""
    weights = [weight(one, RATE_{module}) for one in range({number})]
    return {first}.filter(f"cents > {{share}}").join({second}, "id"), weights
'''


def generate(folder: Path, count: int) -> None:
    """A project of `count` assets: files, SQL tables and Python tables that read two earlier ones, and checks."""
    folder.mkdir(parents=True)
    (folder / "pumphouse.toml").write_text("")
    (folder / "weights.py").write_text("SCALE = 3\n\n\ndef weight(value, rate):\n    return value * rate * SCALE\n")
    sources = [f"raw_{number}" for number in range(max(2, count // 50))]
    lines = ["from pumphouse.declare.files import files", ""]
    lines += [f'{name} = files("data/{name}/*.csv")' for name in sources]
    (folder / "gather.py").write_text("\n".join(lines) + "\n")
    names, modules, sql_files = list(sources), 0, 0
    checks: list[str] = ["from pumphouse.declare.tables import check", ""]
    while len(names) + len(checks) - 2 < count:
        number = len(names)
        if number % 20 == 0:
            checks.append(f'check_{number} = check("{names[-1]}", "cents >= 0")')
        if sql_files < SQL_FILES_A_MODULE * (modules + 1):
            text = QUERY.format(first=names[number // 2], second=names[-1], number=number)
            area = folder / f"area_{number // 500}"
            area.mkdir(exist_ok=True)
            (area / f"table_{number}.sql").write_text(text)
            names.append(f"table_{number}")
            sql_files += 1
        else:
            body = (
                f"from pumphouse.declare.tables import table\n\nfrom shop.weights import weight\n\nRATE_{modules} = 2\n"
            )
            for _ in range(min(TABLES_A_MODULE, count - len(names) - len(checks) + 2)):
                name = f"made_{len(names)}"
                first, second = names[len(names) // 2], names[-1]
                body += TABLE.format(name=name, first=first, second=second, number=len(names), module=modules)
                names.append(name)
            (folder / f"made_{modules}.py").write_text(body)
            modules += 1
    (folder / "checks.py").write_text("\n".join(checks) + "\n")


MEASURE = """
import json, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
from pumphouse.graph.folder import walk
from pumphouse.graph.modules import import_modules
begun = time.perf_counter()
import_modules(folder, [file.path for file in walk(folder).python])
imported = time.perf_counter()
from pumphouse.graph.assets import load
from pumphouse.graph.plan import plan
graph = load(folder)
planned = plan(graph, committed={}, versions={}, settings={"today": "2026-11-23"})
done = time.perf_counter()
print(json.dumps({"imports_s": imported - begun, "seconds": done - imported, "assets": len(graph.assets),
                  "read": graph.loading.read, "parsed": graph.loading.parsed, "files": graph.loading.files}))
"""


def measure(folder: Path) -> dict[str, float]:
    """What one fresh process took."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(folder)], capture_output=True, check=True, text=True)
    return json.loads(done.stdout)


def main() -> None:
    for count in (1_000, 10_000):
        with tempfile.TemporaryDirectory() as room:
            folder = Path(room).resolve() / "shop"
            generate(folder, count)
            settle()
            for state in ("cold", "warm"):
                took = measure(folder)
                limit = LIMITS_S.get((count, state))
                ratio = f"{took['seconds'] / limit:.2f} of the limit of {limit:g} s" if limit else "no limit set"
                print(
                    f"load and plan {took['assets']:>6,} assets, {state}: {took['seconds']:6.2f} s ({ratio}); "
                    f"{took['parsed']:,} of {took['files']:,} files parsed; imports: {took['imports_s']:.2f} s"
                )


def settle() -> None:
    """Waits until the files are old enough for the cache to trust their time stamps."""
    time.sleep(2.5)


if __name__ == "__main__":
    main()
