"""A project's tables are the client's, over its own lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pumphouse.errors import UnknownName
from pumphouse.project.project import Project, open_project
from pumphouse_client import Column, Description


@pytest.fixture
def p(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "pumphouse.toml").write_text("")
    (tmp_path / "orders.sql").write_text(
        '/* pumphouse\nkey = "id"\ndoc = "One row per order." */\n'
        "SELECT range AS id, range * 1.5 AS amount, CASE WHEN range % 2 = 0 THEN 'DE' END AS country FROM range(20)"
    )
    with open_project(tmp_path) as project:
        assert project.run().ok
        yield project


def test_rows_are_chosen_and_counted_where_they_are(p: Project) -> None:
    chosen = p.table("orders").where("amount > $least", least=20).where(country="DE").select("id").order("-id")
    assert [row["id"] for row in chosen.rows] == [18, 16, 14]
    assert chosen.count() == 3
    assert chosen.columns == ["id"]
    assert [(read.asset, read.rows) for read in p.lake.state.accesses()] == [("orders", 3), ("orders", 1)]


def test_what_is_made_of_a_table_stays_at_its_snapshot(p: Project) -> None:
    before = p["orders"]
    p.hide("id", 18, why="asked")
    assert p["orders"].snapshot > before.snapshot
    assert before.where(id=1).snapshot == before.snapshot
    assert p.table("orders", snapshot=before.snapshot).count() == 19  # who is hidden is so at every snapshot
    with pytest.raises(UnknownName, match="no table 'orders'"):
        before.at(0).count()


def test_a_query_over_what_was_declared_and_never_built_says_how_to_build_it(tmp_path: Path) -> None:
    (tmp_path / "pumphouse.toml").write_text('name = "shop"')
    (tmp_path / "weekly.sql").write_text("SELECT 1 AS id")
    with open_project(tmp_path) as project:
        with pytest.raises(UnknownName, match="Build it: pumphouse run weekly"):
            project.sql("FROM weekly")
        with pytest.raises(UnknownName) as stray:
            project.sql("FROM nowhere_at_all")
        assert stray.value.mend is None


def test_a_query_takes_values_and_can_be_asked_more(p: Project) -> None:
    query = p.sql("SELECT country, count(*) AS n FROM orders WHERE id >= $first GROUP BY ALL", first=10)
    assert query.where(country=None).rows == [{"country": None, "n": 5}]
    mine = duckdb.connect()
    query.to_duckdb(mine).create("counted")
    assert mine.sql("SELECT sum(n) FROM counted").fetchall() == [(10,)]
    assert pl.DataFrame(query).height == 2  # by Arrow's stream interface


def test_the_tables_say_what_they_are(p: Project) -> None:
    assert p.tables == {
        "orders": Description(
            name="orders",
            doc="One row per order.",
            key=("id",),
            columns=(
                Column(name="id", type="int64"),
                Column(name="amount", type="decimal128(21, 1)"),
                Column(name="country", type="string"),
            ),
        )
    }
