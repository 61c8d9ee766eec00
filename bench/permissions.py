"""What grants cost: rows under a filter and masks against all of them unmasked, and small queries, in the same run.

    python bench/permissions.py [MILLIONS]       2 where it is left out

Each round reads all rows once each way, one after the other; medians of CPU time are compared.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.grants import grant_spec
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import Place
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies

ROUNDS, SMALL = 5, 200
FILTER_MIN, SMALL_MS, TIMES_MAX = 0.7, 10.0, 1.5
ORDERS = """
SELECT range AS order_id, 'customer ' || range % 5000 AS customer, ['DE', 'FR', 'US', 'GB'][1 + range % 4] AS country,
       '+49 30 ' || range AS phone, range % 500 AS quantity, DATE '2020-01-01' + (range % 2000)::INTEGER AS day
FROM range({rows})
"""
GRANTS: Mapping[str, Mapping[str, Any]] = {
    "all": {},
    "rows": {"rows": "country <> 'XX'"},
    "rows, by TRY": {"rows": "list_contains(['DE', 'FR', 'US', 'GB'], country)"},
    "rows and simple masks": {"rows": "country <> 'XX'", "mask": {"phone": "last 4", "day": "month"}},
    "one hash": {"mask": {"customer": "hash"}},
}

OTHERS = {
    "one row by another key each time": "order_id = ?",
    "one row by its key and a LIKE, for which its column is read whole": "order_id = ? AND customer LIKE 'c%'",
}


def main() -> None:
    """Print each figure beside its limit."""
    rows = int(float(sys.argv[1] if len(sys.argv) > 1 else 2) * 1e6)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Location(folder=Path(folder) / "lake"), engine=DuckDB(threads=1))
        commit = Commit(lake, "orders", run="bench", actor="bench")
        written = lake.engine.fork().write(
            Query(text=ORDERS.format(rows=rows)), folder=lake.staging(), stem=f"orders_{uuid.uuid4().hex}"
        )
        commit.replace("orders", written)
        commit.publish()
        desks = {name: _desk(lake, said) for name, said in GRANTS.items()}
        times: dict[str, list[float]] = {name: [] for name in desks}
        for _ in range(ROUNDS):
            for name, desk in desks.items():
                times[name].append(_cpu(lambda desk=desk: _read(desk, "SELECT * FROM orders")))  # type: ignore[misc]
        whole = statistics.median(times["all"])
        for name in list(desks)[1:]:
            ratio = whole / statistics.median(times[name])
            limit = f" (at least {FILTER_MIN})" if name.startswith("rows") and "mask" not in name else ""
            print(f"{rows:,} rows under {name}: {ratio:.2f} of the rows a second of all of them unmasked{limit}")
        small = {
            name: statistics.median(
                _wall(lambda desk=desks[name]: _read(desk, "SELECT * FROM orders WHERE order_id = 7"))  # type: ignore[misc]
                for _ in range(SMALL)
            )
            for name in ("all", "one hash", "rows")
        }
        hashed, filtered = small["one hash"] / small["all"], small["rows"] / small["all"]
        print(f"one row by its key: p50 {small['all'] * 1000:.1f} ms (limit {SMALL_MS:.0f})")
        print(f"one row by its key, with a hash: {hashed:.2f} times as long (at most {TIMES_MAX})")
        print(f"one row by its key, under rows: {filtered:.2f} times as long (at most {TIMES_MAX})")
        for what, condition in OTHERS.items():
            took = {name: _median_of(desks[name], condition, rows) for name in ("all", "rows")}
            print(f"{what}, under rows: {took['rows'] / took['all']:.2f} times as long")
        for desk in desks.values():
            desk.close()
        lake.close()


def _desk(lake: Lake, said: Mapping[str, Any]) -> Desk:
    place, common = Place(file="bench"), Common()
    assets = {
        "orders": Asset(name="orders", kind="sql", spec=None, common=common, place=place),
        "granted": Asset(
            name="granted", kind="grant", spec=grant_spec("orders", to="ann", **said), common=common, place=place,
            inputs=("orders",),
        ),
    }  # fmt: skip
    return Desk(lake, Policies(lake, assets))


def _median_of(desk: Desk, condition: str, rows: int) -> float:
    keys = (number * 7919 % rows for number in range(SMALL // 4))
    return statistics.median(
        _wall(lambda key=key: _read(desk, f"SELECT * FROM orders WHERE {condition}", key))  # type: ignore[misc]
        for key in keys
    )


def _read(desk: Desk, sql: str, *values: int) -> None:
    asked = desk.ask(Visitor(who="ann", scope="read"), sql, door="bench", parameters=values or None)
    with asked.run() as result:
        for _ in result:
            pass


def _cpu(read: Callable[[], None]) -> float:
    before = time.process_time()
    read()
    return time.process_time() - before


def _wall(read: Callable[[], None]) -> float:
    before = time.perf_counter()
    read()
    return time.perf_counter() - before


if __name__ == "__main__":
    main()
