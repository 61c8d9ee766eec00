"""A small world in which one table is built: a lake, a context, an asset."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pumphouse.declare.asset import Asset, Common, Declaration
from pumphouse.declare.tables import Check, Sql, Table, slice_of
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.errors import Place
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake, Location
from pumphouse.tables import python, sql

PLACE = Place(file="orders.sql", line=1)
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Bench:
    """Builds tables of a lake as a run does: fingerprint, input versions, one snapshot for all inputs."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.assets: dict[str, Asset] = {}
        self.options: dict[str, Any] = {}

    def put(self, table: str, query: str, *, key: tuple[str, ...] = (), how: str = "replace") -> int:
        written = self.lake.engine.fork().write(
            Query(text=query), folder=self.lake.staging(), stem=f"{table}_{uuid.uuid4().hex}"
        )
        commit = Commit(self.lake, table, run="r", actor="a")
        if how == "replace":
            commit.replace(table, written, key=key)
        elif how == "append":
            commit.append(table, written)
        else:
            commit.upsert(table, written, key=key)
        build = commit.publish()
        return build.snapshot if build else self.lake.snapshot()

    def check(self, table: str, condition: str, severity: Any = "error") -> None:
        spec = Check(asset=table, condition=condition, severity=severity)
        self.assets["a_check"] = Asset(name="a_check", kind="check", spec=spec, common=Common(), place=PLACE)

    def sql(
        self, name: str, text: str, *inputs: str, slice: str | None = None, lookback: int = 0, **common: Any
    ) -> Built:
        spec = Sql(text=text, slice=slice_of(slice, lookback=lookback) if slice else None)
        asset = Asset(name=name, kind="sql", spec=spec, common=Common(**common), place=PLACE, inputs=inputs)
        return sql.build(asset, self.context(asset, fingerprint=text))

    def python(
        self,
        function: Callable[..., Any],
        *inputs: str,
        forms: dict[str, str] | None = None,
        slice: str | None = None,
        **common: Any,
    ) -> Built:
        name, spec = function.__name__, Table(slice=slice_of(slice) if slice else None)
        declaration = Declaration(kind="table", spec=spec, common=Common(**common), place=PLACE, function=function)
        asset = Asset(
            name=name, kind="table", spec=spec, common=Common(**common), place=PLACE, inputs=inputs,
            forms=tuple((forms or {}).items()),
        )  # fmt: skip
        return python.build(asset, replace(self.context(asset, fingerprint=name), declaration=declaration))

    def context(self, asset: Asset, *, fingerprint: str) -> Context:
        versions = self.lake.versions()
        values: dict[str, Any] = {
            "lake": self.lake,
            "engine": self.lake.engine.fork(),
            "folder": self.lake.folder.parent,
            "assets": {**self.assets, asset.name: asset},
            "now": NOW,
            "today": NOW.date(),
            "run": "r",
            "actor": "a",
            "snapshot": self.lake.snapshot(),
            "fingerprint": fingerprint,
            "inputs": {name: versions[name] for name in asset.inputs if name in versions and name != asset.name},
        }
        return Context(**{**values, **self.options})

    def rows(self, table: str, query: str | None = None) -> list[tuple[Any, ...]]:
        text = query or f"SELECT * EXCLUDE (_known_at) FROM {table} ORDER BY ALL"
        scan = self.lake.scan(table)
        if query is None and "_known_at" not in scan.schema.names:
            text = f"SELECT * FROM {table} ORDER BY ALL"
        found = self.lake.engine.read(Query(text=text, inputs={table: scan})).read_all()
        return [tuple(row.values()) for row in found.to_pylist()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=2, zone="Europe/Berlin"))
    yield Bench(lake)
    lake.close()
