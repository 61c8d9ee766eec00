from __future__ import annotations

import io
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pytest

from pumphouse.server.api import ARROW, JSON_ROWS_MAX

WAIT_S = 10


def last_read(served: Any, asset: str) -> tuple[str, str, int, int]:
    read = served.shop.lake.state.accesses(asset=asset)[-1]
    return read.who, read.door, read.snapshot, read.rows


def as_bob(served: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.shop.lake.state.make_token('bob', scope='all')}"}


def test_tables_come_with_columns_key_and_version(served: Any) -> None:
    answer = served.owner.get("/api/tables").json()
    orders = next(table for table in answer["tables"] if table["name"] == "orders")
    assert answer["snapshot"] == served.shop.lake.snapshot()
    assert orders["kind"] == "sql"
    assert orders["key"] == ["order_id"]
    assert orders["version"] == served.shop.lake.version("orders")
    assert [column["name"] for column in orders["columns"]] == ["order_id", "customer", "amount", "paid_at"]


def test_rows_come_as_json_with_their_snapshot_and_are_recorded(served: Any) -> None:
    answer = served.stranger.get("/api/tables/orders/rows?limit=2", headers=as_bob(served)).json()
    assert answer["columns"][0] == {"name": "order_id", "type": "int64"}
    assert [row["order_id"] for row in answer["rows"]] == [1, 2]
    assert "_raw" not in answer["rows"][0]
    assert last_read(served, "orders") == ("bob", "http", answer["snapshot"], 2)


def test_columns_are_chosen_by_name_the_lakes_own_too(served: Any) -> None:
    answer = served.owner.get("/api/tables/orders/rows?limit=1&columns=_raw,order_id").json()
    assert answer["rows"] == [{"_raw": "abc", "order_id": 1}]
    missing = served.owner.get("/api/tables/orders/rows?columns=amuont")
    assert missing.status_code == 404
    assert missing.json()["mend"] == "Did you mean 'amount'?"


def test_name_that_looks_like_sql_is_a_name(served: Any) -> None:
    for columns in ['order_id" FROM raw_orders --', "*", "count(*)"]:
        assert served.owner.get("/api/tables/orders/rows", params={"columns": columns}).status_code == 404
    assert served.owner.get('/api/tables/orders"; DROP TABLE orders/rows').status_code == 404


def test_rows_of_an_earlier_snapshot_stay_readable(served: Any) -> None:
    first = served.shop.fill("changing", pa.table({"n": [1]})).snapshot
    served.shop.fill("changing", pa.table({"n": [2, 3]}))
    now = served.owner.get("/api/tables/changing/rows").json()
    then = served.owner.get(f"/api/tables/changing/rows?snapshot={first}").json()
    assert [row["n"] for row in now["rows"]] == [2, 3]
    assert (then["snapshot"], then["rows"]) == (first, [{"n": 1}])


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", f"limit={JSON_ROWS_MAX + 1}", "snapshot=1.5", "limit=²"])
def test_number_that_is_none_is_refused(query: str, served: Any) -> None:
    answer = served.owner.get(f"/api/tables/orders/rows?{query}")
    assert answer.status_code == 400
    assert "whole number up to" in answer.json()["mend"]


def test_values_reach_json_unrounded(served: Any) -> None:
    served.shop.fill(
        "exact",
        pa.table(
            {
                "big": pa.array([2**63 - 1], pa.int64()),
                "wide": pa.array([Decimal("12345678901234567890.123456789")], pa.decimal128(38, 9)),
                "at": pa.array([datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
            }
        ),
    )
    row = json.loads(served.owner.get("/api/tables/exact/rows").content)["rows"][0]
    assert row["big"] == 2**63 - 1
    assert row["wide"] == "12345678901234567890.123456789"
    assert datetime.fromisoformat(row["at"]) == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def test_infinity_is_shown_as_text_in_json_and_on_the_page(served: Any) -> None:
    days = pa.array([2**31 - 1, 0], pa.int32()).view(pa.date32())
    served.shop.fill("endless", pa.table({"until": days}))
    found = json.loads(served.owner.get("/api/tables/endless/rows").content)["rows"]
    assert [row["until"] for row in found] == ["infinity", "1970-01-01"]


def test_rows_come_as_an_arrow_stream_to_who_accepts_it(served: Any) -> None:
    answer = served.stranger.get("/api/tables/orders/rows", headers={**as_bob(served), "Accept": ARROW})
    table = pa.ipc.open_stream(answer.content).read_all()
    assert answer.headers["content-type"] == ARROW
    assert int(answer.headers["pumphouse-snapshot"]) == served.shop.lake.snapshot()
    assert table.num_rows == 40
    assert table.schema.field("order_id").type == pa.int64()
    assert last_read(served, "orders")[:2] == ("bob", "arrow")
    assert last_read(served, "orders")[3] == 40


def test_stream_that_is_left_early_counts_what_was_taken(served: Any) -> None:
    rows = 3_000_000
    served.shop.fill("long", pa.table({"n": pa.array(range(rows), pa.int64())}))
    with (
        httpx.Client(base_url=served.url, headers=as_bob(served), timeout=20) as client,
        client.stream("GET", "/api/tables/long/rows", headers={"Accept": ARROW}) as answer,
    ):
        next(answer.iter_bytes())
    until = time.monotonic() + WAIT_S
    while not (reads := served.shop.lake.state.accesses(asset="long")):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert 0 < reads[-1].rows < rows
    assert not reads[-1].offered


def test_many_read_at_once(served: Any) -> None:
    def read(number: int) -> int:
        answer = served.owner.get(f"/api/tables/orders/rows?limit={number}")
        return len(answer.json()["rows"])

    before = len(served.shop.lake.state.accesses(asset="orders"))
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(read, range(1, 41))) == list(range(1, 41))
    assert len(served.shop.lake.state.accesses(asset="orders")) == before + 40


def test_search_finds_and_is_recorded(served: Any) -> None:
    answer = served.stranger.get("/api/search/tickets_search?q=late&limit=1", headers=as_bob(served)).json()
    assert answer["total"] == 2
    assert [row["ticket_id"] for row in answer["rows"]] == [1]
    assert last_read(served, "tickets_search") == ("bob", "search", answer["snapshot"], 1)
    assert served.owner.get("/api/search/tickets_search").status_code == 400
    assert served.owner.get("/api/search/orders?q=x").status_code == 404
    half = served.owner.get('/api/search/tickets_search?q="late')
    assert half.status_code == 400
    assert "never closed" in half.json()["error"]


def test_outcomes_are_in_the_log_before_they_are_answered(served: Any) -> None:
    one = {"outcome_id": "a", "prediction_id": "p", "outcome": True}
    answer = served.stranger.post("/outcomes/returns_live", json=one, headers=as_bob(served))
    assert answer.json() == {"taken": 1, "already": 0}
    many = served.stranger.post("/outcomes/returns_live", json=[one, one | {"outcome_id": "b"}], headers=as_bob(served))
    assert many.json() == {"taken": 1, "already": 1}
    logged = {event.key: json.loads(event.body) for event in served.shop.lake.state.events("outcomes/returns_live")}
    assert logged == {key: {**one, "outcome_id": key, "caller": "bob"} for key in ("a", "b")}
    for body in (b'"yes"', b"[1]", b'{"outcome": NaN}'):
        wrong = served.owner.post("/outcomes/returns_live", content=body, headers={"Content-Type": "application/json"})
        assert wrong.status_code == 400
    assert served.owner.post("/outcomes/returns_life", json=one).status_code == 404
    assert served.stranger.post("/outcomes/returns_live", json=one).status_code == 401


def test_health_is_open_to_all_and_says_nothing_else(served: Any) -> None:
    answer = served.stranger.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_write_methods_exist_only_where_something_is_taken(served: Any) -> None:
    assert served.owner.post("/api/tables/orders/rows", json={}).status_code == 405
    assert served.owner.delete("/assets/orders").status_code == 405


def test_arrow_of_a_table_without_rows_has_its_columns(served: Any) -> None:
    name = f"empty_{uuid.uuid4().hex[:6]}"
    served.shop.fill(name, pa.table({"n": pa.array([], pa.int64())}))
    answer = served.owner.get(f"/api/tables/{name}/rows", headers={"Accept": ARROW})
    assert pa.ipc.open_stream(io.BytesIO(answer.content)).read_all().schema.names == ["n"]
