from __future__ import annotations

from pathlib import Path

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.lake.column_docs import docs_of, keep_column_docs
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location


def build(lake: Lake, table: str, doc: str, value: int) -> int:
    commit = Commit(lake, table, run="run-1", actor="ada")
    query = Query(text=f"SELECT {value} AS id")
    commit.replace(table, lake.engine.write(query, folder=lake.staging(), stem=f"{table}_{value}"))
    keep_column_docs(commit, lake, {"id": doc})
    built = commit.publish()
    assert built is not None
    return built.snapshot


def test_docs_are_those_of_the_snapshot_and_of_the_lake_that_built_the_table(tmp_path: Path) -> None:
    prod = Lake(Location(folder=tmp_path / "prod"), engine=DuckDB(threads=1))
    first = build(prod, "orders", "the first words", 1)
    build(prod, "orders", "the second words", 2)
    engine = DuckDB(threads=1)
    above = Lake(prod.location, engine=engine, alias="above", writable=False)
    dev = Lake(Location(folder=tmp_path / "dev"), engine=engine, upstream=above)
    assert docs_of(prod, "orders", snapshot=first) == {"id": "the first words"}
    assert docs_of(dev, "orders", snapshot=dev.snapshot()) == {"id": "the second words"}
    own = build(dev, "orders", "its own words", 3)
    assert docs_of(dev, "orders", snapshot=own) == {"id": "its own words"}
    assert docs_of(dev, "nothing", snapshot=own) == {}
    dev.close()
    prod.close()
