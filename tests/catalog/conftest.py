from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.facts import Bet, Delivery, Report, Search
from pumphouse.declare.rollouts import Rollout
from pumphouse.declare.tables import Check, Sql
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.lake.builds import Build, Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.state import Access

ROWS = pa.table({"order_id": [1, 2, 3], "amount": [5.0, 7.5, None], "_raw": ["a", "a", "b"]})


class Shop:
    """A real lake with a few assets: raw_orders -> orders -> weekly_sales (a report), and what else a test adds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.parent / "project"
        self.lake = Lake(Location(folder=folder), engine=DuckDB(threads=1))
        self.assets: dict[str, Asset] = {}
        self.add("raw_orders", "files")
        self.add("orders", "sql", "raw_orders", spec=Sql(text="SELECT order_id, amount\nFROM raw_orders"))
        self.add("weekly_sales", "report", "orders", spec=Report(text="# Sales", title="Sales"))

    def add(self, name: str, kind: Any, *inputs: str, spec: Any = None, **common: Any) -> Asset:
        self.assets[name] = Asset(
            name=name,
            kind=kind,
            spec=spec,
            common=Common(**common),
            place=Place(file=f"shop/{name}.py", line=3),
            inputs=inputs,
        )
        return self.assets[name]

    def bet(self, asset: str, *users: str, check_after: str = "30 days") -> str:
        spec = Bet(asset=asset, users=users, decision="which titles to reorder", check_after=check_after)
        return self.add(f"{asset}_bet", "bet", asset, spec=spec).name

    def deliver(self, asset: str) -> str:
        return self.add(
            f"{asset}_out", "deliver", asset, spec=Delivery(asset=asset, to="folder:out", format="csv")
        ).name

    def search(self, table: str) -> str:
        return self.add(
            f"{table}_search", "search", table, spec=Search(table=table, text=("title",), filter=(), sort=None)
        ).name

    def rollout(self, model: str) -> str:
        return self.add(f"{model}_live", "rollout", model, spec=Rollout(model=model, shadow=None, outcome=None)).name

    def check(self, asset: str, condition: str) -> str:
        spec = Check(asset=asset, condition=condition, severity="warn")
        return self.add(f"{asset}_check", "check", asset, spec=spec).name

    def build(self, name: str, rows: pa.Table = ROWS, *, quarantined: int = 0) -> Build:
        """Commit a table's rows, or for other kinds an artefact; both are builds."""
        asset = self.assets[name]
        inputs = {one: self.lake.versions()[one] for one in asset.inputs if one in self.lake.versions()}
        commit = Commit(self.lake, name, run="run-1", actor="maria", inputs=inputs)
        if asset.makes_table:
            stem = f"{name}_{self.lake.snapshot()}"
            commit.replace(name, self.lake.stage(rows.to_batches(), rows.schema, stem=stem))
        else:
            commit.artefact("page.html", self.lake.blobs.put(name.encode()), {})
        if quarantined:
            cells = pa.table({key: ["x"] * quarantined for key in QUARANTINE_COLUMNS})
            commit.quarantine(name, self.lake.stage(cells.to_batches(), cells.schema, stem=f"{name}_quarantine"))
        build = commit.publish(Counts(rows_in=rows.num_rows, rows_out=rows.num_rows, quarantined=quarantined))
        assert build is not None
        return build

    def build_all(self) -> datetime:
        """Build every asset that has a build of its own; when the last one was done."""
        built = [self.build(name) for name, asset in self.assets.items() if asset.kind not in NOT_BUILT]
        at = built[-1].at
        assert at is not None
        return at

    def read(self, asset: str, who: str, at: datetime, *, rows: int = 3, **values: Any) -> None:
        self.lake.state.access(
            Access(at=at, who=who, door="notebook", asset=asset, snapshot=self.lake.snapshot(), rows=rows, **values)
        )


QUARANTINE_COLUMNS = ("row_id", "column", "original", "step", "step_version", "reason", "run")
NOT_BUILT = {"bet", "check", "contract", "external", "feature", "grant", "rollout"}
DAY = timedelta(days=1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "lake")
    yield shop
    shop.lake.close()
