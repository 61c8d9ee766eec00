from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.tables import Sql
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, SqlFunction
from pumphouse.errors import Place
from pumphouse.lake.builds import Counts
from pumphouse.lake.column_docs import keep_column_docs
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies
from pumphouse.server.postgres.catalogue.catalogues import Catalogues

SETTINGS = {
    "server_version": "15.14",
    "server_version_num": "150014",
    "default_table_access_method": "heap",
    "search_path": '"$user", public',
    "max_index_keys": "32",
    "timezone": "UTC",
    "standard_conforming_strings": "on",
}


@dataclass(slots=True, kw_only=True)
class Project:
    """What a catalogue needs of one."""

    lake: Lake
    name: str = "shop"
    assets: dict[str, Asset] = field(default_factory=dict)
    functions: tuple[SqlFunction, ...] = ()

    def fill(
        self,
        name: str,
        columns: str,
        *,
        docs: Mapping[str, str] | None = None,
        **common: Any,  # as Common has it
    ) -> None:
        self.assets[name] = Asset(
            name=name, kind="sql", spec=Sql(text="SELECT 1"), common=Common(**common), place=Place(file=f"{name}.sql")
        )
        commit = Commit(self.lake, name, run="run-1", actor="ada")
        nulls = ", ".join(f'NULL::{kind} AS "{column}"' for column, kind in re.findall(r"(\w+) ([^;]+)", columns))
        query = Query(text=f"SELECT {nulls} WHERE false")
        commit.replace(name, self.lake.engine.write(query, folder=self.lake.staging(), stem=name))
        keep_column_docs(commit, self.lake, docs or {})
        commit.publish(Counts(rows_out=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A project with its catalogues, and who asks them."""

    project: Project
    desk: Desk
    catalogues: Catalogues

    def __call__(
        self,
        sql: str,
        *values: Any,
        who: str = "ada",
        tables: Sequence[str] | None = None,
        settings: Mapping[str, str] = SETTINGS,
    ) -> pa.Table | None:
        visitor = Visitor(who=who, scope="read", tables=None if tables is None else frozenset(tables))
        return self.catalogues(self.desk, visitor, sql, values, settings=settings)

    def rows(self, sql: str, *values: Any, **asking: Any) -> list[tuple[Any, ...]]:
        """The rows of what is a question for the catalogue."""
        found = self(sql, *values, **asking)
        assert found is not None, sql
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def shorten(text: pa.Array, length: pa.Array) -> pa.Array:
    return text


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """The shop of shop.sql, in a lake."""
    lake = Lake(Location(folder=tmp_path_factory.mktemp("catalogue") / "lake"), engine=DuckDB(threads=1))
    shorter = SqlFunction(
        name="shorten",
        function=shorten,
        parameters=(pa.string(), pa.int64()),
        returns=pa.string(),
        defaults=(10,),
        names=("value", "length"),
    )
    project = Project(lake=lake, functions=(shorter,))
    project.fill("line_items", "order_id BIGINT; line SMALLINT; price DECIMAL(12, 2)", key=("order_id", "line"))
    project.fill(
        "orders",
        "order_id BIGINT; customer VARCHAR; amount DOUBLE; paid_at TIMESTAMPTZ",
        key=("order_id",),
        doc="Paid orders. One row per order; USD.",
    )
    project.fill("Tickets", "ticket_id BIGINT; Subject VARCHAR")
    project.fill(
        "kinds",
        "id INTEGER; a BOOLEAN; b SMALLINT; c REAL; d DECIMAL(12, 2); e DATE; f TIME; g TIMESTAMP; h BLOB; i INTERVAL;"
        " j VARCHAR[]; k BIGINT[]; l VARCHAR; m STRUCT(x BIGINT); n DECIMAL(38, 0)",
        key=("id",),
        required=("a",),
        docs={"a": "Whether it is so."},
    )
    yield Asking(project=project, desk=Desk(lake, Policies(lake, project.assets)), catalogues=Catalogues(project))
    lake.close()
