"""Finding assets among 1,000 tables of 10 columns each, and the nearest of 100,000 vectors: CPU time beside limits.

python bench/find.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pumphouse.catalog.finding import WHOLE, find, said_of
from pumphouse.declare.asset import Asset, Common
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.indexes.short_texts import ShortTexts
from pumphouse.indexes.vectors import follow, nearest
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location

TABLES, COLUMNS = 1_000, 10
VECTORS, DIMENSION = 100_000, 384
BUILD_S_MAX, FIND_S_MAX, NEAREST_S_MAX = 2.0, 0.05, 0.5
NOUNS = ("order", "customer", "refund", "ticket", "invoice", "product", "stock", "price", "visit", "session", "branch")
PARTS = ("id", "name", "email", "created_at", "amount", "status", "country", "note", "updated_at", "type", "count")


def main() -> None:
    """Print each figure beside its limit."""
    catalogue()
    vectors()


def measured(what: str, run: Callable[[], Any], *, most_s: float) -> Any:
    """What `run` gives; its CPU and wall time are printed, and the ratio of the CPU time to the limit."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{what:<52} {cpu * 1e3:9.1f} ms CPU {wall * 1e3:9.1f} ms   {cpu / most_s:5.2f} of {most_s:g} s")
    return found


def catalogue() -> None:
    """Finding by names, columns and docs."""
    rng = np.random.default_rng(7)
    place = Place(file="shop/tables.py", line=1)
    assets, said = {}, []
    for number in range(TABLES):
        nouns = rng.choice(NOUNS, 2)
        name = f"{nouns[0]}_{nouns[1]}s_{number}"
        doc = f"One row per {nouns[0]}; {' '.join(rng.choice(NOUNS, 6))}."
        assets[name] = Asset(name=name, kind="table", spec=None, common=Common(doc=doc, owner="ann"), place=place)
        columns = {f"{one}_{part}": "" for one, part in zip(rng.choice(NOUNS, COLUMNS), PARTS, strict=False)}
        said += said_of(assets[name], columns=columns, values={})
    texts = measured(f"index of {len(said):,} names and docs", lambda: ShortTexts([one.text for one in said]),
                     most_s=BUILD_S_MAX)  # fmt: skip
    for query in ("refund", "customer email", "invioce amuont", "mail", "ann order created"):
        measured(
            f"find '{query}'",
            lambda query=query: find(
                query, said=said, texts=texts, assets=assets, sight=lambda name: WHOLE, used={}, limit=20, snapshot=1,
                now=datetime.now(UTC),
            ),
            most_s=FIND_S_MAX,
        )  # fmt: skip


def vectors() -> None:
    """Following a table, and the nearest rows, of which all are compared."""
    rng = np.random.default_rng(7)
    given = rng.standard_normal((VECTORS + 1_000, DIMENSION), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Location(folder=Path(folder)), engine=DuckDB(threads=2))
        how: dict[str, Any] = {
            "table": "texts", "embed": lambda texts: given[[int(text) for text in texts]], "code": "1",
        }  # fmt: skip

        def add(first: int, last: int) -> None:
            ids = pa.array(range(first, last), pa.int64())
            rows = pa.table({"id": ids, "text": ids.cast(pa.string())})
            commit = Commit(lake, "texts", run="bench", actor="bench")
            commit.append("texts", lake.stage(rows.to_batches(), rows.schema, stem=f"texts_{first}"), key=("id",))
            commit.publish(Counts())
            measured(
                f"follow {last - first:,} new rows of {last:,}",
                lambda: follow(
                    lake, "texts_search", text=("text",), snapshot=lake.snapshot(), is_full=False,
                    progress=lambda done: None, **how,
                ),
                most_s=60.0,
            )  # fmt: skip

        def ask(what: str, among: pa.Table | None) -> tuple[int, ...]:
            found = measured(
                f"nearest 10 of {what}",
                lambda: nearest(
                    lake, "texts_search", question="7", snapshot=lake.snapshot(), among=among, count=10, **how
                ),
                most_s=NEAREST_S_MAX,
            )
            return found.ids

        add(0, VECTORS)
        ask(f"{VECTORS:,} x {DIMENSION}", None)
        add(VECTORS, VECTORS + 1_000)
        found = ask(f"{VECTORS + 1_000:,} x {DIMENSION}, in two steps", None)
        some = pa.table({"_rowid": pa.array(range(0, VECTORS, 10), pa.int64())})
        ask("a tenth of them", some)
        alike = given / np.linalg.norm(given, axis=1, keepdims=True)
        best = np.argsort(-(alike @ alike[7]), kind="stable")[:10]
        print(f"the same as by NumPy: {sorted(found) == sorted(best.tolist())}")
        lake.close()


if __name__ == "__main__":
    main()
