"""A server's tables: the very object that a folder has, over HTTP."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.server.conftest import TOKEN, Served

import pumphouse as ph
from pumphouse.errors import ConfigError
from pumphouse_client import ClientError, Column, Connection, Denied, NotFound, Unreachable, connect
from pumphouse_client.tokens import token_file


def reads(served: Served, *, after: int = 0) -> list[tuple[str, int]]:
    return [(read.asset, read.rows) for read in served.shop.lake.state.accesses()][after:]


def test_rows_come_in_every_form(ours: Connection) -> None:
    some = (
        ours.table("orders").where("amount > $least", least=9).select("order_id", half="amount / 2").order("-order_id")
    )
    rows = [{"order_id": 40, "half": 4.875}, {"order_id": 39, "half": 4.75}, {"order_id": 38, "half": 4.625}]
    assert some.rows == rows
    assert some.to_arrow() == pa.Table.from_pylist(rows)
    assert some.to_polars().equals(pl.DataFrame(rows))
    assert some.to_pandas().equals(pd.DataFrame(rows))
    assert some.to_lazy().collect().equals(pl.DataFrame(rows))
    assert some.to_duckdb().fetchall() == [(40, 4.875), (39, 4.75), (38, 4.625)]
    mine = duckdb.connect()
    some.to_duckdb(mine).create("some_orders")
    assert mine.sql("SELECT count(*) FROM some_orders").fetchall() == [(3,)]
    with some.to_batches() as batches:
        assert sum(batch.num_rows for batch in batches) == 3
    assert isinstance(ours.read("orders", as_=pl.DataFrame), pl.DataFrame)
    assert some.count() == 3
    assert some.columns == ["order_id", "half"]
    assert repr(some).endswith(": order_id int64, half double")


def test_each_read_is_in_the_servers_log_with_its_rows(served: Served, ours: Connection) -> None:
    before = len(reads(served))
    ours.table("orders").limit(7).to_arrow()
    ours.sql("SELECT count(*) FROM tickets").to_arrow()
    assert reads(served, after=before) == [("orders", 7), ("tickets", 1)]


@pytest.mark.parametrize(
    "value",
    [
        True, 7, -3, 2**63, -(2**100), 0.25, float("inf"), "Köln; DROP TABLE '--", "$x", Decimal("1.10"),
        Decimal("-1E+3"), Decimal("0.001"), dt.date(2026, 2, 28), dt.timedelta(days=-1, seconds=3),
        dt.datetime(2026, 2, 28, 1, 2, 3, 4),  # noqa: DTZ001  # a local one too
        dt.datetime(2026, 2, 28, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ],
)  # fmt: skip
def test_a_value_arrives_as_what_it_was(ours: Connection, value: Any) -> None:
    (row,) = ours.sql("SELECT $x AS one, $many AS many, '$x' AS text", x=value, many=[value, value]).rows
    if isinstance(value, dt.timedelta):
        assert row["one"].days * 86_400_000_000 + row["one"].nanoseconds // 1_000 == -86_397_000_000
        return
    assert (row["one"], row["many"], row["text"]) == (value, [value, value], "$x")


def test_values_of_columns_are_compared_by_their_types(ours: Connection) -> None:
    orders = ours.table("orders")
    assert orders.where(paid_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC)).count() == 40
    assert orders.where(order_id=[3, 5, 99]).select("order_id").order("order_id").rows == [
        {"order_id": 3},
        {"order_id": 5},
    ]
    assert orders.where(customer=None).count() == 1
    assert orders.where(customer="customer 7").select("order_id").rows == [{"order_id": 10}]


def test_a_lazy_frame_fetches_what_it_uses(served: Served, ours: Connection) -> None:
    lazy = ours.table("orders").order("order_id").to_lazy()
    before = len(reads(served))
    assert lazy.select("amount").head(2).collect()["amount"].to_list() == [0.0, 0.25]
    assert reads(served, after=before) == [("orders", 2)]
    assert lazy.filter(pl.col("amount") > 9).select("order_id").head(2).collect()["order_id"].to_list() == [38, 39]
    assert lazy.select(pl.len()).collect().item() == 40


def test_the_tables_say_what_they_are(ours: Connection) -> None:
    tables = ours.tables
    assert "orders" in ours
    assert tables["orders"].key == ("order_id",)
    assert tables["orders"].doc.startswith("Paid orders.")
    assert tables["orders"].columns[0] == Column(name="order_id", type="int64")
    assert "_raw" not in [column.name for column in tables["orders"].columns]
    assert "<script>" not in ours._repr_html_()
    assert "<script>" not in ours["orders"]._repr_html_()


def test_a_table_and_what_is_made_of_it_stay_at_one_snapshot(served: Served, ours: Connection) -> None:
    orders = ours.table("tickets")
    first = orders.count()
    served.shop.fill("tickets", pa.table({"ticket_id": [1, 2, 3], "subject": ["a", "b", "c"]}))
    assert (first, orders.count(), orders.where("TRUE").count()) == (2, 2, 2)
    assert ours.table("tickets").count() == 3
    assert ours.table("tickets").at(orders.snapshot).count() == 2
    assert ours.table("tickets", snapshot=orders.snapshot).count() == 2


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        (lambda c: c.table("order").rows, NotFound, "no table 'order'. Did you mean 'orders'?"),
        (lambda c: c.table("orders").select("amuont").rows, ClientError, "amuont"),
        (lambda c: c.sql("SELECT 1; SELECT 2").rows, ClientError, "only one SELECT"),
        (lambda c: c.sql("FROM read_csv('x')").rows, Denied, "read_csv"),
        (lambda c: c.table("orders").at(10**6).rows, NotFound, "no snapshot 1000000. The newest is"),
        (lambda c: c.sql("SELECT $x AS x", x=Decimal(10) ** 40).rows, ClientError, "has 41 digits"),
        (lambda c: c.sql("SELECT $x AS x", x=2**128).rows, ClientError, "a number of 39 digits"),
    ],
)
def test_what_can_not_be_had_says_what_and_how_to_mend(ours: Connection, asked: Any, kind: type, said: str) -> None:
    with pytest.raises(kind) as raised:
        asked(ours)
    assert said in str(raised.value)


def test_a_token_is_found_where_it_is_kept(served: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(served.url, cache=False) as stranger, pytest.raises(Denied, match=r"wants a token.*PUMPHOUSE_TOKEN"):
        _ = stranger.tables
    with connect(f"{served.url}/?token={TOKEN}", cache=False) as shown:
        assert shown.url == served.url
        assert "orders" in shown
    file = home / "config" / "pumphouse" / "tokens.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'["{served.url}"]\ntoken = "{TOKEN}"\n')
    file.chmod(0o644)
    with pytest.raises(ClientError, match=r"can be read by others.*chmod 600"):
        connect(served.url)
    file.chmod(0o600)
    with connect(served.url, cache=False) as kept:
        assert "orders" in kept
    monkeypatch.setenv("PUMPHOUSE_TOKEN", "wrong")
    with connect(served.url, cache=False) as wrong, pytest.raises(Denied, match="nobody has this token"):
        _ = wrong.tables


def test_on_windows_settings_are_where_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert token_file({"APPDATA": "/r"}, home=Path("/h")) == Path("/r/pumphouse/tokens.toml")


@pytest.mark.parametrize("url", ["http://data.example:8484", "ftp://x", "orders", "http://10.0.0.1"])
def test_a_token_never_goes_in_the_clear(url: str) -> None:
    with pytest.raises(ClientError, match=r"in the clear|no address"):
        connect(url, token="secret")


def test_a_server_that_is_not_there_is_told_after_a_few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pumphouse_client.http.WAIT_S", 0.001)
    nobody = connect("http://127.0.0.1:9", token="x", cache=False)
    with nobody, pytest.raises(Unreachable, match=r"can't be reached.*Is the server running"):
        _ = nobody.tables


def test_ph_open_takes_an_address_as_it_takes_a_folder(served: Served, home: Path) -> None:
    with ph.open(served.url, token=TOKEN) as p:
        assert p["orders"].where("order_id = 1").select("amount").rows == [{"amount": 0.0}]
        assert type(p["orders"]) is type(p.sql("SELECT 1 AS one"))
    with pytest.raises(ConfigError, match="one environment"):
        ph.open(served.url, env="dev")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="takes no token"):
        ph.open(".", token="x")


def test_who_stops_reading_ends_the_query_and_what_was_taken_is_counted(served: Served, ours: Connection) -> None:
    before = len(reads(served))
    batches = ours.sql("SELECT order_id, r.range AS n FROM orders, range(500_000) r").to_batches()
    taken = batches.read_next_batch().num_rows
    batches.close()
    del batches
    for _ in range(200):
        if len(reads(served)) > before:
            break
        time.sleep(0.05)
    ((_, counted),) = reads(served, after=before)
    assert 0 < taken <= counted < 20_000_000
    assert ours.table("orders").count() == 40  # the connection is as good as before
