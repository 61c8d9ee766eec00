"""A lake with a source table, and a short way to clean it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.cleaning import clean
from pumphouse.cleaning.build import build
from pumphouse.cleaning.columns import ColumnSteps
from pumphouse.cleaning.table_step import TableStep
from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.databases import DatabaseTable
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Engine, Query
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake, Location

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Works:
    """A project of one source and one cleaned table, built as a run builds it. Several share a lake."""

    def __init__(self, lake: Lake, folder: Path, *, number: int) -> None:
        self.lake = lake
        self.raw, self.name = f"raw_{number}", f"clean_{number}"
        self.assets: dict[str, Asset] = {}
        self.folder = folder
        self.engine: Engine = lake.engine
        self.cursor: str | None = None
        self.progress: list[int] = []
        self.runs = 0

    def gather(self, rows: list[dict[str, Any]], *, schema: pa.Schema | None = None, at: datetime = NOW) -> None:
        """The source's table: rows in the order they were loaded, one second after the other."""
        columns = pa.Table.from_pylist(rows, schema=schema)
        times = pa.array([at + timedelta(seconds=number) for number in range(len(rows))], pa.timestamp("us", "UTC"))
        for name in ("_loaded_at", "_known_at"):
            columns = columns.append_column(name, times)
        columns = columns.append_column("_raw", pa.array(["sha"] * len(rows), pa.string()))
        self.runs += 1
        commit = Commit(self.lake, self.raw, run=f"run-{self.runs}", actor="tester", accept_schema=True)
        stem = f"{self.raw}_{self.runs}"
        commit.replace(self.raw, self.lake.stage(columns.to_batches(max_chunksize=7), columns.schema, stem=stem))
        commit.publish()

    def build(
        self,
        *steps: ColumnSteps | TableStep,
        settings: dict[str, Any] | None = None,
        sample: int | None = None,
        **options: Any,
    ) -> Built:
        """One build of the cleaned table."""
        asset = self.declare(*steps, **options)
        return build(asset, self.context(settings=settings, sample=sample))

    def declare(self, *steps: ColumnSteps | TableStep, **options: Any) -> Asset:
        """The declaration of the cleaned table, in place of the one before."""
        declared = clean(self.raw, *steps, **options)
        asset = Asset(
            name=self.name,
            kind="clean",
            spec=declared.spec,
            common=declared.common,
            place=declared.place,
            inputs=declared.inputs,
            files=declared.files,
        )
        source = Asset(
            name=self.raw,
            kind="database",
            spec=DatabaseTable(connection="crm", table="raw", cursor=self.cursor, history=False),
            common=Common(),
            place=declared.place,
        )
        if self.assets.get(self.raw, source).is_gathered:
            self.assets[self.raw] = source
        self.assets[self.name] = asset
        return asset

    def context(self, *, settings: dict[str, Any] | None = None, sample: int | None = None) -> Context:
        """What a build of the table is given now."""
        self.runs += 1
        return Context(
            lake=self.lake,
            engine=self.engine.fork(),
            folder=self.folder,
            assets=self.assets,
            settings=settings or {},
            now=NOW,
            today=date(2026, 3, 1),
            run=f"run-{self.runs}",
            actor="tester",
            snapshot=self.lake.snapshot(),
            inputs={self.raw: self.lake.version(self.raw)} if self.lake.has(self.raw) else {},
            sample=sample,
            progress=self.progress.append,
        )

    def table(self, suffix: str = "", *, order: str = "ALL") -> list[dict[str, Any]]:
        """Rows of the cleaned table as it is now, or with a suffix of `<table>__quarantine` and `<table>__fit`."""
        scan = self.lake.scan(self.name + suffix)
        query = Query(text=f"SELECT * FROM found ORDER BY {order}", inputs={"found": scan.only(scan.columns)})
        rows: list[dict[str, Any]] = self.lake.engine.read(query).read_all().to_pylist()
        return rows

    def schema(self, suffix: str = "") -> pa.Schema:
        """Its columns, the lake's own among them."""
        return self.lake.schema(self.name + suffix)

    def staged(self) -> set[str]:
        """Names in the lake's staging folder."""
        return {path.name for path in self.lake.staging().iterdir()}


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDB]:
    engine = DuckDB(threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = Lake(Location(folder=tmp_path_factory.mktemp("lake")), engine=DuckDB(threads=2))
    yield lake
    lake.close()


@pytest.fixture
def works(lake: Lake, tmp_path: Path) -> Works:
    return Works(lake, tmp_path, number=len(lake.tables()))
