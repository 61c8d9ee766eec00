from __future__ import annotations

import asyncio
import io
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import anyio
import httpx
import openpyxl
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from starlette.requests import ClientDisconnect

from pumphouse.errors import Late, Overloaded
from pumphouse.server.access.desk import Bounds, Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.places import Places
from pumphouse.server.access.policies import Policies
from pumphouse.server.formats.chosen import FORMATS
from pumphouse.server.formats.form import Options
from pumphouse.server.streams import RowsReply
from pumphouse.server.tables import QUERY_BYTES_MAX
from pumphouse_client.values import LIST_MAX

WAIT_S = 10


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ARROW = "application/vnd.apache.arrow.stream"


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
    answer = served.owner.get("/api/tables/orders/rows?limit=1&select=_raw,order_id").json()
    assert answer["rows"] == [{"_raw": "abc", "order_id": 1}]
    missing = served.owner.get("/api/tables/orders/rows?select=amuont")
    assert missing.status_code == 404
    assert missing.json()["mend"] == "Did you mean 'amount'?"


def test_name_that_looks_like_sql_is_a_name(served: Any) -> None:
    for columns in ['order_id" FROM raw_orders --', "*", "count(*)"]:
        assert served.owner.get("/api/tables/orders/rows", params={"select": columns}).status_code == 404
    assert served.owner.get('/api/tables/orders"; DROP TABLE orders/rows').status_code == 404


def test_rows_of_an_earlier_snapshot_stay_readable(served: Any) -> None:
    first = served.shop.fill("changing", pa.table({"n": [1]})).snapshot
    served.shop.fill("changing", pa.table({"n": [2, 3]}))
    now = served.owner.get("/api/tables/changing/rows").json()
    then = served.owner.get(f"/api/tables/changing/rows?snapshot={first}").json()
    assert [row["n"] for row in now["rows"]] == [2, 3]
    assert (then["snapshot"], then["rows"]) == (first, [{"n": 1}])


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", f"limit={2**62 + 1}", "snapshot=1.5", "limit=²"])
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
    assert row["big"] == str(2**63 - 1)  # JavaScript would read another number
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
    assert last_read(served, "orders")[:2] == ("bob", "http")
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


def test_arrow_of_a_table_without_rows_has_its_columns(served: Any) -> None:
    name = f"empty_{uuid.uuid4().hex[:6]}"
    served.shop.fill(name, pa.table({"n": pa.array([], pa.int64())}))
    answer = served.owner.get(f"/api/tables/{name}/rows", headers={"Accept": ARROW})
    assert pa.ipc.open_stream(io.BytesIO(answer.content)).read_all().schema.names == ["n"]


def rows_of(answer: httpx.Response) -> pa.Table:
    """The rows of an answer in any format, as pyarrow reads them."""
    kind, data = answer.headers["content-type"].partition(";")[0], io.BytesIO(answer.content)
    if kind == ARROW:
        return pa.ipc.open_stream(data).read_all()
    if kind == "application/vnd.apache.parquet":
        return parquet.read_table(data)
    if kind == XLSX:
        head, *lines = openpyxl.load_workbook(data).active.iter_rows(values_only=True)
        return pa.Table.from_pylist([dict(zip(head, line, strict=True)) for line in lines])
    if kind == "text/csv":
        return csv.read_csv(data)
    if kind == "application/x-ndjson":
        return pa.Table.from_pylist([json.loads(line) for line in answer.text.splitlines()])
    return pa.Table.from_pylist(answer.json()["rows"])


@pytest.mark.parametrize(
    "accept",
    [
        ARROW,
        f"{ARROW}; codecs=lz4",
        f'{ARROW};codecs="zstd"',
        "application/vnd.apache.parquet",
        "text/csv",
        "application/x-ndjson",
        "application/json",
        XLSX,
    ],
)
def test_the_same_rows_come_in_every_format(accept: str, served: Any) -> None:
    query = {"select": "customer,order_id", "where": "order_id > 3 AND amount <> 2", "order": "-order_id", "limit": 5}
    answer = served.owner.get("/api/tables/orders/rows", params=query, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == accept.partition(";")[0]
    table = rows_of(answer)
    assert table.column_names == ["customer", "order_id"]
    assert table["order_id"].to_pylist() == [40, 39, 38, 37, 36]
    assert table["customer"][0].as_py() == "customer 37"


@pytest.mark.parametrize("ending", ["arrow", "parquet", "csv", "jsonl", "json", "xlsx"])
def test_an_address_can_say_its_format(ending: str, served: Any) -> None:
    answer = served.owner.get(f"/api/tables/orders.{ending}?select=order_id")
    assert rows_of(answer)["order_id"].to_pylist() == list(range(1, 41))
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''orders.{ending}"
    asked = served.owner.get(f"/api/sql.{ending}", params={"sql": "SELECT count(*) AS n FROM orders"})
    assert rows_of(asked).to_pylist() == [{"n": 40}]


def test_an_ending_that_is_no_format_is_told_with_those_there_are(served: Any) -> None:
    for path in ("/api/tables/orders.cvs", "/api/sql.cvs"):
        answer = served.owner.get(path)
        assert answer.status_code == 404
        assert "there is no format 'cvs'" in answer.text
        assert "Did you mean 'csv'? There are json, arrow, csv, jsonl, parquet, xlsx." in answer.json()["mend"]
    hidden = served.owner.get("/api/tables/nobody.cvs")
    assert hidden.status_code == 404
    assert "there is no format" not in hidden.text


def test_whoever_accepts_several_gets_what_they_want_most(served: Any) -> None:
    for accept, kind in (
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("*/*, text/csv", "text/csv; charset=utf-8"),
        ("text/*", "text/csv; charset=utf-8"),
    ):
        answer = served.owner.get("/api/tables/orders/rows?limit=1", headers={"Accept": accept})
        assert answer.headers["content-type"] == kind
    nothing = served.owner.get("/api/tables/orders/rows", headers={"Accept": "image/png, text/csv;q=0"})
    assert nothing.status_code == 406
    assert "text/csv" in nothing.json()["mend"]


@pytest.mark.parametrize(
    "where",
    [
        "amount >",
        "true) OR (true",
        "true; SELECT 1",
        "true LIMIT 1",
        "true UNION SELECT 1",
        "true GROUP BY ALL",
        "true ORDER BY 1",
        "true WINDOW w AS (ORDER BY 1)",
        "'a",
        "true /*",
        "amuont > 1",
        "amount > $least",
        "customer::INT > 0",
        "NOT " * 900 + "true",
    ],
)
def test_a_where_is_one_condition_or_is_refused(where: str, served: Any) -> None:
    answer = served.owner.get("/api/tables/orders.csv", params={"where": where})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_an_error_says_where_in_what_was_sent(served: Any) -> None:
    wrong = served.owner.get("/api/tables/orders.csv", params={"where": "amount > 1 AND"}).json()
    assert wrong["position"] == len("amount > 1 AND")
    wrong = served.owner.post("/api/sql", json={"sql": "SELECT 1,\n  amuont\nFROM orders"}).json()
    assert wrong["line"] == 2
    assert set(served.owner.get("/api/tables/ordes.csv").json()) == {"error", "mend"}


def test_a_where_reads_only_what_there_is_for_the_visitor(served: Any) -> None:
    for where in ("order_id IN (SELECT 1 FROM secrets)", "EXISTS (FROM pg_tables)"):
        assert served.owner.get("/api/tables/orders.csv", params={"where": where}).status_code == 404
    for where in ("EXISTS (FROM read_csv('/etc/passwd'))", "getenv('HOME') = ''"):
        assert served.owner.get("/api/tables/orders.csv", params={"where": where}).status_code == 403
    found = served.owner.get("/api/tables/orders.csv", params={"where": "order_id IN (SELECT 1 FROM tickets) -- one"})
    assert csv.read_csv(io.BytesIO(found.content))["order_id"].to_pylist() == [1]


def test_what_an_address_says_is_understood_or_refused(served: Any) -> None:
    for query, mend in (
        ("limt=1", "Did you mean 'limit'?"),
        ("limit=1&limit=2", "Give it once; several names are parted by commas."),
        ("text=raw", "It is safe or exact."),
        ("compression=brotli", "Use lz4 or zstd."),
        ('select="order_id', 'Write select=a,b or select="a,b",c.'),
    ):
        answer = served.owner.get(f"/api/tables/orders.csv?{query}")
        assert (answer.status_code, answer.json()["mend"]) == (400, mend)
    assert served.owner.get("/api/tables/orders.csv?order=-amuont").status_code == 404


def test_sql_is_asked_with_values_and_a_limit(served: Any) -> None:
    body = {
        "sql": "SELECT order_id FROM orders WHERE amount >= $least ORDER BY 1;",
        "parameters": {"least": 9},
        "limit": 2,
    }
    answer = served.stranger.post("/api/sql", json=body, headers=as_bob(served))
    assert answer.json()["rows"] == [{"order_id": 37}, {"order_id": 38}]
    assert last_read(served, "orders") == ("bob", "http", answer.json()["snapshot"], 2)
    many = {"sql": "SELECT count(*) AS n FROM orders WHERE order_id IN $ids", "parameters": {"ids": [*range(LIST_MAX)]}}
    assert served.owner.post("/api/sql", json=many).json()["rows"] == [{"n": 40}]
    by_place = {"sql": "SELECT ? + ? AS n", "parameters": [1, 2]}
    assert served.owner.post("/api/sql", json=by_place, headers={"Accept": "text/csv"}).text == '"n"\r\n3\r\n'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"sql": ""}, 400),
        ({"sql": "SELEC 1"}, 400),
        ({"sql": "SELECT 1; SELECT 2"}, 400),
        ({"sql": "DROP TABLE orders"}, 400),
        ({"sql": "SELECT ?"}, 400),
        ({"sql": "SELECT ?", "parameters": [1, 2]}, 400),
        ({"sql": "SELECT 1", "limit": -1}, 400),
        ({"sql": "SELECT 1", "limits": 1}, 400),
        ({"sql": "SELECT 1", "snapshot": 10**9}, 404),
        ({"sql": "FROM secrets"}, 404),
        ({"sql": "FROM read_text('/etc/passwd')"}, 403),
        ({"sql": f"SELECT {'+'.join('1' * 5000)}"}, 400),
        ({"sql": f"SELECT '{'x' * QUERY_BYTES_MAX}'"}, 413),
        ({"sql": "SELECT CAST(customer AS INT) FROM orders"}, 400),
    ],
)
def test_sql_that_can_not_be_answered_is_refused(body: dict[str, Any], status: int, served: Any) -> None:
    answer = served.owner.post("/api/sql", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_text_is_compressed_for_who_takes_that(served: Any) -> None:
    plain = served.owner.get("/api/tables/orders.csv", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for encoding in ("gzip", "zstd"):
        answer = served.owner.get("/api/tables/orders.csv", headers={"Accept-Encoding": encoding})
        assert answer.headers["content-encoding"] == encoding
        assert int(answer.headers["content-length"]) < len(plain.content) / 2
        assert answer.text == plain.text
    few = served.owner.get("/api/tables/orders.csv?limit=1", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in few.headers


def test_whoever_has_the_rows_already_is_told_so_and_that_is_recorded(served: Any) -> None:
    served.shop.fill("tagged", pa.table({"n": [1, 2]}))
    first = served.stranger.get("/api/tables/tagged.csv", headers=as_bob(served))
    known = {**as_bob(served), "If-None-Match": f'"other", {first.headers["etag"]}'}
    again = served.stranger.get("/api/tables/tagged.csv", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert served.shop.lake.state.accesses(asset="tagged")[-1].detail == "not modified"
    assert last_read(served, "tagged")[3] == 0
    for other in ("/api/tables/tagged.jsonl", "/api/tables/tagged.csv?limit=1", "/api/tables/tagged.csv?text=exact"):
        assert served.stranger.get(other, headers=known).status_code == 200
    served.shop.fill("tagged", pa.table({"n": [3]}))
    assert served.stranger.get("/api/tables/tagged.csv", headers=known).text == '"n"\r\n3\r\n'


def test_the_head_of_rows_comes_without_reading_them(served: Any) -> None:
    served.shop.fill("unread", pa.table({"n": [1, 2]}))
    answer = served.owner.head("/api/tables/unread.csv")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == served.owner.get("/api/tables/unread.csv").headers["etag"]
    assert len(served.shop.lake.state.accesses(asset="unread")) == 1


def test_one_table_says_what_it_is(served: Any) -> None:
    found = served.owner.get("/api/tables/orders").json()
    assert (found["rows"], found["key"]) == (40, ["order_id"])
    assert found["columns"][0] == {"name": "order_id", "type": "int64", "doc": ""}
    assert served.owner.get("/api/tables/ordes").json()["mend"] == "Did you mean 'orders'?"


def test_a_statement_ends_when_whoever_asked_has_gone(served: Any) -> None:
    served.shop.fill("wide_join", pa.table({"n": pa.array(range(200_000), pa.int64())}))
    endless = {"sql": "SELECT count(*) FROM wide_join a, wide_join b, wide_join c WHERE a.n + b.n = c.n * 7"}
    with pytest.raises(httpx.ReadTimeout):
        served.stranger.post("/api/sql", json=endless, headers=as_bob(served), timeout=0.5)
    until = time.monotonic() + WAIT_S
    while not (reads := served.shop.lake.state.accesses(asset="wide_join")):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert reads[-1].rows == 0


def test_a_workbook_is_refused_where_a_sheet_has_no_place_for_it(served: Any) -> None:
    for query, what in (
        ("SELECT range FROM range(1048576)", "1,048,575 rows"),
        ("SELECT repeat('x', 32768)", "32,767 characters"),
        ("SELECT repeat('😀', 16384)", "32,767 characters"),
    ):
        answer = served.owner.post("/api/sql.xlsx", json={"sql": query})
        assert answer.status_code == 400
        assert what in answer.json()["error"]


def test_what_may_change_without_a_build_has_no_tag(served: Any) -> None:
    for query in ("SELECT current_date", "SELECT random()", "FROM orders USING SAMPLE 2 ROWS", 'SELECT "now"()'):
        assert "etag" not in served.owner.post("/api/sql", json={"sql": query}).headers
    assert "etag" in served.owner.post("/api/sql", json={"sql": "SELECT count(*) FROM orders"}).headers


def test_whoever_had_the_rows_of_a_person_who_is_hidden_since_gets_them_anew(served: Any) -> None:
    snapshot = served.shop.fill("people", pa.table({"person": ["a", "b"]})).snapshot
    before = served.owner.get(f"/api/tables/people.csv?snapshot={snapshot}")
    served.shop.hide("person", "a", why="asked to be")
    known = {"If-None-Match": before.headers["etag"]}
    after = served.owner.get(f"/api/tables/people.csv?snapshot={snapshot}", headers=known)
    assert (after.status_code, after.text) == (200, '"person"\r\n"b"\r\n')


def streams_of(served: Any, query: str, *, stall_s: float = 60.0) -> RowsReply:
    """An answer that is not sent by a server yet."""
    desk = Desk(
        served.shop.lake,
        Policies(served.shop.lake, served.shop.assets),
        bounds=Bounds(stall_s=stall_s),
    )
    visitor = Visitor(who="slow", scope="read")
    return RowsReply(
        ask=lambda: desk.ask(visitor, query, door="http", parameters={}),
        form=next(one for one in FORMATS if one.name == "csv"),
        options=Options(),
    )


def scope_of(served: Any) -> dict[str, Any]:
    desk = SimpleNamespace(places=Places(all_max=1, wait_s=0.2))
    limits = SimpleNamespace(desk=desk, reading=anyio.CapacityLimiter(1))
    visitor = Visitor(who="slow", scope="read")
    return {"type": "http", "method": "GET", "headers": [], "shared": limits, "visitor": visitor}


async def never(*_: Any) -> Any:
    await anyio.sleep(WAIT_S)
    raise AssertionError


def test_whoever_does_not_read_on_is_cut_off_and_what_was_taken_is_recorded(served: Any) -> None:
    served.shop.fill("slowly", pa.table({"n": pa.array(range(500_000), pa.int64())}))
    sent = []

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if len(sent) > 2:
            await never()

    with pytest.raises(Late):
        anyio.run(streams_of(served, "FROM slowly", stall_s=2.0), scope_of(served), never, send)
    assert sent == ["http.response.start", *["http.response.body"] * 2]
    read = served.shop.lake.state.accesses(asset="slowly")[-1]
    assert (read.who, 0 < read.rows < 500_000) == ("slow", True)


def test_an_answer_whose_task_is_ended_while_a_thread_works_at_it_ends_whole(served: Any) -> None:
    served.shop.fill("joined", pa.table({"n": pa.array(range(100_000), pa.int64())}))
    reply = streams_of(served, "SELECT count(*) FROM joined a, joined b WHERE a.n + b.n = -1")

    async def ended() -> None:
        task = asyncio.create_task(reply(scope_of(served), never, never))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    anyio.run(ended)
    until = time.monotonic() + WAIT_S
    while not served.shop.lake.state.accesses(asset="joined"):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_more_than_can_read_at_once_wait_and_then_are_told_to_come_again(served: Any) -> None:
    scope = scope_of(served)
    heard = []

    async def take(message: Any) -> None:
        heard.append(message["type"])

    async def both() -> None:
        with scope["shared"].desk.places.ask("another"):
            with pytest.raises(Overloaded):
                await streams_of(served, "FROM orders")(scope, never, take)
            assert not heard
        await streams_of(served, "FROM orders")(scope, never, take)

    anyio.run(both)
    assert heard == ["http.response.start", "http.response.body"]


def test_whoever_goes_while_they_wait_waits_no_longer(served: Any) -> None:
    scope = scope_of(served)
    scope["shared"].desk.places = Places(all_max=1)

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def wait() -> None:
        with scope["shared"].desk.places.ask("another"), pytest.raises(ClientDisconnect):
            await streams_of(served, "FROM orders")(scope, gone, never)

    anyio.run(wait)


def test_half_an_answer_is_never_taken_for_a_whole_one(served: Any) -> None:
    """A query that fails after rows were sent breaks the connection off."""
    query = "SELECT n, CASE WHEN n = 900000 THEN CAST('x' || n AS INT) END FROM broken"
    served.shop.fill("broken", pa.table({"n": pa.array(range(1_000_000), pa.int64())}))
    for ending in ("csv", "jsonl", "arrow"):
        with pytest.raises(httpx.RemoteProtocolError):
            served.owner.get(f"/api/sql.{ending}", params={"sql": query}, headers={"Accept-Encoding": "identity"})
