from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.facts import Report
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Context
from pumphouse.lake.lake import Lake, Location

NOW = dt.datetime(2026, 11, 23, 6, 5, tzinfo=dt.UTC)


class Desk:
    """A lake with tables, and reports on it."""

    def __init__(self, folder: Path) -> None:
        self.engine = DuckDB(threads=2, zone="Europe/Berlin")
        self.lake = Lake(Location(folder=folder / "lake"), engine=self.engine)
        self.folder = folder
        self.assets: dict[str, Asset] = {}

    def table(self, name: str, rows: pa.Table, *, doc: str = "") -> int:
        commit = Commit(self.lake, name, run="load", actor="tester")
        stem = f"{name}_{self.lake.snapshot()}"
        commit.replace(name, self.lake.stage(rows.to_batches(), rows.schema, stem=stem))
        built = commit.publish(Counts(rows_in=rows.num_rows, rows_out=rows.num_rows))
        assert built
        self.assets[name] = Asset(
            name=name, kind="files", spec=None, common=Common(doc=doc), place=Place(file="gather.py")
        )
        return built.snapshot

    def report(self, text: str, *inputs: str, name: str = "weekly") -> Asset:
        return Asset(
            name=name,
            kind="report",
            spec=Report(text=text, title="Weekly sales"),
            common=Common(),
            place=Place(file=f"reports/{name}.md"),
            inputs=inputs,
        )

    def context(self, **changes: Any) -> Context:
        context = Context(
            lake=self.lake,
            engine=self.engine.fork(),
            folder=self.folder,
            assets=self.assets,
            now=NOW,
            today=NOW.date(),
            run="run-1",
            actor="tester",
            snapshot=self.lake.snapshot(),
            fingerprint="code-1",
            settings={"zone": "Europe/Berlin"},
        )
        return replace(context, **changes)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.lake.close()
