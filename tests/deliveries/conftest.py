from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.facts import Delivery
from pumphouse.deliveries.parcel import Parcel
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Connection, Context
from pumphouse.lake.lake import Lake, Location

NOW = dt.datetime(2026, 11, 23, 6, 5, tzinfo=dt.UTC)


def parcel_of(table: pa.Table, /, **changes: Any) -> Parcel:
    """A parcel of this table's rows, as a build would pack it."""
    parcel = Parcel(
        delivery="to_buyers",
        table="customers",
        to="folder:out",
        snapshot=7,
        version=5,
        fingerprint="code-1",
        made_at=NOW,
        definition="One row per customer.",
        schema=table.schema,
        rows=lambda: table.to_batches(max_chunksize=1_000),
    )
    return replace(parcel, **changes)


class Yard:
    """A lake with one table, and deliveries of it."""

    def __init__(self, folder: Path) -> None:
        self.engine = DuckDB(threads=2)
        self.lake = Lake(Location(folder=folder / "lake"), engine=self.engine)
        self.folder = folder
        self.connections: dict[str, Connection] = {}

    def table(self, name: str, rows: pa.Table) -> int:
        commit = Commit(self.lake, name, run="load", actor="tester")
        commit.replace(name, self.lake.stage(rows.to_batches(), rows.schema, stem=f"{name}_{self.lake.snapshot()}"))
        built = commit.publish(Counts(rows_in=rows.num_rows, rows_out=rows.num_rows))
        assert built
        return built.snapshot

    def delivery(self, to: str, format: str = "csv") -> Asset:
        return Asset(
            name="to_buyers",
            kind="deliver",
            spec=Delivery(asset="customers", to=to, format=format),  # type: ignore[arg-type]
            common=Common(),
            place=Place(file="facts.py", line=3),
            inputs=("customers",),
        )

    def context(self, **changes: Any) -> Context:
        common = Common(doc="One row per customer.", key=("customer_id",))
        customers = Asset(name="customers", kind="files", spec=None, common=common, place=Place(file="gather.py"))
        context = Context(
            lake=self.lake,
            engine=self.engine.fork(),
            folder=self.folder,
            assets={"customers": customers},
            now=NOW,
            today=NOW.date(),
            run="run-1",
            actor="tester",
            snapshot=self.lake.snapshot(),
            fingerprint="code-1",
            connections=self.connections,
        )
        return replace(context, **changes)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    yard.lake.close()


@pytest.fixture(scope="session")
def parcel() -> Callable[..., Parcel]:
    return parcel_of
