"""A table in memory as checks see it, and projects in folders of the test's own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import pumphouse as ph
from pumphouse.declare.checks import Condition
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Scan
from pumphouse.lake.checks import CheckOfTable, Found, Sight, View, evaluate, rows_that_failed
from pumphouse.project.project import Project

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)


class Bench:
    """Evaluates checks over Arrow tables: `orders`, others by name, and earlier versions of it."""

    def __init__(self) -> None:
        self.engine = DuckDB(threads=1, zone="Europe/Berlin")

    def sight(
        self, orders: pa.Table, others: Mapping[str, pa.Table] | None = None, before: Sequence[pa.Table] = ()
    ) -> Sight:
        scans = {name: self._scan(name, table) for name, table in {"orders": orders, **(others or {})}.items()}
        earlier = [self._scan(f"before{number}", table).relation for number, table in enumerate(before)]
        return Sight(
            engine=self.engine,
            rows=scans["orders"],
            view=View(now=NOW),
            other=scans.get,
            before=lambda builds: earlier[:builds],
            aside=self.engine,
        )

    def find(self, rule: Condition, sight: Sight, **options: Any) -> Found:
        check = CheckOfTable(
            **{"name": "c", "table": "orders", "condition": rule, "severity": "error", **options}  # type: ignore[arg-type]
        )
        return evaluate([check], sight)[0]

    def failing(self, rule: Condition, sight: Sight, **options: Any) -> list[dict[str, Any]]:
        """Rows that failed, which are as many as were counted."""
        found = self.find(rule, sight, **options)
        rows: list[dict[str, Any]] = rows_that_failed(found, sight, most=1000).drop_columns("_check").to_pylist()
        assert len(rows) == found.failing
        return rows

    def _scan(self, name: str, table: pa.Table) -> Scan:
        self.engine.connection.register(f"arrow_{name}", table)
        return Scan(table=name, snapshot=1, schema=table.schema, relation=f"SELECT * FROM arrow_{name}")


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.engine.close()


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Project]]:
    """Writes a project's files, and opens it with the lake that it had."""
    opened: list[Project] = []

    def project(files: dict[str, str]) -> Project:
        for name, text in {"pumphouse.toml": "[engine]\nthreads = 1\n", **files}.items():
            (tmp_path / name).write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        one = ph.open(tmp_path)
        if opened:
            one.lake = opened[0].lake
        opened.append(one)
        return one

    yield project
    for one in opened[:1]:
        one.close()
