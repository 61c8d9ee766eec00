"""Both engines, each started once, and a table of values that engines like to disagree about."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Engine, Query, Scan
from pumphouse.engines.spark import Spark
from pumphouse.lake.builds import Build
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location

BERLIN = dt.timezone(dt.timedelta(hours=1))
STAMPS = ["2020-03-29T01:30:00.123456", None, "1969-12-31T23:59:59.999999"]
DAYS = ["2020-01-05", "2020-02-29", None, "1997-03-31", "2020-01-06", "0001-01-01"]
ORDERS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4, 5, None], pa.int64()),
        "k": pa.array(["a", "B", "a", None, "ß'\\", ""], pa.string()),
        "n": pa.array([7, -7, 0, None, 2_147_483_647, -1], pa.int32()),
        "big": pa.array([2**53 + 1, 2**63 - 1, -(2**63) + 1, 1, None, 2**63 - 1], pa.int64()),
        "Amount": pa.array(
            [Decimal("1.10"), Decimal("-2.25"), None, Decimal("99999999.99"), Decimal("0.00"), Decimal("1.10")],
            pa.decimal128(10, 2),
        ),
        "f": pa.array([1.5, math.nan, math.inf, None, 0.1, -2.5], pa.float64()),
        "on_day": pa.array([dt.date.fromisoformat(day) if day else None for day in DAYS], pa.date32()),
        "stamp": pa.array(STAMPS * 2).cast(pa.timestamp("us")),
        "zoned": pa.array(
            [dt.datetime(2020, 3, 29, 1, 30, 0, 1, tzinfo=BERLIN), dt.datetime(1950, 6, 1, tzinfo=dt.UTC), None] * 2,
            pa.timestamp("us", tz="UTC"),
        ),
        "yes": pa.array([True, False, None, True, True, False], pa.bool_()),
        "items": pa.array([[1, 2], [], None, [None], [3], [4]], pa.list_(pa.int64())),
    }
)  # fmt: skip
CUSTOMERS = pa.table(
    {
        "id": pa.array([1, 2, 2, 9, None], pa.int64()),
        "name": ["Ann", "Bob", "Bea", "Zoe", None],
        "k": ["a", "B", "a", "z", None],
    }
)

TABLES = {"orders": ORDERS, "customers": CUSTOMERS}


class Both:
    """The two engines, asked the same."""

    def __init__(self, duck: DuckDB, spark: Engine) -> None:
        self.duck = duck
        self.spark = spark

    def same(self, text: str, **values: Any) -> list[tuple[Any, ...]]:
        """Ask both over ORDERS and CUSTOMERS; types are equal, rows are, and so is their order where there is one."""
        tables = {name: table for name, table in TABLES.items() if name in text.lower()}
        query = Query(**{"text": text, "tables": tables, **values})
        expected, found = self.duck.read(query).read_all(), self.spark.read(query).read_all()
        assert found.schema == expected.schema
        rows = self.rows(expected)
        if "ORDER BY" in text.upper().rpartition(")")[2]:
            assert self.rows(found) == rows
        else:
            assert self.sorted(found) == self.sorted(expected)
        return rows

    @staticmethod
    def rows(table: pa.Table) -> list[tuple[Any, ...]]:
        return [tuple(_rounded(value) for value in row.values()) for row in table.to_pylist()]

    @classmethod
    def sorted(cls, table: pa.Table) -> list[tuple[Any, ...]]:
        return sorted(cls.rows(table), key=repr)


def _rounded(value: Any) -> Any:
    """A float to 15 digits: the order in which rows are added decides the last one, on one engine as well."""
    return f"{value:.15g}" if isinstance(value, float) else value


class Desk:
    """Somebody who works with a lake on DuckDB, to be read by both."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def commit(self, table: str, sql: str, how: str, **options: Any) -> Build:
        stem = f"{table}_{uuid.uuid4().hex}"
        written = self.lake.engine.fork().write(Query(text=sql), folder=self.lake.staging(), stem=stem)
        commit = Commit(self.lake, table, run="run-1", actor="tester")
        getattr(commit, how)(table, written, **options)
        build = commit.publish()
        assert build is not None
        return build

    def scan(self, table: str, *, snapshot: int | None = None) -> Scan:
        return self.lake.scan(table, snapshot=snapshot, files=True)

    def same(self, spark: Engine, text: str, *scans: Scan, **values: Any) -> list[tuple[Any, ...]]:
        """Ask both over these scans; rows and types are equal."""
        query = Query(text=text, inputs={scan.table: scan for scan in scans}, **values)
        expected, found = self.lake.engine.read(query).read_all(), spark.read(query).read_all()
        assert found.schema == expected.schema
        assert Both.sorted(found) == Both.sorted(expected)
        return Both.sorted(expected)


@pytest.fixture(scope="session")
def duck() -> Iterator[DuckDB]:
    engine = DuckDB(threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def both(duck: DuckDB, spark: Spark) -> Both:
    return Both(duck, spark)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))
    yield Desk(lake)
    lake.close()
