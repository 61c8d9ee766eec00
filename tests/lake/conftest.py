"""A lake in a folder of the test's own, and short ways to write and read it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, Written
from pumphouse.lake.commit import Commit
from pumphouse.lake.databases import Database, Postgres, Sqlite
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.state import State


class Desk:
    """Somebody who works with a lake."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def commit(self, asset: str = "orders", **options: Any) -> Commit:
        return Commit(self.lake, asset, run="run-1", actor="tester", **options)

    def written(self, sql: str) -> Written:
        stem = f"test_{uuid.uuid4().hex}"
        return self.lake.engine.fork().write(Query(text=sql), folder=self.lake.staging(), stem=stem)

    def rows(self, sql: str, *tables: str, snapshot: int | None = None) -> list[tuple[Any, ...]]:
        inputs = {name: self.lake.scan(name, snapshot=snapshot) for name in tables}
        table = self.lake.engine.read(Query(text=sql, inputs=inputs)).read_all()
        return [tuple(row.values()) for row in table.to_pylist()]

    def replaced(self, sql: str, *, table: str = "orders", key: tuple[str, ...] = ()) -> int:
        commit = self.commit(table)
        commit.replace(table, self.written(sql), key=key)
        build = commit.publish()
        assert build is not None
        return build.snapshot


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=2))
    yield Desk(lake)
    lake.close()


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Opens the same state again and again, each time as another process would."""
    made: list[Database] = []
    schema = f"state_{uuid.uuid4().hex}"

    def another() -> Database:
        database: Database = (
            Postgres(request.getfixturevalue("postgres"), schema=schema)
            if request.param == "postgres"
            else Sqlite(tmp_path / "state.sqlite")
        )
        made.append(database)
        return database

    yield another
    for database in made:
        database.close()


@pytest.fixture
def state(opened: Callable[[], Database]) -> State:
    return State(opened())
