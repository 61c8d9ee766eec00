from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common, Time
from pumphouse.declare.learning import Feature
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Scan
from pumphouse.errors import Place
from pumphouse.features.values import World

TIMES = pa.timestamp("us", tz="UTC")


class Ground:
    """Tables and assets made by hand on a real engine: what a World needs, without a lake."""

    def __init__(self, engine: DuckDB) -> None:
        self.engine = engine
        self.tables: dict[str, Scan] = {}
        self.assets: dict[str, Asset] = {}

    def table(self, name: str, rows: pa.Table, *, event: str | None = None, known: str | None = None) -> None:
        self.engine.connection.register("arriving", rows)
        self.engine.connection.execute(f"CREATE OR REPLACE TABLE {name}_rows AS FROM arriving")
        self.engine.connection.unregister("arriving")
        schema = self.engine.connection.execute(f"FROM {name}_rows LIMIT 0").to_arrow_table().schema
        self.tables[name] = Scan(table=name, snapshot=1, schema=schema, relation=f"SELECT * FROM {name}_rows")
        self.asset(name, kind="files", common=Common(time=Time(event=event, known=known)))

    def asset(self, name: str, **values: Any) -> None:
        self.assets[name] = Asset(
            name=name, place=Place(file=f"{name}.sql"), **{"spec": None, "common": Common()} | values
        )

    def feature(self, name: str, text: str, *entity: str) -> None:
        self.asset(name, kind="feature", spec=Feature(text=text, entity=entity or ("customer_id",)))

    @property
    def world(self) -> World:
        return World(engine=self.engine, scan=self.tables.__getitem__, assets=self.assets)


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDB]:
    engine = DuckDB(threads=1)
    yield engine
    engine.close()


@pytest.fixture
def ground(engine: DuckDB) -> Ground:
    return Ground(engine)
