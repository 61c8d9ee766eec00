from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.facts import Search
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Context
from pumphouse.lake.lake import CATALOGUE_FILE, Lake, Location

NOW = dt.datetime(2026, 11, 23, 6, 5, tzinfo=dt.UTC)


class Desk:
    """A lake with tickets, and an index of them."""

    def __init__(self, folder: Path) -> None:
        self.engine = DuckDB(threads=2)
        self.lake = Lake(Location(folder=folder / "lake"), engine=self.engine)
        self.folder = folder
        self.key: tuple[str, ...] = ("ticket_id",)

    def put_back(self, copy: bytes | None = None) -> bytes:
        """The lake opened again, with an earlier catalogue where there is one; the catalogue as it was."""
        catalogue = self.folder / "lake" / CATALOGUE_FILE
        self.lake.close()
        found = catalogue.read_bytes()
        if copy is not None:
            catalogue.write_bytes(copy)
        self.engine = DuckDB(threads=2)
        self.lake = Lake(Location(folder=self.folder / "lake"), engine=self.engine)
        return found

    def table(self, rows: pa.Table, name: str = "tickets") -> int:
        commit = Commit(self.lake, name, run="load", actor="tester", accept_schema=True)
        commit.replace(name, self.lake.stage(rows.to_batches(), rows.schema, stem=f"{name}_{self.lake.snapshot()}"))
        built = commit.publish(Counts(rows_in=rows.num_rows, rows_out=rows.num_rows))
        assert built
        return built.snapshot

    def index(self, **changes: Any) -> Asset:
        spec = Search(table="tickets", text=("subject", "body"), filter=("account",), sort="opened_at")
        return Asset(
            name="tickets_search",
            kind="search",
            spec=replace(spec, **changes),
            common=Common(),
            place=Place(file="facts.py", line=3),
            inputs=("tickets",),
        )

    def context(self, **changes: Any) -> Context:
        common = Common(key=self.key)
        context = Context(
            lake=self.lake,
            engine=self.engine.fork(),
            folder=self.folder,
            assets={"tickets": Asset(name="tickets", kind="files", spec=None, common=common, place=Place(file="a.py"))},
            now=NOW,
            today=NOW.date(),
            run="run-1",
            actor="tester",
            snapshot=self.lake.snapshot(),
            fingerprint="code-1",
        )
        return replace(context, **changes)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.lake.close()


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk for tests that only read."""
    desk = Desk(tmp_path_factory.mktemp("shared"))
    yield desk
    desk.lake.close()


@pytest.fixture(scope="session")
def tickets() -> pa.Table:
    def at(day: int) -> dt.datetime:
        return dt.datetime(2026, 1, day, tzinfo=dt.UTC)

    rows = [
        (1, "Refund please", "The café machine is <b>broken</b> & leaks.", "acme", at(3)),
        (2, "Late delivery", "My order is late. Don't want a refund, want the order.", "Acme Ltd", at(5)),
        (3, "Broken, broken!", None, "acme", at(1)),
        (4, "Thanks", "Delivered on time, naïve Straße 12:30", None, None),
    ]
    names = ("ticket_id", "subject", "body", "account", "opened_at")
    return pa.table({name: [row[number] for row in rows] for number, name in enumerate(names)})
