"""Reading as a person: rows in any form, at any snapshot, and every read in the access log."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, SqlFunction
from pumphouse.errors import AccessDenied, ConfigError, UnknownName
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.reading import Reader
from pumphouse_client import Table

TWICE = SqlFunction(
    name="times", function=pc.multiply, parameters=(pa.int64(), pa.int64()),
    returns=pa.int64(), defaults=(2,),
)  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1, zone="Europe/Berlin"))
    put(lake, "orders", "SELECT range AS id, '<b>' || range AS title, now() AS _loaded_at FROM range(25)")
    yield lake
    lake.close()


@pytest.fixture
def reader(lake: Lake) -> Reader:
    return Reader(
        lake=lake, who="ann", door="notebook", functions=(TWICE,), parameters={"limit": 3, "text": "a; $limit '"}
    )


def put(lake: Lake, table: str, sql: str) -> int:
    written = lake.engine.fork().write(Query(text=sql), folder=lake.staging(), stem=uuid.uuid4().hex)
    commit = Commit(lake, table, run="r", actor="a")
    commit.replace(table, written)
    build = commit.publish()
    assert build is not None
    return build.snapshot


def reads(lake: Lake) -> list[tuple[str, str, str, int | None, int, bool]]:
    return [(read.who, read.door, read.asset, read.snapshot, read.rows, read.offered) for read in lake.state.accesses()]


@pytest.mark.parametrize(
    ("form", "kind", "counted", "offered"),
    [
        ("to_arrow", pa.Table, 25, False),
        ("to_polars", pl.DataFrame, 25, False),
        ("to_pandas", pd.DataFrame, 25, False),
        ("to_batches", pa.RecordBatchReader, 25, False),
        ("first", pa.Table, 10, False),
        ("to_lazy", pl.LazyFrame, 25, True),
        ("to_duckdb", duckdb.DuckDBPyRelation, 25, True),
    ],
)
def test_each_read_is_logged_with_who_what_snapshot_and_rows(
    lake: Lake, reader: Reader, form: str, kind: type, counted: int, offered: bool
) -> None:
    given = getattr(reader.table("orders"), form)()
    assert isinstance(given, kind)
    if isinstance(given, pa.RecordBatchReader):
        given.read_all()
    assert reads(lake) == [("ann", "notebook", "orders", 1, counted, offered)]


def test_a_stream_is_counted_as_it_is_taken(lake: Lake, reader: Reader) -> None:
    put(lake, "large", "SELECT range AS id FROM range(200_000)")
    batches = reader.table("large").to_batches()
    taken = batches.read_next_batch().num_rows
    batches.close()
    del batches
    assert 0 < taken < 200_000
    assert reads(lake) == [("ann", "notebook", "large", 2, taken, False)]


def test_nothing_is_read_or_logged_before_a_form_is_asked_for(lake: Lake, reader: Reader) -> None:
    rows = reader.table("orders")
    assert repr(rows) == "orders at snapshot 1: id int64, title string"
    assert rows.schema.names == ["id", "title"]
    assert reads(lake) == []


def test_a_query_over_several_tables_is_a_read_of_each(lake: Lake, reader: Reader) -> None:
    put(lake, "people", "SELECT 1 AS id")
    assert reader.sql("SELECT count(*) AS n FROM orders JOIN people USING (id)").rows == [{"n": 1}]
    assert reads(lake) == [("ann", "notebook", "orders", 2, 1, False), ("ann", "notebook", "people", 2, 1, False)]


def test_a_query_takes_settings_functions_and_the_lakes_own_columns_by_name(reader: Reader) -> None:
    rows = reader.sql(
        "SELECT times(id) AS id, $text AS said, _loaded_at FROM orders WHERE id < $limit ORDER BY 1; "
    ).rows
    assert [row["id"] for row in rows] == [0, 2, 4]
    assert {row["said"] for row in rows} == {"a; $limit '"}
    assert all(isinstance(row["_loaded_at"], dt.datetime) for row in rows)
    with pytest.raises(ConfigError, match=r"setting '\$limits' has no value.*Did you mean 'limit'"):
        reader.sql("SELECT $limits FROM orders")


def test_a_query_reads_the_lake_as_it_was(lake: Lake, reader: Reader) -> None:
    before = lake.snapshot()
    later = put(lake, "orders", "SELECT 1::BIGINT AS id, 'x' AS title, now() AS _loaded_at")
    count = "SELECT count(*) AS n FROM orders"
    assert [reader.sql(count, snapshot=at).rows[0]["n"] for at in (before, later, None)] == [25, 1, 1]
    with pytest.raises(UnknownName, match="no table 'orders'"):
        reader.sql(count, snapshot=0)


def test_a_hidden_person_is_in_no_read_at_any_snapshot(lake: Lake, reader: Reader) -> None:
    before = lake.snapshot()
    hide(lake, entity="id", value=7, why="asked", run="r", actor="a")
    for rows in (
        reader.table("orders"),
        reader.table("orders", snapshot=before),
        reader.sql("FROM Orders", snapshot=before),
    ):
        assert 7 not in [row["id"] for row in rows.rows]


def test_neither_a_file_nor_the_catalogue_can_be_reached(lake: Lake, reader: Reader) -> None:
    secret = lake.folder / "secret.csv"
    secret.write_text("a\n1\n")
    for text in (
        f"FROM '{secret}'",
        f"FROM read_csv('{secret}')",
        "FROM lake.main.orders",
        "FROM read_text('/etc/passwd')",
    ):
        with pytest.raises((AccessDenied, UnknownName)):
            reader.sql(text)
    assert reads(lake) == []


def test_a_notebook_shows_the_first_rows_escaped(lake: Lake, reader: Reader) -> None:
    put(lake, "people", "SELECT '<script>alert(1)</script>' AS \"a<b\", NULL AS nothing")
    shown = reader.table("people")._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<th>a&lt;b</th>" in shown
    assert "people, snapshot 2, first 1 rows" in shown
    assert reads(lake)[-1] == ("ann", "notebook", "people", 2, 1, False)


def test_a_comment_at_the_end_does_not_swallow_what_follows(reader: Reader) -> None:
    assert reader.sql("SELECT id FROM orders ORDER BY id -- all").first(2).num_rows == 2


def test_a_table_is_known_by_its_name(reader: Reader) -> None:
    assert isinstance(reader.table("orders"), Table)
    with pytest.raises(UnknownName, match="Did you mean 'orders'"):
        reader.table("order")
