"""A program that reads gives the same in a project's folder and over its server, types and values alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from tests.server.conftest import TOKEN, running

import pumphouse as ph
from pumphouse.project.project import Project
from pumphouse.project.served import Served
from pumphouse_client import Connection, Table, connect

Anywhere = Project | Connection
TYPES = """SELECT
    true AS a, 1::TINYINT AS b, -2::SMALLINT AS c, 3 AS d, 9223372036854775807::BIGINT AS e, 4::UTINYINT AS f,
    18446744073709551615::UBIGINT AS g, 0.1::FLOAT AS h, 'NaN'::DOUBLE AS i, 123456789012345678901234567890.12345678::DECIMAL(38, 8) AS j,
    'Köln 東京 ''"' AS k, '\\x00\\xFF'::BLOB AS l, DATE '0001-01-01' AS m, TIME '23:59:59.999999' AS n,
    TIMESTAMP '2026-11-01 12:00:00.123456' AS o, TIMESTAMPTZ '2026-11-01 12:00:00+02' AS p,
    TIMESTAMP_NS '2026-11-01 12:00:00.123456789' AS q, '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID AS r,
    [1, NULL, 3] AS s, {'x': 1, 'y': [{'z': 'deep'}]} AS t, MAP {'a': 1} AS u, INTERVAL '1 month 2 days' AS v,
    [[1.5::DECIMAL(9, 2)], []] AS w, NULL AS x, '' AS y, 'infinity'::DOUBLE AS z
"""  # noqa: E501
ASKED: dict[str, Callable[[Anywhere], Table]] = {
    "a table": lambda p: p["orders"].order("id"),
    "columns": lambda p: p.table("orders").select("amount", "id").order("-id").limit(5),
    "expressions": lambda p: p["orders"].select("id", twice="amount * 2", said="'$no'").where("twice > 3").order("id"),
    "a decimal": lambda p: p.table("orders").where(amount=Decimal("4.50")).select("id"),
    "a time": lambda p: p["orders"].where("paid_at >= $since", since=dt.datetime(2026, 1, 5, tzinfo=dt.UTC)),
    "a time as text": lambda p: p.table("orders").where(paid_at="2026-01-05 00:00:00+00").select("id"),
    "a day": lambda p: p.table("orders").where("day < $until", until=dt.date(2026, 1, 4)).order("id"),
    "a list": lambda p: p.table("orders").where(id=[1, 3, 77]).order("id"),
    "none of a list": lambda p: p.table("orders").where(id=[]),
    "null": lambda p: p.table("orders").where(country=None).order("id"),
    "after a limit": lambda p: p.table("orders").order("id").limit(4).where("id > 1").select("id"),
    "a query": lambda p: p.sql("SELECT country, sum(id) AS s FROM orders GROUP BY 1").where("s > $n", n=1).order("s"),
    "a setting": lambda p: p.sql("SELECT $least AS least, $mine AS mine", mine="x"),
    "every type": lambda p: p.sql(TYPES),
    "nothing": lambda p: p.sql(TYPES).limit(0),
}  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Connection]]:
    folder = tmp_path_factory.mktemp("same") / "shop"
    folder.mkdir()
    (folder / "pumphouse.toml").write_text("[engine]\nthreads = 1\n[settings]\nleast = 3\n")
    (folder / "orders.sql").write_text(
        '/* pumphouse\nkey = "id"\ndoc = "One row per order." */\n'
        "SELECT range AS id, (range * 1.5)::DECIMAL(9, 2) AS amount, CASE WHEN range % 2 = 0 THEN 'DE' END AS country,"
        " TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_days(range::INT) AS paid_at, DATE '2026-01-01' + range::INT AS day"
        " FROM range(20)"
    )
    with ph.open(folder) as project:
        assert project.run().ok
        serving, thread = running(Served(project))  # type: ignore[arg-type]  # what it needs of a shop
        with connect(serving.url, token=TOKEN, cache=False) as connection:
            yield project, connection
        serving.stop()
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("asked", ASKED)
def test_an_answer_is_the_same_here_and_there(both: tuple[Project, Connection], asked: str) -> None:
    here, there = (ASKED[asked](one) for one in both)
    assert there.schema == here.schema
    assert repr(there) == repr(here)
    ours, theirs = here.to_arrow(), there.to_arrow()
    assert theirs.schema == ours.schema
    assert str(theirs.to_pylist()) == str(ours.to_pylist())  # as text: NaN is not equal to itself
    assert there.count() == here.count() == ours.num_rows
    assert there._repr_html_() == here._repr_html_()


def test_every_form_is_the_same(both: tuple[Project, Connection]) -> None:
    here, there = (one["orders"].order("id") for one in both)
    assert there.to_polars().equals(here.to_polars())
    assert there.to_pandas().equals(here.to_pandas())
    assert (
        there.to_lazy().filter(pl.col("id") > 15).collect().equals(here.to_lazy().filter(pl.col("id") > 15).collect())
    )
    assert there.to_duckdb().fetchall() == here.to_duckdb().fetchall()
    assert there.first(3) == here.first(3)
    for form in (pa.Table, pl.DataFrame, pl.LazyFrame, pa.RecordBatchReader):
        assert isinstance(there.to(form), form)
        assert isinstance(here.to(form), form)


def test_what_there_is_is_described_the_same(both: tuple[Project, Connection]) -> None:
    here, there = both
    assert there.tables == here.tables
    assert ("orders" in there, "order" in there) == ("orders" in here, "order" in here)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p: p.sql("FROM order_s").rows,
        lambda p: p.sql("SELECT 1; SELECT 2").rows,
        lambda p: p.sql("FROM read_csv('x')").rows,
        lambda p: p.table("orders").where("id = $a", b=1).rows,
    ],
)
def test_what_goes_wrong_is_said_the_same(both: tuple[Project, Connection], wrong: Callable[[Anywhere], Any]) -> None:
    said = []
    for one in both:
        with pytest.raises(Exception) as raised:  # noqa: PT011  # of a class of its own each
            wrong(one)
        said.append((getattr(raised.value, "what", ""), getattr(raised.value, "mend", "")))
    assert said[0] == said[1]
    assert said[0][0]
