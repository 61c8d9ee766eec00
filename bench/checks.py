"""Checks: ten rules about rows, against the same ten SELECTs, and a scan for all; and how often `steady` cries wolf.

The first figures are processor time of ten checks on 5 million rows of a lake, over that of plain DuckDB which
counts the rows that fail one rule after the other in the same files, and over that of plain DuckDB which counts
them all in one scan (limit: 1.25); of rows that all pass, and of rows of which in every 10,000 some fail each rule.
Where all pass, plain DuckDB reads next to nothing: the files' statistics rule failures out, and for doubles
DuckLake does not hand them on. The others are shares of looks at two samples of one distribution in which `steady`
fails (limit: 0.001), and at one that moved by a standard deviation in which it fails (to be near 1).
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from pumphouse.checks import between, matches, not_null, one_of, steady
from pumphouse.declare.checks import Condition
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, Scan
from pumphouse.lake.checks import CheckOfTable, Sight, View, evaluate
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location

ROWS = 5_000_000
TURNS = 3
LOOKS = 1000
NOW = datetime(2026, 5, 1, tzinfo=UTC)
TABLE = f"""
SELECT range AS id, range % 1000 AS customer, (range * 7919) % 100003 / 10.0 AS amount,
    ['open', 'paid', 'returned'][1 + range % 3] AS state, DATE '2020-01-01' + (range % 2000)::INTEGER AS paid_on,
    lpad((range % 99999)::VARCHAR, 5, '0') AS zip_code, range % 7 AS items
FROM range({ROWS})
"""
FAILING = f"""
SELECT CASE WHEN r = 1 THEN NULL ELSE id END AS id,
    CASE r WHEN 2 THEN NULL WHEN 3 THEN -1 ELSE customer END AS customer,
    CASE WHEN r = 4 THEN -1 ELSE amount END AS amount,
    CASE r WHEN 5 THEN 'lost' WHEN 6 THEN NULL ELSE state END AS state,
    CASE WHEN r = 7 THEN DATE '1900-01-01' ELSE paid_on END AS paid_on,
    CASE WHEN r = 8 THEN 'x' ELSE zip_code END AS zip_code, CASE WHEN r = 9 THEN 99 ELSE items END AS items
FROM (SELECT *, id % 10000 AS r FROM ({TABLE}))
"""
RULES: list[tuple[Condition, str]] = [
    (not_null("id"), "id IS NOT NULL"),
    (not_null("customer"), "customer IS NOT NULL"),
    (not_null("state", "zip_code"), "state IS NOT NULL AND zip_code IS NOT NULL"),
    (one_of("state", ["open", "paid", "returned"]), "state IN ('open', 'paid', 'returned')"),
    (one_of("items", [0, 1, 2, 3, 4, 5, 6]), "items IN (0, 1, 2, 3, 4, 5, 6)"),
    (between("amount", 0, 10_001), "amount BETWEEN 0 AND 10001"),
    (between("paid_on", "2020-01-01", "2026-01-01"), "paid_on BETWEEN '2020-01-01' AND '2026-01-01'"),
    (between("customer", 0, 999), "customer BETWEEN 0 AND 999"),
    (matches("zip_code", "^[0-9]{5}$"), "regexp_matches(zip_code, '^[0-9]{5}$')"),
    ("amount >= 0 OR items = 0", "amount >= 0 OR items = 0"),
]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        _ten_rules(folder)
        _false_alarms()
    finally:
        shutil.rmtree(folder)


def _ten_rules(folder: Path) -> None:
    lake = Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=1))
    checks = [
        CheckOfTable(name=f"c{number}", table="orders", condition=rule, severity="error")
        for number, (rule, _) in enumerate(RULES)
    ]
    plain = duckdb.connect(config={"threads": 1})
    for title, table in (("all pass", TABLE), ("some fail", FAILING)):
        commit = Commit(lake, "orders", run="bench", actor="bench")
        stem = title.replace(" ", "_")
        written = lake.engine.fork().write(Query(text=table), folder=lake.staging(), stem=stem)
        commit.replace("orders", written)
        commit.publish()
        files = [str(file) for file in (folder / "lake" / "data").rglob(f"{stem}*.parquet")]
        source = f"read_parquet({files})"
        each = [f"SELECT count(*) FROM {source} WHERE NOT ({sql})" for _, sql in RULES]
        at_once = f"SELECT {', '.join(f'count(*) FILTER (NOT ({sql}))' for _, sql in RULES)} FROM {source}"

        def ours() -> list[int]:
            engine = lake.engine.fork()
            found = evaluate(checks, _sight(lake, engine))
            engine.close()
            return [one.failing for one in found]

        def one_by_one(each: list[str] = each) -> list[int]:
            return [plain.execute(sql).fetchall()[0][0] for sql in each]

        def in_one_scan(at_once: str = at_once) -> list[int]:
            return list(plain.execute(at_once).fetchall()[0])

        assert ours() == one_by_one() == in_one_scan()
        turns = [[_seconds(work) for work in (ours, one_by_one, in_one_scan)] for _ in range(TURNS)]
        against_each = sorted(turn[0] / turn[1] for turn in turns)[TURNS // 2]
        against_scan = sorted(turn[0] / turn[2] for turn in turns)[TURNS // 2]
        print(
            f"ten checks of {ROWS:,} rows, {title}: {against_each:.2f} of ten SELECTs of plain DuckDB,"
            f" {against_scan:.2f} of one scan for all (limit 1.25)"
        )
    lake.close()


def _sight(lake: Lake, engine: DuckDB) -> Sight:
    return Sight(
        engine=engine, rows=lake.scan("orders"), view=View(now=NOW), other=lambda _: None, before=lambda _: [],
        aside=engine,
    )  # fmt: skip


def _false_alarms() -> None:
    engine, dice = DuckDB(threads=1), random.Random(1)
    draws: dict[str, Callable[[float], float | str]] = {
        "normal": lambda shift: dice.gauss(shift, 1),
        "long-tailed": lambda shift: dice.lognormvariate(shift, 1),
        "few values": lambda shift: float(min(int(dice.expovariate(1) + shift), 8)),
        "texts": lambda shift: f"v{int(dice.paretovariate(1)) + round(shift)}",
    }
    for name, draw in draws.items():
        told = [f"{rows} rows {_share(engine, draw, rows, shift=0):.4f}" for rows in (30, 100, 1000)]
        print(f"steady, {name}: false alarms in {LOOKS} looks: {', '.join(told)} (limit 0.001)")
        told = [f"{rows} rows {_share(engine, draw, rows, shift=1):.2f}" for rows in (30, 100, 1000)]
        print(f"steady, {name}, moved by 1: found in {', '.join(told)}")


def _share(engine: DuckDB, draw: Callable[[float], float | str], rows: int, *, shift: float) -> float:
    looks = LOOKS if shift == 0 else LOOKS // 10
    return sum(_fails(engine, draw, rows, shift) for _ in range(looks)) / looks


def _fails(engine: DuckDB, draw: Callable[[float], float | str], rows: int, shift: float) -> bool:
    before, now = (pa.table({"x": [draw(moved) for _ in range(rows)]}) for moved in (0.0, shift))
    engine.connection.register("before", before)
    engine.connection.register("now", now)
    scan = Scan(table="orders", snapshot=1, schema=now.schema, relation="SELECT * FROM now")
    sight = Sight(
        engine=engine, rows=scan, view=View(now=NOW), other=lambda _: None,
        before=lambda _: ["SELECT * FROM before"], aside=engine,
    )  # fmt: skip
    check = CheckOfTable(name="c", table="orders", condition=steady("x"), severity="error")
    return evaluate([check], sight)[0].status == "failed"


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
