"""What a point-in-time join costs beside DuckDB's ASOF join written by hand and Feast's file store, in the same run.

    python bench/point_in_time.py

100,000 entities, each asked about once, and a million rows with 20 values: the last row of each entity that is not
older than 30 days. The join by hand knows no `known_at`; ours is measured where rows are known when they happen, and
where they become known up to five days later, in no order. Feast is given what needs no `known_at`, runs in an
environment of its own (.venv/peers) and hands its rows over as Parquet; those that it loses are counted. CPU seconds
of the best of some runs, which other work on the machine disturbs least; Feast's one run is measured the same way.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pumphouse.declare.asset import Asset, Common, Time
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Scan
from pumphouse.errors import Place
from pumphouse.features.point_in_time import FeatureDefinition
from pumphouse.features.values import FeatureQuery, World, feature_query, feature_values

ENTITIES, ROWS, VALUES, RUNS = 100_000, 1_000_000, 20, 5
PEERS = Path(__file__).resolve().parents[1] / ".venv" / "peers" / "bin" / "python"
NAMES = [f"value_{number}" for number in range(VALUES)]
FEAST = """
import json, sys, time
from datetime import timedelta
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType
folder, names = sys.argv[1], json.loads(sys.argv[2])
store = FeatureStore(config=RepoConfig(project="bench", provider="local", registry=f"{folder}/registry.db",
    offline_store={"type": "file"}, online_store={"type": "sqlite", "path": f"{folder}/online.db"},
    entity_key_serialization_version=3))
entity = Entity(name="id", join_keys=["id"], value_type=ValueType.INT64)
view = FeatureView(name="last", entities=[entity], ttl=timedelta(days=30), online=False,
    schema=[Field(name=name, dtype=Float64) for name in names],
    source=FileSource(path=f"{folder}/rows.parquet", timestamp_field="happened_at"))
store.apply([entity, view])
asked = pd.read_parquet(f"{folder}/moments.parquet").rename(columns={"as_of": "event_timestamp"})
began, cpu = time.perf_counter(), time.process_time()
found = store.get_historical_features(entity_df=asked, features=[f"last:{name}" for name in names]).to_df()
print(json.dumps([time.perf_counter() - began, time.process_time() - cpu]))
found.to_parquet(f"{folder}/feast.parquet")
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = DuckDB()
        moments = generate(engine, folder)
        in_order = query(engine, folder / "rows.parquet", known="happened_at")
        late = query(engine, folder / "late.parquet", known=None)
        by_hand: Callable[[], pa.Table] = lambda: join_by_hand(engine, folder / "rows.parquet", moments)  # noqa: E731
        best = {"by hand": [], "in order": [], "late": []}
        for _ in range(RUNS):
            for what, run in {
                "by hand": by_hand,
                "in order": lambda: feature_values(in_order, moments),
                "late": lambda: feature_values(late, moments),
            }.items():
                began = time.process_time()
                found = run()
                best[what].append(time.process_time() - began)
                assert found.num_rows == ENTITIES
        seconds = {what: min(each) for what, each in best.items()}
        ours = feature_values(in_order, moments)
        assert ours.equals(by_hand().sort_by([("as_of", "ascending"), ("id", "ascending")]))
        print(
            f"{ENTITIES:,} entities, {ROWS:,} rows, {VALUES} values; ASOF join by hand: {seconds['by hand']:.2f} s CPU"
        )
        told = seconds["in order"] / seconds["by hand"]
        print(f"ours, rows known when they happen: {seconds['in order']:.2f} s, {told:.2f} times by hand (limit 1.1)")
        told = seconds["late"] / seconds["by hand"]
        print(f"ours, rows known later:            {seconds['late']:.2f} s, {told:.2f} times by hand (limit 1.5)")
        feast(folder, ours, seconds["in order"])


def feast(folder: Path, ours: pa.Table, seconds: float) -> None:
    done = subprocess.run(
        [PEERS, "-c", FEAST, folder, json.dumps(NAMES)], capture_output=True, text=True, check=False, timeout=1_200
    )
    if done.returncode:
        sys.exit(f"Feast failed:\n{done.stderr[-2_000:]}")
    _, cpu = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"Feast's file store: {cpu:.2f} s CPU, {cpu / seconds:.1f} times ours (limit: at least 5)")
    found = pq.read_table(folder / "feast.parquet")
    theirs = {row["id"]: row for row in found.select(["id", *NAMES]).to_pylist()}
    mine = {row["id"]: row for row in ours.select(["id", *NAMES]).to_pylist()}
    differ = sum(theirs[each] != mine[each] for each in theirs)
    print(f"entities without a row: ours {ENTITIES - len(mine):,}, Feast's {ENTITIES - len(theirs):,}")
    print(f"of the {len(theirs):,} that both have, {differ:,} differ")


def generate(engine: DuckDB, folder: Path) -> pa.Table:
    """Rows that are known when they happen, the same known up to five days later, and the moments."""
    engine.execute("SELECT setseed(0.25)")
    values = ", ".join(f"random() AS {name}" for name in NAMES)
    day = 86_400_000_000
    engine.execute(
        f"CREATE TABLE made AS SELECT CAST(floor(random() * {ENTITIES}) AS BIGINT) AS id, TIMESTAMPTZ '2026-01-01' + "
        f"to_microseconds(CAST(random() * {90 * day} AS BIGINT)) AS happened_at, {values} FROM range({ROWS})"
    )
    lag = f"to_microseconds(CAST(random() * {5 * day} AS BIGINT))"
    for known, file in (("happened_at", "rows"), (f"happened_at + {lag}", "late")):
        engine.execute(f"COPY (SELECT *, {known} AS _known_at FROM made) TO '{folder}/{file}.parquet'")
    engine.execute(
        f"COPY (SELECT range AS id, TIMESTAMPTZ '2026-03-01' + to_microseconds(CAST(random() * {30 * day} AS BIGINT)) "
        f"AS as_of FROM range({ENTITIES})) TO '{folder}/moments.parquet'"
    )
    return engine.connection.execute(f"FROM '{folder}/moments.parquet'").to_arrow_table()


def query(engine: DuckDB, file: Path, *, known: str | None) -> FeatureQuery:
    relation = f"SELECT * FROM read_parquet('{file}')"
    schema = engine.connection.execute(f"{relation} LIMIT 0").to_arrow_table().schema
    source = Asset(
        name="rows",
        kind="files",
        spec=None,
        common=Common(time=Time(event="happened_at", known=known)),
        place=Place(file="gather.py"),
    )
    world = World(
        engine=engine,
        scan=lambda name: Scan(table=name, snapshot=1, schema=schema, relation=relation),
        assets={"rows": source},
    )
    text = (
        f"SELECT m.id, m.as_of, {', '.join(f'r.{name}' for name in NAMES)} FROM moments m "
        "ASOF LEFT JOIN rows r ON r.id = m.id AND r.happened_at > m.as_of - INTERVAL 30 DAY"
    )
    return feature_query(world, [FeatureDefinition(name="last", text=text, entity=("id",))])


def join_by_hand(engine: DuckDB, file: Path, moments: pa.Table) -> pa.Table:
    """As somebody would write it who knows DuckDB, and that it plans an Arrow table as if it had a handful of rows."""
    cursor = engine.connection.cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    cursor.register("given", moments)
    cursor.execute("CREATE OR REPLACE TEMP TABLE asked AS FROM given")
    values = ", ".join(
        f"CASE WHEN m.as_of < r.happened_at + INTERVAL 30 DAY THEN r.{name} END AS {name}" for name in NAMES
    )
    return cursor.execute(
        f"SELECT m.id, m.as_of, {values} FROM asked m "
        f"ASOF LEFT JOIN read_parquet('{file}') r ON r.id = m.id AND r.happened_at <= m.as_of"
    ).to_arrow_table()


if __name__ == "__main__":
    main()
