from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.sources.conftest import World, json_reply

GATHER = """
import pumphouse as ph

raw_orders = ph.files("orders/*.csv", key="order_id", time={"event": "paid_at"}, every="1h")
orders_contract = ph.contract("raw_orders", columns={"amount": {"max": 100}})
raw_gone = ph.files("gone/*.csv")

@ph.source(connection="shop_api")
def raw_pages(http: ph.Http):
    '''Pages of the shop's API.'''
    yield from http.pages("/orders")
"""
ORDERS = "order_id,amount,paid_at\n" + "".join(f"{n},{n * 30},2024-01-0{n}\n" for n in range(1, 7))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    thread = threading.Thread(target=world.serve_forever, args=[0.01], daemon=True)
    thread.start()
    yield world
    world.shutdown()
    thread.join()
    world.server_close()


@pytest.fixture
def folder(tmp_path: Path, world: World) -> Path:
    folder = tmp_path / "shop"
    (folder / "orders").mkdir(parents=True)
    (folder / "pumphouse.toml").write_text(f'[connections.shop_api]\nurl = "{world.url}"\n')
    (folder / "orders" / "1.csv").write_text(ORDERS)
    (folder / "gather.py").write_text(GATHER)
    return folder


def test_sources_say_what_each_brought_cost_and_holds_back(pumphouse: Any, folder: Path) -> None:
    assert "raw_orders  files   never" in pumphouse("sources", cwd=folder).out
    assert pumphouse("run", "raw_orders", "raw_gone", "--quiet", cwd=folder).code == 3
    done = pumphouse("sources", cwd=folder)
    assert (done.code, done.err) == (0, "")
    header, gone, orders, pages, failed = done.out.splitlines()
    assert header.split("  ")[0] == "source"
    assert " ago  6     6        " in orders
    assert "orders_contract" in orders
    assert re.search(r" in \d+ (h|min) ", orders)
    assert failed.startswith("raw_gone failed: ")
    assert (gone.split()[0], pages.split()[0]) == ("raw_gone", "raw_pages")
    found = {one["source"]: one for one in pumphouse("sources", "--json", cwd=folder).json["sources"]}
    said = found["raw_orders"]
    assert (said["rows"], said["rows_brought"], said["set_aside"], said["contract"]) == (6, 6, 3, "orders_contract")
    assert (said["requests"], said["size_bytes"], said["every"], said["failures"]) == (1, len(ORDERS), "1h", 0)
    assert datetime.fromisoformat(said["next_run"]) - datetime.fromisoformat(said["loaded_at"]) == timedelta(hours=1)
    assert said["lag_s"] > 365 * 86_400
    assert found["raw_gone"]["failures"] == 1
    assert found["raw_pages"]["loaded_at"] is None


def test_try_shows_what_a_source_holds_and_keeps_nothing(pumphouse: Any, folder: Path) -> None:
    done = pumphouse("sources", "try", "raw_orders", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"raw_orders: 6 rows from 1 answer of {len(ORDERS)} B; nothing was kept",
        "column    type    nulls  distinct  example",
        "order_id  BIGINT  0      6         1",
        "amount    BIGINT  3      3         30",
        "paid_at   DATE    0      6         2024-01-01",
        "3 would be set aside:",
        "  amount  120  is not 100 at most",
        "  amount  150  is not 100 at most",
        "  amount  180  is not 100 at most",
    ]
    assert pumphouse("query", "FROM raw_orders", cwd=folder).code != 0
    assert pumphouse("sources", "--json", cwd=folder).json["sources"][1]["loaded_at"] is None


def test_a_sample_of_an_api_asks_no_more_than_it_may_and_proposes_a_key(
    pumphouse: Any, folder: Path, world: World
) -> None:
    def page(number: int) -> Any:
        rows = [{"order_id": f"A{number}-{n}", "updated_at": f"2024-01-01T00:00:{n:02}"} for n in range(2)]
        return json_reply({"data": rows, "next": f"/orders?page={number + 1}"})

    world.replies |= {"/orders": page(0), **{f"/orders?page={n}": page(n) for n in range(1, 90)}}
    found = pumphouse("sources", "try", "raw_pages", "--json", cwd=folder).json
    assert (found["requests"], found["rows"]) == (50, 100)
    assert found["suggests"] == ['key="order_id"', 'cursor="updated_at"']
    few = pumphouse("sources", "try", "raw_pages", "--rows", "3", "--json", cwd=folder).json
    assert (few["requests"], few["rows"]) == (2, 3)
    world.replies = {"/orders": json_reply({"data": [], "next": "/orders?p=0"})} | {
        f"/orders?p={n}": json_reply({"data": [], "next": f"/orders?p={n + 1}", "n": n}) for n in range(90)
    }
    done = pumphouse("sources", "try", "raw_pages", cwd=folder)
    assert (done.code, done.out) == (1, "")
    assert "a sample of 'raw_pages' asks 50 times at most, and no row has come by then" in done.err


def test_what_is_not_fetched_is_not_tried(pumphouse: Any, folder: Path) -> None:
    (folder / "orders.sql").write_text("SELECT * FROM raw_orders")
    done = pumphouse("sources", "try", "orders", cwd=folder)
    assert done.code != 0
    assert "'orders' is a sql: it is made from others" in done.err
    assert "pumphouse run orders --sample" in done.err
    assert "Did you mean 'raw_orders'?" in pumphouse("sources", "try", "raw_order", cwd=folder).err


def test_a_source_that_can_not_be_asked_says_where_it_stands_and_how_to_mend(pumphouse: Any, folder: Path) -> None:
    declared = """
import pumphouse as ph

crm = ph.database("shop_ap", tables={"staff": {}})

@ph.source(connection="shop_api")
def raw_broken(http: ph.Http):
    yield {"order_id": 1 / 0}

@ph.source(connection="nobody")
def raw_nobody(http: ph.Http):
    yield from http.pages("/orders", records=None)
"""
    (folder / "gather.py").write_text(declared)
    with (folder / "pumphouse.toml").open("a") as toml:
        toml.write('[connections.nobody]\nurl = "http://127.0.0.1:1"\ntries = 2\n')
    done = pumphouse("sources", "try", "crm_staff", cwd=folder)
    assert "there is no connection 'shop_ap' (gather.py:4)" in done.err
    assert "Did you mean 'shop_api'?" in done.err
    broken = pumphouse("sources", "try", "raw_broken", cwd=folder)
    assert "'raw_broken' failed: ZeroDivisionError: division by zero (gather.py:8)" in broken.err
    nobody = pumphouse("sources", "try", "raw_nobody", cwd=folder)
    assert nobody.err.startswith("error: http://127.0.0.1:1/orders could not be reached")
    assert "tried 2 times" in nobody.err
    assert "(gather.py:10)" in nobody.err


def test_replay_of_a_source_lets_in_what_fits_now_and_asks_nobody(pumphouse: Any, folder: Path) -> None:
    pumphouse("run", "raw_orders", "--quiet", cwd=folder)
    gather = folder / "gather.py"
    gather.write_text(gather.read_text().replace('"max": 100', '"max": 160'))
    (folder / "orders" / "1.csv").write_text("order_id\n")
    done = pumphouse("run", "raw_orders", "--replay", cwd=folder)
    assert done.code == 0, done.err
    assert "3 were set aside before, 1 is now" in done.out
    assert (
        pumphouse("query", "SELECT sum(amount) AS s FROM raw_orders", "--format", "csv", cwd=folder).out == '"s"\n450\n'
    )
